"""The revocation engine: a registry of lines. Each app registers what it must undo for a person who goes.

A line has two halves. Its undoing runs in the transaction that ends the seat, or asks a job to do what lies far away.
Its probe counts, at any later time and for many seats at once, what is still alive: it is asked until it says none.
Some lines can hand over to a successor instead, some can try an old credential the way a request would, and some only
a person can work off; those write tasks with deadlines. So lower storeys never import upper ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from core.actor import Actor
from permissions.gate import Caller


@dataclass(frozen=True, slots=True)
class Tried:
    """Old credentials that were tried as a request would, and how many of them still opened something."""

    tried: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A thing that the successor cannot take over: its kind, its id, and a word for why."""

    kind: str
    id: UUID
    why: str


@dataclass(frozen=True, slots=True)
class Handed:
    """How many things a successor took over, and those that they could not."""

    count: int = 0
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Todo:
    """What only a person can do, and how soon it has to be done."""

    title: str
    within: timedelta


Undo = Callable[[UUID, Actor, datetime], int]
Probe = Callable[[Collection[UUID], datetime], Mapping[UUID, int]]
HandOver = Callable[[UUID, Caller, Actor, datetime], Handed]
Try = Callable[[UUID, datetime], Tried]
Todos = Callable[[UUID, datetime], list[Todo]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist. `covers` are the columns that name a seat and are answered for here.

    Without `undo` and `left` it is worked off by people alone: it is confirmed when they have ticked their tasks.
    """

    name: str
    undo: Undo | None = None
    left: Probe | None = None
    covers: frozenset[str] = field(default=frozenset())
    late: bool = False
    hand_over: HandOver | None = None
    tries: Try | None = None
    todos: Todos | None = None


LINES: dict[str, Line] = {}


def _register(found: Line) -> None:
    if found.name in LINES:
        raise ValueError(f"The line {found.name!r} is registered twice.")
    LINES[found.name] = found


def line(name: str, *, left: Probe, covers: Iterable[str] = (), late: bool = False) -> Callable[[Undo], Undo]:
    """Register `function(seat_id, by, at) -> count` as the undoing of one line; running it twice undoes no more.

    `left(seat_ids, at)` is its probe: how many things of each seat are still alive; seats with none may be missing.
    `covers` names columns as "app.Model.column". A `late` line runs after the others, for what they lock first.
    """

    def register(function: Undo) -> Undo:
        _register(Line(name, function, left, frozenset(covers), late))
        return function

    return register


def handing_over(name: str) -> Callable[[HandOver], HandOver]:
    """Let a line give `function(seat_id, to, by, at)` a chance first; what it hands over is not undone."""
    known = LINES[name]

    def register(function: HandOver) -> HandOver:
        LINES[name] = replace(known, hand_over=function)
        return function

    return register


def trying(name: str) -> Callable[[Try], Try]:
    """Let a line try the old credentials of an ended seat: `function(seat_id, at)`."""
    known = LINES[name]

    def register(function: Try) -> Try:
        LINES[name] = replace(known, tries=function)
        return function

    return register


def human_line(name: str, *, covers: Iterable[str] = ()) -> Callable[[Todos], Todos]:
    """Register `function(seat_id, at) -> tasks` as a line that people work off.

    It is asked before anything is undone, because what a person could reach shows only while they can.
    """

    def register(function: Todos) -> Todos:
        _register(Line(name, covers=frozenset(covers), todos=function))
        return function

    return register


def counted(rows: QuerySet[Any], column: str) -> dict[UUID, int]:
    """For probes: how many of the rows there are for each value of a column; one query."""
    return dict(rows.order_by().values_list(column).annotate(found=Count("pk")))


def in_order() -> list[Line]:
    """All lines, in the order in which every goodbye runs them, so that two of them lock alike."""
    return sorted(LINES.values(), key=lambda found: (found.late, found.name))


def todos_of(*, seat_id: UUID, at: datetime) -> list[tuple[str, Todo]]:
    """What people will have to do, line by line."""
    return [(found.name, todo) for found in in_order() if found.todos for todo in found.todos(seat_id, at)]


def hand_everything_over(
    *, seat_id: UUID, to: Caller, by: Actor, at: datetime
) -> tuple[dict[str, int], list[tuple[str, Kept]]]:
    """Give the successor what can be given: counts by line, and what could not be, with its line."""
    counts: dict[str, int] = {}
    kept: list[tuple[str, Kept]] = []
    for found in in_order():
        if found.hand_over is not None:
            handed = found.hand_over(seat_id, to, by, at)
            counts[found.name] = handed.count
            kept += [(found.name, thing) for thing in handed.kept]
    return counts, kept


def undo_everything(*, seat_id: UUID, by: Actor, at: datetime) -> dict[str, int]:
    """Run every line; inside the agency's wall and the transaction that ends the seat, records held back."""
    return {found.name: found.undo(seat_id, by, at) for found in in_order() if found.undo is not None}
