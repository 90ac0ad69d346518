"""What the auditor puts right by itself: a job that was lost is written again, and does what it would have done."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from alerting.auditor import look
from alerting.models import HandOver, Notification, Page, Silence
from core.wall import inside
from jobs.models import Job
from tests.alerting.conftest import Mailbox
from tests.alerting.planted import (
    SECOND,
    a_job,
    plant_hand_over,
    plant_late_page,
    plant_notification,
    plant_page_without_timer,
    plant_silence_over,
)
from tests.alerting.scene import fresh, page_in, policy_of, rota_of, timer_of
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


def found_now() -> list[str]:
    return [finding.check for finding in look(at=timezone.now())]


def lose_the_timer(page: Page, now: datetime) -> None:
    Job.objects.filter(key=str(page.pk), state="READY").update(state="CANCELLED", finished_at=now)


def waiting(handler: str) -> list[Job]:
    return list(Job.objects.filter(handler=handler, state="READY"))


def test_a_page_that_lost_its_timer_gets_one_and_somebody_is_told(
    north: North, dee: Person, now: datetime, mailbox: Mailbox
) -> None:
    policy_of(dee, [{"rota": rota_of(dee, at=now).pk}], at=now)
    page = page_in(north.agency.pk)
    lose_the_timer(page, now)
    assert found_now() == ["pages_without_timer"]
    timer = timer_of(page)
    assert timer is not None
    assert (timer.args["step"], fresh(page).next_step_at) == (1, timer.due_at)
    assert found_now() == []
    run_due_jobs()
    assert mailbox.addresses == [dee.user.email]


@pytest.mark.parametrize("past", [True, False], ids=["past", "to come"])
@pytest.mark.parametrize(
    ("stage", "handler"), [("SNOOZED", "alerting.unsnooze_page"), ("ACKNOWLEDGED", "alerting.lapse_page")]
)
def test_a_page_that_sleeps_without_its_timer_gets_one_and_climbs_again_in_its_time(
    north: North, now: datetime, stage: str, handler: str, past: bool
) -> None:
    page = page_in(north.agency.pk)
    lose_the_timer(page, now)
    until = now - SECOND if past else now + timedelta(hours=1)
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(
            stage=stage, next_step_at=None, acknowledged_at=now, lapses_at=until, snoozed_until=until
        )
    assert found_now() == ["pages_without_timer"]
    [timer] = waiting(handler)
    assert (timer.key, timer.due_at) == (str(page.pk), until)
    assert found_now() == []
    run_due_jobs(handler)
    assert (fresh(page).stage, fresh(page).cycle) == (("OPEN", 2) if past else (stage, 1))


@pytest.mark.parametrize("stage", ["EXHAUSTED", "RESOLVED", "SILENCED"])
def test_a_page_that_waits_for_nothing_needs_no_timer(north: North, now: datetime, stage: str) -> None:
    page = page_in(north.agency.pk)
    lose_the_timer(page, now)
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(stage=stage, next_step_at=None)
    assert found_now() == []
    assert timer_of(page) is None


def test_a_timer_that_hangs_is_left_to_whoever_has_it(north: North) -> None:
    plant_late_page(north, timezone.now() - MINUTE)
    assert found_now() == ["pages_late"]
    assert len(waiting("alerting.climb_page")) == 1


def test_a_message_that_lost_its_job_goes_out(north: North, mailbox: Mailbox) -> None:
    told = plant_notification(north, timezone.now() - 2 * MINUTE)
    assert found_now() == ["notifications_without_job"]
    [job] = waiting("alerting.notify")
    assert (job.key, job.args, job.agency_id) == (str(told.pk), {"notification_id": str(told.pk)}, north.agency.pk)
    assert found_now() == []
    run_due_jobs("alerting.notify")
    assert len(mailbox.mails) == 1
    with inside(north.agency.pk):
        assert Notification.objects.get().stage == "SENT"


def test_a_message_whose_every_attempt_died_has_failed_and_the_next_step_does_not_wait(north: North) -> None:
    now = timezone.now()
    told = plant_notification(north, now - 2 * MINUTE)
    a_job(now=now - MINUTE, key=str(told.pk), agency_id=north.agency.pk, state="DEAD", finished_at=now)
    assert sorted(found_now()) == ["jobs_dead", "notifications_without_job"]
    assert waiting("alerting.notify") == []
    with inside(north.agency.pk):
        message, page = Notification.objects.get(), Page.objects.get()
    assert (message.stage, message.problem) == ("FAILED", "Every attempt at it died.")
    timer = timer_of(page)
    assert timer is not None
    assert timer.due_at <= timezone.now()
    facts = {"notification_id": str(told.pk), "seat_id": str(told.seat_id), "transport": "email", "permanent": False}
    assert ("page.notification_failed", "rule:auditor", facts) in events_of(page)


def test_a_message_that_a_worker_holds_is_not_sent_by_another(north: North) -> None:
    now = timezone.now()
    told = plant_notification(north, now - 2 * MINUTE)
    a_job(
        now=now, key=str(told.pk), agency_id=north.agency.pk, lease_token=uuid4(), lease_until=now + timedelta(hours=1)
    )
    assert found_now() == []
    assert len(waiting("alerting.notify")) == 1


def test_a_hand_over_that_nobody_ended_lapses_after_all(north: North) -> None:
    plant_hand_over(north, timezone.now() - 2 * MINUTE)
    assert found_now() == ["hand_overs_not_lapsed"]
    assert found_now() == ["hand_overs_not_lapsed"]  # found once more, and its job written once
    assert run_due_jobs("alerting.lapse_hand_over") == 1
    with inside(north.agency.pk):
        assert HandOver.objects.get().stage == "LAPSED"
    assert found_now() == []


def test_a_silence_that_nobody_ended_ends_after_all(north: North) -> None:
    plant_silence_over(north, timezone.now() - 2 * MINUTE)
    assert found_now() == ["silences_not_ended"]
    assert found_now() == ["silences_not_ended"]
    assert run_due_jobs("alerting.end_silence") == 1
    with inside(north.agency.pk):
        assert Silence.objects.get().ended_at is not None
    assert found_now() == []


def test_many_lost_timers_are_all_restored_in_one_look(north: North) -> None:
    for _ in range(30):
        plant_page_without_timer(north, timezone.now())
    [finding] = look(at=timezone.now())
    assert (finding.check, finding.count) == ("pages_without_timer", 30)
    assert len(waiting("alerting.climb_page")) == 30
