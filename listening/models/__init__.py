"""What is said about a brand, how much of it a minute, and the signals that follow."""

from listening.models.erasures import Erasure
from listening.models.mentions import Mention, MentionKey, MentionKind, MoodLabel
from listening.models.mood import BrandLexicon, MoodCorrection
from listening.models.normal import Backtest, Band, Bucket, DetectorState, ExpectedEvent, ListeningSettings
from listening.models.search import SearchDay, Term, Word
from listening.models.shared import SharedStream
from listening.models.signals import (
    Contagion,
    ContagionStory,
    ContagionWarning,
    Signal,
    Story,
    StoryMention,
    Verdict,
)
from listening.models.sources import Import, ImportPart, ImportStage, Query, Source, SourceHealth, SourceKind

__all__ = [
    "Backtest",
    "Band",
    "BrandLexicon",
    "Bucket",
    "Contagion",
    "ContagionStory",
    "ContagionWarning",
    "DetectorState",
    "Erasure",
    "ExpectedEvent",
    "Import",
    "ImportPart",
    "ImportStage",
    "ListeningSettings",
    "Mention",
    "MentionKey",
    "MentionKind",
    "MoodCorrection",
    "MoodLabel",
    "Query",
    "SearchDay",
    "SharedStream",
    "Signal",
    "Source",
    "SourceHealth",
    "SourceKind",
    "Story",
    "StoryMention",
    "Term",
    "Verdict",
    "Word",
]
