"""Doors for machines: plans that went stale."""

from __future__ import annotations

from datetime import timedelta

from core.actor import Actor
from core.letters import Desk, register_letters
from jobs.handlers import Run
from jobs.rounds import in_rounds
from readiness.actions import tell_stale_plans
from readiness.actions.plans import STALE_LETTER
from readiness.queries.letters import nothing_to_note, stale_letter

KEEPER = Actor.rule("plan keeper")

register_letters(STALE_LETTER, Desk(write=stale_letter, posted=nothing_to_note))


@in_rounds("readiness.tell_stale_plans", every=timedelta(hours=6), queue="bulk", lease=120)
def look_for_stale_plans(run: Run) -> None:
    tell_stale_plans(by=KEEPER, at=run.at)
