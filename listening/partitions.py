"""Mentions by time: ids that sort by when something was said, and the partitions that are ranges of such ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Whatever was said before lies in one partition, made by the first migration that knows of partitions.
FIRST_MONTH: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Two processes that make the same month take turns.
MAKING: Final = 0x6C69_7374_656E

# Asked of the catalogue itself: to_regclass may answer from what this connection knew before it waited.
IS_MADE: Final = """
SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = %s AND relnamespace = current_schema()::regnamespace)
"""

_made: set[tuple[int, int]] = set()


def key_of(source_id: UUID, external_id: str) -> UUID:
    """What a source calls a mention, as 16 bytes: the head of a SHA-256, so that nobody can make two of them meet."""
    return UUID(hex=key_digits(str(source_id), external_id))


def key_digits(source_id: str, external_id: str) -> str:
    """`key_of` as 32 hexadecimal digits, for thousands at a time."""
    return hashlib.sha256(f"{source_id}:{external_id}".encode()).hexdigest()[:32]


def mention_id(posted_at: datetime, key: UUID) -> UUID:
    """The id of a mention, a UUIDv7: milliseconds of when it was said, and the rest from its key."""
    return UUID(hex=id_digits(milliseconds(posted_at), key.hex))


# The digit of a UUID whose first two bits are its variant: they are 10, the other two stay.
_VARIANT: Final = {digit: f"{8 + int(digit, 16) % 4:x}" for digit in "0123456789abcdef"}


def id_digits(since_1970: int, key: str) -> str:
    """`mention_id` as 32 hexadecimal digits; `since_1970` is in milliseconds, `key` is what `key_digits` makes."""
    return f"{since_1970:012x}7{key[13:16]}{_VARIANT[key[16]]}{key[17:]}"


def first_id(at: datetime) -> UUID:
    """The least id of what was said at an instant or later."""
    return UUID(int=milliseconds(at) << 80)


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def microseconds(at: datetime) -> int:
    """Whole microseconds since 1970."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def make_partitions(instants: Iterable[datetime]) -> None:
    """Make the months of these instants where they are missing; cheap for a month that this process has seen.

    Runs in the caller's transaction. Attaching asks for a lock that waits for no reader or writer.
    """
    months = {(at.year, at.month) for at in (instant.astimezone(UTC) for instant in instants) if at >= FIRST_MONTH}
    for year, month in sorted(months - _made):
        _make(year, month)


def _make(year: int, month: int) -> None:
    start = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    name = f"listening_mention_{year:04}_{month:02}"
    with connection.cursor() as cursor:
        cursor.execute(IS_MADE, [name])
        if cursor.fetchone()[0]:
            # It may be our own and still be rolled back: it is remembered once it stands for good.
            transaction.on_commit(lambda: _made.add((year, month)))
            return
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [MAKING])
        cursor.execute(IS_MADE, [name])
        if cursor.fetchone()[0]:
            return
        cursor.execute(
            f'CREATE TABLE "{name}" (LIKE listening_mention INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)'
        )
        # Nobody reads a partition but through its table: alone it shows nothing to anybody.
        cursor.execute(f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')
        cursor.execute(
            f'ALTER TABLE listening_mention ATTACH PARTITION "{name}" '
            f"FOR VALUES FROM ('{first_id(start)}') TO ('{first_id(end)}')"
        )


PARTITIONS: Final = """
SELECT child.relname, pg_get_expr(child.relpartbound, child.oid)
  FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
 WHERE inhparent = 'listening_mention'::regclass ORDER BY child.relname
"""
_BOUND = re.compile(r" TO \('([0-9a-f-]{36})'\)\Z")


def drop_partitions(*, before: UUID) -> list[str]:
    """Drop the partitions that hold only ids less than `before`, whatever is in them; returns their names.

    Asks for a lock that waits for every reader and keeps later ones waiting: not for long, or it gives up.
    """
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS)
        ends = [(name, _BOUND.search(bound)) for name, bound in cursor.fetchall()]
        old = [name for name, end in ends if end is not None and UUID(end[1]) <= before]
        if old:
            cursor.execute("SELECT set_config('lock_timeout', '3s', true)")
        for name in old:
            cursor.execute(f'DROP TABLE "{name}"')
    return old
