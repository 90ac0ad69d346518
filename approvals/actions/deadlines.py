"""What happens when a step has not been decided in time. Nothing is ever approved by silence."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals.actions.deciding import hold_approval, what
from approvals.actions.links import void_links
from approvals.actions.steps import close_steps, stop_deadlines
from approvals.models import Approval, AskedStep, Decision
from approvals.states import APPROVAL_LIFECYCLE, ApprovalStage
from core.actor import Actor
from ledger.actions import record
from permissions import gate
from permissions.needs import Need
from permissions.queries.holders import seats_with_role
from tenants.models import Seat
from tenants.queries import caller_for


@transaction.atomic
def meet_deadline(*, approval_id: UUID, place: int, by: Actor, at: datetime) -> Approval:
    """A step is overdue: its deputies are let in, or the request is rejected, or somebody is told. Safe to repeat.

    Nothing changes when the step has its voices, the request has ended, or the deadline was dealt with or moved.
    Where nobody is left to deputise, the event says `escalate`.
    """
    approval = hold_approval(approval_id)
    rows = AskedStep.objects.filter(approval_id=approval.pk, place=place, closed_at=None, overdue_at=None)
    row: AskedStep | None = rows.filter(due_at__lte=at).first()
    if row is None or approval.stage != ApprovalStage.PENDING:
        return approval
    step = approval.stages[place]
    on_deadline = step["on_deadline"]
    row.overdue_at = at
    closed: list[AskedStep] = []
    if on_deadline == "deputise":
        roles = sorted({deputy["role"] for deputy in step["deputies"] if "role" in deputy})
        named = sorted({UUID(deputy["seat"]) for deputy in step["deputies"] if "seat" in deputy})
        if _somebody_left(approval, roles, named, at):
            row.deputised_at = at
            row.roles = list(dict.fromkeys([*row.roles, *roles]))
            row.deputy_seat_ids = named
        else:
            on_deadline = "escalate"
    row.save(update_fields=["overdue_at", "deputised_at", "roles", "deputy_seat_ids"])
    if on_deadline == "reject":
        approval.stage = APPROVAL_LIFECYCLE.step("reject", from_=approval.stage)
        closed = close_steps(approval, at=at)
        void_links(Q(approval_id=approval.pk), at=at)
    approval.version += 1
    approval.save(update_fields=["stage", "version"])
    record(
        "approval.overdue",
        on=approval,
        by=by,
        at=at,
        step=step["name"],
        on_deadline=on_deadline,
        severity=approval.severity,
    )
    if approval.stage == ApprovalStage.REJECTED:
        record("approval.rejected", on=approval, by=by, at=at, **what(approval))
    stop_deadlines(closed, at=at)
    return approval


def _somebody_left(approval: Approval, roles: list[str], named: list[UUID], at: datetime) -> bool:
    """Whether a deputy is in office who may decide on this, wrote none of it, and has not been heard."""
    wanted = {*named}
    for role in roles:
        wanted |= set(seats_with_role(role=role, brand_id=approval.brand_id, at=at))
    said = Decision.objects.filter(approval_id=approval.pk)
    heard = {person for pair in said.values_list("person_id", "on_behalf_of__user_id") for person in pair}
    authors = set(Seat.objects.filter(pk__in=approval.author_seat_ids).values_list("user_id", flat=True))
    seats = Seat.objects.all().active().filter(pk__in=wanted).exclude(user_id__in=authors)
    return any(
        seat.user_id not in heard and gate.allowed(caller_for(seat, at=at), Need.APPROVALS_DECIDE, approval)
        for seat in seats
    )
