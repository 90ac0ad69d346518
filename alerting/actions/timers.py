"""The timer of a page: one job, whose key is the page, and whose handler follows from the page's stage.

The caller holds the page, sets its stage, and saves the fields that people see.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alerting.models import Page
from alerting.states import PageStage
from core.wall import standing_agency
from jobs.actions import cancel, later
from jobs.models import Job, JobState

HANDLER = "alerting.climb_page"
UNSNOOZE = "alerting.unsnooze_page"
LAPSE = "alerting.lapse_page"
# An open page climbs, a snoozed one wakes, and what somebody took may lapse. No other stage waits for anything.
TIMERS = {PageStage.OPEN: HANDLER, PageStage.SNOOZED: UNSNOOZE, PageStage.ACKNOWLEDGED: LAPSE}


def set_timer(page: Page, *, due: datetime, at: datetime, anew: bool = False) -> None:
    """The page's next step fires at `due`, whatever its timer was set to before; `anew`: it never had one."""
    _set(page, HANDLER, due=due, at=at, args={"step": page.step + 1}, anew=anew)
    page.next_step_at = due


def set_waking(page: Page, *, at: datetime) -> None:
    """A snoozed page climbs again when its time is over."""
    assert page.snoozed_until is not None  # noqa: S101 - a constraint says so
    _set(page, UNSNOOZE, due=page.snoozed_until, at=at)


def set_lapse(page: Page, *, at: datetime) -> None:
    """What somebody took climbs again at `lapses_at`; never when there is none."""
    if page.lapses_at is None:
        cancel(LAPSE, key=str(page.pk), at=at)
    else:
        _set(page, LAPSE, due=page.lapses_at, at=at)


def _set(page: Page, handler: str, *, due: datetime, at: datetime, args: Any = None, anew: bool = False) -> None:
    key = str(page.pk)
    if not anew:
        # A pending timer of an earlier climb would keep the key, fire, and find nothing to do.
        cancel(handler, key=key, at=at)
    later(handler, key=key, agency_id=standing_agency(), at=due, args={"page_id": key, **(args or {})})


def has_timer(page: Page) -> bool:
    """Whether what the page's stage waits for is to come: its job waits, or runs just now."""
    handler = TIMERS[PageStage(page.stage)]
    return Job.objects.filter(handler=handler, key=str(page.pk), state=JobState.READY).exists()


def stop_timer(page: Page, *, at: datetime) -> None:
    """What the present stage waits for does not come any more; a job that has begun finds the page moved on."""
    handler = TIMERS.get(PageStage(page.stage))
    if handler is not None and not (handler == LAPSE and page.lapses_at is None):
        cancel(handler, key=str(page.pk), at=at)
    page.next_step_at = page.lapses_at = page.snoozed_until = None
