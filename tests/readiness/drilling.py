"""What tests of drills set up again and again: a drill that is played, and time that passes in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from core.wall import inside
from jobs.actions import run_job
from jobs.models import Job
from readiness.actions import plan_drill, publish_plan, start_drill
from readiness.models import Drill
from tenants.models import Brand
from tests.cast import Person
from tests.conftest import North
from tests.incidents.stage import PLAN

STORM: dict[str, Any] = {
    "phases": [
        {"minutes": 8, "per_minute": 2, "mood": "calm"},
        {"minutes": 16, "per_minute": 60, "mood": "angry", "texts": ["{brand} in {place} made me sick, disgusting"]},
        {"minutes": 8, "per_minute": 2, "mood": "calm"},
    ],
    "lasts_minutes": 120,
}


def put_in_force(north: North, by: Person, at: datetime, **more: Any) -> None:
    """A plan of Aurora."""
    with inside(north.agency.pk):
        publish_plan(brand_id=north.aurora.pk, name="Standard", body=PLAN | more, by=by.actor, at=at)


def planned(north: North, by: Person, players: Sequence[Person], *, speed: int = 4, at: datetime, **more: Any) -> Drill:
    said = {"name": "Summer", "scenario": STORM} | more
    with inside(north.agency.pk):
        return plan_drill(
            brand_id=north.aurora.pk, speed=speed, participants=[one.seat.pk for one in players], by=by.actor, at=at,
            **said,
        )  # fmt: skip


def started(north: North, by: Person, players: Sequence[Person], *, speed: int = 4, at: datetime, **more: Any) -> Drill:
    """A drill of Aurora that began at an instant; nothing has been heard yet."""
    drill = planned(north, by, players, speed=speed, at=at, **more)
    with inside(north.agency.pk):
        return start_drill(drill_id=drill.pk, by=by.actor, at=at)


def reread(drill: Drill) -> Drill:
    with inside(drill.agency_id):
        found: Drill = Drill.objects.found(drill.pk)
        return found


def twin_of(drill: Drill) -> Brand:
    with inside(drill.agency_id):
        found: Brand = Brand.objects.found(drill.twin_id)
        return found


def pass_time(until: datetime, *, but: Sequence[str] = (), limit: int = 600) -> datetime:
    """Let the jobs run that are due until an instant of the past, each when it was due."""
    assert until <= timezone.now()
    at = until - timedelta(days=1)
    for _ in range(limit):
        waiting = Job.objects.filter(state="READY", due_at__lte=until).exclude(handler__in=but)
        job = waiting.order_by("due_at", "id").first()
        if job is None:
            return until
        at = max(at, job.due_at)
        assert run_job(job_id=job.pk, handler_name=job.handler, at=at), (job.handler, job.last_error)
    raise AssertionError("Something feeds itself.")


def named(*people: Person) -> list[UUID]:
    return [one.seat.pk for one in people]
