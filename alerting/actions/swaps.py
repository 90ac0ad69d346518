"""Turns that people offer to one another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerting.actions.letters import queue_letter
from alerting.actions.rotas import require_order, require_staff
from alerting.models import Rota, ShiftSwap
from alerting.queries.schedule import schedule, working
from alerting.states import SWAP_LIFECYCLE, SwapStage
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, NotAllowed, Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later
from ledger.actions import record
from permissions.gate import Caller
from permissions.needs import Need
from permissions.revocation import Handed, counted, handing_over, line

PAST_DUE: Final = "alerting.swap_past_due"
PAST_DUE_LETTER: Final = "alerting.swap_past_due"


class NothingToSwap(Refusal):
    """The person has no turn of the rota in this time that could be given on. Standing in for somebody is none."""

    code = "nothing_to_swap"
    title = "There is no turn of theirs in this time."


class SwapPastDue(Refusal):
    """Fact `starts_at`: from then on the person who offered it answers."""

    code = "swap_past_due"
    title = "This offer began before anybody took it."


@transaction.atomic
def offer_swap(
    *, rota_id: UUID, seat_id: UUID, starts_at: datetime, ends_at: datetime, note: str, by: Actor, at: datetime
) -> ShiftSwap:
    """Offer a person's turns of a while to the others; until somebody takes them they still answer.

    Raises Invalid (400) for a time that is over or no staff, NothingToSwap (409) when no turn of theirs lies in it.
    """
    rota: Rota = Rota.objects.found(rota_id)
    require_order(starts_at, ends_at, at)
    if starts_at <= at:
        detail = "What has begun cannot be offered any more: have somebody stand in."
        raise Invalid(errors=[{"field": "starts_at", "code": "too_early", "detail": detail}])
    require_staff([seat_id], field="seat")
    _require_turns(rota.pk, seat_id, starts_at, ends_at)
    swap = ShiftSwap(
        id=uuid7(), rota=rota, seat_id=seat_id, starts_at=starts_at, ends_at=ends_at, note=note, offered_at=at
    )
    swap.save(force_insert=True)
    _watch(swap)
    record(
        "swap.offered", on=swap, by=by, at=at, rota_id=rota.pk, seat_id=seat_id, starts_at=starts_at, ends_at=ends_at
    )
    return swap


def _require_turns(rota_id: UUID, seat_id: UUID, starts_at: datetime, ends_at: datetime) -> None:
    for span in schedule(rota_id, starts_at, ends_at):
        if span.duty.seat == seat_id and span.duty.why in ("rotation", "swap"):
            return
    raise NothingToSwap


def _watch(swap: ShiftSwap) -> None:
    later(PAST_DUE, key=str(swap.pk), agency_id=standing_agency(), at=swap.starts_at, args={"swap_id": str(swap.pk)})


@transaction.atomic
def take_swap(*, swap_id: UUID, by: Actor, at: datetime) -> ShiftSwap:
    """The person who takes it answers wherever the other one would have. Of several who try, one does.

    Raises CannotMove, SwapPastDue and, when the turns have gone elsewhere since, NothingToSwap (409); NotAllowed (403)
    for whoever offered it, is no staff, or is a program.
    """
    swap: ShiftSwap = ShiftSwap.objects.locked(swap_id)
    stage = SWAP_LIFECYCLE.step("take", from_=swap.stage)
    if swap.starts_at <= at:
        raise SwapPastDue(starts_at=swap.starts_at)
    if by.kind != "seat" or by.seat_id is None or by.seat_id == swap.seat_id or not working([by.seat_id]):
        raise NotAllowed(need=Need.ROTAS_READ.value)
    Rota.objects.locked(swap.rota_id)  # so that of two offers of the same turn one is taken
    _require_turns(swap.rota_id, swap.seat_id, swap.starts_at, swap.ends_at)
    swap.stage, swap.taken_by_id, swap.settled_at = stage, by.seat_id, at
    _save(swap)
    cancel(PAST_DUE, key=str(swap.pk), at=at)
    record("swap.taken", on=swap, by=by, at=at, rota_id=swap.rota_id, seat_id=swap.seat_id, taken_by=by.seat_id)
    return swap


@transaction.atomic
def give_swap_back(*, swap_id: UUID, by: Actor, at: datetime) -> ShiftSwap:
    """Whoever took it does not after all, as long as it has not begun: it is on offer again."""
    swap: ShiftSwap = ShiftSwap.objects.locked(swap_id)
    stage = SWAP_LIFECYCLE.step("give_back", from_=swap.stage)
    if swap.starts_at <= at:
        raise SwapPastDue(starts_at=swap.starts_at)
    _offer_again(swap, stage, by=by, at=at)
    return swap


def _offer_again(swap: ShiftSwap, stage: str, *, by: Actor, at: datetime) -> None:
    given_back_by = swap.taken_by_id
    swap.stage, swap.taken_by, swap.settled_at = stage, None, None
    _save(swap)
    _watch(swap)
    record("swap.given_back", on=swap, by=by, at=at, rota_id=swap.rota_id, given_back_by=given_back_by)


@transaction.atomic
def cancel_swap(*, swap_id: UUID, by: Actor, at: datetime) -> ShiftSwap:
    """The person answers for their turns themselves, from now on even where somebody had taken them."""
    swap: ShiftSwap = ShiftSwap.objects.locked(swap_id)
    swap.stage, swap.settled_at = SWAP_LIFECYCLE.step("cancel", from_=swap.stage), at
    _save(swap)
    cancel(PAST_DUE, key=str(swap.pk), at=at)
    record("swap.cancelled", on=swap, by=by, at=at, rota_id=swap.rota_id)
    return swap


@transaction.atomic
def tell_swap_past_due(*, swap_id: UUID, by: Actor, at: datetime) -> ShiftSwap:
    """Nobody took it before it began: whoever offered it hears that they still answer. Safe to repeat."""
    swap: ShiftSwap = ShiftSwap.objects.locked(swap_id)
    if swap.stage == SwapStage.OFFERED and swap.starts_at <= at and swap.settled_at is None:
        swap.settled_at = at
        _save(swap)
        queue_letter(kind=PAST_DUE_LETTER, thing_id=swap.pk, at=at)
        record("swap.went_past_due", on=swap, by=by, at=at, rota_id=swap.rota_id, seat_id=swap.seat_id)
    return swap


def _save(swap: ShiftSwap) -> None:
    swap.version += 1
    swap.save(update_fields=["stage", "taken_by", "settled_at", "version"])


def _alive(seat_ids: Collection[UUID], at: datetime) -> Q:
    return Q(ends_at__gt=at, stage__in=[SwapStage.OFFERED, SwapStage.TAKEN]) & (
        Q(seat_id__in=seat_ids) | Q(taken_by_id__in=seat_ids, stage=SwapStage.TAKEN)
    )


def swaps_left(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    alive = ShiftSwap.objects.filter(_alive(seat_ids, at))
    offered = counted(alive.filter(seat_id__in=seat_ids), "seat_id")
    taken = counted(alive.filter(taken_by_id__in=seat_ids), "taken_by_id")
    return {seat: offered.get(seat, 0) + taken.get(seat, 0) for seat in {*offered, *taken}}


@line("shift swaps", left=swaps_left, covers={"alerting.ShiftSwap.seat", "alerting.ShiftSwap.taken_by"})
def leave_swaps(seat_id: UUID, by: Actor, at: datetime) -> int:
    """What they offered is theirs to give no more; what they took is on offer again, or was taken in vain."""
    held = list(
        ShiftSwap.objects.filter(_alive([seat_id], at)).select_for_update(of=("self",), no_key=True).order_by("pk")
    )
    for swap in held:
        if swap.taken_by_id == seat_id and swap.seat_id != seat_id and swap.starts_at > at:
            _offer_again(swap, SWAP_LIFECYCLE.step("give_back", from_=swap.stage), by=by, at=at)
        else:
            cancel_swap(swap_id=swap.pk, by=by, at=at)
    return len(held)


@handing_over("shift swaps")
def end_swaps_of_mover(seat_id: UUID, _to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor takes the turns themselves; what was agreed with the person who goes was agreed with them."""
    leave_swaps(seat_id, by, at)
    return Handed()
