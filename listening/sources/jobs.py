"""Doors for machines: ask a source, look after all of them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from core.failpoints import failpoint
from core.wall import inside
from jobs.handlers import Run, job
from jobs.rounds import in_rounds
from listening.actions.firehose import FIREHOSE, hand_out, listeners_now, move_shared, note_shared_failure, read_on
from listening.actions.imports import READ, give_up_lost_imports, read_import_part
from listening.actions.polls import SOURCES, listen_on, note_failure, store_fetched, watch_sources
from listening.actions.sources import POLL, STREAM
from listening.models import SharedStream, Source
from listening.query.live import Streams
from listening.sources import KINDS
from listening.sources import firehose as firehoses
from listening.sources.seam import Asked, Fetched, SourceFailed

DEADLINE_S = 20.0
TURN_S = 50.0
REFRESH_S = 5.0


@job(POLL, queue="fetch", semantics="at_least_once", max_attempts=8, lease=60, transactional=False)
def poll(run: Run) -> None:
    """Ask a source once. The network's failures are the source's and are noted on it; only ours are the job's."""
    source_id = UUID(run.args["source_id"])
    asked = _asked(run, source_id, seconds=DEADLINE_S)
    if asked is None:
        return
    kind, what = asked
    try:
        fetched: Fetched = KINDS[kind].ask(what)  # type: ignore[misc] # a kind without it has no such job
    except SourceFailed as failure:
        with inside(run.agency_id):
            note_failure(source_id=source_id, failure=failure, by=SOURCES, at=run.at)
        return
    failpoint("listening.after_fetch")
    with inside(run.agency_id):
        store_fetched(source_id=source_id, cursor_was=what.cursor, fetched=fetched, by=SOURCES, at=run.at)


@job(STREAM, queue="fetch", semantics="at_least_once", max_attempts=8, lease=120, transactional=False)
def listen(run: Run) -> None:
    """Hold a stream open for one turn, storing what it brings as it comes; the next turn follows at once."""
    source_id = UUID(run.args["source_id"])
    asked = _asked(run, source_id, seconds=TURN_S)
    if asked is None:
        return
    kind, what = asked
    cursor = what.cursor
    try:
        for fetched in KINDS[kind].listen(what):  # type: ignore[misc] # a kind without it has no such job
            failpoint("listening.after_fetch")
            with inside(run.agency_id):
                kept = store_fetched(
                    source_id=source_id,
                    cursor_was=cursor,
                    fetched=fetched,
                    goes_on=True,
                    by=SOURCES,
                    at=timezone.now(),
                )
            if not kept:
                return
            cursor = fetched.cursor
    except SourceFailed as failure:
        with inside(run.agency_id):
            note_failure(source_id=source_id, failure=failure, by=SOURCES, at=timezone.now())
        return
    with inside(run.agency_id):
        listen_on(source_id=source_id, at=timezone.now())


@job(FIREHOSE, queue="fetch", semantics="at_least_once", max_attempts=8, lease=120, transactional=False)
def firehose(_run: Run) -> None:
    """Read the stream that all agencies share for one turn; the next follows at once, while anybody listens."""
    streams = Streams(kinds=(firehoses.KIND.name,))
    until, refreshed = time.monotonic() + TURN_S, time.monotonic()
    streams.refresh()
    listeners = listeners_now()
    if not listeners:
        return
    row = SharedStream.objects.filter(name=firehoses.NAME).first()
    cursor = row.cursor if row is not None else None
    try:
        for heard in firehoses.listen(settings.BLUESKY_JETSTREAM_URL, since_us=cursor, until=until):
            now = timezone.now()
            hand_out(heard, streams=streams, listeners=listeners, by=SOURCES, at=now)
            failpoint("listening.after_hand_out")
            if not move_shared(cursor_was=cursor, time_us=heard.time_us, gap=heard.gap, at=now):
                return
            cursor = heard.time_us
            if time.monotonic() - refreshed > REFRESH_S:
                streams.refresh()
                listeners, refreshed = listeners_now(), time.monotonic()
                if not listeners:
                    return
    except SourceFailed as failure:
        note_shared_failure(failure=failure, at=timezone.now())
        return
    read_on(at=timezone.now())


@job(READ, queue="bulk", semantics="at_least_once", max_attempts=8, lease=120)
def read_import(run: Run) -> None:
    read_import_part(import_id=UUID(run.args["import_id"]), by=SOURCES, at=run.at)


@in_rounds("listening.watch_sources", every=timedelta(minutes=1), queue="bulk", lease=60)
def watch(run: Run) -> None:
    watch_sources(by=SOURCES, at=run.at)
    give_up_lost_imports(by=SOURCES, at=run.at)


def _asked(run: Run, source_id: UUID, *, seconds: float) -> tuple[str, Asked] | None:
    """The kind of a source, and what it is asked; None when it is not asked any more, or its brand is put away."""
    with inside(run.agency_id):
        source: Any = Source.objects.select_related("brand").filter(pk=source_id).first()
        if source is None or source.paused_at or source.ended_at or source.brand.archived_at:
            return None
        if source.kind not in KINDS or KINDS[source.kind].delivers:
            return None
        until = time.monotonic() + seconds
        return source.kind, Asked(source.place, source.credentials or {}, source.cursor, until, run.at)
