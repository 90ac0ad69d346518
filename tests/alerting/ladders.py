"""Policies with everything that a policy may say, and climbs at chosen instants."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alerting.actions import climb_page, create_escalation_policy, write_personal_rules
from alerting.models import EscalationPolicy, Page
from core.wall import inside
from jobs.models import Job
from tests.alerting.scene import LISTENING, fresh, home_of
from tests.cast import Person, events_of


def ladder(person: Person, *steps: dict[str, Any], at: datetime, **more: Any) -> EscalationPolicy:
    """The agency's policy; a step waits five minutes unless it says otherwise."""
    with inside(person.agency.pk):
        return create_escalation_policy(
            name="Ladder",
            brand_id=None,
            steps=[{"wait_minutes": 5, **step} for step in steps],
            by=person.actor,
            at=at,
            **more,
        )


def tells(*people: Person, **more: Any) -> dict[str, Any]:
    """A step that tells these people."""
    return {"notify": [{"seat": person.seat.pk} for person in people], **more}


def lives_in(person: Person, time_zone: str, *, at: datetime, **more: Any) -> None:
    """The person's own clock is that of the zone."""
    rules = {"language": "en", "usual": [], "important": [], "quiet_hours": [], **more}
    with inside(person.agency.pk):
        write_personal_rules(seat_id=person.seat.pk, time_zone=time_zone, by=person.actor, at=at, **rules)


def climb(page: Page, at: datetime) -> Page:
    """The page's next step fires at an instant, and its timer is spent."""
    step = fresh(page).step + 1
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk), state="READY").update(
        state="DONE", finished_at=at
    )
    with inside(home_of(page)):
        climb_page(page_id=page.pk, step=step, by=LISTENING, at=at)
    return fresh(page)


def steps_of(page: Page) -> list[tuple[str, int, list[str]]]:
    """Which steps fired, in order: the event, the step, and the people it told."""
    told = ("page.escalated", "page.step_coalesced")
    return [(name, facts["step"], facts["notified"]) for name, _, facts in events_of(page) if name in told]
