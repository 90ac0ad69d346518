"""Who answers, at each instant: turns on the clock on the wall, and what changes them for a while. Pure.

`who` answers for one instant and `spans` for a stretch of time; both read the same drawing of a rota, so that they
cannot disagree. Clocks that jump are met in one place, `first_shown`: a time on the wall means the first instant at
which the wall shows it or, where the clocks skip it, something later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

Why = Literal["override", "swap", "rotation", "gap"]
DAY = timedelta(days=1)
LONGEST_TURN = timedelta(weeks=8)
UNITS = {"hours": timedelta(hours=1), "days": DAY, "weeks": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some days of the week; without a later end they go past midnight. Monday is 0."""

    days: frozenset[int]
    starts: time
    ends: time

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Window:
        """From {"days": [0 … 6], "starts": "22:00", "ends": "07:00"}."""
        return cls(frozenset(said["days"]), time.fromisoformat(said["starts"]), time.fromisoformat(said["ends"]))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Somebody from one instant to another: an override, an absence, a shift that a calendar said."""

    id: UUID
    seat: UUID
    starts_at: datetime
    ends_at: datetime

    def covers(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class TakenSwap(Stretch):
    """The turns that `seat` had when they were offered are answered for by `taken_by`."""

    taken_by: UUID
    offered_at: datetime
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Layer:
    """A rotation. `shifts` instead of turns when a calendar says who it is."""

    id: UUID
    time_zone: str
    members: tuple[UUID, ...]
    starts_at: datetime
    ends_at: datetime | None = None
    length: timedelta = DAY
    windows: tuple[Window, ...] = ()
    shifts: tuple[Stretch, ...] | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A rota with everything that says who answers. `overrides` newest first, `swaps` as they were taken, the first
    first; `here` are the seats in office.
    """

    layers: tuple[Layer, ...]
    overrides: tuple[Stretch, ...] = ()
    swaps: tuple[TakenSwap, ...] = ()
    absences: Mapping[UUID, Sequence[Stretch]] = field(default_factory=dict)
    here: frozenset[UUID] = frozenset()

    def available(self, seat: UUID, at: datetime) -> bool:
        return seat in self.here and not any(absence.covers(at) for absence in self.absences.get(seat, ()))


@dataclass(frozen=True, slots=True)
class Duty:
    """Who answers and why. `source` is the id of the override, swap or rotation; nobody and None for a gap."""

    seat: UUID | None
    why: Why
    source: UUID | None


@dataclass(frozen=True, slots=True)
class Span:
    starts_at: datetime
    ends_at: datetime
    duty: Duty


GAP = Duty(None, "gap", None)


# -- the clock on the wall ----------------------------------------------------------------------------------


@lru_cache(maxsize=65_536)
def first_shown(wall: datetime, time_zone: str) -> datetime:
    """The first instant at which the clocks of a zone show `wall` (naive) or, where they skip it, jump over it."""
    zone = ZoneInfo(time_zone)
    found = wall.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # Skipped: the jump lies between what the clocks after it and those before it would make of the time.
    early, late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), found
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def _shown(at: datetime, time_zone: str) -> datetime:
    return at.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)


def turn(*, starts_at: datetime, time_zone: str, length: timedelta, at: datetime) -> int | None:
    """The number of the turn that is on at `at`, counted from 0; None before `starts_at`.

    Turns begin `length` apart on the wall: a daily turn that begins at 9:00 always does, and lasts 23 or 25 hours when
    the clocks change. A turn that has begun does not end again in an hour that the clocks show twice.
    """
    if at < starts_at:
        return None
    first = _shown(starts_at, time_zone)
    number = max((_shown(at, time_zone) - first) // length, 0)
    while first_shown(first + (number + 1) * length, time_zone) <= at:
        number += 1
    return number


def _turn_begins(layer: Layer, since: datetime, until: datetime) -> Iterator[datetime]:
    """Every instant at which a turn begins, after `since` and before `until`."""
    number = turn(
        starts_at=layer.starts_at, time_zone=layer.time_zone, length=layer.length, at=max(since, layer.starts_at)
    )
    first = _shown(layer.starts_at, layer.time_zone)
    while number is not None:
        number += 1
        begin = first_shown(first + number * layer.length, layer.time_zone)
        if begin >= until:
            return
        yield begin


def open_hours(windows: Iterable[Window], time_zone: str, day: date) -> Iterator[tuple[datetime, datetime]]:
    """From when until when each of the windows that start on a day of the zone is open."""
    for window in windows:
        if day.weekday() in window.days:
            last = day if window.ends > window.starts else day + DAY
            yield (
                first_shown(datetime.combine(day, window.starts), time_zone),
                first_shown(datetime.combine(last, window.ends), time_zone),
            )


def _is_open(layer: Layer, at: datetime) -> bool:
    if not layer.windows:
        return True
    today = _shown(at, layer.time_zone).date()
    # Tomorrow's, too: where the clocks go back over midnight, a day begins and is then yesterday once more.
    return any(
        begin <= at < end
        for day in (today - DAY, today, today + DAY)
        for begin, end in open_hours(layer.windows, layer.time_zone, day)
    )


# -- who answers ----------------------------------------------------------------------------------------------


def in_order(layer: Layer, at: datetime) -> tuple[UUID, ...]:
    """The people of a rotation at an instant, whoever has the turn first; nobody when it is not on duty."""
    if at < layer.starts_at or (layer.ends_at is not None and at >= layer.ends_at) or not _is_open(layer, at):
        return ()
    if layer.shifts is not None:
        return tuple(shift.seat for shift in layer.shifts if shift.covers(at))
    if not layer.members:
        return ()
    number = turn(starts_at=layer.starts_at, time_zone=layer.time_zone, length=layer.length, at=at) or 0
    here = number % len(layer.members)
    return layer.members[here:] + layer.members[:here]


def of_layer(drawing: Drawing, layer: Layer, at: datetime) -> Duty:
    """Who answers in one rotation. Whoever is away or gone is passed over for the next in its order."""
    for seat in in_order(layer, at):
        for duty in reversed(_passed_through(drawing, Duty(seat, "rotation", layer.id), at)):
            if duty.seat is not None and drawing.available(duty.seat, at):
                return duty
    return GAP


def _passed_through(drawing: Drawing, first: Duty, at: datetime) -> list[Duty]:
    """Everybody through whose hands a turn has gone. What somebody took they may have offered on, but what they had
    offered before they took it is not meant: so two who take each other's turns have exchanged them.
    """
    through, had_since = [first], None
    for swap in drawing.swaps:
        if swap.seat == through[-1].seat and swap.covers(at) and (had_since is None or had_since <= swap.offered_at):
            through.append(Duty(swap.taken_by, "swap", swap.id))
            had_since = swap.taken_at
    return through


def who(drawing: Drawing, at: datetime) -> Duty:
    """Who answers at an instant: an override, else the first rotation that has somebody, else nobody."""
    for override in drawing.overrides:
        if override.covers(at) and drawing.available(override.seat, at):
            return Duty(override.seat, "override", override.id)
    return next((duty for layer in drawing.layers if (duty := of_layer(drawing, layer, at)).seat), GAP)


def on_duty_together(drawing: Drawing, at: datetime) -> tuple[tuple[UUID, UUID], ...]:
    """(rotation, seat) of every rotation that has somebody at an instant, first in order first."""
    found = ((layer.id, of_layer(drawing, layer, at).seat) for layer in drawing.layers)
    return tuple((layer, seat) for layer, seat in found if seat is not None)


# -- stretches of time ----------------------------------------------------------------------------------------


def turning_points(drawing: Drawing, since: datetime, until: datetime) -> list[datetime]:
    """Every instant at which the answer can change, with both ends of the stretch, in order, each once."""
    found = {since, until}
    stretches: list[Stretch] = [*drawing.overrides, *drawing.swaps]
    stretches += [absence for absences in drawing.absences.values() for absence in absences]
    for layer in drawing.layers:
        stretches += layer.shifts or ()
        found.add(layer.starts_at)
        if layer.ends_at is not None:
            found.add(layer.ends_at)
        if layer.shifts is None and layer.members:
            found.update(_turn_begins(layer, since, min(until, layer.ends_at or until)))
        if layer.windows:
            day, last = _shown(since, layer.time_zone).date() - DAY, _shown(until, layer.time_zone).date() + DAY
            while day <= last:
                for hours in open_hours(layer.windows, layer.time_zone, day):
                    found.update(hours)
                day += DAY
    for stretch in stretches:
        found.update((stretch.starts_at, stretch.ends_at))
    return sorted(point for point in found if since <= point <= until)


def spans(drawing: Drawing, since: datetime, until: datetime, *, by_turn: bool = False) -> list[Span]:
    """Who answers from `since` until `until`: spans that follow one another without a hole, gaps among them.

    Neighbours with the same answer are one span; `by_turn` keeps those of a rotation apart between which one of its
    turns begins.
    """
    cuts: dict[UUID, set[datetime]] = {}
    if by_turn:
        for layer in drawing.layers:
            if layer.shifts is None and layer.members:
                cuts[layer.id] = set(_turn_begins(layer, since, until))
    found: list[Span] = []
    for begin, end in pairwise(turning_points(drawing, since, until)):
        duty = who(drawing, begin)
        if found and found[-1].duty == duty and not (duty.source and begin in cuts.get(duty.source, ())):
            found[-1] = Span(found[-1].starts_at, end, duty)
        else:
            found.append(Span(begin, end, duty))
    return found
