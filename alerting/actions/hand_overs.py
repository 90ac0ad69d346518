"""Whoever holds a page asks somebody else to take it; it stays theirs until the other says yes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from alerting.actions.notifications import queue_notifications
from alerting.actions.pages import NotYours, keep_hold, require_holder, take_over
from alerting.models import HandOver, Page
from alerting.queries import working
from alerting.states import HAND_OVER_LIFECYCLE, HandOverStage
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from jobs.actions import later
from ledger.actions import record
from permissions.gate import allowed
from permissions.needs import Need
from permissions.revocation import counted, line
from tenants.queries import caller_in_office

LAPSE: Final = "alerting.lapse_hand_over"
ANSWER_WITHIN: Final = timedelta(minutes=15)
# Messages of an offer are told apart from those of the page's steps, and from those of earlier offers.
_OFFERS: Final = 1_000


class AlreadyOffered(Refusal):
    """Fact `to`: who has been asked."""

    code = "already_offered"
    title = "Somebody has been asked to take this page over and has not answered."


@transaction.atomic
def offer_page(*, page_id: UUID, to_seat_id: UUID, note: str, by: Actor, at: datetime) -> HandOver:
    """Ask somebody to take the page over, and tell them by their own ways; the offer lapses after 15 minutes.

    Raises NotYours when somebody else holds the page, Invalid when the other could not take it, AlreadyOffered when
    somebody has been asked already.
    """
    page: Page = Page.objects.locked(page_id)
    require_holder(page, by)
    other = caller_in_office(to_seat_id, at=at)
    if (
        other is None
        or to_seat_id == by.seat_id
        or not working([to_seat_id])
        or not allowed(other, Need.PAGES_ACKNOWLEDGE, page)
    ):
        detail = "Only a colleague who may acknowledge this page can take it over."
        raise Invalid(errors=[{"field": "to", "code": "cannot_take_it", "detail": detail}])
    offers = HandOver.objects.filter(page=page)
    standing = offers.filter(stage=HandOverStage.OFFERED).first()
    if standing is not None:
        raise AlreadyOffered(to=standing.to_seat_id)
    offer = HandOver(
        id=uuid7(),
        page=page,
        from_seat_id=by.seat_id,
        to_seat_id=to_seat_id,
        note=note,
        offered_at=at,
        lapses_at=at + ANSWER_WITHIN,
    )
    step = _OFFERS + offers.count()
    offer.save(force_insert=True)
    key = str(offer.pk)
    later(LAPSE, key=key, agency_id=standing_agency(), at=offer.lapses_at, args={"hand_over_id": key})
    queue_notifications(page, step=step, seat_ids=[to_seat_id], important=True, at=at)
    keep_hold(page, at)
    page.version += 1
    page.save(update_fields=["lapses_at", "version"])
    record("hand_over.offered", on=offer, by=by, at=at, page_id=page.pk, to=to_seat_id)
    return offer


@transaction.atomic
def accept_hand_over(*, hand_over_id: UUID, by: Actor, at: datetime) -> HandOver:
    """The page is theirs who was asked. Raises NotYours for anybody else, CannotMove (409) when it is settled."""
    offer, page = _held(hand_over_id, by)
    take_over(page, offer, by=by, at=at)
    return offer


@transaction.atomic
def decline_hand_over(*, hand_over_id: UUID, by: Actor, at: datetime) -> HandOver:
    """The page stays with its holder, who may ask somebody else."""
    offer, _ = _held(hand_over_id, by)
    _settle(offer, "decline", by=by, at=at)
    return offer


@transaction.atomic
def lapse_hand_over(*, hand_over_id: UUID, by: Actor, at: datetime) -> HandOver:
    """Nobody answered: the page stays with its holder. Changes nothing when it is settled."""
    offer, _ = _locked(hand_over_id)
    if offer.stage == HandOverStage.OFFERED:
        _settle(offer, "lapse", by=by, at=at)
    return offer


def _locked(hand_over_id: UUID) -> tuple[HandOver, Page]:
    page: Page = Page.objects.locked(HandOver.objects.found(hand_over_id).page_id)
    offer: HandOver = HandOver.objects.locked(hand_over_id)
    return offer, page


def _held(hand_over_id: UUID, by: Actor) -> tuple[HandOver, Page]:
    offer, page = _locked(hand_over_id)
    if by.seat_id != offer.to_seat_id:
        raise NotYours(acknowledged_by=page.acknowledged_by_id)
    return offer, page


def _settle(offer: HandOver, verb: str, *, by: Actor, at: datetime) -> None:
    offer.stage = HAND_OVER_LIFECYCLE.step(verb, from_=offer.stage)
    offer.settled_at = at
    offer.save(update_fields=["stage", "settled_at"])
    record(
        "hand_over.declined" if verb == "decline" else "hand_over.lapsed",
        on=offer,
        by=by,
        at=at,
        page_id=offer.page_id,
    )


def _asked(seat_ids: Collection[UUID]) -> Any:
    return HandOver.objects.filter(stage=HandOverStage.OFFERED, to_seat_id__in=seat_ids)


def offers_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(_asked(seat_ids), "to_seat_id")


@line("offered hand-overs", left=offers_left, covers={"alerting.HandOver.to_seat"})
def leave_hand_overs(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Who goes is asked no more. What they have offered themselves ends with their hold on the page."""
    asked = list(_asked([seat_id]).order_by("pk").values_list("pk", flat=True))
    for offer in asked:
        lapse_hand_over(hand_over_id=offer, by=by, at=at)
    return len(asked)
