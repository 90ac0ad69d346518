"""Whose turn it is, on the clock on the wall of the rota's own place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def turn(*, starts_at: datetime, time_zone: str, shift_hours: int, at: datetime) -> int | None:
    """The number of the turn that is on at `at`, counted from 0; None before `starts_at`.

    Turns begin at wall-clock times, `shift_hours` apart: a daily turn that begins at 9:00 always does, and lasts 23 or
    25 hours when the clocks change. A time that the clocks show twice counts the first time; for a time that they
    skip, the turn begins when they jump.
    """
    if at < starts_at:
        return None
    zone = ZoneInfo(time_zone)
    length = timedelta(hours=shift_hours)
    first = starts_at.astimezone(zone).replace(tzinfo=None)
    number = (at.astimezone(zone).replace(tzinfo=None) - first) // length
    # In an hour that repeats itself the wall shows less than it has shown: a turn that has begun does not end again.
    while (first + (number + 1) * length).replace(tzinfo=zone).astimezone(UTC) <= at:
        number += 1
    return number
