"""Putting new mentions into their table: each key once, whoever else delivers it at the same moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final

from django.db import connection
from msgspec import Struct

from core.wall import standing_agency
from listening.ingest import Item
from listening.models import Source
from listening.mood import Mood, readable
from listening.mood.seam import CLIP_AT
from listening.partitions import id_digits

# Up to here arrays beside the statement are quicker than a COPY before it.
FEW: Final = 64

# What differs from row to row, with its type, in the order of `Row.cells`.
COLUMNS: Final = {
    "id": "uuid",
    "external_id": "text",
    "network": "text",
    "kind": "text",
    "posted_at": "timestamptz",
    "edited_at": "timestamptz",
    "author_handle": "text",
    "author_name": "text",
    "author_followers": "int8",
    "text": "text",
    "clipped": "bool",
    "language": "text",
    "country": "text",
    "url": "text",
    "in_reply_to": "text",
    "mood": "text",
    "mood_negative": "float4",
    "mood_neutral": "float4",
    "mood_positive": "float4",
}
NAMES: Final = ", ".join(COLUMNS)
# An edit's instant may be missing; an empty cell says so.
VALUES: Final = NAMES.replace("edited_at", "nullif(edited_at, '')::timestamptz").replace(
    "posted_at", "timestamptz 'epoch' + posted_at * interval '1 microsecond'"
)
ROOM: Final = {"key": "uuid", **COLUMNS, "edited_at": "text", "posted_at": "int8"}

# Postgres refuses COPY into a table with row-level security, hence the detour through a table of the connection's own.
MAKE_ROOM = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS listening_incoming ("
    + ", ".join(f"{name} {kind}" for name, kind in ROOM.items())
    + ") ON COMMIT DELETE ROWS"
)
EMPTY_ROOM = "TRUNCATE listening_incoming"
COPY_IN = f"COPY listening_incoming ({', '.join(ROOM)}) FROM STDIN"
FROM_ARRAYS = f"unnest({', '.join(f'%s::{kind}[]' for kind in ROOM.values())}) AS incoming ({', '.join(ROOM)})"
# In the order of the keys: two deliveries of the same mentions wait for each other and never in a circle.
STORE = f"""
WITH incoming AS MATERIALIZED (SELECT * FROM {{incoming}}),
     fresh AS (
       INSERT INTO listening_mentionkey (id, agency_id, mention_id)
       SELECT key, %s, id FROM incoming ORDER BY key
           ON CONFLICT (id) DO NOTHING
       RETURNING id AS key),
     stored AS (
       INSERT INTO listening_mention (agency_id, brand_id, source_id, received_at, scorer, {NAMES})
       SELECT %s, %s, %s, %s, %s, {VALUES} FROM incoming WHERE key IN (SELECT key FROM fresh))
SELECT CASE WHEN count(*) < %s THEN coalesce(array_agg(encode(uuid_send(key), 'hex')), ARRAY[]::text[]) END FROM fresh
"""  # noqa: S608 - names and types of columns, nothing that anybody said

# Halves of surrogate pairs, which no text that was read from UTF-8 can hold: they stand between cells and rows until
# everything else is escaped.
CELL, ROW = chr(0xD800), chr(0xD801)


class Row(Struct, frozen=True):
    """A mention that is to be stored: what was said, when (microseconds since 1970), and what it is taken for."""

    key: str
    item: Item
    mood: Mood
    microsecond: int
    watched: bool


def store(source: Source, parts: Iterable[Sequence[Row]], *, scorer: str, at: datetime) -> list[Row]:
    """Insert those that nobody else has inserted meanwhile; returns them.

    While Postgres takes one part in, the next one is made: the parts may come from a generator that does no query.
    Their rows are in the order of the keys, and the partitions of their months are there.
    """
    agency = standing_agency()
    constants: list[Any] = [agency, agency, source.brand_id, source.pk, at, scorer]
    taking: Future[list[Row]] | None = None
    stored: list[Row] = []
    with connection.cursor() as cursor, ExitStack() as until:
        for number, rows in enumerate(parts):
            cells = [_cells(row, source.network) for row in rows]
            if number == 0 and len(rows) <= FEW:
                stored += _take_few(cursor, cells, [*constants, len(rows)], rows)
                continue
            told = _escaped(cells)
            if taking is None:
                other = until.enter_context(ThreadPoolExecutor(1))
            else:
                stored += taking.result()
            taking = other.submit(_take_many, cursor, told, [*constants, len(rows)], rows, again=number > 0)
        if taking is not None:
            stored += taking.result()
    return stored


def _take_few(cursor: Any, cells: Sequence[Sequence[str]], constants: list[Any], rows: Sequence[Row]) -> list[Row]:
    arrays = [list(column) for column in zip(*cells, strict=True)]
    cursor.execute(STORE.format(incoming=FROM_ARRAYS), [*arrays, *constants])
    return _fresh(cursor, rows)


def _take_many(cursor: Any, told: bytes, constants: list[Any], rows: Sequence[Row], *, again: bool) -> list[Row]:
    cursor.execute(EMPTY_ROOM if again else MAKE_ROOM)
    with cursor.copy(COPY_IN) as copy:
        copy.write(told)
    cursor.execute(STORE.format(incoming="listening_incoming"), constants)
    return _fresh(cursor, rows)


def _fresh(cursor: Any, rows: Sequence[Row]) -> list[Row]:
    (fresh,) = cursor.fetchone()
    if fresh is None:
        return list(rows)
    stored = set(fresh)
    return [row for row in rows if row.key in stored]


def _cells(row: Row, network: str) -> tuple[str, ...]:
    """One row in the order of ROOM, each value as Postgres reads it."""
    item, mood = row.item, row.mood
    author, text = item.author, item.text
    if len(text) > CLIP_AT or not text.isascii() or "\x00" in text:
        text = readable(text)
    return (
        row.key, id_digits(row.microsecond // 1000, row.key), item.external_id, item.network or network, item.kind,
        str(row.microsecond), "" if item.edited_at is None else item.edited_at.isoformat(),
        storable(author.handle), storable(author.name), str(author.followers), text,
        "t" if len(item.text) > CLIP_AT else "f", mood.language[:12], item.country, storable(item.url),
        storable(item.in_reply_to), mood.label, repr(mood.negative), repr(mood.neutral), repr(mood.positive),
    )  # fmt: skip


def _escaped(rows: Sequence[Sequence[str]]) -> bytes:
    """Rows in the text format of COPY, escaped all at once."""
    told = ROW.join([CELL.join(row) for row in rows])
    told = told.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return told.replace(CELL, "\t").replace(ROW, "\n").encode()


def storable(text: str) -> str:
    """The text without NUL, which Postgres cannot store."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
