"""Listening over HTTP: sources, mentions and their delivery, volumes, signals."""

from listening.api.backtests import Backtests, Detectors
from listening.api.contagions import Contagions
from listening.api.detectors import ExpectedEvents, WatchedBrands
from listening.api.imports import Imports
from listening.api.ingest import Ingest
from listening.api.mentions import Erasures, Mentions, Volumes
from listening.api.mood import Lexicons, MoodCorrections
from listening.api.queries import Queries
from listening.api.signals import Signals
from listening.api.sources import Sources
from listening.api.stories import Stories

routes = [
    ("sources", Sources, "source"),
    ("queries", Queries, "query"),
    ("imports", Imports, "import"),
    ("ingest/mentions", Ingest, "ingest-mentions"),
    ("mentions", Mentions, "mention"),
    ("erasures", Erasures, "erasure"),
    ("mood-corrections", MoodCorrections, "mood-correction"),
    ("lexicons", Lexicons, "lexicon"),
    ("volumes", Volumes, "volume"),
    ("signals", Signals, "signal"),
    ("stories", Stories, "story"),
    ("contagions", Contagions, "contagion"),
    ("listening-settings", WatchedBrands, "listening-settings"),
    ("detectors", Detectors, "detector"),
    ("backtests", Backtests, "backtest"),
    ("expected-events", ExpectedEvents, "expected-event"),
]

__all__ = [
    "Backtests",
    "Contagions",
    "Detectors",
    "Erasures",
    "ExpectedEvents",
    "Imports",
    "Ingest",
    "Lexicons",
    "Mentions",
    "MoodCorrections",
    "Queries",
    "Signals",
    "Sources",
    "Stories",
    "Volumes",
    "WatchedBrands",
    "routes",
]
