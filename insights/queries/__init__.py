"""The report of an incident: everything that is known about it, gathered in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from core.wall import standing_agency
from incidents.models import Clock, Duty, Improvement, Incident, PostMortem, Task
from incidents.states import PostMortemStage
from insights.measures import moments_of, numbers_of
from insights.numbers import window_of
from insights.queries.statements import Found, statements_of, told
from insights.queries.story import (
    MARKED,
    decisions_of,
    entries_of,
    events_of,
    marks_of,
    names_of,
    notes_of,
    severities_of,
)
from insights.reviews import changes_of, frozen_numbers, review_told
from ledger.models import Event
from listening.queries import volume_series
from publishing.models import Pause
from readiness.models import PlanVersion
from tenants.models import Agency, Brand

__all__ = ["MARKED", "report_of"]


def report_of(incident: Incident, *, audience: str, at: datetime) -> dict[str, Any]:
    """The report as plain values (shape: `insights.api.ReportView`).

    `audience` is staff or client; a client's report holds shared notes only, no statement that never left the house,
    and the review once it is released. Mentions are read as counts of each minute, never one by one.
    """
    internal = audience == "staff"
    brand: Brand = Brand.objects.found(incident.brand_id)
    statements = statements_of(incident, internal=internal)
    pauses = list(Pause.objects.filter(incident=incident).order_by("started_at", "pk"))
    moments = moments_of(incident)
    window = window_of(moments, at=at)
    points = volume_series(incident.brand_id, start=window.start, end=window.end, step=window.step)
    events, told_once, truncated = events_of(incident, at=at)
    notes = {note.pk: note for note in notes_of(incident, internal=internal)}
    postmortem = _postmortem(incident, internal=internal)
    duties = list(Duty.objects.filter(incident=incident).order_by("position", "pk"))
    changes = changes_of(postmortem)
    names = _names([*events, *told_once], duties, statements, pauses, changes)
    return {
        "generated_at": at,
        "audience": audience,
        "incident": _incident(incident, brand),
        "severity": severities_of(told_once, names),
        "numbers": frozen_numbers(postmortem) or numbers_of(incident, moments, points),
        "series": {"step": window.step, "points": [asdict(point) for point in points]},
        "marks": marks_of(told_once, notes),
        "decisions": decisions_of(told_once, names, notes),
        "timeline": entries_of(events, names, notes),
        "timeline_truncated": truncated,
        "statements": [told(found, names) for found in statements],
        "clocks": [_clock(clock, at) for clock in Clock.objects.filter(incident=incident).order_by("due_at", "pk")],
        "duties": [
            {"duty": duty.duty, "holder": names.get(duty.seat_id), "deputy": names.get(duty.deputy_id)}
            for duty in duties
        ],
        "tasks": list(
            Task.objects.filter(incident=incident)
            .order_by("due_at", "pk")
            .values("title", "duty", "stage", "due_at", "finished_at")
        ),
        "pauses": [_pause(pause, names, _held(told_once)) for pause in pauses],
        "postmortem": review_told(postmortem, changes, names, audience=audience),
    }


def _incident(incident: Incident, brand: Brand) -> dict[str, Any]:
    version: PlanVersion | None = PlanVersion.objects.select_related("plan").filter(pk=incident.plan_version_id).first()
    return {
        "id": incident.pk,
        "reference": incident.reference,
        "title": incident.title,
        "kind": incident.kind,
        "severity": incident.severity,
        "priority": incident.priority,
        "urgency": incident.urgency,
        "stage": incident.stage,
        "agency": Agency.objects.values_list("name", flat=True).get(pk=standing_agency()),
        "brand": brand.name,
        "time_zone": brand.time_zone,
        "plan": f"{version.plan.name}, version {version.number}" if version else None,
        "opened_at": incident.opened_at,
        "activated_at": incident.activated_at,
        "contained_at": incident.contained_at,
        "resolved_at": incident.resolved_at,
        "closed_at": incident.closed_at,
        "stood_down_at": incident.stood_down_at,
    }


def _names(
    events: Iterable[Event],
    duties: Iterable[Duty],
    statements: Iterable[Found],
    pauses: Iterable[Pause],
    changes: Iterable[Improvement],
) -> dict[UUID | None, str]:
    wanted: set[UUID] = {event.actor_id for event in events if event.actor_id}
    wanted |= {person for duty in duties for person in (duty.seat_id, duty.deputy_id) if person}
    wanted |= {seat for found in statements for seat in found.seats()}
    wanted |= {pause.started_by_seat_id for pause in pauses if pause.started_by_seat_id}
    wanted |= {change.owner_id for change in changes if change.owner_id}
    return names_of(wanted)


# -- the rest -----------------------------------------------------------------------------------------------


def _held(events: Iterable[Event]) -> dict[UUID, int]:
    """How many posts each pause kept back."""
    return {event.subject_id: event.facts["held"] for event in events if event.name == "pause.lifted"}


def _pause(pause: Pause, names: Mapping[UUID | None, str], held: Mapping[UUID, int]) -> dict[str, Any]:
    return {
        "reason": pause.reason,
        "scope": pause.scope,
        "started_at": pause.started_at,
        "started_by": names.get(pause.started_by_seat_id),
        "effective_at": pause.effective_at,
        "lifted_at": pause.lifted_at,
        "lift_reason": pause.lift_reason or None,
        "held": held.get(pause.pk),
    }


def _clock(clock: Clock, at: datetime) -> dict[str, Any]:
    return {
        "kind": clock.kind,
        "minutes": clock.minutes,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "met_at": clock.met_at,
        "state": clock.state(at),
    }


def _postmortem(incident: Incident, *, internal: bool) -> PostMortem | None:
    found: PostMortem | None = PostMortem.objects.filter(incident=incident).first()
    return found if found is None or internal or found.stage == PostMortemStage.RELEASED else None
