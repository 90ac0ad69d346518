"""Whom a step tells: its targets, and the conditions under which it tells anybody at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from alerting.actions import raise_page, remove_channel
from alerting.models import Page
from core.wall import inside
from incidents.models import Duty, Incident
from tests.alerting.conftest import Hook
from tests.alerting.ladders import climb, ladder, lives_in, steps_of, tells
from tests.alerting.scene import LISTENING, notifications_of, page_in
from tests.alerting.test_channels import channel_of
from tests.cast import Person, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db

# A Thursday: 12:30 in Tashkent, 07:30 in London, 02:30 in New York.
MORNING = datetime(2026, 11, 5, 7, 30, tzinfo=UTC)
AT_WORK = {"days": [0, 1, 2, 3, 4], "starts": "09:00", "ends": "18:00"}
AT_NIGHT = {"days": [2], "starts": "22:00", "ends": "06:00"}  # Wednesdays, past midnight


def told_in(page: Page) -> set[UUID]:
    return {row.seat_id for row in notifications_of(page) if row.seat_id is not None}


# -- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("severity", "asked"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_step_for_grave_pages_is_passed_over_by_others(
    north: North, dee: Person, lea: Person, now: datetime, severity: int, asked: bool
) -> None:
    ladder(dee, tells(dee, when={"severity_at_least": 2}), tells(lea), at=now)
    page = page_in(north.agency.pk, severity=severity, at=now)
    climb(page, now)
    first = ("page.escalated", 1, [str(dee.seat.pk)] if asked else [])
    passed = [] if asked else [("page.escalated", 2, [str(lea.seat.pk)])]
    assert steps_of(page) == [first, *passed]


@pytest.mark.parametrize(("more", "asked"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_step_for_many_signs_waits_for_as_many(
    north: North, dee: Person, lea: Person, now: datetime, more: int, asked: bool
) -> None:
    ladder(dee, tells(dee), tells(lea, when={"volume_at_least": 3}), at=now)
    pages = set()
    for _ in range(1 + more):
        with inside(north.agency.pk):
            page = raise_page(
                brand_id=north.aurora.pk,
                cause_kind="listening.signal",
                cause_id=uuid4(),
                severity=2,
                headline="Nine times the usual",
                topic="story:1",
                by=LISTENING,
                at=now,
            )
        pages.add(page.pk)
    assert len(pages) == 1
    climb(page, now)
    after = climb(page, now + timedelta(minutes=5))
    assert told_in(page) == ({dee.seat.pk, lea.seat.pk} if asked else {dee.seat.pk})
    assert after.stage == ("OPEN" if asked else "EXHAUSTED")


@pytest.mark.parametrize(
    ("dees_zone", "told"),
    [("Asia/Tashkent", True), ("Europe/London", False), ("America/New_York", False), (None, False)],
)
def test_hours_are_on_the_clock_of_the_reader(
    *, north: North, dee: Person, lea: Person, ana: Person, dees_zone: str | None, told: bool
) -> None:
    if dees_zone:
        lives_in(dee, dees_zone, at=MORNING)
    lives_in(lea, "Asia/Tashkent", at=MORNING)
    ladder(ana, tells(dee, lea, when={"local_hours": AT_WORK}), at=MORNING)
    page = page_in(north.agency.pk, at=MORNING)
    climb(page, MORNING)
    assert told_in(page) == ({dee.seat.pk, lea.seat.pk} if told else {lea.seat.pk})


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin(
    north: North, dee: Person, lea: Person, ana: Person
) -> None:
    lives_in(dee, "America/New_York", at=MORNING)  # half past two on Thursday, in the night of Wednesday
    lives_in(lea, "Asia/Tashkent", at=MORNING)
    ladder(ana, tells(dee, lea, when={"local_hours": AT_NIGHT}), at=MORNING)
    page = page_in(north.agency.pk, at=MORNING)
    climb(page, MORNING)
    assert told_in(page) == {dee.seat.pk}
    later = page_in(north.agency.pk, at=MORNING)
    climb(later, MORNING + timedelta(days=1))
    assert dee.seat.pk not in told_in(later), "the night of Thursday is not meant"


def test_when_nobody_of_a_step_is_at_work_the_next_one_fires_at_once(
    north: North, dee: Person, lea: Person, now: datetime
) -> None:
    ladder(lea, tells(dee, when={"local_hours": AT_WORK}), tells(lea), at=MORNING)
    page = page_in(north.agency.pk, at=MORNING)
    after = climb(page, MORNING)
    assert steps_of(page) == [("page.escalated", 1, []), ("page.escalated", 2, [str(lea.seat.pk)])]
    assert (after.step, after.next_step_at) == (2, MORNING + timedelta(minutes=5))


def test_several_conditions_have_to_hold_together(north: North, dee: Person, lea: Person) -> None:
    lives_in(dee, "Asia/Tashkent", at=MORNING)
    ladder(lea, tells(dee, when={"local_hours": AT_WORK, "severity_at_least": 2}), tells(lea), at=MORNING)
    small, grave = page_in(north.agency.pk, severity=3, at=MORNING), page_in(north.agency.pk, at=MORNING)
    for page in (small, grave):
        climb(page, MORNING)
    assert (told_in(small), told_in(grave)) == ({lea.seat.pk}, {dee.seat.pk})


# -- targets ----------------------------------------------------------------------------------------------------------


def test_a_channel_is_told_until_it_is_removed(
    north: North, dee: Person, lea: Person, hook: Hook, now: datetime
) -> None:
    room = channel_of(lea, "webhook", hook.url, now)
    ladder(lea, {"notify": [{"channel": room.pk}]}, tells(dee), at=now)
    page = page_in(north.agency.pk, at=now)
    climb(page, now)
    run_due_jobs("alerting.notify")
    assert [body["page_id"] for body in hook.bodies] == [str(page.pk)]
    assert [row.channel_id for row in notifications_of(page)] == [room.pk]
    with inside(north.agency.pk):
        remove_channel(channel_id=room.pk, by=lea.actor, at=now)
    after = page_in(north.agency.pk, at=now)
    climb(after, now)
    assert told_in(after) == {dee.seat.pk}


def test_a_channel_of_another_brand_is_not_told(
    north: North, dee: Person, lea: Person, hook: Hook, now: datetime
) -> None:
    room = channel_of(lea, "webhook", hook.url, now, brand_id=north.borealis.pk)
    answer = lea.post(
        "escalation-policies",
        {
            "name": "Aurora",
            "brand": str(north.aurora.pk),
            "steps": [{"notify": [{"channel": str(room.pk)}], "wait_minutes": 5}],
        },
    )
    [error] = answer.body["errors"]
    assert (answer.status, error["field"], error["code"]) == (400, "steps.0.notify.0.channel", "does_not_exist")


def test_a_channel_is_told_whatever_the_hours_of_the_step(north: North, dee: Person, lea: Person, hook: Hook) -> None:
    room = channel_of(lea, "webhook", hook.url, MORNING)
    both: dict[str, Any] = {"notify": [{"channel": room.pk}, {"seat": dee.seat.pk}], "when": {"local_hours": AT_WORK}}
    ladder(lea, both, at=MORNING)
    page = page_in(north.agency.pk, at=MORNING)
    climb(page, MORNING)
    assert [(row.channel_id, row.seat_id) for row in notifications_of(page)] == [(room.pk, None)]


@pytest.mark.parametrize("stands_in", [False, True])
def test_a_duty_means_who_carries_it_in_the_pages_incident(
    north: North, dee: Person, lea: Person, bo: Person, now: datetime, stands_in: bool
) -> None:
    ladder(lea, {"notify": [{"duty": "scribe"}]}, tells(lea), at=now)
    opened = bo.post(
        "incidents", {"brand": str(north.aurora.pk), "title": "A bad joke", "kind": "insensitive_post", "severity": 3}
    )
    assert opened.status == 201, opened.body
    with inside(north.agency.pk):
        incident = Incident.objects.get(pk=opened.body["id"])
        Duty.objects.filter(incident=incident, duty="scribe").delete()
        carried = {"deputy_id": bo.seat.pk} if stands_in else {"seat_id": dee.seat.pk, "deputy_id": bo.seat.pk}
        Duty.objects.create(brand_id=north.aurora.pk, incident=incident, duty="scribe", **carried)
        page = raise_page(
            brand_id=north.aurora.pk,
            cause_kind="incidents.clock",
            cause_id=uuid4(),
            severity=2,
            headline="The first words are late",
            incident_id=incident.pk,
            by=LISTENING,
            at=now,
        )
    climb(page, now)
    assert told_in(page) == {bo.seat.pk if stands_in else dee.seat.pk}


def test_a_duty_that_nobody_carries_and_a_page_without_an_incident_go_on(
    north: North, dee: Person, lea: Person, now: datetime
) -> None:
    ladder(lea, {"notify": [{"duty": "scribe"}, {"stage_list": "active"}]}, tells(lea), at=now)
    page = page_in(north.agency.pk, at=now)
    climb(page, now)
    assert told_in(page) == {lea.seat.pk}
