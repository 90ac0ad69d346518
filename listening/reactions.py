"""What listening does about news from below: the twin of a drill is given something to hear, and silence after it."""

from __future__ import annotations

from datetime import datetime

from core.actor import Actor
from ledger.models import Event
from ledger.subscriptions import on
from listening.actions.drills import clear_drill_away, set_drill_up

DIRECTOR = Actor.rule("drills")


@on("drill.started", reaction="listening.set_drill_up", queue="listen")
def a_drill_started(event: Event, at: datetime) -> None:
    set_drill_up(drill_id=event.subject_id, by=DIRECTOR, at=at)


@on("drill.ended", "drill.cancelled", reaction="listening.clear_drill_away", queue="listen")
def a_drill_is_over(event: Event, at: datetime) -> None:
    clear_drill_away(drill_id=event.subject_id, by=DIRECTOR, at=at)
