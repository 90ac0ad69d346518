"""What machines do with sources: store what was fetched, note what failed, and tell people of silence.

A fetch happens outside any transaction. What it brought is stored in one: it counts only if the source still stands
where it stood when it was asked, so of two workers that ask at once one stores and the other has asked in vain. Either
way nothing is stored twice, because mentions are known by what the network calls them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import transaction

from alerting.actions import raise_page
from core.actor import Actor
from core.wall import standing_agency
from jobs.actions import Wish, later, later_many
from jobs.models import Job, JobState
from ledger.actions import record
from listening.actions.firehose import wake
from listening.actions.ingest import ingest_mentions
from listening.actions.sources import POLL, STREAM, close_page
from listening.ingest import Gone, Item
from listening.models import SharedStream, Source, SourceHealth
from listening.sources import KINDS
from listening.sources.firehose import NAME as FIREHOSE_NAME
from listening.sources.pulse import last_delivery, usual_pause
from listening.sources.seam import Cursor, Fetched, RefusedByHost, SourceFailed, Temporary

SOURCES: Final = Actor.rule("sources")
CAUSE: Final = "listening.source"
SEVERITY: Final = 3

AT_ONCE: Final = timedelta(seconds=1)
LONGEST_BACK_OFF_S: Final = 3_600.0
REFUSED_AGAIN_S: Final = 900.0
MOST_DOUBLINGS: Final = 10
FAILS_AFTER: Final = 3  # tries in a row
FAILS_FOR: Final = timedelta(minutes=15)  # before somebody is told, unless the source says otherwise
LEAST_SILENCE: Final = timedelta(minutes=30)
MOST_AT_ONCE: Final = 5_000


@transaction.atomic
def store_fetched(
    *, source_id: UUID, cursor_was: Cursor | None, fetched: Fetched, goes_on: bool = False, by: Actor, at: datetime
) -> bool:
    """Store what a source gave and move its cursor, in one transaction; False when it no longer stands there.

    Sets the time of the next turn, unless a stream goes on by itself.
    """
    source: Source = Source.objects.locked(source_id)
    if source.paused_at is not None or source.ended_at is not None:
        return False
    if source.cursor != cursor_was:
        _ask_again(source, at + AT_ONCE, at=at)
        return False
    before = source.health
    heard = note_items(source, fetched.items, by=by, at=at)
    source.cursor = dict(fetched.cursor) if fetched.cursor is not None else None
    source.asked_at = source.answered_at = at
    source.failures, source.problem = 0, ""
    source.gaps += fetched.gap
    if heard or before != SourceHealth.SILENT:
        source.health = SourceHealth.OK
    if source.health == SourceHealth.OK and source.page_id is not None:
        close_page(source, reason="The source speaks again.", by=by, at=at)
    source.save(
        update_fields=[
            "cursor", "asked_at", "answered_at", "failures", "problem", "gaps", "health", "page", "heard_at",
            "newest_at", "lag_s",
        ]
    )  # fmt: skip
    if fetched.gap:
        record("source.gap_found", on=source, by=by, at=at, gaps=source.gaps)
    if source.health == SourceHealth.OK and before not in (SourceHealth.OK, SourceHealth.NEW):
        record("source.recovered", on=source, by=by, at=at, before=before)
    if not goes_on:
        _ask_again(source, _next_after(source, fetched, at), at=at)
    return True


@transaction.atomic
def listen_on(*, source_id: UUID, at: datetime) -> None:
    """A stream was held for as long as one turn lasts: take it up again at once."""
    source: Source = Source.objects.found(source_id)
    if source.paused_at is None and source.ended_at is None:
        _ask_again(source, at, at=at)


def note_items(source: Source, items: Sequence[Item | Gone], *, by: Actor, at: datetime) -> bool:
    """Ingest, and note on the locked source when it was heard; says whether anything was new. The caller saves."""
    new = 0
    for some in _portions(items):
        counts = ingest_mentions(source_id=source.pk, items=some, by=by, at=at)
        new += counts.new
    if not new:
        return False
    newest = max(item.posted_at for item in items if isinstance(item, Item))
    source.heard_at = at
    source.newest_at = max(newest, source.newest_at or newest)
    source.lag_s = max(0, int((at - newest).total_seconds()))
    return True


@transaction.atomic
def note_failure(*, source_id: UUID, failure: SourceFailed, by: Actor, at: datetime) -> None:
    """Write down that a source gave nothing usable, and set the time of the next try."""
    source: Source = Source.objects.locked(source_id)
    if source.paused_at is not None or source.ended_at is not None:
        return
    if isinstance(failure, Temporary) and failure.ours:
        _ask_again(source, at + timedelta(seconds=(failure.retry_after or 5.0) * random.uniform(1.0, 1.2)), at=at)  # noqa: S311
        return
    before = source.health
    source.asked_at = at
    source.failures += 1
    source.problem = failure.problem[:200]
    if isinstance(failure, RefusedByHost):
        source.health = SourceHealth.REFUSED
    elif source.failures >= FAILS_AFTER and before != SourceHealth.REFUSED:
        source.health = SourceHealth.FAILING
    source.save(update_fields=["asked_at", "failures", "problem", "health"])
    if source.health != before and source.health in (SourceHealth.REFUSED, SourceHealth.FAILING):
        record(
            "source.failing",
            on=source,
            by=by,
            at=at,
            health=source.health,
            failures=source.failures,
            problem=source.problem,
        )
    _ask_again(source, at + _back_off(source, failure), at=at)


@transaction.atomic
def watch_sources(*, by: Actor, at: datetime) -> int:
    """Look after every source of the agency: set lost timers, see who is silent or fails for too long, tell people.

    Returns how many people were told of.
    """
    told = 0
    going = (
        Source.objects.filter(paused_at=None, ended_at=None, brand__archived_at=None)
        .exclude(kind="import")
        .order_by("pk")
    )
    # One that is being written just now is alive.
    for source in going.select_for_update(of=("self",), no_key=True, skip_locked=True):
        told += _watch(source, by=by, at=at)
    _restore_timers(at)
    return told


def _watch(source: Source, *, by: Actor, at: datetime) -> bool:
    kind = KINDS.get(source.kind)
    if kind is None:
        return False
    if kind.shared:
        _note_shared(source, by=by, at=at)
    if kind.delivers and (delivered := last_delivery(source.pk, after=source.heard_at)) is not None:
        _note_delivery(source, delivered, by=by, at=at)
    since = max(filter(None, [source.created_at, source.watched_from]))
    if source.health in (SourceHealth.REFUSED, SourceHealth.FAILING):
        mute = at - max(since, source.answered_at or since)
        limit = timedelta(seconds=source.silent_after_s) if source.silent_after_s else FAILS_FOR
        return mute > limit and source.page_id is None and _tell_failure(source, mute, by=by, at=at)
    quiet = at - max(since, source.heard_at or since)
    if source.health == SourceHealth.SILENT or (source.silent_after_s is None and quiet < LEAST_SILENCE):
        return False
    allowed = _silence_allowed(source, since)
    return allowed is not None and quiet > allowed and _tell_silence(source, quiet, allowed, by=by, at=at)


def _note_shared(source: Source, *, by: Actor, at: datetime) -> None:
    """How the stream goes that one reader reads for everybody, noted on a source that listens to it."""
    row = SharedStream.objects.filter(name=FIREHOSE_NAME).first()
    if row is None:
        return
    before = source.health
    source.answered_at, source.failures, source.problem = row.answered_at, row.failures, row.problem
    if row.failures >= FAILS_AFTER:
        source.health = SourceHealth.FAILING
    elif before in (SourceHealth.NEW, SourceHealth.FAILING):
        source.health = SourceHealth.OK
        if source.page_id is not None:
            close_page(source, reason="The source speaks again.", by=by, at=at)
    source.save(update_fields=["answered_at", "failures", "problem", "health", "page"])
    if source.health == before:
        return
    if source.health == SourceHealth.FAILING:
        record(
            "source.failing",
            on=source,
            by=by,
            at=at,
            health=source.health,
            failures=source.failures,
            problem=source.problem,
        )
    elif before == SourceHealth.FAILING:
        record("source.recovered", on=source, by=by, at=at, before=before)


def _note_delivery(source: Source, delivered: datetime, *, by: Actor, at: datetime) -> None:
    """What delivers by itself was heard; noted here, because deliveries do not wait for each other at its row."""
    before = source.health
    source.heard_at = delivered
    if before == SourceHealth.FAILING:  # of a shared stream, whose reader says when it is well again
        source.save(update_fields=["heard_at"])
        return
    source.health = SourceHealth.OK
    if source.page_id is not None:
        close_page(source, reason="The source speaks again.", by=by, at=at)
    source.save(update_fields=["heard_at", "health", "page"])
    if before == SourceHealth.SILENT:
        record("source.recovered", on=source, by=by, at=at, before=before)


def _silence_allowed(source: Source, since: datetime) -> timedelta | None:
    """How long the source may be quiet: twice what is usual; None when nothing in its past lets anybody tell."""
    if source.silent_after_s is not None:
        return timedelta(seconds=source.silent_after_s)
    usual = usual_pause(source.brand_id, source.pk, before=source.heard_at or since)
    return None if usual is None else max(LEAST_SILENCE, 2 * usual)


def _tell_silence(source: Source, quiet: timedelta, allowed: timedelta, *, by: Actor, at: datetime) -> bool:
    source.health = SourceHealth.SILENT
    first = source.page_id is None
    if first:
        source.page = _page(source, f"The source {source.name} has been silent for {_spoken(quiet)}", by=by, at=at)
    source.save(update_fields=["health", "page"])
    record(
        "source.silent",
        on=source,
        by=by,
        at=at,
        quiet_s=int(quiet.total_seconds()),
        allowed_s=int(allowed.total_seconds()),
        page_id=source.page_id,
    )
    return first


def _tell_failure(source: Source, mute: timedelta, *, by: Actor, at: datetime) -> bool:
    source.page = _page(source, f"The source {source.name} has failed for {_spoken(mute)}", by=by, at=at)
    source.save(update_fields=["page"])
    return True


def _page(source: Source, headline: str, *, by: Actor, at: datetime) -> Any:
    """A page of its own for each time: a cause raises one, and a source may fall silent again."""
    return raise_page(
        brand_id=source.brand_id,
        cause_kind=CAUSE,
        cause_id=uuid5(source.pk, at.isoformat()),
        severity=SEVERITY,
        headline=headline,
        by=by,
        at=at,
    )


def _restore_timers(at: datetime) -> None:
    """Have those asked that are asked in turns and wait for no turn: their job may have died of its last attempt."""
    shared = [name for name, kind in KINDS.items() if kind.shared]
    if Source.objects.filter(kind__in=shared, paused_at=None, ended_at=None, brand__archived_at=None).exists():
        wake(at=at)
    polled = [name for name, kind in KINDS.items() if not kind.delivers]
    sources = Source.objects.filter(kind__in=polled, paused_at=None, ended_at=None, brand__archived_at=None)
    kinds = dict(sources.values_list("pk", "kind"))
    if not kinds:
        return
    waiting = set(
        Job.objects.filter(handler__in=[POLL, STREAM], agency_id=standing_agency(), state=JobState.READY).values_list(
            "args__source_id", flat=True
        )
    )
    lost = [pk for pk in sorted(kinds) if str(pk) not in waiting]
    later_many([Wish(_handler(kinds[pk]), str(pk), standing_agency(), at, {"source_id": str(pk)}) for pk in lost])


def _handler(kind: str) -> str:
    return POLL if KINDS[kind].listen is None else STREAM


def _ask_again(source: Source, due: datetime, *, at: datetime) -> None:
    key = str(source.pk)
    later(_handler(source.kind), key=key, agency_id=standing_agency(), at=max(due, at), args={"source_id": key})


def _next_after(source: Source, fetched: Fetched, at: datetime) -> datetime:
    if fetched.more:
        return at + max(AT_ONCE, timedelta(seconds=fetched.wait_s))
    every = max(float(source.every_s or 60), fetched.wait_s)
    # Sources that were added together shall not be asked together for ever.
    return at + timedelta(seconds=every * random.uniform(0.95, 1.05))  # noqa: S311


def _back_off(source: Source, failure: SourceFailed) -> timedelta:
    """Exponential with jitter from the source's own rhythm, never sooner than the network asked for."""
    least = REFUSED_AGAIN_S if isinstance(failure, RefusedByHost) else float(max(source.every_s or 30, 10))
    doubled = min(least * 2 ** min(source.failures - 1, MOST_DOUBLINGS), max(LONGEST_BACK_OFF_S, least))
    asked_for = (failure.retry_after or 0.0) if isinstance(failure, Temporary) else 0.0
    return timedelta(seconds=max(doubled * random.uniform(0.5, 1.0), asked_for * random.uniform(1.0, 1.1)))  # noqa: S311


def _portions(items: Sequence[Item | Gone]) -> Iterator[Sequence[Item | Gone]]:
    for start in range(0, len(items), MOST_AT_ONCE):
        yield items[start : start + MOST_AT_ONCE]


def _spoken(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:  # noqa: PLR2004 - up to two hours in minutes
        return f"{minutes} minutes"
    return f"{minutes // 60} hours"
