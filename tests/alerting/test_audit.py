"""The auditor: silent while everything moves, and every check can fire."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from alerting.auditor import CHECKS, Auditor, look, looking
from alerting.auditor.checks import BLIND, OF_AN_AGENCY
from alerting.models import Alarm, HandOver, Notification, Page, Silence
from core.ids import uuid7
from core.wall import inside
from jobs.models import Job, Pulse
from listening.models import Source
from permissions.models import Revocation, RevocationLine
from publishing.models import Attempt, Pause, Post
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.processes import ROOT, on_this_database
from tests.alerting.scene import fresh, home_of, page_in, timer_of
from tests.cast import Person, events_of, seat_person
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)


@pytest.fixture
def operator(settings: Settings, mailbox: Mailbox, hook: Hook) -> tuple[Mailbox, Hook]:
    """An operator with an address, and somebody outside who listens for the heartbeat."""
    settings.OPERATOR_EMAIL = "operator@example.org"
    settings.HEARTBEAT_URL = hook.url
    return mailbox, hook


# -- what can stand still, and for how long it may --------------------------------------------------------------


def a_job(**how: Any) -> Job:
    now: datetime = how.pop("now")
    job = Job(
        max_attempts=3,
        created_at=now,
        **{"handler": "alerting.notify", "key": str(uuid4()), "due_at": now, "queue": "alerts", **how},
    )
    job.save()
    return job


def plant_dead_job(north: North, since: datetime) -> None:
    a_job(now=since, agency_id=north.agency.pk, state="DEAD", finished_at=since)


def plant_overdue_job(north: North, since: datetime) -> None:
    a_job(now=since, agency_id=north.agency.pk)
    # Somebody is at work, so only this one job is late.
    a_job(now=since, state="DONE", finished_at=timezone.now(), queue="alerts")


def plant_silence(_north: North, since: datetime) -> None:
    a_job(now=since)


def plant_silent_queue(north: North, since: datetime) -> None:
    plant_overdue_job(north, since)
    Job.objects.filter(state="DONE").update(queue="bulk")


def plant_page_without_timer(north: North, since: datetime) -> None:
    page = page_in(north.agency.pk, at=since)
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk)).update(state="CANCELLED", finished_at=since)
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(next_step_at=timezone.now() + timedelta(minutes=5))


def plant_late_page(north: North, since: datetime) -> None:
    page = page_in(north.agency.pk, at=since)
    # Its timer is claimed by a worker that hangs, so the queue does not look late.
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk)).update(
        lease_token=uuid4(), lease_until=timezone.now() + timedelta(minutes=10)
    )


def plant_snooze(north: North, since: datetime) -> None:
    page = page_in(north.agency.pk, at=since)
    set_timer_to(page, "alerting.unsnooze_page")
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(stage="SNOOZED", snoozed_until=since, next_step_at=None)


def plant_acknowledgement(north: North, since: datetime) -> None:
    page = page_in(north.agency.pk, at=since)
    set_timer_to(page, "alerting.lapse_page")
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(
            stage="ACKNOWLEDGED", acknowledged_at=since, lapses_at=since, next_step_at=None
        )


def set_timer_to(page: Page, handler: str) -> None:
    """The page's timer is of another kind, and with a worker that hangs."""
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk)).update(
        handler=handler, lease_token=uuid4(), lease_until=timezone.now() + timedelta(minutes=10)
    )


def plant_notification(north: North, since: datetime, **how: Any) -> Notification:
    """A message about a page whose first step has fired and whose second is to come."""
    dee = seat_person(north.agency, "dee", "responder", at=since)
    page = page_in(north.agency.pk, at=since)
    now = timezone.now()
    set_due(page, now + timedelta(minutes=5))
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(step=1)
        told = Notification(
            page_id=page.pk, cycle=1, step=1, seat_id=dee.seat.pk, transport="email", queued_at=since, **how
        )
        told.save()
    return told


def set_due(page: Page, due: datetime) -> None:
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk)).update(due_at=due)
    with inside(home_of(page)):
        Page.objects.filter(pk=page.pk).update(next_step_at=due)


def plant_unreached_page(north: North, since: datetime) -> None:
    plant_notification(north, since, stage="FAILED", settled_at=since)


def plant_notification_without_job(north: North, since: datetime) -> None:
    plant_notification(north, since)


def plant_late_notification(north: North, since: datetime) -> None:
    told = plant_notification(north, since - timedelta(hours=1), due_at=since)
    a_job(now=timezone.now(), key=str(told.pk), agency_id=north.agency.pk)


def plant_hand_over(north: North, since: datetime) -> None:
    told = plant_notification(north, since, stage="SENT", settled_at=since)
    with inside(north.agency.pk):
        HandOver(page_id=told.page_id, to_seat_id=told.seat_id, offered_at=since, lapses_at=since).save()


def plant_silence_over(north: North, since: datetime) -> None:
    with inside(north.agency.pk):
        Silence(reason="A move", starts_at=since - timedelta(hours=1), ends_at=since, created_at=since).save()


def plant_goodbye(north: North, since: datetime, **how: Any) -> Revocation:
    dee = seat_person(north.agency, "dee", "responder", at=since)
    with inside(north.agency.pk):
        goodbye = Revocation(
            seat_id=dee.seat.pk, reason="left", asked_at=since, asked_by="operator:tests", due_at=since, **how
        )
        goodbye.save()
    return goodbye


def plant_unconfirmed_line(north: North, since: datetime) -> None:
    goodbye = plant_goodbye(north, since, stage="VERIFYING", done_at=since)
    with inside(north.agency.pk):
        RevocationLine(revocation=goodbye, name="platform tokens", finding="unconfirmed").save()
        RevocationLine(revocation=goodbye, name="grants", finding="confirmed").save()


def plant_late_goodbye(north: North, since: datetime) -> None:
    plant_goodbye(north, since, stage="SCHEDULED")


def plant_refused_source(north: North, since: datetime) -> None:
    with inside(north.agency.pk):
        Source(
            brand_id=north.aurora.pk, kind="rss", name="News", created_at=since, answered_at=since, health="refused"
        ).save()


def plant_pulse(name: str, since: datetime) -> None:
    Pulse(name=name, at=since).save()


def plant_attempt(north: North, since: datetime, stage: str) -> None:
    with inside(north.agency.pk):
        post = Post(
            brand_id=north.aurora.pk,
            account_id=north.aurora_account.pk,
            text="Good morning!",
            scheduled_at=since,
            digest="0" * 64,
            author_seat_id=uuid7(),
            created_at=since,
        )
        post.save()
        Attempt(
            post_id=post.pk,
            account_id=north.aurora_account.pk,
            stage=stage,
            idempotency_key=uuid4().hex,
            digest="0" * 64,
            epoch=0,
            started_at=since,
        ).save()


def plant_sending(north: North, since: datetime) -> None:
    plant_attempt(north, since, "SENDING")


def plant_unknown(north: North, since: datetime) -> None:
    plant_attempt(north, since, "UNKNOWN")


def plant_draining_pause(north: North, since: datetime) -> None:
    with inside(north.agency.pk):
        Pause(
            scope="brand",
            scope_id=north.aurora.pk,
            brand_id=north.aurora.pk,
            kind="crisis",
            reason="storm",
            epoch=1,
            started_at=since,
        ).save()


Plant = Callable[[North, datetime], None]
# check -> (how to plant it, for how long it may stand still)
FAULTS: dict[str, tuple[Plant, timedelta]] = {
    "jobs_dead": (plant_dead_job, timedelta(0)),
    "jobs_overdue": (plant_overdue_job, timedelta(seconds=60)),
    "workers_silent": (plant_silence, timedelta(seconds=60)),
    "queues_silent": (plant_silent_queue, timedelta(seconds=60)),
    "beat_silent": (lambda _, since: plant_pulse("beat", since), timedelta(seconds=25)),
    "sweep_silent": (lambda _, since: plant_pulse("sweep", since), timedelta(seconds=25)),
    "pages_without_timer": (plant_page_without_timer, timedelta(0)),
    "pages_late": (plant_late_page, timedelta(seconds=30)),
    "snoozes_not_ended": (plant_snooze, timedelta(seconds=30)),
    "acknowledgements_not_lapsed": (plant_acknowledgement, timedelta(seconds=60)),
    "pages_reached_nobody": (plant_unreached_page, timedelta(seconds=60)),
    "notifications_late": (plant_late_notification, timedelta(minutes=15)),
    "notifications_without_job": (plant_notification_without_job, timedelta(seconds=60)),
    "hand_overs_not_lapsed": (plant_hand_over, timedelta(seconds=60)),
    "silences_not_ended": (plant_silence_over, timedelta(seconds=60)),
    "revocations_unconfirmed": (plant_unconfirmed_line, timedelta(minutes=15)),
    "revocations_late": (plant_late_goodbye, timedelta(minutes=5)),
    "sources_silent": (plant_refused_source, timedelta(minutes=15)),
    "posts_sending_too_long": (plant_sending, timedelta(seconds=60)),
    "posts_unknown_too_long": (plant_unknown, timedelta(minutes=15)),
    "pauses_not_effective": (plant_draining_pause, timedelta(seconds=30)),
}


OF_THE_SYSTEM = {"workers_silent", "queues_silent", "beat_silent", "sweep_silent"}


def test_every_check_has_a_planted_fault() -> None:
    assert {*FAULTS, *BLIND} == set(CHECKS)


@pytest.mark.parametrize("check", FAULTS)
def test_each_check_finds_its_fault_and_only_that_and_not_before_its_time(north: North, check: str) -> None:
    plant, may_stand = FAULTS[check]
    now = timezone.now()
    since = now - may_stand - 2 * SECOND
    plant(north, since)
    if may_stand:
        assert look(at=since + may_stand - 10 * SECOND) == []
    found = {finding.check: finding for finding in look(at=now)}
    # Work that nobody takes is late too.
    assert set(found) == ({check, "jobs_overdue"} if check in {"workers_silent", "queues_silent"} else {check})
    assert (found[check].count, found[check].agency_id) == (1, None if check in OF_THE_SYSTEM else north.agency.pk)


def test_a_silent_queue_is_named(north: North) -> None:
    plant_silent_queue(north, timezone.now() - timedelta(seconds=62))
    [silent] = [finding for finding in look(at=timezone.now()) if finding.check == "queues_silent"]
    assert str(silent) == "queues_silent: 1 (alerts)"


def test_a_dead_job_alarms_for_a_day(north: North) -> None:
    plant_dead_job(north, timezone.now() - timedelta(days=1, minutes=1))
    assert look(at=timezone.now()) == []


def test_while_everything_moves_nobody_is_disturbed_and_the_heart_beats(
    north: North, operator: tuple[Mailbox, Hook], now: datetime
) -> None:
    mailbox, hook = operator
    page_in(north.agency.pk)
    plant_sending(north, now)
    plant_unknown(north, now)
    plant_draining_pause(north, now)
    a_job(now=now)
    a_job(now=now - timedelta(minutes=5), lease_token=uuid4(), lease_until=now + timedelta(minutes=1))
    a_job(now=now + timedelta(days=1))
    a_job(now=now - timedelta(hours=1), state="DONE", finished_at=now)
    a_job(now=now - timedelta(hours=1), state="CANCELLED", finished_at=now)
    done = Auditor().go_round(at=timezone.now())
    assert (done.findings, done.told, done.heard) == ([], True, True)
    assert (mailbox.mails, [path for path, _, _ in hook.requests]) == ([], ["/hook"])
    with inside(north.agency.pk):
        assert not Alarm.objects.exists()


def test_a_page_that_lost_its_timer_gets_one_and_climbs(north: North) -> None:
    plant_page_without_timer(north, timezone.now())
    with inside(north.agency.pk):
        page = Page.objects.get()
    assert timer_of(page) is None
    look(at=timezone.now())
    timer = timer_of(page)
    assert timer is not None
    assert (timer.args["step"], fresh(page).next_step_at) == (1, timer.due_at)
    assert look(at=timezone.now()) == []


@pytest.mark.parametrize(
    ("stage", "handler"), [("SNOOZED", "alerting.unsnooze_page"), ("ACKNOWLEDGED", "alerting.lapse_page")]
)
def test_a_page_that_sleeps_without_its_timer_is_found(north: North, now: datetime, stage: str, handler: str) -> None:
    page = page_in(north.agency.pk)
    Job.objects.filter(handler="alerting.climb_page").update(state="CANCELLED", finished_at=now)
    later = now + timedelta(hours=1)
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(
            stage=stage, next_step_at=None, acknowledged_at=now, lapses_at=later, snoozed_until=later
        )
    assert [finding.check for finding in look(at=timezone.now())] == ["pages_without_timer"]
    a_job(now=now, handler=handler, key=str(page.pk), due_at=later)
    assert look(at=timezone.now()) == []


def test_an_alarm_sounds_once_an_hour_for_each_kind(
    north: North, operator: tuple[Mailbox, Hook], now: datetime
) -> None:
    mailbox, hook = operator
    start = now.replace(minute=1)
    plant_draining_pause(north, start - timedelta(hours=2))
    auditor = Auditor()
    for minutes in (0, 1, 20):
        auditor.go_round(at=start + timedelta(minutes=minutes))
    assert len(mailbox.mails) == 1
    plant_unknown(north, start - timedelta(hours=2))
    auditor.go_round(at=start + timedelta(minutes=30))
    auditor.go_round(at=start + timedelta(minutes=61))
    texts = mailbox.texts
    pause, unknown = (
        f"{check}: 1 (agency {north.agency.pk})\n" for check in ("pauses_not_effective", "posts_unknown_too_long")
    )
    assert texts[:2] == [pause, unknown]
    assert sorted(texts[2].splitlines(keepends=True)) == sorted([pause, unknown])
    assert mailbox.addresses == ["operator@example.org"] * 3
    assert len(hook.requests) == 5
    with inside(north.agency.pk):
        alarms = list(Alarm.objects.order_by("id"))
    assert [alarm.check_name for alarm in alarms].count("pauses_not_effective") == 2
    assert events_of(alarms[0]) == [("alarm.raised", "rule:auditor", {"check": "pauses_not_effective", "count": 1})]


def test_what_belongs_to_no_agency_is_told_once_an_hour_too(operator: tuple[Mailbox, Hook], now: datetime) -> None:
    mailbox, _ = operator
    plant_silence(None, now - timedelta(minutes=5))  # type: ignore[arg-type]
    auditor = Auditor()
    for minutes in (0, 59, 61):
        auditor.go_round(at=now + timedelta(minutes=minutes))
    assert mailbox.texts == ["jobs_overdue: 1\nworkers_silent: 1\n"] * 2


def test_what_cannot_be_told_stops_the_heart_until_it_is(
    north: North, operator: tuple[Mailbox, Hook], settings: Settings, now: datetime
) -> None:
    mailbox, hook = operator
    plant_draining_pause(north, now - timedelta(hours=2))
    auditor = Auditor()
    settings.EMAIL_PORT = 1  # nobody listens there
    first = auditor.go_round(at=now)
    assert (first.told, first.heard, hook.requests) == (False, False, [])
    settings.EMAIL_PORT = mailbox.port
    second = auditor.go_round(at=now + 30 * SECOND)
    assert (second.told, second.heard, len(mailbox.mails), len(hook.requests)) == (True, True, 1, 1)


def test_without_an_operator_the_silence_of_the_heart_is_the_alarm(
    north: North, settings: Settings, hook: Hook, now: datetime
) -> None:
    settings.OPERATOR_EMAIL, settings.OPERATOR_WEBHOOK_URL, settings.HEARTBEAT_URL = "", "", hook.url
    plant_draining_pause(north, now - timedelta(hours=2))
    auditor = Auditor()
    assert not auditor.go_round(at=now).told
    with inside(north.agency.pk):
        Pause.objects.update(stage="EFFECTIVE", effective_at=now)
    assert hook.requests == []
    assert auditor.go_round(at=now + SECOND).told
    assert len(hook.requests) == 1


def test_a_heartbeat_that_is_not_heard_is_said(operator: tuple[Mailbox, Hook], now: datetime) -> None:
    _, hook = operator
    hook.answers = [(500, {})]
    done = Auditor().go_round(at=now)
    assert (done.told, done.heard) == (True, False)


def test_a_database_that_is_away_is_alarmed_and_the_next_round_finds_it_again(
    operator: tuple[Mailbox, Hook], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox, hook = operator
    auditor = Auditor()
    with monkeypatch.context() as away:
        connection.close()
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        done = auditor.go_round(at=now)
    assert [finding.check for finding in done.findings] == ["database_away"]
    assert mailbox.texts == ["database_away: 1\n"]
    # Told or not: whoever cannot see does not say that all is well.
    assert (done.told, done.heard, hook.requests) == (True, False, [])
    after = auditor.go_round(at=now + SECOND)
    assert (after.findings, after.heard, len(hook.requests)) == ([], True, 1)


@pytest.mark.parametrize(
    "question",
    ["SELECT count(*) FROM a_table_that_is_gone", "SELECT 1 FROM pg_sleep(30)", "SELECT 1 / (SELECT 0)"],
    ids=["fails", "hangs", "divides"],
)
def test_a_question_that_fails_or_hangs_blinds_no_other_and_stops_the_heart(
    north: North, operator: tuple[Mailbox, Hook], now: datetime, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    mailbox, hook = operator
    monkeypatch.setattr(looking, "QUESTION_SECONDS", 1)
    plant_draining_pause(north, now - timedelta(hours=2))
    auditor = Auditor()
    with monkeypatch.context() as broken:
        broken.setitem(OF_AN_AGENCY, "pages_late", question)
        done = auditor.go_round(at=now)
    assert [str(finding) for finding in done.findings] == [
        "auditor_blind: 1 (pages_late)",
        f"pauses_not_effective: 1 (agency {north.agency.pk})",
    ]
    assert (done.told, done.heard, len(mailbox.mails), hook.requests) == (True, False, 1, [])
    after = auditor.go_round(at=now + SECOND)
    assert (after.heard, len(mailbox.mails)) == (True, 1)


def test_where_no_mail_goes_out_the_operators_webhook_is_called(
    north: North, settings: Settings, mailbox: Mailbox, hook: Hook, now: datetime
) -> None:
    settings.OPERATOR_EMAIL, settings.OPERATOR_WEBHOOK_URL = "", hook.url
    plant_draining_pause(north, now - timedelta(hours=2))
    auditor = Auditor()
    assert auditor.go_round(at=now).told
    line = f"pauses_not_effective: 1 (agency {north.agency.pk})"
    subject = "crisisapi: 1 things stand still"
    assert hook.bodies == [{"kind": "alarm", "subject": subject, "lines": [line], "text": f"{subject}\n{line}"}]
    settings.OPERATOR_EMAIL = "operator@example.org"
    mailbox.answers, hook.answers = ["451 later"], [(500, {})]
    assert not auditor.go_round(at=now + timedelta(hours=1)).told
    mailbox.answers = ["451 later"]
    assert auditor.go_round(at=now + timedelta(hours=1, seconds=30)).told
    assert (len(hook.bodies), mailbox.mails) == (3, [])


def test_a_second_auditor_beside_the_first_changes_nothing(
    north: North, operator: tuple[Mailbox, Hook], now: datetime
) -> None:
    mailbox, hook = operator
    plant_draining_pause(north, now - timedelta(hours=2))
    plant_page_without_timer(north, timezone.now())
    for auditor in (Auditor(), Auditor()):
        assert auditor.go_round(at=now).heard
    assert (len(mailbox.mails), len(hook.requests)) == (1, 2)
    with inside(north.agency.pk):
        assert Alarm.objects.count() == 2
        assert Job.objects.filter(handler="alerting.climb_page", state="READY").count() == 1


def test_the_agency_reads_of_the_alarm_in_its_ledger_and_another_does_not(
    north: North, ana: Person, eve: Person, operator: tuple[Mailbox, Hook], now: datetime
) -> None:
    plant_draining_pause(north, now - timedelta(hours=2))
    Auditor().go_round(at=now)
    with inside(eve.agency.pk):
        assert not Alarm.objects.exists()
    with inside(north.agency.pk):
        assert Alarm.objects.get().check_name == "pauses_not_effective"


def test_one_round_says_by_its_exit_code_whether_something_stands_still(
    north: North, operator: tuple[Mailbox, Hook], now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as quiet:
        call_command("audit", once=True)
    plant_draining_pause(north, now - timedelta(hours=2))
    with pytest.raises(SystemExit) as loud:
        call_command("audit", once=True)
    assert (quiet.value.code, loud.value.code) == (0, 1)
    said = capsys.readouterr().out
    assert "Everything moves." in said
    assert "pauses_not_effective: 1" in said


@pytest.mark.slow
def test_the_auditor_goes_round_until_it_is_told_to_stop(north: North) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "manage.py", "audit", "--every", "0.2"],
        cwd=ROOT,
        env=on_this_database(),
        stdout=subprocess.PIPE,
        text=True,
    ) as auditor:
        assert auditor.stdout is not None
        lines = [auditor.stdout.readline() for _ in range(2)]
        auditor.send_signal(signal.SIGTERM)
        code = auditor.wait(timeout=30)
    assert (lines, code) == (["auditor: watching, a round each 0.2 s\n", "Everything moves.\n"], 0)
