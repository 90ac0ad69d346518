"""Two years of rotas on four clocks, minute by minute: at each one person, or a gap that is said. Never two, never a
hole between two answers.

The clocks: New York and London change by an hour on different days, Tashkent never does, Lord Howe by half an hour.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerting.shifts import Drawing, Layer, Span, Stretch, TakenSwap, Window, spans, who

ZONES = ("America/New_York", "Europe/London", "Asia/Tashkent", "Australia/Lord_Howe")
START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2028, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MINUTES = int((END - START) / MINUTE)
EVERY_DAY = frozenset(range(7))
PEOPLE = tuple(uuid5(UUID(int=0), str(number)) for number in range(7))


def local(zone: str, hour: int = 9, day: date = date(2025, 12, 29)) -> datetime:
    return datetime.combine(day, time(hour), ZoneInfo(zone))


def layer(number: int, zone: str, **more: object) -> Layer:
    told = {"id": UUID(int=number), "time_zone": zone, "members": PEOPLE[:3], "starts_at": local(zone)} | more
    return Layer(**told)  # type: ignore[arg-type]


def rotas_of(zone: str) -> dict[str, Drawing]:
    """The kinds of rota that people draw, in one zone."""
    here = frozenset(PEOPLE)
    office = (Window(frozenset(range(5)), time(9), time(17, 30)),)
    nights = (Window(EVERY_DAY, time(22), time(7)),)
    return {
        "daily": Drawing((layer(1, zone),), here=here),
        "weekly": Drawing((layer(1, zone, length=7 * DAY, members=PEOPLE),), here=here),
        "twelve hours": Drawing((layer(1, zone, length=12 * HOUR, members=PEOPLE[:5]),), here=here),
        "at the hour that is skipped": Drawing((layer(1, zone, starts_at=local(zone, 2)),), here=here),
        "office hours, then nobody": Drawing((layer(1, zone, windows=office),), here=here),
        "nights before days": Drawing(
            (layer(1, zone, windows=nights, members=PEOPLE[:2]), layer(2, zone, members=PEOPLE[2:4], length=7 * DAY)),
            here=here,
        ),
        "somebody is away, somebody stands in, somebody swapped": Drawing(
            (layer(1, zone, members=PEOPLE[:4]),),
            overrides=(Stretch(UUID(int=9), PEOPLE[6], START + 80 * DAY, START + 90 * DAY + 17 * MINUTE),),
            swaps=(
                TakenSwap(UUID(int=8), PEOPLE[0], START + 300 * DAY, START + 320 * DAY, PEOPLE[5], START, START + DAY),
            ),
            absences={PEOPLE[1]: (Stretch(UUID(int=7), PEOPLE[1], START + 60 * DAY, START + 400 * DAY),)},
            here=here - {PEOPLE[2]},
        ),
        "a turn goes through three hands": Drawing(
            (layer(1, zone, length=7 * DAY),),
            swaps=(
                TakenSwap(UUID(int=8), PEOPLE[0], START, END, PEOPLE[3], START, START + DAY),
                TakenSwap(UUID(int=9), PEOPLE[3], START + 50 * DAY, END, PEOPLE[4], START + 2 * DAY, START + 3 * DAY),
                TakenSwap(UUID(int=10), PEOPLE[4], START, END, PEOPLE[5], START, START + 4 * DAY),
            ),
            absences={PEOPLE[4]: (Stretch(UUID(int=7), PEOPLE[4], START + 200 * DAY, START + 300 * DAY),)},
            here=here,
        ),
        "as a calendar says, with holes": Drawing(
            (
                layer(
                    1,
                    zone,
                    members=(),
                    shifts=tuple(
                        Stretch(
                            UUID(int=100 + n),
                            PEOPLE[n % 5],
                            START + n * 20 * HOUR,
                            START + n * 20 * HOUR + hours * HOUR,
                        )
                        for n, hours in zip(range(800), cycle((20, 26, 12)), strict=False)
                    ),
                ),
            ),
            here=here,
        ),
    }


def follow_the_sun() -> Drawing:
    """Each zone answers in its own day; between them Tashkent, London and New York leave hours, which Lord Howe has."""
    day = (Window(EVERY_DAY, time(8), time(18)),)
    layers = [
        layer(number, zone, windows=day, members=PEOPLE[number : number + 2])
        for number, zone in enumerate(ZONES, start=1)
    ]
    return Drawing(tuple(layers), here=frozenset(PEOPLE))


def jumps(zone: str) -> list[date]:
    """The days on which the clocks of a zone change within the two years."""
    tz = ZoneInfo(zone)
    days = [(START + n * DAY).date() for n in range((END - START).days)]
    noons = [datetime.combine(day, time(12), tz).utcoffset() for day in days]
    return [day for day, before, after in zip(days[1:], noons, noons[1:], strict=False) if before != after]


def check(drawing: Drawing, zones: tuple[str, ...]) -> list[Span]:
    found = spans(drawing, START, END)
    answers = np.zeros(MINUTES, dtype=np.int16)
    for span in found:
        first, last = (span.starts_at - START) / MINUTE, (span.ends_at - START) / MINUTE
        assert first == int(first), "everything here turns on a whole minute"
        answers[int(first) : int(last)] += 1
    assert answers.min() == answers.max() == 1, "each minute has exactly one answer"
    assert all((span.duty.seat is None) == (span.duty.why == "gap") for span in found)
    edges = {span.starts_at + shift for span in found[1:] for shift in (-MINUTE, timedelta(0), MINUTE)}
    for zone in zones:
        for day in jumps(zone):
            midnight = datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)
            edges |= {midnight + n * MINUTE for n in range(-120, 26 * 60)}
    place = 0
    for at in sorted(edge for edge in edges if START <= edge < END):
        while found[place].ends_at <= at:
            place += 1
        assert who(drawing, at) == found[place].duty, at
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_each_minute_of_two_years_has_one_person_or_a_gap_that_is_said(zone: str) -> None:
    for name, drawing in rotas_of(zone).items():
        found = check(drawing, (zone,))
        gaps = [span for span in found if span.duty.why == "gap"]
        assert bool(gaps) == (name in {"office hours, then nobody", "as a calendar says, with holes"}), name


def test_following_the_sun_over_four_clocks_leaves_only_the_gaps_that_are_said() -> None:
    found = check(follow_the_sun(), ZONES)
    share = {seat: timedelta(0) for seat in (*PEOPLE, None)}
    for span in found:
        share[span.duty.seat] += span.ends_at - span.starts_at
    assert sum(share.values(), timedelta(0)) == END - START
    assert all(share[person] > 100 * DAY / 2 for person in PEOPLE[1:5])


@pytest.mark.parametrize("zone", ZONES)
def test_turns_begin_at_the_same_time_of_the_clock_all_year(zone: str) -> None:
    """But for those that begin in an hour that the clocks skip, which begin when it is over."""
    tz = ZoneInfo(zone)
    found = spans(rotas_of(zone)["daily"], START, END)
    assert {span.starts_at.astimezone(tz).time() for span in found[1:]} == {time(9)}
    at_two = {
        s.starts_at.astimezone(tz).time() for s in spans(rotas_of(zone)["at the hour that is skipped"], START, END)[1:]
    }
    skipped = (
        {time(2), time(3)} if zone == "America/New_York" else {time(2), time(2, 30)} if "Lord" in zone else {time(2)}
    )
    assert at_two <= skipped
    lengths = {span.ends_at - span.starts_at for span in found[1:-1]}
    change = {"America/New_York": HOUR, "Europe/London": HOUR, "Australia/Lord_Howe": HOUR / 2}.get(zone)
    assert lengths == ({DAY, DAY - change, DAY + change} if change else {DAY})
