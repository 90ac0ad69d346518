"""Moods of texts: the seam, the scorers, the guard that keeps a mention when its scorer fails, and corrections."""

from listening.mood.corrections import Lesson, learn_lesson
from listening.mood.language import guess_language
from listening.mood.linear import Adjusted, Lexicon, Linear
from listening.mood.registry import SCORERS, Guarded, UnknownScorer, scorer
from listening.mood.seam import UNKNOWN_MOOD, Label, Mood, Scorer, readable

__all__ = [
    "SCORERS",
    "UNKNOWN_MOOD",
    "Adjusted",
    "Guarded",
    "Label",
    "Lesson",
    "Lexicon",
    "Linear",
    "Mood",
    "Scorer",
    "UnknownScorer",
    "guess_language",
    "learn_lesson",
    "readable",
    "scorer",
]
