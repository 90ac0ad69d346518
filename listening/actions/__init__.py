"""Every write of listening, by subject."""

from listening.actions.detect import detect_signals, relearn_normal
from listening.actions.ingest import Counts, ingest_mentions
from listening.actions.sources import add_source

__all__ = ["Counts", "add_source", "detect_signals", "ingest_mentions", "relearn_normal"]
