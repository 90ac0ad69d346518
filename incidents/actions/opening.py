"""Opening and activating an incident: the first minutes, in one transaction each."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from alerting.actions import raise_page
from alerting.models import Page
from core.actor import Actor
from core.failpoints import failpoint
from core.refusals import Invalid
from incidents.actions.clocks import ABOUT_INCIDENT, meet_clocks, policy_of, start_planned_clocks, topic_of
from incidents.actions.work import fill_duties, hand_out, leave_no_duty_empty
from incidents.models import Incident, ReferenceCounter
from incidents.queries import alerted_at
from incidents.states import INCIDENT_LIFECYCLE, ClockKind
from ledger.actions import record
from permissions.queries.twins import is_twin
from publishing.actions import start_pause
from readiness.plan_body import tasks_for
from readiness.queries import plan_in_force
from readiness.severity import DEFAULT_MATRIX, MILDEST, assess

ABOUT_STAGE = "incidents.stage"
URGENT_STAGES = frozenset({"assessing", "active"})
DRILLS_APART = 10_000  # the counter of a year's drills stands so many years later
STAGE_WAIT = 60  # minutes until owners are told that nobody has taken note


@transaction.atomic
def open_incident(
    *,
    brand_id: UUID,
    title: str,
    kind: str,
    severity: int,
    cause_kind: str,
    cause_id: UUID | None,
    assessment: dict[str, Any] | None = None,
    by: Actor,
    at: datetime,
) -> Incident:
    """Open an incident and give it its reference; it is assessed, and nothing moves yet.

    `severity` is 1 (the worst) to 4. `cause_kind` and `cause_id` name what it came from, as in "listening.signal";
    empty and None for an incident that a person opened. `assessment` is what the plan's matrix said and why people say
    otherwise, as `assessed` gives it.
    """
    incident = Incident(
        brand_id=brand_id,
        reference=_next_reference(brand_id, at),
        title=title,
        kind=kind,
        severity=severity,
        cause_kind=cause_kind,
        cause_id=cause_id,
        assessment=assessment or {},
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


def assessed(
    brand_id: UUID, facts: Mapping[str, Any], *, severity: int | None, reason: str
) -> tuple[int, dict[str, Any]]:
    """(severity, assessment): what the matrix of the plan in force makes of facts, and what a person makes of them.

    Raises Invalid (400) where the person says otherwise and does not say why.
    """
    in_force = plan_in_force(brand_id)
    matrix = in_force.body.get("severity") if in_force else None
    found = assess(matrix or DEFAULT_MATRIX, facts).plain()
    said = severity if severity is not None else found["severity"]
    if said != found["severity"] and not reason.strip():
        detail = f"By the matrix the severity is {found['severity']}. Say why it is another."
        raise Invalid(errors=[{"field": "severity_reason", "code": "required", "detail": detail}])
    version = str(in_force.pk) if in_force and matrix else None
    return said, {**found, "facts": dict(facts), "plan_version": version, "overridden_because": reason}


def _next_reference(brand_id: UUID, at: datetime) -> str:
    """The agency's next number of the year; two openings wait for each other, so that no number is given twice.

    What is played in drills is counted apart, so that the crises themselves have no gaps.
    """
    word, year = ("DRILL", at.year + DRILLS_APART) if is_twin(brand_id) else ("INC", at.year)
    ReferenceCounter.objects.bulk_create([ReferenceCounter(year=year)], ignore_conflicts=True)
    counter = ReferenceCounter.objects.select_for_update(of=("self",), no_key=True).get(year=year)
    counter.last += 1
    counter.save(update_fields=["last"])
    return f"{word}-{at.year}-{counter.last:04d}"


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
    leave_no_duty_empty(incident, by=by, at=at)
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
    for wanted in tasks_for(incident.plan, severity=incident.severity, kind=incident.kind):
        due_at = at + timedelta(minutes=wanted["due_minutes"])
        hand_out(incident, title=wanted["title"], duty=wanted["duty"], due_at=due_at, by=by, at=at)


def _taken_already(incident: Incident) -> bool:
    """Whether somebody has acknowledged the page that the incident's cause raised."""
    return (
        incident.cause_id is not None
        and Page.objects.filter(
            cause_kind=incident.cause_kind, cause_id=incident.cause_id, acknowledged_at__isnull=False
        ).exists()
    )


@transaction.atomic
def alert_stage(*, incident_id: UUID, stage: str, event_id: UUID, by: Actor, at: datetime) -> Page | None:
    """Tell the people whom the frozen plan names for a stage; `event_id` is the event that says it was reached.

    While an incident is assessed there is no frozen plan yet: the one in force says whom. Only what calls for work
    is as grave as the incident; the news that it is over waits for the morning. None where nobody is named.
    """
    incident: Incident = Incident.objects.locked(incident_id)
    if incident.plan:
        targets = alerted_at(incident, stage)
    else:
        in_force = plan_in_force(incident.brand_id)
        targets = in_force.body.get("stages", {}).get(stage, {}).get("alert", []) if in_force else []
    if not targets:
        return None
    return raise_page(
        brand_id=incident.brand_id,
        cause_kind=ABOUT_STAGE,
        cause_id=event_id,
        severity=incident.severity if stage in URGENT_STAGES else MILDEST,
        headline=f"{incident.reference} is {stage.replace('_', ' ')}: {incident.title}",
        ladder={
            "policy_id": None, "name": f"Stage {stage}", "steps": [{"notify": targets, "wait_minutes": STAGE_WAIT}],
            "repeats": 0, "last_resort": [], "lapses_minutes": None,
        },
        incident_id=incident.pk,
        by=by,
        at=at,
    )  # fmt: skip
