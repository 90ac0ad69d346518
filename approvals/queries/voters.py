"""Whose voice is wanted now, and as what it would count."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.models import Approval, AskedStep, Decision, Delegation
from approvals.process import roles_of
from approvals.states import ApprovalStage
from permissions import gate
from permissions.gate import Caller
from permissions.models import Grant
from permissions.needs import Need
from permissions.queries.twins import held_on
from tenants.models import Seat
from tenants.queries import caller_for
from tenants.states import SeatStage


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a person's voice would count now: in which step, for which of its roles, and in whose name."""

    place: int
    hats: tuple[str, ...]
    as_deputy: bool = False
    delegation: Delegation | None = None

    @property
    def on_behalf_of_id(self) -> UUID | None:
        return None if self.delegation is None else self.delegation.seat_id


def open_steps(approval: Approval) -> list[AskedStep]:
    """The steps that are asked now, in their places."""
    return list(AskedStep.objects.filter(approval_id=approval.pk, closed_at=None).order_by("place"))


def roles_held(seat_ids: Collection[UUID], *, brand_id: UUID, at: datetime) -> dict[UUID, set[str]]:
    """The roles that each of the seats holds on a brand, by grants on it or on the whole agency; one query."""
    held: dict[UUID, set[str]] = {seat_id: set() for seat_id in seat_ids}
    grants = Grant.objects.all().counting(at).filter(held_on(brand_id), seat_id__in=held, incident=None)
    for seat_id, role in grants.values_list("seat_id", "role"):
        held[seat_id].add(role)
    return held


def delegations_to(seat_id: UUID, *, at: datetime) -> list[Delegation]:
    """Those by which a seat may speak for somebody in office now, longest-standing first."""
    rows = Delegation.objects.filter(deputy_id=seat_id, ended_at=None, starts_at__lte=at, ends_at__gt=at)
    return list(rows.filter(seat__stage=SeatStage.ACTIVE).select_related("seat").order_by("created_at", "pk"))


def right_in(
    row: AskedStep, step: Mapping[str, Any], *, seat_id: UUID, side: str, held: Collection[str]
) -> tuple[tuple[str, ...], bool] | None:
    """What a seat with these roles counts as in an open step: its roles there, and whether only as a deputy."""
    hats = tuple(role for role in roles_of(step) if role in held and (role != step["role"] or side == step["side"]))
    if hats:
        return hats, False
    named = seat_id in row.deputy_seat_ids or bool(set(row.roles) & set(held))
    return ((), True) if row.deputised_at is not None and named else None


def voice_of(
    approval: Approval, caller: Caller, *, step: str | None = None, among: Collection[UUID] | None = None
) -> Wanted | None:
    """How this person's voice would count now; None when it is not wanted, or not in the step of that name.

    Their own right comes before that of others for whom they may speak; of several open steps the first one counts.
    `among` limits whom they may speak for. An author is not heard, nor spoken for; nobody is heard twice.
    """
    rows = [row for row in open_steps(approval) if step in (None, approval.stages[row.place]["name"])]
    if not rows:
        return None
    excluded = _excluded(approval)
    if caller.user_id in excluded:
        return None
    given = [
        one
        for one in delegations_to(caller.seat_id, at=caller.at)
        if one.brand_id in (None, approval.brand_id)
        and one.seat.side == caller.side
        and one.seat.user_id not in excluded
        and (among is None or one.seat_id in among)
    ]
    seats = {caller.seat_id, *(one.seat_id for one in given)}
    held = roles_held(seats, brand_id=approval.brand_id, at=caller.at)
    own = _wanted(approval, rows, seat_id=caller.seat_id, side=caller.side, held=held[caller.seat_id], delegation=None)
    if own is not None:
        return own
    for one in given:
        found = _wanted(approval, rows, seat_id=one.seat_id, side=one.seat.side, held=held[one.seat_id], delegation=one)
        # A brand that is closed to somebody is closed to whoever speaks for them.
        if found and gate.allowed(caller_for(one.seat, at=caller.at), Need.APPROVALS_DECIDE, approval):
            return found
    return None


def _wanted(
    approval: Approval,
    rows: list[AskedStep],
    *,
    seat_id: UUID,
    side: str,
    held: Collection[str],
    delegation: Delegation | None,
) -> Wanted | None:
    rights = [
        (right, row.place)
        for row in rows
        if (right := right_in(row, approval.stages[row.place], seat_id=seat_id, side=side, held=held)) is not None
    ]
    # By one's role before as a deputy for those who have not come.
    for (hats, as_deputy), place in sorted(rights, key=lambda found: (found[0][1], found[1])):
        return Wanted(place, hats, as_deputy, delegation)
    return None


def _excluded(approval: Approval) -> set[Any]:
    """The people who are not heard: authors, those who have spoken, and those for whom somebody has."""
    said = Decision.objects.filter(approval_id=approval.pk).values_list("person_id", "on_behalf_of__user_id")
    people = {person for pair in said for person in pair if person is not None}
    authors = Seat.objects.filter(pk__in=approval.author_seat_ids).values_list("user_id", flat=True)
    return people | set(authors)


def can_decide(approval: Approval, caller: Caller) -> bool:
    """Whether this person's voice is wanted now: of an open step's role, or a deputy; no author; not heard yet."""
    if approval.stage != ApprovalStage.PENDING or approval.expired(caller.at):
        return False
    return gate.allowed(caller, Need.APPROVALS_DECIDE, approval) and voice_of(approval, caller) is not None
