"""A page climbs its policy, step by step. The caller of each action is the page's timer."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from alerting.actions.notifications import queue_notifications
from alerting.actions.timers import set_timer
from alerting.models import Notification, Page
from alerting.queries.recipients import OWNERS, Recipients, recipients, told_by
from alerting.states import PAGE_LIFECYCLE, PageStage
from core.actor import Actor
from core.failpoints import failpoint
from ledger.actions import record


@transaction.atomic
def climb_page(*, page_id: UUID, step: int, by: Actor, at: datetime) -> Page:
    """Fire a step: tell its people and set the timer of the next. Changes nothing when the page has moved on.

    A step that reaches nobody, or whose conditions do not hold, is recorded and passed over at once. When several are
    overdue because nobody ran them, they fire as one: everybody whom they reach is told once, and the last one's wait
    begins. After the last step's wait the climb begins anew as often as the policy repeats it; then, or when no step
    reached anybody, the page is exhausted, and every owner and the last resort are told.
    """
    page: Page = Page.objects.locked(page_id)
    if page.stage != PageStage.OPEN or page.step != step - 1:
        return page
    fired: list[tuple[int, Recipients]] = []
    told, important, wait = _fire(page, fired, at)
    if not told and page.repeated < page.policy.get("repeats", 0) and _has_told(page):
        page.repeated, page.step = page.repeated + 1, 0
        told, important, wait = _fire(page, fired, at)
    if told:
        queue_notifications(
            page, step=page.step, seat_ids=told.seats, channel_ids=told.channels, important=important, at=at
        )
        failpoint("alerting.step_without_timer")
        set_timer(page, due=at + wait, at=at)
    else:
        page.stage = PAGE_LIFECYCLE.step("exhaust", from_=page.stage)
        page.next_step_at = None
        told = recipients(page, [OWNERS, *page.policy.get("last_resort", [])], at)
        queue_notifications(
            page,
            step=len(page.steps) + 1,
            seat_ids=told.seats,
            channel_ids=told.channels,
            important=True,
            at=at,
        )
    page.version += 1
    page.save(update_fields=["stage", "step", "repeated", "next_step_at", "version"])
    last = max((place for place, (_, reached) in enumerate(fired) if reached), default=None)
    for place, (number, reached) in enumerate(fired):
        name = "page.step_coalesced" if reached and place != last else "page.escalated"
        record(name, on=page, by=by, at=at, step=number, notified=reached.seats)
    if page.stage == PageStage.EXHAUSTED:
        record("page.exhausted", on=page, by=by, at=at, steps=len(page.steps))
    return page


def _fire(page: Page, fired: list[tuple[int, Recipients]], at: datetime) -> tuple[Recipients, bool, timedelta]:
    """Go up to the first step that reaches somebody and has not to give way to the next.

    Says whom they reach, whether one of them is important, and how long the last that reached somebody waits.
    """
    told, important, wait = Recipients(), False, timedelta()
    overdue = page.next_step_at or at
    while page.step < len(page.steps):
        page.step += 1
        reached = told_by(page, page.steps[page.step - 1], at)
        fired.append((page.step, reached))
        told |= reached
        if reached:
            step = page.steps[page.step - 1]
            important = important or step.get("important", False)
            wait = timedelta(minutes=step["wait_minutes"])
            overdue += wait
        if told and overdue > at:
            break
    return told, important, wait


def _has_told(page: Page) -> bool:
    return Notification.objects.filter(page=page, cycle=page.cycle, repeated=page.repeated).exists()
