"""The life of a goodbye: planned or called off, written down as it is done, and asked line by line until it is proven.

Whoever ends a seat is above (`tenants.actions.goodbyes`); here is what is known of it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import Min

from core.actor import Actor
from core.refusals import Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later, move
from ledger.actions import record, records_held_back
from permissions.gate import Caller, everywhere
from permissions.models import Revocation, RevocationLine, RevocationTask
from permissions.needs import Need
from permissions.queries.goodbyes import digest_of, goodbye_of, report_of
from permissions.queries.holders import seats_with_role
from permissions.revocation import Handed, Kept, Line, Todo, counted, handing_over, in_order, line
from permissions.roles import OWNER
from permissions.states import REVOCATION_LIFECYCLE, Finding, RevocationStage

VERIFY = "permissions.verify_revocation"
UNDO_DRIFT = "permissions.undo_drift"
CARRY_OUT = "tenants.carry_out_revocation"
FIRST_CHECK_AGAIN = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=15)
ALARM_AFTER = timedelta(hours=1)  # unconfirmed for so long, and people are told
DAILY = timedelta(days=1)
TASKS_OF_LEAVERS = "revocation tasks"


class TaskDone(Refusal):
    code = "task_done"
    title = "Somebody has done this already."


# -- planning -------------------------------------------------------------------------------------------------------


@transaction.atomic
def plan_revocation(
    *, seat_id: UUID, reason: str, successor_id: UUID | None, due_at: datetime, by: Actor, at: datetime
) -> Revocation:
    """Set the instant at which a seat ends; the plan that stood before is replaced. The seat is held by the caller."""
    planned: Revocation | None = (
        Revocation.objects.select_for_update(of=("self",), no_key=True)
        .filter(seat_id=seat_id, stage=RevocationStage.SCHEDULED)
        .first()
    )
    revocation = planned or Revocation(seat_id=seat_id, stage=RevocationStage.SCHEDULED)
    revocation.reason, revocation.successor_id, revocation.due_at = reason, successor_id, due_at
    revocation.asked_at, revocation.asked_by, revocation.problem = at, str(by), ""
    revocation.version += 1 if planned else 0
    revocation.save()
    record(
        "revocation.planned", on=revocation, by=by, at=at, seat_id=seat_id, reason=reason, due_at=due_at,
        successor_id=successor_id,
    )  # fmt: skip
    _ring(CARRY_OUT, revocation, due_at)
    return revocation


@transaction.atomic
def cancel_revocation(*, revocation_id: UUID, reason: str, by: Actor, at: datetime) -> Revocation:
    """Call a planned goodbye off: the person stays. Raises CannotMove once it has been carried out."""
    revocation: Revocation = Revocation.objects.locked(revocation_id)
    revocation.stage = REVOCATION_LIFECYCLE.step("cancel", from_=revocation.stage)
    revocation.version += 1
    revocation.save(update_fields=["stage", "version"])
    cancel(CARRY_OUT, key=str(revocation.pk), at=at)
    record("revocation.cancelled", on=revocation, by=by, at=at, seat_id=revocation.seat_id, reason=reason)
    return revocation


@transaction.atomic
def block_revocation(*, revocation_id: UUID, problem: str, again_at: datetime, by: Actor, at: datetime) -> Revocation:
    """Note why a planned goodbye could not be carried out when its time had come, and try again at `again_at`."""
    revocation: Revocation = Revocation.objects.locked(revocation_id)
    if revocation.stage != RevocationStage.SCHEDULED:
        return revocation
    revocation.problem = problem
    revocation.version += 1
    revocation.save(update_fields=["problem", "version"])
    record("revocation.blocked", on=revocation, by=by, at=at, seat_id=revocation.seat_id, problem=problem)
    _ring(CARRY_OUT, revocation, again_at)
    return revocation


def _ring(handler: str, revocation: Revocation, at: datetime) -> None:
    """Make the one timer of its kind ring then. Asked for after `record()`, as every key that several causes share."""
    key = str(revocation.pk)
    if not move(handler, key=key, at=at):
        later(handler, key=key, agency_id=standing_agency(), at=at, args={"revocation_id": key})


# -- writing down what was done -------------------------------------------------------------------------------------


@transaction.atomic
def begin_verifying(
    *,
    seat_id: UUID,
    reason: str,
    successor_id: UUID | None,
    ended: Mapping[str, int],
    handed_over: Mapping[str, int],
    todos: Sequence[tuple[str, Todo]],
    by: Actor,
    at: datetime,
) -> Revocation:
    """Write down that a seat has ended: a line for each of the checklist, none of them confirmed, and the tasks.

    A plan for this seat is thereby carried out. The caller holds the seat, and lets `seek_proof` follow its records.
    """
    revocation: Revocation = (
        Revocation.objects.select_for_update(of=("self",), no_key=True)
        .filter(seat_id=seat_id, stage=RevocationStage.SCHEDULED)
        .first()
    ) or Revocation(seat_id=seat_id, due_at=at, asked_at=at, asked_by=str(by))
    if revocation.stage == RevocationStage.SCHEDULED:
        cancel(CARRY_OUT, key=str(revocation.pk), at=at)
        revocation.stage = REVOCATION_LIFECYCLE.step("carry_out", from_=revocation.stage)
        revocation.version += 1
    revocation.stage = RevocationStage.VERIFYING
    revocation.reason, revocation.successor_id, revocation.done_at, revocation.problem = reason, successor_id, at, ""
    revocation.save()
    RevocationLine.objects.bulk_create(
        RevocationLine(
            revocation=revocation, name=found.name, ended=ended.get(found.name, 0),
            handed_over=handed_over.get(found.name, 0),
        )
        for found in in_order()
    )  # fmt: skip
    owner = successor_id or _owner_instead_of(seat_id, by=by, at=at)
    _write_tasks(revocation, todos, owner_id=owner, at=at)
    return revocation


def seek_proof(revocation: Revocation, *, at: datetime) -> None:
    """Ask the lines as soon as this transaction has committed. Called after its last record."""
    _ring(VERIFY, revocation, at)


def _write_tasks(
    revocation: Revocation, todos: Sequence[tuple[str, Todo]], *, owner_id: UUID | None, at: datetime
) -> None:
    RevocationTask.objects.bulk_create(
        [
            RevocationTask(
                revocation=revocation, line=name, title=todo.title[:300], due_at=at + todo.within, owner_id=owner_id
            )
            for name, todo in todos
        ],
        batch_size=500,
    )


def _owner_instead_of(leaver: UUID, *, by: Actor, at: datetime) -> UUID | None:
    """Whoever sent the person away, else the longest-serving owner of the agency."""
    if by.seat_id is not None and by.seat_id != leaver:
        return by.seat_id
    return next((seat for seat in seats_with_role(role=OWNER, brand_id=None, at=at) if seat != leaver), None)


@transaction.atomic
def add_task(*, seat_id: UUID, line_name: str, todo: Todo, by: Actor, at: datetime) -> None:
    """Give people something to do about a seat that has ended: what no machine could bring to an end."""
    revocation = goodbye_of(seat_id)
    if revocation is None:
        return
    held: Revocation = Revocation.objects.locked(revocation.pk)
    _doubt(held)
    _write_tasks(held, [(line_name, todo)], owner_id=_owner_instead_of(seat_id, by=by, at=at), at=at)
    _ring(VERIFY, held, at)


# -- proof ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def verify_revocation(*, revocation_id: UUID, by: Actor, at: datetime) -> Revocation:
    """Ask every line of a goodbye what is left, undo it again where something is, and write down what came of it.

    Complete is a goodbye of which every line is confirmed, and never any other. What has changed is recorded with the
    digest of the report. Until it is complete it is asked again: often at first, then less; and when a task is late.
    """
    with records_held_back():
        seat_id = Revocation.objects.found(revocation_id).seat_id
        _seats().locked(seat_id)  # the seat before everything of it, as in every goodbye
        revocation: Revocation = Revocation.objects.locked(revocation_id)
        if revocation.stage != RevocationStage.VERIFYING:
            return revocation
        lines = _ask_lines(revocation, by=by, at=at)
        revocation.checks += 1
        if all(found.finding == Finding.CONFIRMED for found in lines):
            revocation.stage = REVOCATION_LIFECYCLE.step("complete", from_=revocation.stage)
            revocation.completed_at = at
        unconfirmed = [found.name for found in lines if found.finding == Finding.UNCONFIRMED]
        _tell_if_stuck(revocation, unconfirmed, by=by, at=at)
        _tell_of_late_tasks(revocation, by=by, at=at)
        report = report_of(revocation)
        if (digest := digest_of(report)) != revocation.report_sha256:
            revocation.report_sha256 = digest
            revocation.version += 1
            record(
                "revocation.reported", on=revocation, by=by, at=at, seat_id=seat_id, digest=digest,
                complete=report["complete"], **report["findings"],
            )  # fmt: skip
        revocation.save(update_fields=["stage", "checks", "completed_at", "alarmed_at", "report_sha256", "version"])
    if (again := _next_check(revocation, waits=bool(unconfirmed), at=at)) is not None:
        _ring(VERIFY, revocation, again)
    return revocation


def _seats() -> Any:
    # By name: permissions lie below tenants and know their tables, not their code.
    return apps.get_model("tenants", "Seat").objects


def _ask_lines(revocation: Revocation, *, by: Actor, at: datetime) -> list[RevocationLine]:
    """Every line of the checklist as it is now, also one that was not on it when the person left."""
    rows = {row.name: row for row in RevocationLine.objects.filter(revocation=revocation)}
    open_tasks = counted(RevocationTask.objects.filter(revocation=revocation, done_at=None), "line")
    known = {found.name: found for found in in_order()}
    added = [RevocationLine(revocation=revocation, name=name) for name in known if name not in rows]
    changed = []
    for row in [*rows.values(), *added]:
        before = (row.ended, row.left, row.finding, row.detail)
        # A line that nobody answers for any more keeps what it came to.
        if row.name in known:
            _ask(known[row.name], row, revocation.seat_id, tasks=open_tasks.get(row.name, 0), by=by, at=at)
        if row.checked_at is None or before != (row.ended, row.left, row.finding, row.detail):
            row.checked_at = at
            changed.append(row)
    RevocationLine.objects.bulk_create(added)
    RevocationLine.objects.bulk_update(
        [row for row in changed if row.name in rows], ["ended", "left", "finding", "detail", "checked_at"]
    )
    return [*rows.values(), *added]


def _ask(found: Line, row: RevocationLine, seat_id: UUID, *, tasks: int, by: Actor, at: datetime) -> None:
    left = _left(found, seat_id, at)
    if left and found.undo is not None:
        row.ended += found.undo(seat_id, by, at)
        left = _left(found, seat_id, at)
    row.detail = ""
    if found.tries is not None:
        tried = found.tries(seat_id, at)
        left += tried.accepted
        row.detail = f"{tried.tried} tried, {tried.tried - tried.accepted} refused"
    row.left = left
    row.finding = Finding.UNCONFIRMED if left else Finding.HUMAN_TASK if tasks else Finding.CONFIRMED


def _left(found: Line, seat_id: UUID, at: datetime) -> int:
    return found.left([seat_id], at).get(seat_id, 0) if found.left is not None else 0


def _tell_if_stuck(revocation: Revocation, unconfirmed: list[str], *, by: Actor, at: datetime) -> None:
    """Once, when something is alive for so long that nobody should wait for it silently."""
    since = revocation.done_at or revocation.due_at
    if unconfirmed and revocation.alarmed_at is None and at - since >= ALARM_AFTER:
        revocation.alarmed_at = at
        record("revocation.stuck", on=revocation, by=by, at=at, seat_id=revocation.seat_id, lines=sorted(unconfirmed))


def _tell_of_late_tasks(revocation: Revocation, *, by: Actor, at: datetime) -> None:
    late = RevocationTask.objects.filter(revocation=revocation, done_at=None, overdue_at=None, due_at__lte=at)
    if names := sorted(set(late.values_list("line", flat=True))):
        tasks = late.update(overdue_at=at)
        record("revocation.overdue", on=revocation, by=by, at=at, seat_id=revocation.seat_id, tasks=tasks, lines=names)


def _next_check(revocation: Revocation, *, waits: bool, at: datetime) -> datetime | None:
    """When to ask again: soon while something is alive, else when the next task is due; None when nothing is open."""
    if revocation.stage != RevocationStage.VERIFYING:
        return None
    to_come = RevocationTask.objects.filter(revocation=revocation, done_at=None, overdue_at=None)
    instants = [due for due in to_come.aggregate(first=Min("due_at")).values() if due]
    if waits:
        instants.append(at + min(LONGEST_WAIT, FIRST_CHECK_AGAIN * 2 ** min(revocation.checks, 12)))
    return min(instants, default=None)


def _doubt(revocation: Revocation) -> None:
    """What was complete has to be proven again."""
    if revocation.stage == RevocationStage.COMPLETE:
        revocation.stage = REVOCATION_LIFECYCLE.step("doubt", from_=revocation.stage)
        revocation.completed_at, revocation.checks, revocation.alarmed_at = None, 0, None
        revocation.version += 1
        revocation.save(update_fields=["stage", "completed_at", "checks", "alarmed_at", "version"])


# -- what only people can do ----------------------------------------------------------------------------------------


@transaction.atomic
def complete_task(*, task_id: UUID, note: str, by: Actor, at: datetime) -> RevocationTask:
    """Say that a task is done, and have the goodbye asked again. Raises TaskDone."""
    task: RevocationTask = RevocationTask.objects.locked(task_id)
    if task.done_at is not None:
        raise TaskDone(done_at=task.done_at)
    task.done_at, task.done_by_id, task.note = at, by.seat_id, note
    task.version += 1
    task.save(update_fields=["done_at", "done_by_id", "note", "version"])
    revocation: Revocation = Revocation.objects.found(task.revocation_id)
    record("revocation.task_done", on=revocation, by=by, at=at, seat_id=revocation.seat_id, task_id=task.pk)
    _ring(VERIFY, revocation, at)
    return task


def tasks_left(seat_ids: Any, _at: datetime) -> Mapping[UUID, int]:
    return counted(RevocationTask.objects.filter(owner_id__in=seat_ids, done_at=None), "owner_id")


@line(TASKS_OF_LEAVERS, left=tasks_left, covers={"permissions.RevocationTask.owner"})
def pass_tasks_on(seat_id: UUID, by: Actor, at: datetime) -> int:
    """What a leaver had to do about earlier leavers is somebody else's now."""
    mine = RevocationTask.objects.filter(owner_id=seat_id, done_at=None)
    passed: int = mine.update(owner_id=_owner_instead_of(seat_id, by=by, at=at))
    return passed


@handing_over(TASKS_OF_LEAVERS)
def give_tasks(seat_id: UUID, to: Caller, _by: Actor, _at: datetime) -> Handed:
    """Whoever works a goodbye off may end seats."""
    mine = RevocationTask.objects.filter(owner_id=seat_id, done_at=None)
    if not everywhere(to, Need.SEATS_REVOKE):
        tasks = mine.values_list("pk", flat=True)
        return Handed(kept=tuple(Kept("permissions.RevocationTask", task, "not_allowed") for task in tasks))
    return Handed(mine.update(owner_id=to.seat_id))


# -- drift ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def undo_drift(*, seat_id: UUID, by: Actor, at: datetime) -> dict[str, int]:
    """Undo what is alive of a seat that ended long ago, and doubt its report. Returns what was found, by line."""
    with records_held_back():
        seat = _seats().locked(seat_id)
        if seat.stage != "ENDED":
            return {}
        found = {one.name: left for one in in_order() if (left := _left(one, seat_id, at))}
        if not found:
            return {}
        ended = {one.name: one.undo(seat_id, by, at) for one in in_order() if one.name in found and one.undo}
        record("seat.drift_found", on=seat, by=by, at=at, found=found, ended=ended)
        revocation = goodbye_of(seat_id)
        if revocation is not None:
            held: Revocation = Revocation.objects.locked(revocation.pk)
            _doubt(held)
            for row in RevocationLine.objects.filter(revocation=held, name__in=found):
                row.ended += ended.get(row.name, 0)
                row.finding, row.left = Finding.UNCONFIRMED, found[row.name]
                row.save(update_fields=["ended", "finding", "left"])
    if revocation is not None:
        _ring(VERIFY, held, at)
    return found
