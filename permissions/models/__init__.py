"""Tables of rights: grants and what they come to, rules, keys, access reviews, goodbyes."""

from permissions.models.grants import AgencyReach, BrandReach, Grant, IncidentReach
from permissions.models.keys import ApiKey
from permissions.models.reviews import AccessReview, ReviewItem
from permissions.models.revocations import Revocation, RevocationLine, RevocationTask
from permissions.models.rules import CustomRole, DenyRule, Restriction, SeparationRule

__all__ = [
    "AccessReview",
    "AgencyReach",
    "ApiKey",
    "BrandReach",
    "CustomRole",
    "DenyRule",
    "Grant",
    "IncidentReach",
    "Restriction",
    "ReviewItem",
    "Revocation",
    "RevocationLine",
    "RevocationTask",
    "SeparationRule",
]
