"""What is known of a drill: when it ends, how its players did, and which was the better of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Min, Q

from approvals.models import Approval
from ledger.models import Event
from permissions.models import Grant
from permissions.queries.holders import roles_known
from readiness.models import Drill
from readiness.scenarios import calm_minutes
from readiness.states import DrillStage

# What is measured, in the order of a crisis; each from one moment to another, see `moments_of`.
MEASURES: Final = ("detect", "acknowledge", "decide", "pause", "first_words", "approve", "contain", "resolve")
# The first of each of these on the twin, by the ledger.
MOMENTS: Final = {
    "signal.raised": "raised",
    "incident.opened": "opened",
    "page.acknowledged": "acknowledged",
    "incident.activated": "activated",
    "pause.became_effective": "paused",
    "incident.contained": "contained",
    "incident.resolved": "resolved",
}
ABOUT_STATEMENT: Final = "incidents.statement"


def due_at(drill: Drill) -> datetime | None:
    """When a drill ends by itself; None before it has started."""
    if drill.started_at is None:
        return None
    return drill.started_at + wall_time(drill, drill.scenario["lasts_minutes"])


def wall_time(drill: Drill, minutes: float) -> timedelta:
    """How long minutes of the drill take on the wall's clock."""
    return timedelta(minutes=minutes / drill.speed)


def running_drill_of(twin_id: UUID) -> Drill | None:
    """The drill that is played on a twin just now."""
    found: Drill | None = Drill.objects.filter(twin_id=twin_id, stage=DrillStage.RUNNING).first()
    return found


def roles_of_players(seat_ids: Iterable[UUID], *, brand_id: UUID, at: datetime) -> dict[UUID, list[str]]:
    """The roles that each of the seats holds on a brand, by grants on it or on the whole agency, each once."""
    held: dict[UUID, list[str]] = {seat: [] for seat in seat_ids}
    here = Q(brand_id=None) | Q(brand_id=brand_id)
    known = list(roles_known())
    grants = Grant.objects.all().counting(at).filter(here, seat_id__in=held, role__in=known, incident=None)
    for seat, role in grants.order_by("granted_at", "pk").values_list("seat_id", "role"):
        if role not in held[seat]:
            held[seat].append(role)
    return held


# -- scores ---------------------------------------------------------------------------------------------------------


def moments_of(drill: Drill) -> dict[str, datetime]:
    """When what happened for the first time on the twin: the names of MOMENTS, "began" (the storm), "spoken" (the
    first public words), "asked" and "agreed" (the first request that was granted). What never happened is missing.
    """
    if drill.started_at is None or drill.twin_id is None:
        return {}
    found = {"began": drill.started_at + wall_time(drill, calm_minutes(drill.scenario))}
    events = Event.objects.filter(brand_id=drill.twin_id)
    first = events.filter(name__in=MOMENTS).values_list("name").annotate(Min("at")).order_by()
    found |= {MOMENTS[name]: at for name, at in first}
    spoken = events.filter(name="post.published", incident_id__isnull=False).aggregate(first=Min("at"))["first"]
    if spoken is not None:
        found["spoken"] = spoken
    granted = events.filter(name="approval.granted", incident_id__isnull=False).order_by("seq").first()
    if granted is not None:
        approval: Approval = Approval.objects.found(granted.subject_id)
        found |= {"asked": approval.requested_at, "agreed": granted.at}
    return found


def scores_of(drill: Drill) -> dict[str, dict[str, float] | None]:
    """How long each step took: {"seconds": by the wall's clock, "drill_seconds": by the drill's}; None where it never
    came to that.

    `detect` runs from the beginning of the storm until it was known: a signal was raised, or somebody opened an
    incident. `approve` runs from the request to the last voice; everything else from when it was known.
    """
    moments = moments_of(drill)
    known = min((moments[name] for name in ("raised", "opened") if name in moments), default=None)
    spans = {
        "detect": (moments.get("began"), known),
        "acknowledge": (known, moments.get("acknowledged")),
        "decide": (known, moments.get("activated")),
        "pause": (known, moments.get("paused")),
        "first_words": (known, moments.get("spoken")),
        "approve": (moments.get("asked"), moments.get("agreed")),
        "contain": (known, moments.get("contained")),
        "resolve": (known, moments.get("resolved")),
    }
    return {name: _took(*spans[name], drill.speed) for name in MEASURES}


def _took(start: datetime | None, end: datetime | None, speed: int) -> dict[str, float] | None:
    if start is None or end is None:
        return None
    seconds = max(0.0, (end - start).total_seconds())
    return {"seconds": round(seconds, 3), "drill_seconds": round(seconds * speed, 3)}


def scores_now(drill: Drill) -> dict[str, Any]:
    """The scores as they stand; those of a drill that is over are frozen."""
    if drill.stage == DrillStage.RUNNING:
        return scores_of(drill)
    kept: dict[str, Any] = drill.scores.get("measures") or dict.fromkeys(MEASURES)
    return kept


def compared(drills: Sequence[Drill]) -> list[dict[str, Any]]:
    """Each measure over the drills: {"measure", "drill_seconds": {drill id: seconds or None}, "best": drill id}.

    Drills at different speeds are compared by the drill's clock. `best` is None where none, or only equals, got there.
    """
    scores = {str(drill.pk): scores_now(drill) for drill in drills}
    return [_compared(measure, scores) for measure in MEASURES]


def _compared(measure: str, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    took = {drill: said[measure] and said[measure]["drill_seconds"] for drill, said in scores.items()}
    got = {drill: seconds for drill, seconds in took.items() if seconds is not None}
    least = min(got.values(), default=None)
    best = [drill for drill, seconds in got.items() if seconds == least]
    return {"measure": measure, "drill_seconds": took, "best": best[0] if len(best) == 1 else None}
