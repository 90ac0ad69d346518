"""Letting somebody speak for oneself in approvals, for a while; and what becomes of that when either goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals.actions.deciding import HumansDecide
from approvals.models import Delegation
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, NotAllowed, NotFound, Refusal
from ledger.actions import record
from permissions.gate import Caller, allowed, anywhere
from permissions.needs import Need
from permissions.revocation import Handed, Kept, counted, handing_over, line
from tenants.models import Brand, Seat
from tenants.queries import caller_for

LINE: Final = "delegations"
LONGEST: Final = timedelta(days=366)


class DelegationEnded(Refusal):
    """Fact `ended_at`."""

    code = "delegation_ended"
    title = "This delegation has ended already."


@transaction.atomic
def create_delegation(
    *,
    deputy_id: UUID,
    brand_id: UUID | None,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    caller: Caller,
    at: datetime,
) -> Delegation:
    """Let a colleague speak for the caller from one instant until another; for one brand, or for all (None).

    It gives a voice and no rights: the deputy is of the same side and may decide there themselves. Nobody delegates
    in somebody else's name. Raises HumansDecide, NotAllowed (403), Invalid (400) with the field.
    """
    if caller.actor.kind != "seat":
        raise HumansDecide
    if not starts_at < ends_at or ends_at <= at:
        raise _wrong("ends_at", "out_of_range", "It ends after it starts, and not in the past.")
    if ends_at - max(starts_at, at) > LONGEST:
        raise _wrong("ends_at", "out_of_range", f"It lasts {LONGEST.days} days at most.")
    rows = Seat.objects.all().active().filter(pk__in={caller.seat_id, deputy_id}).order_by("pk")
    held: dict[UUID, Seat] = {seat.pk: seat for seat in rows.select_for_update(of=("self",), no_key=True)}
    brand = None if brand_id is None else Brand.objects.found(brand_id)
    if caller.seat_id not in held or not _may_decide(caller, brand):
        raise NotAllowed(need=Need.APPROVALS_DECIDE.value)
    deputy = held.get(deputy_id)
    fits = deputy is not None and deputy.side == caller.side and deputy.user_id != caller.user_id
    # One answer for whoever does not fit and whoever is not here.
    if deputy is None or not fits or not _may_decide(caller_for(deputy, at=at), brand):
        detail = "A deputy is somebody else in office, of the same side, who may decide there themselves."
        raise _wrong("deputy", "cannot_decide", detail)
    delegation = Delegation(
        id=uuid7(),
        seat_id=caller.seat_id,
        deputy=deputy,
        brand=brand,
        reason=reason,
        created_at=at,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    delegation.save(force_insert=True)
    record(
        "delegation.created",
        on=delegation,
        by=caller.actor,
        at=at,
        seat_id=delegation.seat_id,
        deputy_id=delegation.deputy_id,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    return delegation


def _may_decide(caller: Caller, brand: Brand | None) -> bool:
    return anywhere(caller, Need.APPROVALS_DECIDE) if brand is None else allowed(caller, Need.APPROVALS_DECIDE, brand)


@transaction.atomic
def end_delegation(*, delegation_id: UUID, reason: str, caller: Caller, at: datetime) -> Delegation:
    """Take a delegation back, or give it back: either of the two may. What was said by it stands.

    Raises NotFound for everybody else, DelegationEnded (409).
    """
    delegation: Delegation = Delegation.objects.locked(delegation_id)
    if caller.actor.kind != "seat" or caller.seat_id not in (delegation.seat_id, delegation.deputy_id):
        raise NotFound
    if delegation.ended_at is not None or delegation.ends_at <= at:
        raise DelegationEnded(ended_at=delegation.ended_at or delegation.ends_at)
    return _end(delegation, reason, by=caller.actor, at=at)


def _end(delegation: Delegation, reason: str, *, by: Actor, at: datetime) -> Delegation:
    delegation.ended_at, delegation.ended_reason = at, reason
    delegation.save(update_fields=["ended_at", "ended_reason"])
    record(
        "delegation.ended",
        on=delegation,
        by=by,
        at=at,
        seat_id=delegation.seat_id,
        deputy_id=delegation.deputy_id,
    )
    return delegation


# -- when one of the two goes -------------------------------------------------------------------------------


def delegations_left(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    """Delegations, given and taken, that are not over."""
    lasting = Delegation.objects.filter(ended_at=None, ends_at__gt=at)
    left = Counter(counted(lasting.filter(seat_id__in=seat_ids), "seat_id"))
    left.update(counted(lasting.filter(deputy_id__in=seat_ids), "deputy_id"))
    return left


@line(LINE, left=delegations_left, covers={"approvals.Delegation.seat", "approvals.Delegation.deputy"})
def end_delegations_of(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Nobody speaks for a leaver any more, and a leaver for nobody."""
    lasting = Delegation.objects.filter(Q(seat_id=seat_id) | Q(deputy_id=seat_id), ended_at=None, ends_at__gt=at)
    held = list(lasting.select_for_update(of=("self",), no_key=True).order_by("pk"))
    for delegation in held:
        _end(delegation, "one of the two has left", by=by, at=at)
    return len(held)


@handing_over(LINE)
def hand_delegations_over(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor speaks for those for whom the leaver spoke, where they may decide and are of the same side.

    What the leaver gave themselves is not handed on: nobody speaks for somebody who has left.
    """
    taken = Delegation.objects.filter(deputy_id=seat_id, ended_at=None, ends_at__gt=at).exclude(seat_id=seat_id)
    held: list[Delegation] = list(taken.select_for_update(of=("self",), no_key=True).order_by("pk"))
    seats = {seat.pk: seat for seat in Seat.objects.filter(pk__in=[one.seat_id for one in held])}
    kept = []
    for one in held:
        why = _why_not_theirs(one, seats[one.seat_id], to)
        if why is not None:
            kept.append(Kept("approvals.Delegation", one.pk, why))
            continue
        one.deputy_id = to.seat_id
        one.save(update_fields=["deputy"])
        record("delegation.handed_over", on=one, by=by, at=at, seat_id=one.seat_id, deputy_id=to.seat_id)
    return Handed(len(held) - len(kept), tuple(kept))


def _why_not_theirs(delegation: Delegation, seat: Seat, to: Caller) -> str | None:
    brand = None if delegation.brand_id is None else Brand.objects.found(delegation.brand_id)
    if seat.user_id == to.user_id:
        return "is_their_own_voice"
    if seat.side != to.side:
        return "other_side"
    return None if _may_decide(to, brand) else "may_not_decide"


def _wrong(field: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=[{"field": field, "code": code, "detail": detail}])
