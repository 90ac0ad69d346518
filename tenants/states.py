"""Stages of a seat."""

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class SeatStage(TextChoices):
    ACTIVE = "ACTIVE", "Active"
    ENDED = "ENDED", "Ended"


SEAT_LIFECYCLE = Lifecycle(revoke=({SeatStage.ACTIVE}, SeatStage.ENDED))
