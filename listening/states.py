"""Stages of a signal: heard, and then what people made of it."""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class SignalStage(TextChoices):
    OPEN = "OPEN", "Open"
    WATCHING = "WATCHING", "Watching"
    HANDLED = "HANDLED", "Handled individually"
    ACTIVATED = "ACTIVATED", "Activated"
    DISMISSED = "DISMISSED", "Dismissed"
    MERGED = "MERGED", "Merged into another signal"


class SignalKind(TextChoices):
    VOLUME = "volume", "More mentions than normal"
    MOOD = "mood", "A more negative mood than normal"
    VELOCITY = "velocity", "Growing faster than normal"
    INFLUENCE = "influence", "An influential author"
    WATCHED = "watched", "Watched terms"
    SPREAD = "spread", "Spreading over networks, languages or countries"
    COPIES = "copies", "Coordinated copies"
    SILENCE = "silence", "Fewer mentions than normal"


# What the pages and the incidents of a signal name as their cause.
SIGNAL_CAUSE: Final = "listening.signal"

# Still to be decided by people; a brand has at most one such signal of a story.
UNDECIDED: Final = (SignalStage.OPEN, SignalStage.WATCHING)

SIGNAL_LIFECYCLE = Lifecycle(
    watch=({SignalStage.OPEN}, SignalStage.WATCHING),
    handle=({SignalStage.OPEN, SignalStage.WATCHING}, SignalStage.HANDLED),
    activate=({SignalStage.OPEN, SignalStage.WATCHING}, SignalStage.ACTIVATED),
    dismiss=({SignalStage.OPEN, SignalStage.WATCHING}, SignalStage.DISMISSED),
    merge=({SignalStage.OPEN, SignalStage.WATCHING}, SignalStage.MERGED),
)
