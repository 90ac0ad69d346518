"""A round of the auditor: silent while everything moves, told by its own way out, and heard by its heart."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from alerting.auditor import Auditor, looking
from alerting.auditor.checks import OF_AN_AGENCY
from alerting.models import Alarm
from core.wall import inside
from jobs.models import Job
from publishing.models import Pause
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.planted import (
    SECOND,
    a_job,
    plant_draining_pause,
    plant_page_without_timer,
    plant_sending,
    plant_silent_workers,
    plant_unknown,
)
from tests.alerting.processes import ROOT, on_this_database
from tests.alerting.scene import page_in
from tests.cast import Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)


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
    plant_silent_workers(None, now - timedelta(minutes=5))
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
