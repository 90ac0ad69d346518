"""Causes of one topic share a page, and what got graver wakes those who took it for a small thing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from alerting.actions import acknowledge_page, raise_page, resolve_page, snooze_page, worsen_page
from alerting.models import Page, PageCause
from core.wall import inside
from tests.alerting.ladders import climb, lives_in
from tests.alerting.scene import LISTENING, fresh, notifications_of, policy_of, timer_of
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db
TOPIC = "story:1"


def raised(north: North, *, topic: str | None = TOPIC, severity: int = 3, **more: Any) -> Page:
    with inside(north.agency.pk):
        return raise_page(
            **{
                "brand_id": north.aurora.pk,
                "cause_kind": "listening.signal",
                "cause_id": uuid4(),
                "severity": severity,
                "headline": "Volume is nine times the usual",
                "topic": topic,
                "by": LISTENING,
                "at": timezone.now(),
                **more,
            }
        )


def worsened(page: Page, severity: int) -> Page:
    with inside(page.agency_id):
        worsen_page(page_id=page.pk, severity=severity, by=LISTENING, at=timezone.now())
    return fresh(page)


def test_a_second_cause_of_a_topic_joins_the_page_and_wakes_nobody(north: North, dee: Person, now: datetime) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = raised(north)
    run_due_jobs()
    cause = uuid4()
    assert raised(north, cause_id=cause).pk == page.pk
    assert raised(north, cause_id=cause).pk == page.pk, "the same cause again changes nothing"
    run_due_jobs()
    assert len(notifications_of(page)) == 1
    assert fresh(page).suppressed == 1
    joined = [facts for name, _, facts in events_of(page) if name == "page.cause_joined"]
    assert joined == [{"cause_kind": "listening.signal", "cause_id": str(cause), "suppressed": 1}]
    [row] = dee.get(f"pages/{page.pk}/causes").body["items"]
    assert row["cause_id"] == str(cause)
    assert dee.get(f"pages/{page.pk}").body["suppressed"] == 1


def test_other_topics_brands_and_ended_pages_share_nothing(north: North, dee: Person) -> None:
    first = raised(north)
    others = [raised(north, topic=None), raised(north, topic="story:2"), raised(north, brand_id=north.borealis.pk)]
    with inside(north.agency.pk):
        resolve_page(page_id=first.pk, reason="over", by=dee.actor, at=timezone.now())
    others.append(raised(north))
    assert len({first.pk, *(page.pk for page in others)}) == 5
    with inside(north.agency.pk):
        assert not PageCause.objects.exists()


def test_a_graver_cause_makes_the_page_graver_and_never_the_other_way(north: North) -> None:
    page = raised(north)
    raised(north, severity=4)
    assert fresh(page).severity == 3
    raised(north, severity=2)
    assert fresh(page).severity == 2
    assert [facts for name, _, facts in events_of(page) if name == "page.worsened"] == [{"was": 3, "severity": 2}]


def test_what_was_taken_as_a_small_thing_climbs_again_when_it_is_grave(
    north: North, dee: Person, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = raised(north, severity=4)
    with inside(north.agency.pk):
        acknowledge_page(page_id=page.pk, by=dee.actor, at=timezone.now())
    assert worsened(page, 3).stage == "ACKNOWLEDGED"
    again = worsened(page, 2)
    assert (again.stage, again.severity, again.cycle, again.acknowledged_by_id) == ("OPEN", 2, 2, None)
    assert timer_of(again) is not None
    with inside(north.agency.pk):
        acknowledge_page(page_id=page.pk, by=dee.actor, at=timezone.now())
    assert worsened(page, 1).stage == "ACKNOWLEDGED", "somebody holds it as a grave thing already"


def test_what_is_put_off_wakes_when_it_becomes_the_gravest(north: North, dee: Person) -> None:
    page = raised(north, severity=2)
    with inside(north.agency.pk):
        until = timezone.now() + timedelta(hours=2)
        snooze_page(page_id=page.pk, until=until, reason="known", by=dee.actor, at=timezone.now())
    awake = worsened(page, 1)
    assert (awake.stage, awake.severity, awake.snoozed_until) == ("OPEN", 1, None)


def test_what_climbs_as_a_small_thing_begins_anew_when_it_is_grave(north: North, dee: Person, now: datetime) -> None:
    night = {"days": [0, 1, 2, 3, 4, 5, 6], "starts": "00:00", "ends": "23:59"}
    lives_in(dee, "UTC", at=now, quiet_hours=[night])
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = raised(north, severity=3)
    climb(page, now)
    [held_back] = notifications_of(page)
    assert held_back.due_at is not None
    again = worsened(page, 2)
    assert (again.stage, again.cycle, again.step) == ("OPEN", 2, 0)
    assert events_of(page)[-2][2] == {"cycle": 2, "reason": "grew_worse"}
    climb(page, now)
    told = [row for row in notifications_of(page) if row.cycle == 2]
    assert [row.due_at for row in told] == [None], "a grave page waits for no quiet hours"
    assert worsened(page, 1).cycle == 2, "it is climbing as a grave one already"


def test_what_nobody_was_told_of_yet_only_gets_graver(north: North) -> None:
    page = raised(north, severity=4)
    assert (worsened(page, 1).cycle, [name for name, _, _ in events_of(page)]) == (1, ["page.raised", "page.worsened"])


def test_a_page_that_is_over_does_not_get_worse(north: North, dee: Person) -> None:
    page = raised(north)
    with inside(north.agency.pk):
        resolve_page(page_id=page.pk, reason="over", by=dee.actor, at=timezone.now())
    assert worsened(page, 1).severity == 3


def test_strangers_and_other_brands_see_no_causes(north: North, bo: Person, eve: Person, now: datetime) -> None:
    page = raised(north, brand_id=north.borealis.pk)
    assert bo.get(f"pages/{page.pk}/causes").status == 404
    assert eve.get(f"/v1/agencies/north/pages/{page.pk}/causes").status == 404
