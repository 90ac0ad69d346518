"""The work in an incident: severity, duties, tasks, notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from core.actor import Actor
from core.refusals import Invalid, Refusal
from incidents.models import Duty, Incident, Note, Task
from incidents.states import OPEN_STAGES, TASK_LIFECYCLE, Stage
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.queries.holders import seats_with_role
from permissions.revocation import Handed, Kept, handing_over, line
from tenants.models import Seat
from tenants.queries import caller_in_office


class IncidentOver(Refusal):
    """The incident is no longer worked on; reopen it first."""

    code = "incident_over"
    title = "This incident is over."


class DutyKnown(Refusal):
    code = "duty_known"
    title = "This incident has this duty already."


def lock_open(incident_id: UUID) -> Incident:
    """The incident, held until the transaction ends; refused when it is no longer worked on."""
    incident: Incident = Incident.objects.locked(incident_id)
    if incident.stage not in OPEN_STAGES:
        raise IncidentOver(stage=incident.stage)
    return incident


@transaction.atomic
def change_severity(*, incident_id: UUID, severity: int, reason: str, by: Actor, at: datetime) -> Incident:
    """Set how bad it is, 1 the worst; saying what is so already changes nothing."""
    incident = lock_open(incident_id)
    before = incident.severity
    if severity != before:
        incident.severity = severity
        incident.version += 1
        incident.save(update_fields=["severity", "version"])
        record("incident.severity_changed", on=incident, by=by, at=at, before=before, after=severity, reason=reason)
    return incident


# -- duties -------------------------------------------------------------------------------------------------


def fill_duties(incident: Incident, *, by: Actor, at: datetime) -> list[Duty]:
    """Make the duties of the frozen plan and give each to the person it names, else to a holder of its role.

    Of several holders the one who carries no duty yet comes first, then the longest-serving. A duty that nobody
    can hold stays empty and is seen as such.
    """
    wanted = incident.plan.get("duties", [])
    named = [UUID(entry[place]) for entry in wanted for place in ("seat", "deputy") if entry.get(place)]
    in_office = set(Seat.objects.all().active().filter(pk__in=named).values_list("pk", flat=True))
    holders = {
        role: seats_with_role(role=role, brand_id=incident.brand_id, at=at) for role in {e["role"] for e in wanted}
    }
    busy: set[UUID] = set()
    duties = []
    for position, entry in enumerate(wanted):
        seat = _named(entry.get("seat"), in_office) or _freest(holders[entry["role"]], busy)
        deputy = _named(entry.get("deputy"), in_office - {seat}) or _freest(
            [holder for holder in holders[entry["role"]] if holder != seat], busy
        )
        busy |= {person for person in (seat,) if person is not None}
        duties.append(_add_duty(incident, entry["duty"], seat, deputy, position, by=by, at=at))
    return duties


def _named(seat_id: str | None, in_office: set[UUID]) -> UUID | None:
    return UUID(seat_id) if seat_id and UUID(seat_id) in in_office else None


def _freest(holders: list[UUID], busy: Iterable[UUID]) -> UUID | None:
    return next((holder for holder in holders if holder not in busy), holders[0] if holders else None)


def _add_duty(
    incident: Incident,
    duty: str,
    seat_id: UUID | None,
    deputy_id: UUID | None,
    position: int,
    *,
    by: Actor,
    at: datetime,
) -> Duty:
    row = Duty(
        brand_id=incident.brand_id,
        incident=incident,
        duty=duty,
        seat_id=seat_id,
        deputy_id=deputy_id,
        position=position,
    )
    row.save(force_insert=True)
    record("duty.assigned", on=row, by=by, at=at, duty=duty, seat_id=seat_id)
    return row


@transaction.atomic
def add_duty(
    *, incident_id: UUID, duty: str, seat_id: UUID | None, deputy_id: UUID | None, by: Actor, at: datetime
) -> Duty:
    """Add a duty to this incident, held by `seat_id` with `deputy_id` standing in; None leaves a place empty."""
    incident = lock_open(incident_id)
    if Duty.objects.filter(incident=incident, duty=duty).exists():
        raise DutyKnown(duty=duty)
    _check_people(incident, seat_id, deputy_id, at=at)
    position = Duty.objects.filter(incident=incident).count()
    return _add_duty(incident, duty, seat_id, deputy_id, position, by=by, at=at)


@transaction.atomic
def assign_duty(*, duty_id: UUID, seat_id: UUID | None, deputy_id: UUID | None, by: Actor, at: datetime) -> Duty:
    """Give a duty to somebody else."""
    duty: Duty = Duty.objects.locked(duty_id)
    incident = lock_open(duty.incident_id)
    _check_people(incident, seat_id, deputy_id, at=at)
    duty.seat_id, duty.deputy_id = seat_id, deputy_id
    duty.version += 1
    duty.save(update_fields=["seat", "deputy", "version"])
    record("duty.assigned", on=duty, by=by, at=at, duty=duty.duty, seat_id=seat_id)
    return duty


def _check_people(incident: Incident, seat_id: UUID | None, deputy_id: UUID | None, *, at: datetime) -> None:
    """Holder and deputy are two people of this agency who may see the incident."""
    errors = []
    for place, person in (("seat", seat_id), ("deputy", deputy_id)):
        if person is None:
            continue
        caller = caller_in_office(person, at=at)
        if caller is None:
            errors.append(_wrong(place, "does_not_exist", "There is no such person here."))
        elif not gate.allowed(caller, Need.INCIDENTS_READ, incident):
            errors.append(_wrong(place, "cannot_see", "This person may not see the incident."))
    if seat_id is not None and seat_id == deputy_id:
        errors.append(_wrong("deputy", "same_person", "Nobody deputises for themselves."))
    if errors:
        raise Invalid("These people cannot hold the duty.", errors=errors)


def _wrong(field: str, code: str, detail: str) -> dict[str, Any]:
    return {"field": field, "code": code, "detail": detail}


def _duties_of(seat_ids: Collection[UUID]) -> Any:
    held = Duty.objects.filter(Q(seat_id__in=seat_ids) | Q(deputy_id__in=seat_ids))
    # What is filed keeps saying who did it.
    return held.exclude(incident__stage__in=[Stage.CLOSED, Stage.STOOD_DOWN]).order_by("pk")


def duties_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    named = [seat for pair in _duties_of(seat_ids).values_list("seat_id", "deputy_id") for seat in pair]
    return Counter(seat for seat in named if seat in set(seat_ids))


@line("incident duties", left=duties_left, covers={"incidents.Duty.seat", "incidents.Duty.deputy"})
def vacate_duties(seat_id: UUID, by: Actor, at: datetime) -> int:
    """The deputy steps up where a holder goes; where a deputy goes, the place is empty."""
    duties = list(_duties_of([seat_id]).select_for_update(of=("self",), no_key=True))
    for duty in duties:
        if duty.seat_id == seat_id:
            duty.seat_id = duty.deputy_id
        duty.deputy_id = None
        duty.version += 1
        duty.save(update_fields=["seat", "deputy", "version"])
        record("duty.assigned", on=duty, by=by, at=at, duty=duty.duty, seat_id=duty.seat_id)
    return len(duties)


@handing_over("incident duties")
def give_duties(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor takes each place, but where they may not see the incident or stand in the other place already."""
    kept, given = [], 0
    for duty in _duties_of([seat_id]).select_related("incident").select_for_update(of=("self",), no_key=True):
        if not gate.allowed(to, Need.INCIDENTS_READ, duty.incident):
            kept.append(Kept("incidents.Duty", duty.pk, "cannot_see"))
            continue
        if to.seat_id in (duty.seat_id, duty.deputy_id):
            kept.append(Kept("incidents.Duty", duty.pk, "has_the_other_place"))
            continue
        if duty.seat_id == seat_id:
            duty.seat_id = to.seat_id
        else:
            duty.deputy_id = to.seat_id
        duty.version += 1
        duty.save(update_fields=["seat", "deputy", "version"])
        record("duty.assigned", on=duty, by=by, at=at, duty=duty.duty, seat_id=duty.seat_id)
        given += 1
    return Handed(given, tuple(kept))


# -- tasks and notes ----------------------------------------------------------------------------------------


@transaction.atomic
def add_task(*, incident_id: UUID, title: str, duty: str, due_at: datetime | None, by: Actor, at: datetime) -> Task:
    """Add something to be done."""
    incident = lock_open(incident_id)
    task = Task(brand_id=incident.brand_id, incident=incident, title=title, duty=duty, due_at=due_at)
    task.save(force_insert=True)
    record("task.added", on=task, by=by, at=at, title=title, due_at=due_at)
    return task


@transaction.atomic
def complete_task(*, task_id: UUID, by: Actor, at: datetime) -> Task:
    """Say that a task is done."""
    return _finish_task(task_id, verb="complete", outcome="done", by=by, at=at)


@transaction.atomic
def skip_task(*, task_id: UUID, by: Actor, at: datetime) -> Task:
    """Say that a task is not needed."""
    return _finish_task(task_id, verb="skip", outcome="skipped", by=by, at=at)


def _finish_task(task_id: UUID, *, verb: str, outcome: str, by: Actor, at: datetime) -> Task:
    task: Task = Task.objects.locked(task_id)
    task.stage = TASK_LIFECYCLE.step(verb, from_=task.stage)
    task.finished_at = at
    task.version += 1
    task.save(update_fields=["stage", "finished_at", "version"])
    record("task.completed", on=task, by=by, at=at, title=task.title, outcome=outcome)
    return task


@transaction.atomic
def note_incident(
    *, incident_id: UUID, kind: str, text: str, shared_with_client: bool, by: Actor, at: datetime
) -> Note:
    """Write into the timeline; `kind` is note or decision. The words stay on the note, the ledger holds its id."""
    incident: Incident = Incident.objects.found(incident_id)
    note = Note(
        brand_id=incident.brand_id,
        incident=incident,
        kind=kind,
        text=text,
        shared_with_client=shared_with_client,
        author_seat_id=by.seat_id,
        written_at=at,
    )
    note.save(force_insert=True)
    record("incident.noted", on=note, by=by, at=at, note_id=note.pk)
    return note
