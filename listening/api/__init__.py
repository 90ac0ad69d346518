"""Listening over HTTP: sources, mentions and their delivery, volumes, signals."""

from listening.api.imports import Imports
from listening.api.ingest import Ingest
from listening.api.mentions import Erasures, Mentions, Volumes
from listening.api.mood import Lexicons, MoodCorrections
from listening.api.signals import Signals
from listening.api.sources import Sources

routes = [
    ("sources", Sources, "source"),
    ("imports", Imports, "import"),
    ("ingest/mentions", Ingest, "ingest-mentions"),
    ("mentions", Mentions, "mention"),
    ("erasures", Erasures, "erasure"),
    ("mood-corrections", MoodCorrections, "mood-correction"),
    ("lexicons", Lexicons, "lexicon"),
    ("volumes", Volumes, "volume"),
    ("signals", Signals, "signal"),
]

__all__ = [
    "Erasures",
    "Imports",
    "Ingest",
    "Lexicons",
    "Mentions",
    "MoodCorrections",
    "Signals",
    "Sources",
    "Volumes",
    "routes",
]
