"""Whose turn it is, through every change of the clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from alerting.shifts import turn

ZONES = ["America/New_York", "Europe/London", "Australia/Lord_Howe"]
YEARS = (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2028, 1, 1, 12, tzinfo=UTC))
MINUTE = timedelta(minutes=1)


def changes(zone: str) -> list[datetime]:
    """The minutes at which the clocks of a zone jump, in the two years; by looking, not by asking the rules."""
    place = ZoneInfo(zone)
    found = []
    hour = YEARS[0]
    while hour < YEARS[1]:
        if hour.astimezone(place).utcoffset() != (hour + timedelta(hours=1)).astimezone(place).utcoffset():
            minute = hour
            while (minute + MINUTE).astimezone(place).utcoffset() == hour.astimezone(place).utcoffset():
                minute += MINUTE
            found.append(minute + MINUTE)
        hour += timedelta(hours=1)
    return found


def instants(zone: str) -> Iterator[datetime]:
    """Every half hour of two years, and every minute of the days on which the clocks jump."""
    jumps = changes(zone)
    instant = YEARS[0]
    while instant < YEARS[1]:
        yield instant
        near = any(abs(instant - jump) < timedelta(hours=13) for jump in jumps)
        instant += MINUTE if near else timedelta(minutes=30 - instant.minute % 30)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hours", [8, 24])
def test_a_turn_ends_when_the_wall_first_shows_its_end_and_never_comes_back(zone: str, hours: int) -> None:
    place = ZoneInfo(zone)
    starts_at = datetime(2026, 1, 1, 1, 45, tzinfo=place).astimezone(UTC) - timedelta(days=1)
    first = starts_at.astimezone(place).replace(tzinfo=None)
    # What the wall has shown at most so far: the plain meaning of "a turn begins when the clock shows its hour".
    shown = first
    for instant in instants(zone):
        shown = max(shown, instant.astimezone(place).replace(tzinfo=None))
        found = turn(starts_at=starts_at, time_zone=zone, length=timedelta(hours=hours), at=instant)
        assert found == (shown - first) // timedelta(hours=hours), instant


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_turn_begins_at_the_same_hour_on_the_wall_all_year(zone: str) -> None:
    place = ZoneInfo(zone)
    starts_at = datetime(2026, 1, 1, 9, tzinfo=place)
    lengths = set()
    handovers = [starts_at.astimezone(UTC)]
    for day in range(1, 730):
        wall = datetime(2026, 1, 1, 9, tzinfo=place) + timedelta(days=day)  # wall-clock arithmetic
        handover = wall.astimezone(UTC)
        ask = {"starts_at": starts_at, "time_zone": zone, "length": timedelta(hours=24)}
        assert turn(**ask, at=handover) == day  # type: ignore[arg-type]
        assert turn(**ask, at=handover - timedelta(seconds=1)) == day - 1  # type: ignore[arg-type]
        handovers.append(handover)
    lengths = {round((later - earlier).total_seconds() / 1800) for earlier, later in pairwise(handovers)}
    jump = 1 if zone == "Australia/Lord_Howe" else 2  # in half hours
    assert lengths == {48 - jump, 48, 48 + jump}


def test_the_two_years_hold_four_jumps_in_each_zone() -> None:
    """The tests above would prove nothing in zones whose clocks stand still."""
    assert [len(changes(zone)) for zone in ZONES] == [4, 4, 4]


def test_a_turn_that_begins_in_the_hour_that_repeats_begins_once() -> None:
    # On 1 November 2026 New York's clocks show 1:30 twice: at 5:30 and at 6:30 UTC.
    ask = {"time_zone": "America/New_York", "length": timedelta(hours=24)}
    starts_at = datetime(2026, 10, 31, 5, 30, tzinfo=UTC)
    minutes = [datetime(2026, 11, 1, 5, tzinfo=UTC) + n * MINUTE for n in range(121)]
    turns = [turn(**ask, starts_at=starts_at, at=minute) for minute in minutes]  # type: ignore[arg-type]
    assert turns == [0] * 30 + [1] * 91


def test_a_turn_that_begins_in_the_hour_that_is_skipped_begins_with_the_jump() -> None:
    # On 8 March 2026 New York's clocks jump from 2:00 to 3:00, at 7:00 UTC: there is no 2:30.
    starts_at = datetime(2026, 3, 7, 7, 30, tzinfo=UTC)
    for minute, number in ((59, 0), (60, 1)):
        at = datetime(2026, 3, 8, 6, tzinfo=UTC) + minute * MINUTE
        assert turn(starts_at=starts_at, time_zone="America/New_York", length=timedelta(days=1), at=at) == number


def test_before_the_first_turn_nobody_has_it() -> None:
    starts_at = datetime(2026, 3, 7, 7, 30, tzinfo=UTC)
    assert turn(starts_at=starts_at, time_zone="UTC", length=timedelta(hours=1), at=starts_at - MINUTE) is None
    assert turn(starts_at=starts_at, time_zone="UTC", length=timedelta(hours=1), at=starts_at) == 0
