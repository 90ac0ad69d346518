"""Doors for machines: what has gone stale, what ends soon, and who is asked to acknowledge or to confirm."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from core.actor import Actor
from core.letters import Desk, register_letters
from jobs.actions import later
from jobs.handlers import Run, job
from jobs.rounds import in_rounds
from readiness.actions import (
    ask_audience,
    ask_who_is_due,
    end_due_drill,
    remind_of_fact,
    remind_of_message,
    remind_people,
    tell_stale_plans,
    tend_campaigns,
)
from readiness.actions.acknowledgements import ACKNOWLEDGE_LETTER
from readiness.actions.contacts import CONFIRM_LETTER, DISPUTED_LETTER
from readiness.actions.drills import END_DRILL, PROP_MASTER
from readiness.actions.facts import REMIND, STALE_FACT_LETTER
from readiness.actions.library import ENDING_LETTER, REMIND_ENDING
from readiness.actions.plans import STALE_LETTER
from readiness.actions.policies import ASK_AUDIENCE
from readiness.queries.letters import (
    acknowledge_letter,
    confirm_letter,
    disputed_letter,
    nothing_to_note,
    stale_letter,
)
from readiness.queries.library_letters import ending_letter, stale_fact_letter

KEEPER = Actor.rule("plan keeper")
CAMPAIGNS = Actor.rule("policy campaigns")
BOOK = Actor.rule("contact book")
LIBRARIAN = Actor.rule("message library")

register_letters(STALE_LETTER, Desk(write=stale_letter, posted=nothing_to_note))
register_letters(ACKNOWLEDGE_LETTER, Desk(write=acknowledge_letter, posted=nothing_to_note))
register_letters(CONFIRM_LETTER, Desk(write=confirm_letter, posted=nothing_to_note))
register_letters(DISPUTED_LETTER, Desk(write=disputed_letter, posted=nothing_to_note))
register_letters(STALE_FACT_LETTER, Desk(write=stale_fact_letter, posted=nothing_to_note))
register_letters(ENDING_LETTER, Desk(write=ending_letter, posted=nothing_to_note))


@in_rounds("readiness.tell_stale_plans", every=timedelta(hours=6), queue="bulk", lease=120)
def look_for_stale_plans(run: Run) -> None:
    tell_stale_plans(by=KEEPER, at=run.at)


@job(ASK_AUDIENCE, queue="bulk", semantics="at_least_once", max_attempts=8, lease=120)
def ask_for_acknowledgements(run: Run) -> None:
    if ask_audience(version_id=UUID(run.args["version_id"]), by=CAMPAIGNS, at=run.at):
        later(ASK_AUDIENCE, key=run.args["version_id"], agency_id=run.agency_id, at=run.at, args=run.args)


@in_rounds("readiness.tend_campaigns", every=timedelta(hours=6), queue="bulk", lease=120)
def look_after_campaigns(run: Run) -> None:
    tend_campaigns(at=run.at)


@in_rounds("readiness.remind_people", every=timedelta(hours=1), queue="bulk", lease=300)
def remind_of_policies(run: Run) -> None:
    remind_people(by=CAMPAIGNS, at=run.at)


@job(END_DRILL, queue="alerts", semantics="at_least_once", max_attempts=20, lease=60)
def drill_is_over(run: Run) -> None:
    end_due_drill(drill_id=UUID(run.args["drill_id"]), by=PROP_MASTER, at=run.at)


@in_rounds("readiness.ask_contacts", every=timedelta(hours=6), queue="bulk", lease=300)
def ask_contacts(run: Run) -> None:
    ask_who_is_due(by=BOOK, at=run.at)


@job(REMIND, queue="alerts", semantics="at_least_once", max_attempts=12, lease=30)
def fact_may_be_stale(run: Run) -> None:
    remind_of_fact(fact_id=UUID(run.args["fact_id"]), by=LIBRARIAN, at=run.at)


@job(REMIND_ENDING, queue="bulk", semantics="at_least_once", max_attempts=12, lease=30)
def preapproval_ends(run: Run) -> None:
    remind_of_message(message_id=UUID(run.args["message_id"]), by=LIBRARIAN, at=run.at)
