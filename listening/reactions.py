"""What listening does about news from below; safe to hear twice."""

from __future__ import annotations

from datetime import datetime

from core.actor import Actor
from core.refusals import Refusal
from incidents.actions import finish_improvement, give_improvement_back
from incidents.models import Improvement
from incidents.proposals import register_check
from incidents.states import ImprovementKind, ImprovementStage
from ledger.models import Event
from ledger.subscriptions import on
from listening.actions.drills import clear_drill_away, set_drill_up
from listening.actions.settings import change_settings, check_changes

DIRECTOR = Actor.rule("drills")
LEARNING = Actor.rule("lessons")

register_check(ImprovementKind.THRESHOLD, check_changes)


@on("drill.started", reaction="listening.set_drill_up", queue="listen")
def a_drill_started(event: Event, at: datetime) -> None:
    """The twin of a drill is given something to hear."""
    set_drill_up(drill_id=event.subject_id, by=DIRECTOR, at=at)


@on("drill.ended", "drill.cancelled", reaction="listening.clear_drill_away", queue="listen")
def a_drill_is_over(event: Event, at: datetime) -> None:
    """And silence after it."""
    clear_drill_away(drill_id=event.subject_id, by=DIRECTOR, at=at)


@on("improvement.accepted", reaction="listening.watch_as_learned", queue="bulk")
def watch_as_learned(event: Event, at: datetime) -> None:
    """What a review proposed of how a brand is watched holds from now on; where it cannot, it is given back."""
    if event.facts["kind"] != ImprovementKind.THRESHOLD:
        return
    row: Improvement = Improvement.objects.locked(event.subject_id)
    if row.stage != ImprovementStage.ACCEPTED:
        return
    try:
        check_changes(row.brand_id, row.proposal)
    except Refusal as refusal:
        give_improvement_back(improvement_id=row.pk, reason=refusal.detail[:500], by=LEARNING, at=at)
        return
    settings = change_settings(brand_id=row.brand_id, changes=row.proposal["settings"], by=LEARNING, at=at)
    finish_improvement(improvement_id=row.pk, note=f"Version {settings.version}", by=LEARNING, at=at)
