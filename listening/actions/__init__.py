"""Every write of listening, by subject."""

from listening.actions.detect import detect_signals, relearn_normal
from listening.actions.ingest import Counts, ingest_mentions
from listening.actions.review import activate_signal, dismiss_signal, handle_signal, watch_signal
from listening.actions.sources import add_source

__all__ = [
    "Counts",
    "activate_signal",
    "add_source",
    "detect_signals",
    "dismiss_signal",
    "handle_signal",
    "ingest_mentions",
    "relearn_normal",
    "watch_signal",
]
