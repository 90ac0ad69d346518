"""Words and stages of readiness. Plans, policies and messages have no stages: versions are immutable."""

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class MessageKind(TextChoices):
    HOLDING = "holding", "Holding statement"
    ANSWER = "answer", "Answer"


class ClockKind(TextChoices):
    ACKNOWLEDGE = "acknowledge", "Acknowledge"
    FIRST_WORDS = "first_words", "First public words"
    UPDATE = "update", "Next update"
    INTERNAL_UPDATE = "internal_update", "Next internal update"


class FactType(TextChoices):
    NUMBER = "number", "Number"
    DATE = "date", "Date"
    TIME = "time", "Time of day"
    PLACE = "place", "Place"
    NAME = "name", "Name"
    TEXT = "text", "Short text"


class ChannelKind(TextChoices):
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Telephone"
    MOBILE = "mobile", "Mobile telephone"
    MESSAGE = "message", "Messenger"


class LegalBasis(TextChoices):
    """Why data about a person may be kept (article 6 of the GDPR)."""

    CONSENT = "consent", "Consent"
    CONTRACT = "contract", "Contract"
    DUTY = "legal_obligation", "Legal obligation"
    INTEREST = "legitimate_interest", "Legitimate interest"


class DraftStage(TextChoices):
    """Where the next version of a plan stands."""

    DRAFT = "DRAFT", "Draft"
    IN_SIGN_OFF = "IN_SIGN_OFF", "In sign-off"
    PUBLISHED = "PUBLISHED", "Published"
    DISCARDED = "DISCARDED", "Discarded"


DRAFT_LIFECYCLE = Lifecycle(
    submit=({DraftStage.DRAFT}, DraftStage.IN_SIGN_OFF),
    send_back=({DraftStage.IN_SIGN_OFF}, DraftStage.DRAFT),
    publish=({DraftStage.IN_SIGN_OFF}, DraftStage.PUBLISHED),
    discard=({DraftStage.DRAFT, DraftStage.IN_SIGN_OFF}, DraftStage.DISCARDED),
)


class DrillStage(TextChoices):
    PLANNED = "PLANNED", "Planned"
    RUNNING = "RUNNING", "Running"
    ENDED = "ENDED", "Ended"
    CANCELLED = "CANCELLED", "Cancelled"


DRILL_LIFECYCLE = Lifecycle(
    start=({DrillStage.PLANNED}, DrillStage.RUNNING),
    end=({DrillStage.RUNNING}, DrillStage.ENDED),
    cancel=({DrillStage.PLANNED, DrillStage.RUNNING}, DrillStage.CANCELLED),
)
