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


class FactDeed(TextChoices):
    """What somebody did with a fact."""

    SET = "set", "Said what is true"
    CONFIRMED = "confirmed", "Said that it is still true"
    ENTRUSTED = "entrusted", "Gave it to another owner"
    REMOVED = "removed", "Took it away"


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


class PolicyChapter(TextChoices):
    COPYRIGHT = "copyright", "Copyright"
    PRIVACY = "privacy", "Privacy"
    CONFIDENTIALITY = "confidentiality", "Confidentiality"
    BRAND_VOICE = "brand_voice", "Brand voice"
    FREE = "free", "Of its own"


class RuleKind(TextChoices):
    """What a rule of a policy looks for."""

    BANNED = "banned", "Words that may not be said"
    REQUIRED = "required", "Words that must be said"
    CONFIDENTIAL = "confidential", "Confidential names"
    CREDIT = "credit", "Credit for what others made"
    DISCLAIMER = "disclaimer", "Disclaimer"
    EMBARGO = "embargo", "Embargo"
    LINKS = "links", "Links"
    LENGTH = "length", "Length"
    TONE = "tone", "Words of the wrong tone"
    PATTERN = "pattern", "Pattern"


class RuleSeverity(TextChoices):
    """What a finding does to a text."""

    BLOCK = "block", "Nothing goes out"
    WARN = "warn", "Somebody must look at it"
    ADVISE = "advise", "It could be better"


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
