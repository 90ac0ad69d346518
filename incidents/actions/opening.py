"""Opening and activating an incident: the first minutes, in one transaction each."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from alerting.actions import raise_page
from alerting.models import Page
from core.actor import Actor
from core.failpoints import failpoint
from incidents.actions.clocks import ABOUT_INCIDENT, meet_clocks, policy_of, start_planned_clocks, topic_of
from incidents.actions.work import fill_duties
from incidents.models import Incident, ReferenceCounter, Task
from incidents.states import INCIDENT_LIFECYCLE, ClockKind
from ledger.actions import record
from publishing.actions import start_pause
from readiness.queries import plan_in_force


@transaction.atomic
def open_incident(
    *,
    brand_id: UUID,
    title: str,
    kind: str,
    severity: int,
    cause_kind: str,
    cause_id: UUID | None,
    by: Actor,
    at: datetime,
) -> Incident:
    """Open an incident and give it its reference; it is assessed, and nothing moves yet.

    `severity` is 1 (the worst) to 4. `cause_kind` and `cause_id` name what it came from, as in "listening.signal";
    empty and None for an incident that a person opened.
    """
    incident = Incident(
        brand_id=brand_id,
        reference=_next_reference(at),
        title=title,
        kind=kind,
        severity=severity,
        cause_kind=cause_kind,
        cause_id=cause_id,
        opened_at=at,
    )
    incident.save(force_insert=True)
    record(
        "incident.opened",
        on=incident,
        by=by,
        at=at,
        reference=incident.reference,
        kind=kind,
        severity=severity,
        cause_kind=cause_kind or None,
        cause_id=cause_id,
    )
    return incident


def _next_reference(at: datetime) -> str:
    """The agency's next number of the year; two openings wait for each other, so that no number is given twice."""
    ReferenceCounter.objects.bulk_create([ReferenceCounter(year=at.year)], ignore_conflicts=True)
    counter = ReferenceCounter.objects.select_for_update(of=("self",), no_key=True).get(year=at.year)
    counter.last += 1
    counter.save(update_fields=["last"])
    return f"INC-{at.year}-{counter.last:04d}"


@transaction.atomic
def activate_incident(*, incident_id: UUID, severity: int, pause: bool | None, by: Actor, at: datetime) -> Incident:
    """Call it a crisis: freeze the plan, fill its duties, hand out its tasks, start its clocks, pause the brand.

    The plan in force is copied; later versions do not bend this incident. Where no person has taken it yet, somebody
    is woken, by the plan's escalation policy. With `pause`, which the plan decides for None, the brand's scheduled
    posts stop in the same transaction; the caller drains the pause after the commit.
    """
    incident: Incident = Incident.objects.locked(incident_id)
    incident.stage = INCIDENT_LIFECYCLE.step("activate", from_=incident.stage)
    in_force = plan_in_force(incident.brand_id)
    incident.plan_version = in_force
    incident.plan = deepcopy(in_force.body) if in_force else {}
    incident.severity, incident.activated_at = severity, at
    paused = incident.plan.get("pause", {})
    if paused.get("on_activation", True) if pause is None else pause:
        incident.pause = start_pause(
            scope="brand",
            scope_id=incident.brand_id,
            kind="crisis",
            reason=f"{incident.reference}: {incident.title}",
            allow_statements=paused.get("allow_statements", True),
            incident_id=incident.pk,
            by=by,
            at=at,
        )
    incident.version += 1
    incident.save(update_fields=["stage", "plan_version", "plan", "severity", "activated_at", "pause", "version"])
    failpoint("incidents.activated")
    fill_duties(incident, by=by, at=at)
    _hand_out_tasks(incident, by=by, at=at)
    start_planned_clocks(incident, by=by, at=at)
    if by.kind == "seat" or _taken_already(incident):
        meet_clocks(incident, kind=ClockKind.ACKNOWLEDGE, by=by, at=at)
    else:  # a program did it, and no person has looked yet
        raise_page(
            brand_id=incident.brand_id,
            cause_kind=ABOUT_INCIDENT,
            cause_id=incident.pk,
            severity=severity,
            headline=f"{incident.reference} was activated: {incident.title}",
            policy_id=policy_of(incident),
            topic=topic_of(incident),
            incident_id=incident.pk,
            by=by,
            at=at,
        )
    record(
        "incident.activated",
        on=incident,
        by=by,
        at=at,
        severity=severity,
        plan_version_id=incident.plan_version_id,
        pause_id=incident.pause_id,
    )
    return incident


def _hand_out_tasks(incident: Incident, *, by: Actor, at: datetime) -> None:
    for wanted in incident.plan.get("tasks", []):
        task = Task(
            brand_id=incident.brand_id,
            incident=incident,
            title=wanted["title"],
            duty=wanted["duty"],
            due_at=at + timedelta(minutes=wanted["due_minutes"]),
        )
        task.save(force_insert=True)
        record("task.added", on=task, by=by, at=at, title=task.title, due_at=task.due_at)


def _taken_already(incident: Incident) -> bool:
    """Whether somebody has acknowledged the page that the incident's cause raised."""
    return (
        incident.cause_id is not None
        and Page.objects.filter(
            cause_kind=incident.cause_kind, cause_id=incident.cause_id, acknowledged_at__isnull=False
        ).exists()
    )
