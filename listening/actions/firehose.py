"""A stream that all agencies share: each post goes to the sources that asked for it, inside their own wall.

The stream's cursor moves after everybody has stored. A reader that dies in between is followed by one that reads the
same again, and of two readers at once the slower one finds that the cursor has moved, and stops.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from core.actor import Actor
from core.wall import every_agency, inside
from jobs.actions import later
from jobs.models import Job, JobState
from ledger.actions import record
from listening.actions.ingest import SourceEnded, SourcePaused, ingest_mentions
from listening.ingest import Gone, Item
from listening.models import MentionKey, SharedStream, Source
from listening.partitions import key_of
from listening.query.live import Streams, post_of
from listening.sources.firehose import KIND, NAME, Heard
from listening.sources.seam import SourceFailed

FIREHOSE: Final = "listening.firehose"
LONGEST_BACK_OFF_S: Final = 300.0

Listeners = Mapping[UUID, Sequence[UUID]]


def hand_out(heard: Heard, *, streams: Streams, listeners: Listeners, by: Actor, at: datetime) -> int:
    """Store each post with the sources that asked for it, and empty what was deleted; returns how many were new.

    Opens each agency's wall in a transaction of its own: call it outside of any.
    """
    wanted: dict[UUID, dict[UUID, list[Item | Gone]]] = defaultdict(lambda: defaultdict(list))
    for item in heard.items:
        for agency_id, source_id in streams.match(post_of(item, network=KIND.network)):
            wanted[agency_id][source_id].append(item)
    new = 0
    for agency_id in sorted({*wanted, *(listeners if heard.gone or heard.gap else ())}):
        with inside(agency_id):
            if heard.gap:
                _tell_gap(listeners.get(agency_id, ()), by=by, at=at)
            mine = wanted.get(agency_id, {})
            for source_id, gone in _known_gone(listeners.get(agency_id, ()), heard.gone).items():
                mine.setdefault(source_id, []).extend(gone)
            for source_id in sorted(mine):
                new += _store(source_id, mine[source_id], by=by, at=at)
    return new


def _store(source_id: UUID, items: Sequence[Item | Gone], *, by: Actor, at: datetime) -> int:
    try:
        return ingest_mentions(source_id=source_id, items=items, by=by, at=at).new
    except (SourceEnded, SourcePaused):
        return 0  # since the listeners were read


def _known_gone(source_ids: Sequence[UUID], uris: Sequence[str]) -> dict[UUID, list[Gone]]:
    """Which of these deletions concern what a source has stored; the network tells of all of them."""
    keys = {key_of(source_id, uri): (source_id, uri) for source_id in source_ids for uri in uris}
    found: dict[UUID, list[Gone]] = defaultdict(list)
    for key in MentionKey.objects.filter(pk__in=list(keys)).values_list("pk", flat=True) if keys else ():
        source_id, uri = keys[key]
        found[source_id].append(Gone(uri, deleted=True))
    return found


def _tell_gap(source_ids: Sequence[UUID], *, by: Actor, at: datetime) -> None:
    rows = Source.objects.filter(pk__in=list(source_ids)).order_by("pk")
    for source in rows.select_for_update(of=("self",), no_key=True):
        source.gaps += 1
        source.save(update_fields=["gaps"])
        record("source.gap_found", on=source, by=by, at=at, gaps=source.gaps)


def listeners_now() -> dict[UUID, list[UUID]]:
    """The sources that listen, by agency; opens every agency's wall."""
    found = {}
    for agency_id in every_agency():
        with inside(agency_id):
            going = Source.objects.filter(kind=KIND.name, paused_at=None, ended_at=None, brand__archived_at=None)
            if ids := list(going.values_list("pk", flat=True)):
                found[agency_id] = ids
    return found


@transaction.atomic
def move_shared(*, cursor_was: Any, time_us: int, gap: bool, at: datetime) -> bool:
    """Move the stream's cursor; False when another reader has moved it meanwhile."""
    SharedStream.objects.get_or_create(name=NAME)
    row = SharedStream.objects.select_for_update().get(name=NAME)
    if row.cursor != cursor_was:
        return False
    row.cursor, row.answered_at, row.failures, row.problem = time_us, at, 0, ""
    row.gaps += gap
    row.save()
    return True


@transaction.atomic
def read_on(*, at: datetime) -> None:
    """Take the stream up again at once."""
    later(FIREHOSE, key=NAME, agency_id=None, at=at)


@transaction.atomic
def note_shared_failure(*, failure: SourceFailed, at: datetime) -> None:
    """Write down that the stream could not be read, and set the time of the next try."""
    SharedStream.objects.get_or_create(name=NAME)
    SharedStream.objects.filter(name=NAME).update(failures=F("failures") + 1, problem=failure.problem[:200])
    failures = SharedStream.objects.get(name=NAME).failures
    wait = min(2.0 ** min(failures, 10), LONGEST_BACK_OFF_S) * random.uniform(0.5, 1.0)  # noqa: S311
    later(FIREHOSE, key=NAME, agency_id=None, at=at + timedelta(seconds=wait))


def wake(*, at: datetime) -> None:
    """Have the stream read, where nobody does; in the transaction of whoever listens."""
    if not Job.objects.filter(handler=FIREHOSE, state=JobState.READY).exists():
        later(FIREHOSE, key=NAME, agency_id=None, at=at)
