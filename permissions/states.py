"""Stages of access reviews and of goodbyes."""

from __future__ import annotations

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class ReviewStage(TextChoices):
    OPEN = "OPEN", "Open"
    CLOSED = "CLOSED", "Closed"


REVIEW_LIFECYCLE = Lifecycle(close=({ReviewStage.OPEN}, ReviewStage.CLOSED))


class Verdict(TextChoices):
    UNANSWERED = "UNANSWERED", "Nobody has answered"
    KEPT = "KEPT", "Kept"
    REMOVED = "REMOVED", "Removed"
    ENDED = "ENDED", "Over before anybody answered"
    PROTECTED = "PROTECTED", "Kept, because the agency would be without an owner"


class RevocationStage(TextChoices):
    SCHEDULED = "SCHEDULED", "Planned"
    CANCELLED = "CANCELLED", "Cancelled"
    VERIFYING = "VERIFYING", "Done here, being verified"
    COMPLETE = "COMPLETE", "Complete"


REVOCATION_LIFECYCLE = Lifecycle(
    cancel=({RevocationStage.SCHEDULED}, RevocationStage.CANCELLED),
    carry_out=({RevocationStage.SCHEDULED}, RevocationStage.VERIFYING),
    complete=({RevocationStage.VERIFYING}, RevocationStage.COMPLETE),
    doubt=({RevocationStage.COMPLETE}, RevocationStage.VERIFYING),
)


class Finding(TextChoices):
    """What a line of a goodbye comes to."""

    CONFIRMED = "confirmed", "Nothing is left"
    UNCONFIRMED = "unconfirmed", "Something may be left"
    HUMAN_TASK = "human_task", "A person still has something to do"
