"""Who listens to which event. News travels up only through here: a reaction is a job, safe to hear twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from jobs.handlers import Queue, Run, job
from ledger.catalogue import CATALOGUE, UnknownEvent
from ledger.models import Event

Reaction = Callable[[Event, datetime], None]
_listeners: dict[str, list[str]] = defaultdict(list)


def on(*names: str, reaction: str, queue: Queue = "bulk", max_attempts: int = 8) -> Callable[[Reaction], Reaction]:
    """When one of the events `names` happens, call the function as `function(event, at)`.

    `reaction` names it ("app.verb") as a job handler. It runs inside the agency's wall, in one transaction, after
    the event's own transaction has committed.
    """
    for name in names:
        if name not in CATALOGUE:
            raise UnknownEvent(name)

    def register(function: Reaction) -> Reaction:
        def react(run: Run) -> None:
            function(Event.objects.get(pk=UUID(run.args["event_id"])), run.at)

        job(reaction, queue=queue, semantics="at_least_once", max_attempts=max_attempts, lease=60)(react)
        for name in names:
            _listeners[name].append(reaction)
        return function

    return register


def subscribers(name: str) -> list[str]:
    """The reactions to an event, in the order they were registered."""
    return _listeners.get(name, [])
