"""A duty changes hands when the other person has accepted it, not before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerting.actions import queue_letter
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, NotAllowed, Refusal
from core.wall import standing_agency
from incidents.actions.work import lock_open, withdraw_offers
from incidents.models import Duty, DutyOffer
from incidents.states import OFFER_LIFECYCLE, OfferStage
from jobs.actions import cancel, later
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.revocation import Handed, counted, handing_over, line
from tenants.queries import caller_in_office

LAPSE_OFFER: Final = "incidents.lapse_duty_offer"
OFFER_LETTER: Final = "incidents.duty_offer"
ANSWERED_WITHIN: Final = timedelta(minutes=15)


class DutyOffered(Refusal):
    """Fact `offer_id`: the offer that waits for an answer."""

    code = "duty_offered"
    title = "Somebody has been asked to take this duty over already."


@transaction.atomic
def offer_duty(*, duty_id: UUID, to_seat_id: UUID, note: str, by: Actor, at: datetime) -> DutyOffer:
    """Ask somebody to take a duty over; its holder keeps it until they accept, for 15 minutes.

    Raises Invalid (400) for people who are not here or may not see the incident, DutyOffered (409).
    """
    duty: Duty = Duty.objects.locked(duty_id)
    incident = lock_open(duty.incident_id)
    standing = DutyOffer.objects.filter(duty=duty, stage=OfferStage.OFFERED).first()
    if standing is not None:
        raise DutyOffered(offer_id=standing.pk)
    taker = caller_in_office(to_seat_id, at=at)
    if taker is None or not gate.allowed(taker, Need.INCIDENTS_READ, incident) or to_seat_id == duty.seat_id:
        detail = "There is nobody like this who could take it over."
        raise Invalid(errors=[{"field": "to", "code": "does_not_exist", "detail": detail}])
    offer = DutyOffer(
        id=uuid7(),
        brand_id=duty.brand_id,
        duty=duty,
        from_seat_id=duty.seat_id,
        to_seat_id=to_seat_id,
        note=note,
        offered_at=at,
        ends_at=at + ANSWERED_WITHIN,
    )
    offer.save(force_insert=True)
    later(
        LAPSE_OFFER, key=str(offer.pk), agency_id=standing_agency(), at=offer.ends_at, args={"offer_id": str(offer.pk)}
    )
    queue_letter(kind=OFFER_LETTER, thing_id=offer.pk, at=at)
    record(
        "duty.offered", on=duty, by=by, at=at, offer_id=offer.pk, duty=duty.duty, from_seat_id=duty.seat_id,
        to_seat_id=to_seat_id,
    )  # fmt: skip
    return offer


@transaction.atomic
def answer_duty_offer(*, offer_id: UUID, accept: bool, by: Actor, at: datetime) -> DutyOffer:
    """The person who was asked takes the duty, or does not. Whoever held it stands in from then on, if nobody did.

    Raises NotAllowed (403) for anybody else, CannotMove (409) when it was answered or has lapsed.
    """
    offer, duty = _held(offer_id)
    if by.seat_id != offer.to_seat_id:
        raise NotAllowed(need=Need.INCIDENTS_NOTE.value)
    verb = "accept" if accept else "decline"
    if offer.ends_at <= at:
        return _lapse(offer, duty, by=by, at=at)
    _settle(offer, OFFER_LIFECYCLE.step(verb, from_=offer.stage), at)
    cancel(LAPSE_OFFER, key=str(offer.pk), at=at)
    if not accept:
        record("duty.declined", on=duty, by=by, at=at, offer_id=offer.pk, duty=duty.duty)
        return offer
    lock_open(duty.incident_id)
    before = duty.seat_id
    duty.seat_id = offer.to_seat_id
    if duty.deputy_id in (None, offer.to_seat_id):
        duty.deputy_id = before
    duty.version += 1
    duty.save(update_fields=["seat", "deputy", "version"])
    record("duty.assigned", on=duty, by=by, at=at, duty=duty.duty, seat_id=duty.seat_id)
    return offer


@transaction.atomic
def lapse_duty_offer(*, offer_id: UUID, by: Actor, at: datetime) -> DutyOffer:
    """Nobody answered in time: the duty stays with its holder. Safe to repeat."""
    offer, duty = _held(offer_id)
    if offer.stage == OfferStage.OFFERED and offer.ends_at <= at:
        _lapse(offer, duty, by=by, at=at)
    return offer


def _lapse(offer: DutyOffer, duty: Duty, *, by: Actor, at: datetime) -> DutyOffer:
    _settle(offer, OFFER_LIFECYCLE.step("lapse", from_=offer.stage), at)
    record("duty.offer_lapsed", on=duty, by=by, at=at, offer_id=offer.pk, duty=duty.duty)
    return offer


def _held(offer_id: UUID) -> tuple[DutyOffer, Duty]:
    """The offer and its duty, the duty first: the order in which whoever changes a duty takes them."""
    duty: Duty = Duty.objects.locked(DutyOffer.objects.found(offer_id).duty_id)
    offer: DutyOffer = DutyOffer.objects.locked(offer_id)
    return offer, duty


def _settle(offer: DutyOffer, stage: str, at: datetime) -> None:
    offer.stage, offer.settled_at = stage, at
    offer.version += 1
    offer.save(update_fields=["stage", "settled_at", "version"])


def offers_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    open_offers = DutyOffer.objects.filter(stage=OfferStage.OFFERED)
    asked = counted(open_offers.filter(to_seat_id__in=seat_ids), "to_seat_id")
    made = counted(open_offers.filter(from_seat_id__in=seat_ids), "from_seat_id")
    return {seat: asked.get(seat, 0) + made.get(seat, 0) for seat in {*asked, *made}}


@line("offered duties", left=offers_left, covers={"incidents.DutyOffer.to_seat", "incidents.DutyOffer.from_seat"})
def end_offers(seat_id: UUID, _by: Actor, at: datetime) -> int:
    """Whoever goes is asked no more, and what they offered is no longer theirs to give."""
    return withdraw_offers(Q(to_seat_id=seat_id) | Q(from_seat_id=seat_id), at=at)


@handing_over("offered duties")
def end_offers_of_mover(seat_id: UUID, _to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor has the duty itself; an offer was between two people."""
    end_offers(seat_id, by, at)
    return Handed()
