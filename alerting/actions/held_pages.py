"""What becomes of the pages of people who go."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from alerting.actions.pages import reopen_page
from alerting.models import Page
from alerting.states import PageStage
from core.actor import Actor
from ledger.actions import record
from permissions.gate import Caller, allowed
from permissions.needs import Need
from permissions.revocation import Handed, Kept, counted, handing_over, line


def _taken_by(seat_ids: Collection[UUID]) -> Any:
    return Page.objects.filter(stage=PageStage.ACKNOWLEDGED, acknowledged_by_id__in=seat_ids)


def _put_off_by(seat_ids: Collection[UUID]) -> Any:
    return Page.objects.filter(stage=PageStage.SNOOZED, snoozed_by_id__in=seat_ids)


def pages_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(_taken_by(seat_ids), "acknowledged_by_id")


@line("acknowledged pages", left=pages_left, covers={"alerting.Page.acknowledged_by"})
def give_pages_back(seat_id: UUID, by: Actor, at: datetime) -> int:
    """What the person had taken, somebody else must take."""
    held = list(_taken_by([seat_id]).order_by("pk").values_list("pk", flat=True))
    for page in held:
        reopen_page(page_id=page, reason="seat_revoked", by=by, at=at)
    return len(held)


@handing_over("acknowledged pages")
def give_pages(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor has taken what the person had taken, where they may."""
    kept, given = [], 0
    for page in _taken_by([seat_id]).order_by("pk").select_for_update(of=("self",), no_key=True):
        if not allowed(to, Need.PAGES_ACKNOWLEDGE, page):
            kept.append(Kept("alerting.Page", page.pk, "not_allowed"))
            continue
        page.acknowledged_by_id = to.seat_id
        page.version += 1
        page.save(update_fields=["acknowledged_by", "version"])
        record("page.handed_over", on=page, by=by, at=at, seat_id=to.seat_id)
        given += 1
    return Handed(given, tuple(kept))


def snoozes_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(_put_off_by(seat_ids), "snoozed_by_id")


@line("snoozed pages", left=snoozes_left, covers={"alerting.Page.snoozed_by"})
def wake_snoozed_pages(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Nobody is left who knows why these can wait: they climb again."""
    asleep = list(_put_off_by([seat_id]).order_by("pk").values_list("pk", flat=True))
    for page in asleep:
        reopen_page(page_id=page, reason="seat_revoked", by=by, at=at)
    return len(asleep)
