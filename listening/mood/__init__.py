"""Moods of texts: the seam, the scorers, and the guard that keeps a mention when its scorer fails."""

from listening.mood.language import guess_language
from listening.mood.registry import SCORERS, Guarded, UnknownScorer, scorer
from listening.mood.seam import UNKNOWN_MOOD, Mood, Scorer, readable

__all__ = [
    "SCORERS",
    "UNKNOWN_MOOD",
    "Guarded",
    "Mood",
    "Scorer",
    "UnknownScorer",
    "guess_language",
    "readable",
    "scorer",
]
