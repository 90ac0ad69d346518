"""Every write of listening, by subject."""

from listening.actions.detect import detect_signals, relearn_normal
from listening.actions.imports import cancel_import, start_import
from listening.actions.ingest import Counts, ingest_mentions
from listening.actions.review import activate_signal, dismiss_signal, handle_signal, watch_signal
from listening.actions.sources import (
    add_source,
    ask_source,
    change_source,
    end_source,
    pause_source,
    resume_source,
    rotate_secret,
)
from listening.actions.watch import add_query, change_query, remove_query

__all__ = [
    "Counts",
    "activate_signal",
    "add_query",
    "add_source",
    "ask_source",
    "cancel_import",
    "change_query",
    "change_source",
    "detect_signals",
    "dismiss_signal",
    "end_source",
    "handle_signal",
    "ingest_mentions",
    "pause_source",
    "relearn_normal",
    "remove_query",
    "resume_source",
    "rotate_secret",
    "start_import",
    "watch_signal",
]
