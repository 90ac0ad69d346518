"""The work in an incident: severity, duties, tasks, notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from alerting.actions import queue_letter
from core.actor import Actor
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from incidents.models import Duty, DutyOffer, Incident, Note, Task
from incidents.states import GRAVE, OPEN_STAGES, TASK_LIFECYCLE, NoteKind, OfferStage, Stage, TaskStage
from jobs.actions import cancel, later
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.queries.holders import seats_with_role
from permissions.revocation import Handed, Kept, counted, handing_over, line
from tenants.models import Seat
from tenants.queries import caller_in_office

TASK_DUE = "incidents.task_due"
TASK_LETTER = "incidents.task_overdue"


class IncidentOver(Refusal):
    """The incident is no longer worked on; reopen it first."""

    code = "incident_over"
    title = "This incident is over."


class DutyNeedsSomebody(Refusal):
    """In a grave incident no duty is without a person; fact `severity`."""

    code = "duty_needs_somebody"
    title = "In an incident this grave somebody carries every duty."


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
    """Set how bad it is, 1 the worst; saying what is so already changes nothing.

    When it becomes grave (1 or 2) every duty that nobody carries goes to whoever can take it.
    """
    incident = lock_open(incident_id)
    before = incident.severity
    if severity != before:
        incident.severity = severity
        incident.version += 1
        incident.save(update_fields=["severity", "version"])
        leave_no_duty_empty(incident, by=by, at=at)
        record("incident.severity_changed", on=incident, by=by, at=at, before=before, after=severity, reason=reason)
    return incident


@transaction.atomic
def change_incident(
    *,
    incident_id: UUID,
    title: str | None = None,
    kind: str | None = None,
    priority: int | None = None,
    urgency: str | None = None,
    by: Actor,
    at: datetime,
) -> Incident:
    """Change what it is called, its type, what is worked on first (1 is the first) or how soon; None stays."""
    incident = lock_open(incident_id)
    wanted = {"title": title, "kind": kind, "priority": priority, "urgency": urgency}
    fields = [name for name, value in wanted.items() if value is not None and value != getattr(incident, name)]
    for name in fields:
        setattr(incident, name, wanted[name])
    if fields:
        incident.version += 1
        incident.save(update_fields=[*fields, "version"])
        record("incident.changed", on=incident, by=by, at=at, fields=fields)
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


def leave_no_duty_empty(incident: Incident, *, by: Actor, at: datetime) -> None:
    """In a grave incident every empty duty goes to its deputy, else a crisis lead of the brand, else an owner, else
    whoever is at it. Who has none yet comes first. Where there is nobody at all it stays empty and is seen as such.
    """
    if incident.severity > GRAVE:
        return
    duties = list(Duty.objects.filter(incident=incident).select_for_update(of=("self",), no_key=True).order_by("pk"))
    empty = [duty for duty in duties if duty.seat_id is None]
    if not empty:
        return
    able = [
        seat
        for role in ("crisis_lead", "owner")
        for seat in seats_with_role(role=role, brand_id=incident.brand_id, at=at)
    ]
    able += [by.seat_id] if by.seat_id else []
    able = [seat for seat in dict.fromkeys(able) if _may_see(seat, incident, at)]
    busy = {duty.seat_id for duty in duties if duty.seat_id is not None}
    for duty in empty:
        duty.seat_id = duty.deputy_id or _freest(able, busy)
        if duty.seat_id is None:
            continue
        duty.deputy_id = None if duty.deputy_id == duty.seat_id else duty.deputy_id
        busy.add(duty.seat_id)
        duty.version += 1
        duty.save(update_fields=["seat", "deputy", "version"])
        record("duty.assigned", on=duty, by=by, at=at, duty=duty.duty, seat_id=duty.seat_id)


def _may_see(seat_id: UUID, incident: Incident, at: datetime) -> bool:
    caller = caller_in_office(seat_id, at=at)
    return caller is not None and gate.allowed(caller, Need.INCIDENTS_READ, incident)


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
    _require_somebody(incident, seat_id)
    _check_people(incident, seat_id, deputy_id, at=at)
    position = Duty.objects.filter(incident=incident).count()
    return _add_duty(incident, duty, seat_id, deputy_id, position, by=by, at=at)


@transaction.atomic
def assign_duty(*, duty_id: UUID, seat_id: UUID | None, deputy_id: UUID | None, by: Actor, at: datetime) -> Duty:
    """Give a duty to somebody else."""
    duty: Duty = Duty.objects.locked(duty_id)
    incident = lock_open(duty.incident_id)
    _require_somebody(incident, seat_id)
    _check_people(incident, seat_id, deputy_id, at=at)
    withdraw_offers(Q(duty_id=duty.pk), at=at)
    duty.seat_id, duty.deputy_id = seat_id, deputy_id
    duty.version += 1
    duty.save(update_fields=["seat", "deputy", "version"])
    record("duty.assigned", on=duty, by=by, at=at, duty=duty.duty, seat_id=seat_id)
    return duty


def _require_somebody(incident: Incident, seat_id: UUID | None) -> None:
    if seat_id is None and incident.severity <= GRAVE:
        raise DutyNeedsSomebody(severity=incident.severity)


def withdraw_offers(which: Q, *, at: datetime) -> int:
    """End offers that nobody has answered: what they were about has changed hands."""
    ended: int = DutyOffer.objects.filter(which, stage=OfferStage.OFFERED).update(
        stage=OfferStage.LAPSED, settled_at=at, version=F("version") + 1
    )
    return ended


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
    return held.exclude(incident__stage__in=[Stage.CLOSED, Stage.STOOD_DOWN, Stage.MERGED]).order_by("pk")


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
    for incident in Incident.objects.filter(pk__in={duty.incident_id for duty in duties}).order_by("pk"):
        leave_no_duty_empty(incident, by=by, at=at)
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
def add_task(
    *,
    incident_id: UUID,
    title: str,
    duty: str,
    due_at: datetime | None,
    seat_id: UUID | None = None,
    by: Actor,
    at: datetime,
) -> Task:
    """Add something to be done: by a person (`seat_id`), else by whoever holds the duty."""
    incident = lock_open(incident_id)
    _check_people(incident, seat_id, None, at=at)
    return hand_out(incident, title=title, duty=duty, due_at=due_at, seat_id=seat_id, by=by, at=at)


def hand_out(
    incident: Incident,
    *,
    title: str,
    duty: str,
    due_at: datetime | None,
    seat_id: UUID | None = None,
    by: Actor,
    at: datetime,
) -> Task:
    """Make a task, and the timer that says when it is late."""
    task = Task(brand_id=incident.brand_id, incident=incident, title=title, duty=duty, due_at=due_at, seat_id=seat_id)
    task.save(force_insert=True)
    if due_at is not None:
        later(TASK_DUE, key=str(task.pk), agency_id=standing_agency(), at=due_at, args={"task_id": str(task.pk)})
    record("task.added", on=task, by=by, at=at, title=title, due_at=due_at)
    return task


@transaction.atomic
def tell_task_overdue(*, task_id: UUID, by: Actor, at: datetime) -> Task:
    """Its time is up and it is not done: whoever has it is written to. Safe to repeat."""
    task: Task = Task.objects.locked(task_id)
    late = task.due_at is not None and task.due_at <= at
    if late and task.stage == TaskStage.OPEN and task.overdue_at is None:
        task.overdue_at = at
        task.save(update_fields=["overdue_at"])
        queue_letter(kind=TASK_LETTER, thing_id=task.pk, at=at)
        record("task.went_overdue", on=task, by=by, at=at, title=task.title, due_at=task.due_at)
    return task


def tasks_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(Task.objects.filter(seat_id__in=seat_ids, stage=TaskStage.OPEN), "seat_id")


@line("incident tasks", left=tasks_left, covers={"incidents.Task.seat"})
def drop_tasks(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """What was theirs to do is for whoever holds the duty."""
    mine = Task.objects.filter(seat_id=seat_id, stage=TaskStage.OPEN)
    dropped: int = mine.update(seat_id=None, version=F("version") + 1)
    return dropped


@handing_over("incident tasks")
def give_tasks(seat_id: UUID, to: Caller, _by: Actor, _at: datetime) -> Handed:
    """The successor does them, where they may see the incident."""
    given, kept = 0, []
    mine = Task.objects.filter(seat_id=seat_id, stage=TaskStage.OPEN).select_related("incident")
    for task in mine.select_for_update(of=("self",), no_key=True).order_by("pk"):
        if gate.allowed(to, Need.INCIDENTS_READ, task.incident):
            task.seat_id = to.seat_id
            task.version += 1
            task.save(update_fields=["seat", "version"])
            given += 1
        else:
            kept.append(Kept("incidents.Task", task.pk, "cannot_see"))
    return Handed(given, tuple(kept))


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
    cancel(TASK_DUE, key=str(task.pk), at=at)
    record("task.completed", on=task, by=by, at=at, title=task.title, outcome=outcome)
    return task


@transaction.atomic
def note_incident(
    *,
    incident_id: UUID,
    kind: str,
    text: str,
    shared_with_client: bool,
    reason: str = "",
    by: Actor,
    at: datetime,
) -> Note:
    """Write into the timeline; `kind` is note or decision. The words stay on the note, the ledger holds its id.

    A decision says why (`reason`); raises Invalid (400) for one that does not.
    """
    if kind == NoteKind.DECISION and not reason.strip():
        raise Invalid(errors=[{"field": "reason", "code": "required", "detail": "A decision says why."}])
    incident: Incident = Incident.objects.found(incident_id)
    note = Note(
        brand_id=incident.brand_id,
        incident=incident,
        kind=kind,
        text=text,
        reason=reason,
        shared_with_client=shared_with_client,
        author_seat_id=by.seat_id,
        written_at=at,
    )
    note.save(force_insert=True)
    record("incident.noted", on=note, by=by, at=at, note_id=note.pk)
    return note
