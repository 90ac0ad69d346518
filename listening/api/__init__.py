"""Listening over HTTP: sources, mentions and their delivery, volumes, signals."""

from listening.api.ingest import Ingest
from listening.api.mentions import Mentions, Sources, Volumes
from listening.api.signals import Signals

routes = [
    ("sources", Sources, "source"),
    ("ingest/mentions", Ingest, "ingest-mentions"),
    ("mentions", Mentions, "mention"),
    ("volumes", Volumes, "volume"),
    ("signals", Signals, "signal"),
]

__all__ = ["Ingest", "Mentions", "Signals", "Sources", "Volumes", "routes"]
