"""What waits for somebody's voice."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import Approval, AskedStep, Decision
from approvals.queries.voters import delegations_to
from approvals.states import ApprovalStage
from permissions import gate
from permissions.gate import Caller
from permissions.models import Grant
from permissions.needs import Need
from tenants.models import Seat


def waiting_for(rows: QuerySet[Approval], caller: Caller) -> QuerySet[Approval]:
    """Of the rows, the requests that this person can decide on now, in their own name or for somebody else.

    Three queries beside that of the rows: who has asked them to speak for them, what all of these hold, and in which
    seats they have sat.
    """
    given = [one for one in delegations_to(caller.seat_id, at=caller.at) if one.seat.side == caller.side]
    people = {caller.seat_id: caller.user_id} | {one.seat_id: one.seat.user_id for one in given}
    held = _grounds(people, caller)
    sat = _seats_of(people.values())
    mine = _asked(caller.seat_id, held[caller.seat_id])
    for one in given:
        theirs = _asked(one.seat_id, held[one.seat_id]) & _unheard(one.seat.user_id, sat)
        mine |= theirs if one.brand_id is None else theirs & Q(brand_id=one.brand_id)
    pending = Q(expires_at=None) | Q(expires_at__gt=caller.at)
    open_to_me = gate.visible(rows.filter(pending, stage=ApprovalStage.PENDING), to=caller, need=Need.APPROVALS_DECIDE)
    return open_to_me.filter(_unheard(caller.user_id, sat) & mine)


Grounds = dict[frozenset[str], set[UUID] | None]  # roles -> the brands on which exactly these are held; None: on all


def _grounds(seats: Collection[UUID], caller: Caller) -> dict[UUID, Grounds]:
    everywhere: dict[UUID, set[str]] = {seat: set() for seat in seats}
    on_brands: dict[UUID, dict[UUID, set[str]]] = {seat: {} for seat in seats}
    grants = Grant.objects.all().counting(caller.at).filter(seat_id__in=seats, incident=None)
    for seat, role, brand in grants.values_list("seat_id", "role", "brand_id"):
        if brand is None:
            everywhere[seat].add(role)
        else:
            on_brands[seat].setdefault(brand, set()).add(role)
    found: dict[UUID, Grounds] = {}
    for seat in seats:
        grounds: Grounds = {frozenset(everywhere[seat]): None} if everywhere[seat] else {}
        for brand, roles in on_brands[seat].items():
            brands = grounds.setdefault(frozenset(roles), set())
            if brands is not None:
                brands.add(brand)
        found[seat] = grounds
    return found


def _asked(seat: UUID, held: Grounds) -> Q:
    """A step is open in which the seat's roles are wanted, or the seat by its name."""
    steps = AskedStep.objects.filter(approval_id=OuterRef("pk"), closed_at=None)
    wanted = Q(Exists(steps.filter(deputy_seat_ids__contains=[seat])))
    for roles, brands in held.items():
        here = Q(Exists(steps.filter(roles__overlap=sorted(roles))))
        wanted |= here if brands is None else here & Q(brand_id__in=brands)
    return wanted


def _unheard(user_id: Any, sat: dict[Any, list[UUID]]) -> Q:
    """Neither wrote it, nor has spoken, nor has somebody spoken for them; by the person, whatever their seat."""
    said = Decision.objects.filter(approval_id=OuterRef("pk"))
    spoke = Exists(said.filter(Q(person_id=user_id) | Q(on_behalf_of__user_id=user_id)))
    return ~Q(spoke) & ~Q(author_seat_ids__overlap=sat[user_id])


def _seats_of(user_ids: Collection[Any]) -> dict[Any, list[UUID]]:
    sat: dict[Any, list[UUID]] = {user_id: [] for user_id in user_ids}
    for seat, user_id in Seat.objects.filter(user_id__in=sat).values_list("pk", "user_id"):
        sat[user_id].append(seat)
    return sat
