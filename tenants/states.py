"""Stages of a seat and of a brand; what is known about an account's connection."""

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class SeatStage(TextChoices):
    ACTIVE = "ACTIVE", "Active"
    SUSPENDED = "SUSPENDED", "Suspended"
    ENDED = "ENDED", "Ended"


SEAT_LIFECYCLE = Lifecycle(
    suspend=({SeatStage.ACTIVE}, SeatStage.SUSPENDED),
    resume=({SeatStage.SUSPENDED}, SeatStage.ACTIVE),
    revoke=({SeatStage.ACTIVE, SeatStage.SUSPENDED}, SeatStage.ENDED),
)


class BrandStage(TextChoices):
    ACTIVE = "ACTIVE", "Active"
    ARCHIVED = "ARCHIVED", "Archived: kept to be read, closed for work"


BRAND_LIFECYCLE = Lifecycle(
    archive=({BrandStage.ACTIVE}, BrandStage.ARCHIVED),
    restore=({BrandStage.ARCHIVED}, BrandStage.ACTIVE),
)


SANDBOX = "sandbox"  # the network that is nowhere but here


class Health(TextChoices):
    UNKNOWN = "unknown", "Not tried yet"
    OK = "ok", "The network accepts the credentials"
    REFUSED = "refused", "The network refuses the credentials"
    UNREACHABLE = "unreachable", "The network could not be asked"
