"""Stages of posts, attempts and pauses, and the words for why something is held."""

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class Lane(TextChoices):
    ROUTINE = "routine", "Routine"
    STATEMENT = "statement", "Statement"  # approved crisis communication; a pause may leave it open


class PostStage(TextChoices):
    SCHEDULED = "SCHEDULED", "Scheduled"
    SENDING = "SENDING", "Sending"  # from here on only an outcome moves it, never another attempt
    PUBLISHED = "PUBLISHED", "Published"
    FAILED = "FAILED", "Failed"  # provably not out
    UNKNOWN = "UNKNOWN", "Unknown"  # may be out; the network is being asked
    NEEDS_HUMAN = "NEEDS_HUMAN", "Needs a human"  # may be out; only a person can tell
    HELD = "HELD", "Held"
    CANCELLED = "CANCELLED", "Cancelled"
    TAKING_DOWN = "TAKING_DOWN", "Taking down"
    TAKEN_DOWN = "TAKEN_DOWN", "Taken down"
    TAKEDOWN_FAILED = "TAKEDOWN_FAILED", "Takedown failed"  # still out


class HeldReason(TextChoices):
    PAUSED = "paused", "A pause stood when it was due"
    TOO_LATE = "too_late", "It could not be sent near its time"
    TEXT_CHANGED = "text_changed", "The text is not the one that was bound"
    NOT_APPROVED = "not_approved", "People have not agreed to it"
    APPROVER_GONE = "approver_gone", "Somebody who agreed has left"
    EXPIRED = "expired", "The approval has expired"
    AUTHOR_GONE = "author_gone", "Whoever answers for it has left"
    KEY_ENDED = "key_ended", "The API key that scheduled it has ended"
    NOT_CONNECTED = "not_connected", "The account has no credentials any more"
    AUTHOR_NOT_ALLOWED = "author_not_allowed", "Whoever answers for it may not send it any more"
    AGAINST_POLICY = "against_policy", "A social media policy forbids the text"
    STALE_FACT = "stale_fact", "A fact that it rests on is too old"
    FACT_CHANGED = "fact_changed", "What it says is not true any more"
    GATE_BUSY = "gate_busy", "The gate could not be passed in time"


_EDITABLE = {PostStage.SCHEDULED, PostStage.HELD, PostStage.FAILED}
_IN_DOUBT = {PostStage.SENDING, PostStage.UNKNOWN, PostStage.NEEDS_HUMAN}

POST_LIFECYCLE = Lifecycle(
    hold=({PostStage.SCHEDULED}, PostStage.HELD),
    release=({PostStage.HELD}, PostStage.SCHEDULED),
    reschedule=(_EDITABLE, PostStage.SCHEDULED),
    rewrite=(_EDITABLE, PostStage.SCHEDULED),
    cancel=(_EDITABLE, PostStage.CANCELLED),
    send=({PostStage.SCHEDULED}, PostStage.SENDING),
    # A late answer of the network beats every doubt.
    publish=(_IN_DOUBT, PostStage.PUBLISHED),
    fail=(_IN_DOUBT, PostStage.FAILED),
    doubt=({PostStage.SENDING}, PostStage.UNKNOWN),
    hand_over=({PostStage.UNKNOWN}, PostStage.NEEDS_HUMAN),
    confirm=({PostStage.NEEDS_HUMAN}, PostStage.PUBLISHED),
    deny=({PostStage.NEEDS_HUMAN}, PostStage.FAILED),
    request_takedown=({PostStage.PUBLISHED, PostStage.TAKEDOWN_FAILED}, PostStage.TAKING_DOWN),
    take_down=({PostStage.TAKING_DOWN}, PostStage.TAKEN_DOWN),
    fail_takedown=({PostStage.TAKING_DOWN}, PostStage.TAKEDOWN_FAILED),
)
# It was out at some time; the rows that say so also say when.
WAS_OUT = [PostStage.PUBLISHED, PostStage.TAKING_DOWN, PostStage.TAKEN_DOWN, PostStage.TAKEDOWN_FAILED]


class AttemptStage(TextChoices):
    SENDING = "SENDING", "Sending"
    PUBLISHED = "PUBLISHED", "Published"
    FAILED = "FAILED", "Failed"
    UNKNOWN = "UNKNOWN", "Unknown"


ATTEMPT_LIFECYCLE = Lifecycle(
    publish=({AttemptStage.SENDING, AttemptStage.UNKNOWN}, AttemptStage.PUBLISHED),
    fail=({AttemptStage.SENDING, AttemptStage.UNKNOWN}, AttemptStage.FAILED),
    doubt=({AttemptStage.SENDING}, AttemptStage.UNKNOWN),
)


class PauseScope(TextChoices):
    AGENCY = "agency", "The whole agency"
    BRAND = "brand", "One brand"
    ACCOUNT = "account", "One account"


class PauseKind(TextChoices):
    CRISIS = "crisis", "A crisis of the brand"
    LEGAL = "legal", "Legal advice"
    MOURNING = "mourning", "Mourning"
    OTHER = "other", "Another reason"


class PauseStage(TextChoices):
    DRAINING = "DRAINING", "Draining"  # nothing new starts; something may still be in flight
    EFFECTIVE = "EFFECTIVE", "Effective"  # nothing can start and nothing is in flight
    LIFTED = "LIFTED", "Lifted"


PAUSE_LIFECYCLE = Lifecycle(
    take_effect=({PauseStage.DRAINING}, PauseStage.EFFECTIVE),
    lift=({PauseStage.DRAINING, PauseStage.EFFECTIVE}, PauseStage.LIFTED),
)
