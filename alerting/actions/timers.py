"""The timer of a page: one job, whose key is the page. The caller holds the page and saves `next_step_at`."""

from __future__ import annotations

from datetime import datetime

from alerting.models import Page
from core.wall import standing_agency
from jobs.actions import cancel, later
from jobs.models import Job, JobState

HANDLER = "alerting.climb_page"


def set_timer(page: Page, *, due: datetime, at: datetime) -> None:
    """The page's next step fires at `due`, whatever its timer was set to before."""
    key = str(page.pk)
    # A pending timer of an earlier climb would keep the key, fire, and find nothing to do.
    cancel(HANDLER, key=key, at=at)
    args = {"page_id": key, "step": page.step + 1}
    later(HANDLER, key=key, agency_id=standing_agency(), at=due, args=args)
    page.next_step_at = due


def has_timer(page: Page) -> bool:
    """Whether a step is to come: its job waits, or runs just now."""
    return Job.objects.filter(handler=HANDLER, key=str(page.pk), state=JobState.READY).exists()


def stop_timer(page: Page, *, at: datetime) -> None:
    """No step fires any more; one that has begun finds the page taken."""
    cancel(HANDLER, key=str(page.pk), at=at)
    page.next_step_at = None
