"""Which steps are asked: opening, closing, and the timers of their deadlines. For the actions beside it alone.

They hold the approval. Timers are set and taken back after the event is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from approvals.actions.links import void_links
from approvals.counting import places_asked, places_complete
from approvals.models import Approval, AskedStep, Decision, DecisionLink
from approvals.process import roles_of
from approvals.queries.reliance import counted
from approvals.queries.voters import open_steps, right_in, roles_held
from approvals.states import Verdict
from core.wall import standing_agency
from jobs.actions import cancel, later
from tenants.models import Seat

DEADLINE = "approvals.meet_deadline"


def advance(approval: Approval, *, at: datetime) -> tuple[list[AskedStep], list[AskedStep]]:
    """Count the voices and ask the next ones: the steps that were opened, and those that were closed.

    Sets `stage_index` on the row, which the caller saves; it is the number of steps when all have their voices.
    """
    said = Decision.objects.filter(approval_id=approval.pk, verdict=Verdict.APPROVE)
    asked = places_asked(approval.stages, places_complete(approval.stages, [counted(voice) for voice in said]))
    known = {row.place: row for row in AskedStep.objects.filter(approval_id=approval.pk)}
    closed = [row for row in known.values() if row.closed_at is None and row.place not in asked]
    for row in closed:
        row.closed_at = at
        row.save(update_fields=["closed_at"])
    opened = [_asked(approval, place, at) for place in asked if place not in known]
    for row in opened:
        row.save(force_insert=True)
    approval.stage_index = asked[0] if asked else len(approval.stages)
    return opened, closed


def _asked(approval: Approval, place: int, at: datetime) -> AskedStep:
    step = approval.stages[place]
    minutes = step.get("deadline_minutes")
    return AskedStep(
        approval=approval,
        place=place,
        roles=roles_of(step),
        opened_at=at,
        due_at=None if minutes is None else at + timedelta(minutes=minutes),
    )


def close_steps(approval: Approval, *, at: datetime) -> list[AskedStep]:
    """Nobody's voice is wanted any more: the approval has ended one way or another."""
    rows = open_steps(approval)
    AskedStep.objects.filter(pk__in=[row.pk for row in rows]).update(closed_at=at)
    return rows


def set_deadlines(rows: Iterable[AskedStep]) -> None:
    """Set the timer of each step that has a deadline."""
    for row in rows:
        if row.due_at is not None:
            args = {"approval_id": str(row.approval_id), "place": row.place}
            later(DEADLINE, key=key_of(row), agency_id=standing_agency(), at=row.due_at, args=args)


def stop_deadlines(rows: Iterable[AskedStep], *, at: datetime) -> None:
    """Take the timers of steps back that are asked no more."""
    for row in rows:
        if row.due_at is not None and row.overdue_at is None:
            cancel(DEADLINE, key=key_of(row), at=at)


def key_of(row: AskedStep) -> str:
    return f"{row.approval_id}:{row.place}"


def void_useless_links(approval: Approval, *, at: datetime) -> None:
    """End the links of people whose voice no open step wants any more; those of parallel steps live on."""
    links = DecisionLink.objects.filter(approval_id=approval.pk, used_at=None, voided_at=None)
    seats = {seat.pk: seat for seat in Seat.objects.filter(pk__in=links.values("seat_id"))}
    rows = open_steps(approval)
    held = roles_held(seats, brand_id=approval.brand_id, at=at)
    useless: set[UUID] = {
        seat.pk
        for seat in seats.values()
        if not any(
            right_in(row, approval.stages[row.place], seat_id=seat.pk, side=seat.side, held=held[seat.pk])
            for row in rows
        )
    }
    void_links(Q(approval_id=approval.pk, seat_id__in=useless), at=at)
