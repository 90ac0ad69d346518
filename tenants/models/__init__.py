"""Tables of agencies: brands and accounts, people and seats, and who else may say who somebody is."""

from tenants.models.agencies import Agency, Brand, SocialAccount
from tenants.models.files import StoredFile
from tenants.models.identity import (
    DirectoryGroup,
    DirectoryMembership,
    DirectoryToken,
    DirectoryUser,
    EventTransmitter,
    Identity,
    IdentityProvider,
    SecurityEvent,
)
from tenants.models.people import Invitation, Seat, User

__all__ = [
    "Agency",
    "Brand",
    "DirectoryGroup",
    "DirectoryMembership",
    "DirectoryToken",
    "DirectoryUser",
    "EventTransmitter",
    "Identity",
    "IdentityProvider",
    "Invitation",
    "Seat",
    "SecurityEvent",
    "SocialAccount",
    "StoredFile",
    "User",
]
