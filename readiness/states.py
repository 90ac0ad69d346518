"""Words of readiness. Plans and messages have no stages of their own: versions are immutable, approvals move."""

from django.db.models import TextChoices


class MessageKind(TextChoices):
    HOLDING = "holding", "Holding statement"
    ANSWER = "answer", "Answer"


class ClockKind(TextChoices):
    ACKNOWLEDGE = "acknowledge", "Acknowledge"
    FIRST_WORDS = "first_words", "First public words"
    UPDATE = "update", "Next update"
