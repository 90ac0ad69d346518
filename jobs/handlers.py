"""What kinds of jobs there are. Each says its queue, its semantics, its attempts and its lease, or import fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

Queue = Literal["alerts", "messages", "publish", "listen", "fetch", "bulk"]
Semantics = Literal["at_least_once", "at_most_once"]


class Undeclared(TypeError):
    """A handler that does not say how it wants to be run."""


class Ghost(Exception):
    """The run has lost its lease: somebody else has the job now, and whatever this run wrote is rolled back."""


class TryAgain(Exception):
    """The handler wants another attempt, at the earliest after `after`; counts as an attempt."""

    def __init__(self, reason: str, *, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a job, as its handler sees it. `at` is when the attempt began, read once from the clock."""

    job_id: UUID
    agency_id: UUID | None
    args: dict[str, Any]
    attempt: int
    lease_token: UUID
    at: datetime
    handler: Handler

    @property
    def last_attempt(self) -> bool:
        return self.attempt >= self.handler.max_attempts


@dataclass(frozen=True, slots=True)
class Handler:
    name: str
    function: Callable[[Run], None]
    queue: Queue
    semantics: Semantics
    max_attempts: int
    lease: timedelta
    transactional: bool


HANDLERS: dict[str, Handler] = {}


def job(
    name: str,
    *,
    queue: Queue,
    semantics: Semantics,
    max_attempts: int,
    lease: int,
    transactional: bool = True,
) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Register `function(run)` as the handler `name` ("app.verb").

    A transactional handler runs inside its agency's wall, in one transaction that also finishes the job: its effect
    in the database happens exactly once. A handler that talks to the world says `transactional=False`, opens its own
    short transactions (`core.wall.inside`), and may be run again after a crash. With `at_most_once` it calls
    `jobs.actions.cross(run)` in the transaction that records the attempt, before the irreversible call: from then on
    the job is never run again by itself. `lease` is in seconds and longer than the work can take.
    """
    if queue not in get_args(Queue) or semantics not in get_args(Semantics):
        raise Undeclared(f"{name}: unknown queue {queue!r} or semantics {semantics!r}.")
    if max_attempts < 1 or lease < 1:
        raise Undeclared(f"{name}: attempts and lease are at least 1.")
    if semantics == "at_most_once" and transactional:
        raise Undeclared(f"{name}: at most once is for effects outside the database; say transactional=False.")

    def register(function: Callable[[Run], None]) -> Callable[[Run], None]:
        if name in HANDLERS:
            raise Undeclared(f"{name} is registered twice.")
        HANDLERS[name] = Handler(
            name, function, queue, semantics, max_attempts, timedelta(seconds=lease), transactional
        )
        return function

    return register
