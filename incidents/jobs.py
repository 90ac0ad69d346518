"""Doors for machines."""

from __future__ import annotations

from uuid import UUID

from alerting.targets import register_target
from core.actor import Actor
from core.letters import Desk, register_letters
from incidents.actions import breach_clock, lapse_duty_offer, tell_task_overdue
from incidents.actions.clocks import BREACH
from incidents.actions.improvements import IMPROVEMENT_DUE, IMPROVEMENT_LETTER, tell_improvement_overdue
from incidents.actions.offers import LAPSE_OFFER, OFFER_LETTER
from incidents.actions.postmortems import (
    OVERDUE,
    OWNER_LETTER,
    PART_LETTER,
    REMIND,
    remind_of_review,
    tell_review_overdue,
)
from incidents.actions.work import TASK_DUE, TASK_LETTER
from incidents.queries import holder_of_duty, stage_list
from incidents.queries.letters import nothing_to_note, offer_letter, overdue_letter
from incidents.queries.review_letters import improvement_letter, owner_letter, part_letter
from jobs.handlers import Run, job
from readiness.plan_body import ALERTED_STAGES

register_target("duty", holder_of_duty)
register_target("stage_list", stage_list, names=ALERTED_STAGES)
register_letters(TASK_LETTER, Desk(write=overdue_letter, posted=nothing_to_note))
register_letters(OFFER_LETTER, Desk(write=offer_letter, posted=nothing_to_note))
register_letters(PART_LETTER, Desk(write=part_letter, posted=nothing_to_note))
register_letters(OWNER_LETTER, Desk(write=owner_letter, posted=nothing_to_note))
register_letters(IMPROVEMENT_LETTER, Desk(write=improvement_letter, posted=nothing_to_note))

KEEPER = Actor.rule("review keeper")


@job(BREACH, queue="alerts", semantics="at_least_once", max_attempts=8, lease=60)
def breach(run: Run) -> None:
    breach_clock(clock_id=UUID(run.args["clock_id"]), by=Actor.rule("clocks"), at=run.at)


@job(TASK_DUE, queue="alerts", semantics="at_least_once", max_attempts=8, lease=60)
def task_due(run: Run) -> None:
    tell_task_overdue(task_id=UUID(run.args["task_id"]), by=Actor.rule("clocks"), at=run.at)


@job(LAPSE_OFFER, queue="alerts", semantics="at_least_once", max_attempts=8, lease=60)
def lapse_offer(run: Run) -> None:
    lapse_duty_offer(offer_id=UUID(run.args["offer_id"]), by=Actor.rule("clocks"), at=run.at)


@job(REMIND, queue="bulk", semantics="at_least_once", max_attempts=8, lease=60)
def remind(run: Run) -> None:
    postmortem_id, number = UUID(run.args["postmortem_id"]), run.args["round"]
    remind_of_review(postmortem_id=postmortem_id, number=number, by=KEEPER, at=run.at)


@job(OVERDUE, queue="bulk", semantics="at_least_once", max_attempts=8, lease=60)
def review_due(run: Run) -> None:
    tell_review_overdue(postmortem_id=UUID(run.args["postmortem_id"]), by=KEEPER, at=run.at)


@job(IMPROVEMENT_DUE, queue="bulk", semantics="at_least_once", max_attempts=8, lease=60)
def improvement_due(run: Run) -> None:
    tell_improvement_overdue(improvement_id=UUID(run.args["improvement_id"]), by=KEEPER, at=run.at)
