"""The report of an incident: everything that is known about it, gathered in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Min, Q

from alerting.models import Page
from core.wall import standing_agency
from incidents.models import Clock, Duty, Incident, PostMortem, Task
from incidents.states import PostMortemStage
from insights.numbers import Moments, durations, height, window_of
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
from ledger.models import Event
from listening.models import Signal
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
    moments = _moments(incident, statements, pauses)
    window = window_of(moments, at=at)
    points = volume_series(incident.brand_id, start=window.start, end=window.end, step=window.step)
    events, told_once, truncated = events_of(incident, at=at)
    notes = {note.pk: note for note in notes_of(incident, internal=internal)}
    postmortem = _postmortem(incident, internal=internal)
    duties = list(Duty.objects.filter(incident=incident).order_by("position", "pk"))
    names = _names([*events, *told_once], duties, statements, pauses, postmortem)
    return {
        "generated_at": at,
        "audience": audience,
        "incident": _incident(incident, brand),
        "severity": severities_of(told_once, names),
        "numbers": durations(moments) | height(points) | {"posts_held": sum(_held(told_once).values())},
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
        "postmortem": _review(postmortem, names),
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


def _moments(incident: Incident, statements: Sequence[Found], pauses: Sequence[Pause]) -> Moments:
    signal: Signal | None = Signal.objects.filter(pk=incident.cause_id).first() if incident.cause_id else None
    about = Q(incident=incident)
    if incident.cause_id is not None:
        about |= Q(cause_id=incident.cause_id)
    acknowledged = Page.objects.filter(about).aggregate(first=Min("acknowledged_at"))["first"]
    published = [
        delivery.post.published_at
        for found in statements
        for delivery in found.deliveries
        if delivery.post.published_at
    ]
    granted = [
        approval
        for found in statements
        for approval in found.approvals
        if approval.granted_at is not None and approval.requested_at >= incident.opened_at
    ]
    last = max(granted, key=lambda approval: approval.requested_at, default=None)
    pause = pauses[0] if pauses else None
    return Moments(
        began=min(signal.starts_at, signal.raised_at) if signal else incident.opened_at,
        known=signal.raised_at if signal else incident.opened_at,
        acknowledged=acknowledged,
        activated=incident.activated_at,
        pause_started=pause.started_at if pause else None,
        pause_effective=pause.effective_at if pause else None,
        first_words=min(published, default=None),
        approval_asked=last.requested_at if last else None,
        approval_granted=last.granted_at if last else None,
        contained=incident.contained_at,
        resolved=incident.resolved_at,
    )


def _names(
    events: Iterable[Event],
    duties: Iterable[Duty],
    statements: Iterable[Found],
    pauses: Iterable[Pause],
    postmortem: PostMortem | None,
) -> dict[UUID | None, str]:
    wanted: set[UUID] = {event.actor_id for event in events if event.actor_id}
    wanted |= {person for duty in duties for person in (duty.seat_id, duty.deputy_id) if person}
    wanted |= {seat for found in statements for seat in found.seats()}
    wanted |= {pause.started_by_seat_id for pause in pauses if pause.started_by_seat_id}
    if postmortem is not None:
        wanted |= {UUID(lesson["owner_seat_id"]) for lesson in postmortem.lessons if lesson["owner_seat_id"]}
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


def _review(postmortem: PostMortem | None, names: Mapping[UUID | None, str]) -> dict[str, Any] | None:
    if postmortem is None:
        return None
    return {
        "stage": postmortem.stage,
        "released_at": postmortem.released_at,
        "sections": {name: text for name, text in postmortem.sections.items() if text},
        "lessons": [
            {
                "text": lesson["text"],
                "owner": names.get(UUID(lesson["owner_seat_id"])) if lesson["owner_seat_id"] else None,
                "due_on": lesson["due_on"],
            }
            for lesson in postmortem.lessons
        ],
    }
