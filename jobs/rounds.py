"""Work that comes round in every agency: each round is a timer like any other, and sets its own successor.

Nothing counts the minutes but the job's own due time, so two beats, a late worker or a lost message change nothing. The
tending (`jobs.tend`, rung by beat) only starts the chain where there is none: in a new agency, after an upgrade that
brought a round, or when one has died of its last attempt.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from jobs.actions import Wish, later, later_many
from jobs.handlers import Queue, Run, job
from jobs.models import Job, JobState

Round = Callable[[Run], None]
ROUNDS: dict[str, timedelta] = {}


def in_rounds(name: str, *, every: timedelta, queue: Queue, lease: int) -> Callable[[Round], Round]:
    """Register `function(run)` to run inside each agency's wall, again and again, `every` after it last ran.

    It runs in one transaction, which also sets the next timer: a round that fails is tried again, and none is skipped.
    """

    def register(function: Round) -> Round:
        def go_round(run: Run) -> None:
            function(run)
            later(name, key=str(run.agency_id), agency_id=run.agency_id, at=run.at + every)

        job(name, queue=queue, semantics="at_least_once", max_attempts=8, lease=lease)(go_round)
        ROUNDS[name] = every
        return function

    return register


@transaction.atomic
def tend_rounds(*, agencies: Iterable[UUID], at: datetime) -> int:
    """Start the rounds that are not waiting for their next turn, spread over their period; returns how many."""
    waiting = set(Job.objects.filter(handler__in=ROUNDS, state=JobState.READY).values_list("handler", "agency_id"))
    return later_many(
        [
            Wish(name, str(agency), agency, at + every * random.random())  # noqa: S311 - only to spread the work
            for agency in agencies
            for name, every in ROUNDS.items()
            if (name, agency) not in waiting
        ]
    )
