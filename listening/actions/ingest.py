"""Taking mentions in: each is stored once, scored, and counted in its minute, however often and in whatever order
it is delivered. Everything is set-based; a batch is one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.actor import Actor
from core.failpoints import failpoint
from core.ids import uuid7
from core.wall import standing_agency
from jobs.actions import Wish, later_many
from ledger.actions import record
from listening.ingest import Item, newest_versions, supersedes
from listening.models import Source
from listening.mood import Guarded, Mood, readable, scorer
from listening.mood.seam import CLIP_AT
from listening.queries import BIN, SETTLES_AFTER, start_of_bin

# Up to here arrays beside the statement are quicker than a COPY before it.
FEW: Final = 64
# Deliveries are made while the clock runs on: what is nearly settled counts as settled.
NEARLY: Final = timedelta(minutes=10)
# A live bin is judged a moment after it is over, when its last mentions are in.
GRACE: Final = timedelta(seconds=5)

# What differs from row to row, with its type.
COLUMNS: Final = {
    "id": "uuid",
    "external_id": "text",
    "kind": "text",
    "posted_at": "timestamptz",
    "edited_at": "timestamptz",
    "author_handle": "text",
    "author_name": "text",
    "author_followers": "int8",
    "text": "text",
    "clipped": "bool",
    "language": "text",
    "url": "text",
    "in_reply_to": "text",
    "mood": "text",
    "mood_negative": "float4",
    "mood_neutral": "float4",
    "mood_positive": "float4",
}
NAMES: Final = ", ".join(COLUMNS)

# Postgres refuses COPY into a table with row-level security, hence the detour through a table of the connection's own.
MAKE_ROOM = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS listening_incoming ("
    + ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    + ") ON COMMIT DELETE ROWS"
)
COPY_IN = f"COPY listening_incoming ({NAMES}) FROM STDIN (FORMAT BINARY)"
FROM_ARRAYS = f"unnest({', '.join(f'%s::{kind}[]' for kind in COLUMNS.values())}) AS incoming ({NAMES})"
# In the order of the ids: two deliveries of the same mentions wait for each other and never in a circle.
STORE = f"""
INSERT INTO listening_mention (agency_id, brand_id, source_id, received_at, scorer, {NAMES})
SELECT %s, %s, %s, %s, %s, {NAMES} FROM {{incoming}} ORDER BY external_id
    ON CONFLICT (source_id, external_id) DO NOTHING
RETURNING external_id
"""  # noqa: S608 - names and types of columns, nothing that anybody said

KNOWN = """
SELECT external_id, md5(text), edited_at FROM listening_mention
 WHERE source_id = %s AND external_id = ANY(%s)
"""
LOCK_EDITED = """
SELECT id, external_id, posted_at, md5(text), edited_at, mood = 'negative' FROM listening_mention
 WHERE source_id = %s AND external_id = ANY(%s) ORDER BY external_id FOR NO KEY UPDATE
"""
EDIT = """
UPDATE listening_mention AS stored
   SET text = new.text, clipped = new.clipped, edited_at = new.edited_at, language = new.language,
       mood = new.mood, mood_negative = new.mood_negative, mood_neutral = new.mood_neutral,
       mood_positive = new.mood_positive, scorer = %s
  FROM unnest(%s::uuid[], %s::text[], %s::bool[], %s::timestamptz[], %s::text[], %s::text[], %s::float4[],
              %s::float4[], %s::float4[])
       AS new (id, text, clipped, edited_at, language, mood, mood_negative, mood_neutral, mood_positive)
 WHERE stored.id = new.id
"""

# Minutes in order, for the same reason as ids; `fresh` tells whether this batch is all that the minute holds.
COUNT = """
INSERT INTO listening_bucket AS stored (id, agency_id, brand_id, minute, volume, negative, reach, authors)
SELECT new.id, %s, %s, new.minute, new.volume, new.negative, new.reach, new.authors
  FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[], %s::int8[], %s::int[])
       AS new (id, minute, volume, negative, reach, authors)
 ORDER BY new.minute
    ON CONFLICT (brand_id, minute) DO UPDATE
       SET volume = stored.volume + excluded.volume, negative = stored.negative + excluded.negative,
           reach = stored.reach + excluded.reach
RETURNING minute, xmax = 0 AS fresh
"""
# The buckets are locked by now, so that whoever else wrote into these minutes has committed and is seen.
COUNT_AUTHORS = """
UPDATE listening_bucket AS stored SET authors = counted.authors
  FROM (SELECT touched.minute, distinct_ones.authors
          FROM unnest(%s::timestamptz[]) AS touched (minute)
         CROSS JOIN LATERAL (
               SELECT count(DISTINCT coalesce(nullif(author_handle, ''), external_id)) AS authors
                 FROM listening_mention
                WHERE brand_id = %s AND posted_at >= touched.minute
                  AND posted_at < touched.minute + interval '1 minute') AS distinct_ones) AS counted
 WHERE stored.brand_id = %s AND stored.minute = counted.minute
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a batch; the three add up to the items delivered."""

    new: int
    known: int
    edited: int


@dataclass(slots=True)
class Tally:
    """What a batch adds to one minute."""

    volume: int = 0
    negative: int = 0
    reach: int = 0
    authors: set[str] = field(default_factory=set)


@transaction.atomic
def ingest_mentions(*, source_id: UUID, items: Sequence[Item], by: Actor, at: datetime) -> Counts:
    """Store, score and count a batch of mentions, and have the detector look at what they changed.

    A mention is known by its source and external id. Delivered again it changes nothing, unless its text differs and
    its version is not older than the stored one: then text and mood are replaced, and the count of its minute follows.
    `items` come from `listening.ingest.read_items`.
    """
    source: Source = Source.objects.found(source_id)
    reader = scorer(settings.MOOD_SCORER)
    newest = newest_versions(items)
    known = _known(source, newest)
    new = [item for key, item in newest.items() if key not in known]
    tallies: dict[datetime, Tally] = {}
    stored = _store(source, new, tallies, reader=reader, at=at)
    if len(stored) < len(new):
        # Another delivery was quicker with these; by now it has committed.
        known |= _known(source, [item.external_id for item in new if item.external_id not in stored])
    edited = _edit(source, _differing(newest, known), tallies, reader=reader)
    failpoint("listening.before_count")
    _count(source, tallies)
    counts = Counts(len(stored), len(items) - len(stored) - edited, edited)
    if stored or edited:
        _tell(source, tallies, counts, by=by, at=at)
    return counts


def _known(source: Source, external_ids: Iterable[str]) -> dict[str, tuple[str, datetime | None]]:
    """The stored ones of these: the MD5 of the text and the instant of the version."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [source.pk, list(external_ids)])
        return {key: (digest, edited_at) for key, digest, edited_at in cursor.fetchall()}


def _store(
    source: Source, items: Sequence[Item], tallies: dict[datetime, Tally], *, reader: Guarded, at: datetime
) -> set[str]:
    """Insert those that nobody else has inserted meanwhile; returns their external ids."""
    if not items:
        return set()
    moods = _moods(items, reader)
    rows = [_row(item, mood) for item, mood in zip(items, moods, strict=True)]
    constants: list[Any] = [standing_agency(), source.brand_id, source.pk, at, _version(reader)]
    with connection.cursor() as cursor:
        if len(rows) <= FEW:
            arrays: list[Any] = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(STORE.format(incoming=FROM_ARRAYS), [*constants, *arrays])
        else:
            cursor.execute(MAKE_ROOM)
            with cursor.copy(COPY_IN) as copy:
                copy.set_types(list(COLUMNS.values()))
                for row in rows:
                    copy.write_row(row)
            cursor.execute(STORE.format(incoming="listening_incoming"), constants)
        stored = {external_id for (external_id,) in cursor.fetchall()}
    failpoint("listening.after_store")
    for item, mood in zip(items, moods, strict=True):
        if item.external_id in stored:
            tally = tallies.setdefault(_minute(item.posted_at), Tally())
            tally.volume += 1
            tally.negative += mood.label == "negative"
            tally.reach += item.author.followers
            tally.authors.add(item.author.handle or item.external_id)
    return stored


def _differing(newest: dict[str, Item], known: dict[str, tuple[str, datetime | None]]) -> dict[str, Item]:
    """Those whose version takes the place of the stored one and says something else, or says it later."""
    return {key: newest[key] for key, (digest, edited_at) in known.items() if _changes(newest[key], digest, edited_at)}


def _changes(item: Item, digest: str, edited_at: datetime | None) -> bool:
    said_later = item.edited_at is not None and item.edited_at != edited_at
    return supersedes(item.edited_at, edited_at) and (said_later or _digest(item) != digest)


def _edit(source: Source, items: dict[str, Item], tallies: dict[datetime, Tally], *, reader: Guarded) -> int:
    """Replace text and mood of stored mentions; returns how many changed, now that nobody else can change them."""
    if not items:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(LOCK_EDITED, [source.pk, list(items)])
        locked = [row for row in cursor.fetchall() if _changes(items[row[1]], row[3], row[4])]
        moods = _moods([items[row[1]] for row in locked], reader)
        rows = []
        for (row_id, external_id, posted_at, _, _, was_negative), mood in zip(locked, moods, strict=True):
            item = items[external_id]
            rows.append(
                (
                    row_id, readable(item.text), len(item.text) > CLIP_AT, item.edited_at, mood.language[:12],
                    mood.label, mood.negative, mood.neutral, mood.positive,
                )
            )  # fmt: skip
            # The mention stays in the minute that counted it, whatever the new version says of its time.
            tally = tallies.setdefault(_minute(posted_at), Tally())
            tally.negative += (mood.label == "negative") - was_negative
        if rows:
            cursor.execute(EDIT, [_version(reader), *[list(column) for column in zip(*rows, strict=True)]])
    return len(rows)


def _count(source: Source, tallies: dict[datetime, Tally]) -> None:
    """Add the batch to its minutes; where others were there before, count the minute's authors anew."""
    if not tallies:
        return
    minutes = sorted(tallies)
    sums = [tallies[minute] for minute in minutes]
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT,
            [
                standing_agency(), source.brand_id, [uuid7() for _ in minutes], minutes,
                [tally.volume for tally in sums], [tally.negative for tally in sums], [tally.reach for tally in sums],
                [len(tally.authors) for tally in sums],
            ],
        )  # fmt: skip
        joined = [minute for minute, fresh in cursor.fetchall() if not fresh and tallies[minute].volume]
        if joined:
            cursor.execute(COUNT_AUTHORS, [joined, source.brand_id, source.brand_id])


def _tell(source: Source, tallies: dict[datetime, Tally], counts: Counts, *, by: Actor, at: datetime) -> None:
    """Record the delivery, and have the detector look: now at what is over, and at the end of each bin that is not."""
    first, last = min(tallies), max(tallies)
    record(
        "mentions.ingested",
        on=source,
        by=by,
        at=at,
        source_id=source.pk,
        new=counts.new,
        known=counts.known,
        edited=counts.edited,
        first_at=first,
        last_at=last,
    )
    # After the event, against the custom: writing the job may wait for a detector that is about to finish, and that
    # detector may be waiting for the agency's head.
    later_many(_looks(source, {start_of_bin(minute) for minute in tallies}, at=at))


def _looks(source: Source, bins: set[datetime], *, at: datetime) -> list[Wish]:
    brand = str(source.brand_id)

    def wish(handler: str, *, key: str, due: datetime) -> Wish:
        return Wish(handler, key=key, agency_id=standing_agency(), at=due, args={"brand_id": brand})

    wishes = []
    if min(bins) < at - SETTLES_AFTER + NEARLY:
        wishes.append(wish("listening.relearn", key=brand, due=at))
    elif min(bins) + BIN <= at:
        wishes.append(wish("listening.detect", key=brand, due=at))
    wishes += [
        wish("listening.detect", key=f"{brand}@{start.isoformat()}", due=start + BIN + GRACE)
        for start in sorted(bins)
        if start + BIN > at
    ]
    return wishes


def _moods(items: Sequence[Item], reader: Guarded) -> list[Mood]:
    return reader.score([item.text for item in items], languages=[item.language for item in items])


def _version(reader: Guarded) -> str:
    return f"{reader.name}/{reader.version}"


def _row(item: Item, mood: Mood) -> tuple[Any, ...]:
    """One row in the order of COLUMNS."""
    author = item.author
    return (
        uuid7(), item.external_id, item.kind, item.posted_at, item.edited_at, _storable(author.handle),
        _storable(author.name), author.followers, readable(item.text), len(item.text) > CLIP_AT, mood.language[:12],
        _storable(item.url), _storable(item.in_reply_to), mood.label, mood.negative, mood.neutral, mood.positive,
    )  # fmt: skip


def _storable(text: str) -> str:
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _digest(item: Item) -> str:
    """As Postgres makes it of the stored text; it tells texts apart and protects nothing."""
    return hashlib.md5(readable(item.text).encode(), usedforsecurity=False).hexdigest()


def _minute(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(second=0, microsecond=0)
