"""Putting a page off, holding it, and losing hold of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from alerting.actions import acknowledge_page, restore_timer
from alerting.models import EscalationPolicy, Page
from core.wall import inside
from jobs.actions import cancel, move
from jobs.models import Job
from tests.alerting.scene import fresh, page_in, policy_of, timer_of
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db
LEFT = {"reason": "left"}
HOUR = timedelta(hours=1)


def snooze(person: Person, page: Page, hours: float, **more: Any) -> Any:
    until = (timezone.now() + hours * HOUR).isoformat()
    return person.post(f"pages/{page.pk}/snooze", {"until": until, "reason": "the client knows", **more})


def pending(handler: str, page: Page) -> Job | None:
    return Job.objects.filter(handler=handler, key=str(page.pk), state="READY").first()


def due_now(handler: str, page: Page) -> None:
    """Its time has come: the row says so, and its job runs."""
    past = timezone.now() - timedelta(seconds=1)
    with inside(page.agency_id):
        Page.objects.filter(pk=page.pk, stage="SNOOZED").update(snoozed_until=past)
        Page.objects.filter(pk=page.pk, stage="ACKNOWLEDGED").update(lapses_at=past)
    with transaction.atomic():
        assert move(handler, key=str(page.pk), at=past)
    run_due_jobs(handler)


def lapsing(north: North, lea: Person, dee: Person, now: datetime) -> Page:
    """A page that Dee holds under a policy whose acknowledgements lapse after half an hour."""
    policy_of(lea, [{"seat": dee.seat.pk}], at=now)
    with inside(north.agency.pk):
        EscalationPolicy.objects.update(lapses_minutes=30)
    page = page_in(north.agency.pk)
    assert dee.post(f"pages/{page.pk}/acknowledge").status == 200
    return fresh(page)


def test_a_page_is_put_off_and_climbs_again(north: North, dee: Person) -> None:
    page = page_in(north.agency.pk, severity=3)
    answer = snooze(dee, page, 2)
    assert answer.status == 200, answer.body
    asleep = fresh(page)
    assert (asleep.stage, asleep.snoozed_by_id, asleep.next_step_at) == ("SNOOZED", dee.seat.pk, None)
    assert timer_of(page) is None
    waking = pending("alerting.unsnooze_page", page)
    assert waking is not None
    assert waking.due_at == asleep.snoozed_until
    due_now("alerting.unsnooze_page", page)
    awake = fresh(page)
    assert (awake.stage, awake.cycle, awake.snoozed_by_id, awake.snoozed_until) == ("OPEN", 2, None, None)
    assert timer_of(page) is not None
    assert events_of(page)[-1][2] == {"cycle": 2, "reason": "snooze_over"}


@pytest.mark.parametrize(("severity", "hours"), [(2, 4.1), (3, 24.1), (4, 24.1), (3, -1), (3, 0)])
def test_it_is_put_off_for_so_long_at_most(north: North, dee: Person, severity: int, hours: float) -> None:
    page = page_in(north.agency.pk, severity=severity)
    answer = snooze(dee, page, hours)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "until")
    assert fresh(page).stage == "OPEN"


def test_the_gravest_is_never_put_off(north: North, dee: Person) -> None:
    page = page_in(north.agency.pk, severity=1)
    answer = snooze(dee, page, 0.5)
    assert (answer.status, answer.code) == (409, "too_grave_to_snooze")
    assert timer_of(page) is not None


def test_who_put_it_off_may_take_it_and_end_it(north: North, dee: Person) -> None:
    page = page_in(north.agency.pk, severity=3)
    snooze(dee, page, 1)
    assert dee.post(f"pages/{page.pk}/acknowledge").body["snoozed_until"] is None
    assert pending("alerting.unsnooze_page", page) is None
    snooze(dee, page, 1)
    assert dee.post(f"pages/{page.pk}/resolve", {"reason": "over"}).status == 200
    assert pending("alerting.unsnooze_page", page) is None
    answer = snooze(dee, page, 1)
    assert (answer.status, answer.code) == (409, "cannot_move")


def test_a_hold_without_a_sign_lapses_and_the_page_climbs_again(
    north: North, lea: Person, dee: Person, now: datetime
) -> None:
    page = lapsing(north, lea, dee, now)
    assert page.lapses_at == page.acknowledged_at + timedelta(minutes=30)
    due_now("alerting.lapse_page", page)
    lapsed = fresh(page)
    assert (lapsed.stage, lapsed.acknowledged_by_id, lapsed.lapses_at, lapsed.cycle) == ("OPEN", None, None, 2)
    assert events_of(page)[-1][2] == {"cycle": 2, "reason": "acknowledgement_lapsed"}


def test_its_holder_renews_it_and_nobody_else(north: North, lea: Person, dee: Person, now: datetime) -> None:
    page = lapsing(north, lea, dee, now)
    answer = lea.post(f"pages/{page.pk}/renew")
    assert (answer.status, answer.code) == (409, "not_yours")
    before = page.lapses_at
    assert dee.post(f"pages/{page.pk}/renew").status == 200
    renewed = fresh(page)
    assert renewed.lapses_at > before
    job = pending("alerting.lapse_page", page)
    assert job is not None
    assert job.due_at == renewed.lapses_at
    run_due_jobs("alerting.lapse_page")
    assert fresh(page).stage == "ACKNOWLEDGED"


def test_without_a_word_in_the_policy_a_hold_never_lapses(north: North, dee: Person) -> None:
    page = page_in(north.agency.pk)
    assert dee.post(f"pages/{page.pk}/acknowledge").body["lapses_at"] is None
    assert pending("alerting.lapse_page", page) is None


def test_people_let_it_climb_again_by_hand(north: North, dee: Person) -> None:
    page = page_in(north.agency.pk)
    reason = {"reason": "I have to board a plane"}
    answer = dee.post(f"pages/{page.pk}/reopen", reason)
    assert (answer.status, answer.code) == (409, "cannot_move")
    dee.post(f"pages/{page.pk}/acknowledge")
    answer = dee.post(f"pages/{page.pk}/reopen", reason)
    assert (answer.status, answer.body["stage"], answer.body["cycle"]) == (200, "OPEN", 2)
    assert timer_of(page) is not None


@pytest.mark.parametrize("verb", ["acknowledge", "renew"])
def test_a_body_that_means_something_else_is_refused(north: North, dee: Person, verb: str) -> None:
    page = page_in(north.agency.pk)
    answer = dee.post(f"pages/{page.pk}/{verb}", {"until": "tomorrow"})
    assert (answer.status, answer.body["errors"][0]["code"]) == (400, "unknown_field")


def test_whoever_may_only_read_puts_nothing_off(north: North, cy: Person, bo: Person, eve: Person) -> None:
    page = page_in(north.agency.pk, brand_id=north.borealis.pk, severity=3)
    for person in (bo, cy):
        assert snooze(person, page, 1).status in (403, 404)
    assert eve.post(f"/v1/agencies/north/pages/{page.pk}/snooze", {}).status == 404
    assert fresh(page).stage == "OPEN"


@pytest.mark.parametrize(
    ("stage", "handler"),
    [("SNOOZED", "alerting.unsnooze_page"), ("ACKNOWLEDGED", "alerting.lapse_page"), ("OPEN", "alerting.climb_page")],
)
def test_a_lost_timer_is_restored_for_what_the_stage_waits_for(
    north: North, lea: Person, dee: Person, now: datetime, stage: str, handler: str
) -> None:
    page = lapsing(north, lea, dee, now) if stage == "ACKNOWLEDGED" else page_in(north.agency.pk, severity=3)
    if stage == "SNOOZED":
        snooze(dee, page, 1)
    with inside(north.agency.pk):
        assert not restore_timer(page_id=page.pk, at=timezone.now())
        assert cancel(handler, key=str(page.pk), at=timezone.now())
        assert restore_timer(page_id=page.pk, at=timezone.now())
    assert pending(handler, page) is not None


def test_what_a_person_put_off_climbs_again_when_they_go(north: North, ana: Person, dee: Person) -> None:
    page = page_in(north.agency.pk, severity=3)
    snooze(dee, page, 1)
    answer = ana.post(f"seats/{dee.seat.pk}/revoke", LEFT)
    assert answer.status == 200, answer.body
    assert fresh(page).stage == "OPEN"
    with inside(north.agency.pk):
        assert acknowledge_page(page_id=page.pk, by=ana.actor, at=timezone.now()).stage == "ACKNOWLEDGED"
