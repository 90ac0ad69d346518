"""The life of a page: raised once for its cause, climbing until somebody takes it.

Every action here locks the page first, and the timer is a job that changes in the same transaction. So an
acknowledgement and a step that meet are put in one order: either the step has fired and then somebody took the page,
or it never fires.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from alerting.actions.notifications import queue_notifications
from alerting.actions.timers import has_timer, set_timer, stop_timer
from alerting.models import Page
from alerting.queries import OWNERS, policy_for, recipients
from alerting.states import PAGE_LIFECYCLE, PageStage
from core.actor import Actor
from core.failpoints import failpoint
from core.ids import uuid7
from ledger.actions import record
from permissions.gate import Caller, allowed
from permissions.needs import Need
from permissions.revocation import Handed, Kept, counted, handing_over, line

LONGEST_HEADLINE = 200


@transaction.atomic
def raise_page(
    *,
    brand_id: UUID | None,
    cause_kind: str,
    cause_id: UUID,
    severity: int,
    headline: str,
    policy_id: UUID | None = None,
    by: Actor,
    at: datetime,
) -> Page:
    """Wake somebody: the page and its first timer, due at once, in the caller's transaction.

    A cause raises one page; raising it again returns that page as it is, whatever its stage. `severity` is 1 to 4,
    1 the worst. `headline` is one line of ours and holds nothing that a member of the public wrote. The page climbs a
    frozen copy of the policy that is named, else of the brand's, else of the agency's, else it goes to every owner.
    """
    page = Page(
        id=uuid7(),
        brand_id=brand_id,
        incident_id=cause_id if cause_kind == "incidents.incident" else None,
        cause_kind=cause_kind,
        cause_id=cause_id,
        severity=severity,
        headline=headline[:LONGEST_HEADLINE],
        policy=policy_for(brand_id, named=policy_id),
        raised_at=at,
    )
    Page.objects.bulk_create([page], ignore_conflicts=True)
    raised: Page = Page.objects.get(cause_kind=cause_kind, cause_id=cause_id)
    if raised.pk != page.pk:
        return raised
    failpoint("alerting.page_without_timer")
    set_timer(page, due=at, at=at)
    page.save(update_fields=["next_step_at"])
    record(
        "page.raised",
        on=page,
        by=by,
        at=at,
        cause_kind=cause_kind,
        cause_id=cause_id,
        severity=severity,
        policy_id=page.policy["policy_id"],
    )
    return page


@transaction.atomic
def climb_page(*, page_id: UUID, step: int, by: Actor, at: datetime) -> Page:
    """Fire a step: tell its people and set the timer of the next. Changes nothing when the page has moved on.

    A step that reaches nobody is recorded and passed over at once. After the last step's wait, or when no step reached
    anybody, the page is exhausted and every owner is told.
    """
    page: Page = Page.objects.locked(page_id)
    if page.stage != PageStage.OPEN or page.step != step - 1:
        return page
    fired: list[tuple[int, list[UUID]]] = []
    told: list[UUID] = []
    while not told and page.step < len(page.steps):
        page.step += 1
        told = recipients(page, page.steps[page.step - 1]["notify"], at)
        fired.append((page.step, told))
    if told:
        queue_notifications(page, step=page.step, seat_ids=told, at=at)
        failpoint("alerting.step_without_timer")
        set_timer(page, due=at + timedelta(minutes=page.steps[page.step - 1]["wait_minutes"]), at=at)
    else:
        page.stage = PAGE_LIFECYCLE.step("exhaust", from_=page.stage)
        page.next_step_at = None
        owners = recipients(page, [OWNERS], at)
        queue_notifications(page, step=len(page.steps) + 1, seat_ids=owners, at=at)
    page.version += 1
    page.save(update_fields=["stage", "step", "next_step_at", "version"])
    for number, seats in fired:
        record("page.escalated", on=page, by=by, at=at, step=number, notified=seats)
    if page.stage == PageStage.EXHAUSTED:
        record("page.exhausted", on=page, by=by, at=at, steps=len(page.steps))
    return page


@transaction.atomic
def acknowledge_page(*, page_id: UUID, by: Actor, at: datetime) -> Page:
    """Somebody takes the page: it climbs no further, and what is still queued is not sent."""
    page: Page = Page.objects.locked(page_id)
    page.stage = PAGE_LIFECYCLE.step("acknowledge", from_=page.stage)
    page.acknowledged_by_id, page.acknowledged_at = by.seat_id, at
    stop_timer(page, at=at)
    page.version += 1
    page.save(update_fields=["stage", "acknowledged_by", "acknowledged_at", "next_step_at", "version"])
    record("page.acknowledged", on=page, by=by, at=at, step=page.step)
    return page


@transaction.atomic
def resolve_page(*, page_id: UUID, reason: str, by: Actor, at: datetime) -> Page:
    """Nobody needs to look any more: the page ends here."""
    page: Page = Page.objects.locked(page_id)
    page.stage = PAGE_LIFECYCLE.step("resolve", from_=page.stage)
    page.resolved_at = at
    stop_timer(page, at=at)
    page.version += 1
    page.save(update_fields=["stage", "resolved_at", "next_step_at", "version"])
    record("page.resolved", on=page, by=by, at=at, reason=reason)
    return page


@transaction.atomic
def reopen_page(*, page_id: UUID, reason: str, by: Actor, at: datetime) -> Page:
    """Nobody holds the page any more: it climbs again from its first step."""
    page: Page = Page.objects.locked(page_id)
    page.stage = PAGE_LIFECYCLE.step("reopen", from_=page.stage)
    page.acknowledged_by_id = page.acknowledged_at = None
    page.cycle, page.step = page.cycle + 1, 0
    set_timer(page, due=at, at=at)
    page.version += 1
    page.save(update_fields=["stage", "acknowledged_by", "acknowledged_at", "cycle", "step", "next_step_at", "version"])
    record("page.reopened", on=page, by=by, at=at, cycle=page.cycle, reason=reason)
    return page


@transaction.atomic
def restore_timer(*, page_id: UUID, at: datetime) -> bool:
    """Give an open page that has lost its timer a new one, due at once; says whether it had lost it."""
    page: Page = Page.objects.locked(page_id)
    if page.stage != PageStage.OPEN or has_timer(page):
        return False
    set_timer(page, due=at, at=at)
    page.save(update_fields=["next_step_at"])
    return True


def _taken_by(seat_ids: Collection[UUID]) -> Any:
    return Page.objects.filter(stage=PageStage.ACKNOWLEDGED, acknowledged_by_id__in=seat_ids)


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
