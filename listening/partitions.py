"""Mentions by time: ids that sort by when something was said, and the partitions that are ranges of such ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Whatever was said before lies in one partition, made by the first migration that knows of partitions.
FIRST_MONTH: Final = datetime(2026, 1, 1, tzinfo=UTC)

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
    """The function runs as the tables' owner, whom the serving role need not be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT listening_make_month(%s)", [date(year, month, 1)])
        [made] = cursor.fetchone()
    if not made:
        # It may be our own and still be rolled back: it is remembered once it stands for good.
        transaction.on_commit(lambda: _made.add((year, month)))


def drop_partitions(*, before: UUID) -> list[str]:
    """Drop the partitions that hold only ids less than `before`, whatever is in them; returns their names."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT listening_drop_months(%s)", [before])
        return [name for (name,) in cursor.fetchall()]
