"""Doors for machines."""

from __future__ import annotations

from uuid import UUID

from alerting.targets import register_target
from core.actor import Actor
from incidents.actions import breach_clock
from incidents.actions.clocks import BREACH
from incidents.queries import holder_of_duty
from jobs.handlers import Run, job

register_target("duty", holder_of_duty)


@job(BREACH, queue="alerts", semantics="at_least_once", max_attempts=8, lease=60)
def breach(run: Run) -> None:
    breach_clock(clock_id=UUID(run.args["clock_id"]), by=Actor.rule("clocks"), at=run.at)
