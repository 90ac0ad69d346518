"""Messages really leave: over SMTP, over HTTP, and through Apprise to a chat service's own protocol."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest
from apprise.plugins.slack import NotifySlack
from django.utils import timezone
from pytest_django import Settings

from alerting.models import Notification
from jobs.models import Job
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.processes import ROOT, attempt_in_a_process, on_this_database
from tests.alerting.scene import fresh, notifications_of, page_in, policy_of, reach
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tells_dee(north: North, dee: Person, now: datetime) -> Person:
    """Every page goes to Dee."""
    policy_of(dee, [{"seat": dee.seat.pk}], [{"role": "owner"}], at=now)
    return dee


def only(notifications: list[Notification]) -> Notification:
    (row,) = notifications
    return row


def pending() -> Job:
    return Job.objects.get(handler="alerting.notify", state="READY")


def test_a_mail_says_what_where_and_how_to_answer(north: North, tells_dee: Person, mailbox: Mailbox) -> None:
    page = page_in(north.agency.pk, brand_id=north.aurora.pk, severity=1)
    run_due_jobs()
    ((address, mail),) = mailbox.mails
    sent = only(notifications_of(page))
    assert address == tells_dee.user.email
    assert mail["Subject"] == f"[{sent.reference}] Severity 1: Aurora: Volume is nine times the usual"
    assert mail["Message-ID"] == f"<{sent.pk}@crisisapi>"
    text = mail.get_content()
    assert f"Page: http://127.0.0.1:8000/v1/agencies/north/pages/{page.pk}" in text
    assert "To take it: http://127.0.0.1:8000/v1/acknowledge/" in text
    assert f"Notification {sent.reference}." in text


def test_an_address_with_an_apostrophe_reaches_its_owner_and_nobody_else(
    north: North, tells_dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    reach(tells_dee, "email", "dee.o'brien+night@north.example", at=now)
    page_in(north.agency.pk)
    run_due_jobs()
    assert mailbox.addresses == ["dee.o'brien+night@north.example"]


def test_a_webhook_gets_json_with_a_stable_id(north: North, tells_dee: Person, hook: Hook, now: datetime) -> None:
    reach(tells_dee, "webhook", hook.url, at=now)
    page = page_in(north.agency.pk, brand_id=north.aurora.pk)
    run_due_jobs()
    ((path, headers, body),) = hook.requests
    sent = only(notifications_of(page))
    assert (path, headers["content-type"], headers["x-notification-id"]) == ("/hook", "application/json", str(sent.pk))
    text = body.pop("text")
    assert sent.reference in text
    assert body == {
        "notification_id": str(sent.pk),
        "reference": sent.reference,
        "kind": "page",
        "page_id": str(page.pk),
        "agency": "north",
        "brand": "Aurora",
        "severity": 2,
        "headline": "Volume is nine times the usual",
        "step": 1,
        "raised_at": page.raised_at.isoformat(),
        "url": f"http://127.0.0.1:8000/v1/agencies/north/pages/{page.pk}",
    }
    assert events_of(page)[-1] == (
        "page.notification_sent",
        "rule:escalation",
        {"notification_id": str(sent.pk), "seat_id": str(tells_dee.seat.pk), "transport": "webhook"},
    )


def test_a_chat_service_gets_its_own_protocol_through_apprise(
    north: North, tells_dee: Person, hook: Hook, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The service's host is fixed in Apprise's class; here its base URL is the local receiver.
    monkeypatch.setattr(NotifySlack, "webhook_url", hook.url)
    reach(tells_dee, "chat", "slack://T1JJ3T3L2/B1A0MN1B9/aBcDeFgHiJkLmNoPqRsTuVwX", at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    ((path, _, body),) = hook.requests
    sent = only(notifications_of(page))
    assert path == "/hook/T1JJ3T3L2/B1A0MN1B9/aBcDeFgHiJkLmNoPqRsTuVwX"
    assert sent.stage == "SENT"
    assert sent.reference in str(body)


def test_a_chat_service_that_says_no_is_tried_again(
    north: North, tells_dee: Person, hook: Hook, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", hook.url)
    hook.answers = [(500, {})]
    reach(tells_dee, "chat", "slack://T1JJ3T3L2/B1A0MN1B9/aBcDeFgHiJkLmNoPqRsTuVwX", at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert only(notifications_of(page)).stage == "QUEUED"
    Job.objects.filter(pk=pending().pk).update(due_at=timezone.now())
    run_due_jobs()
    assert (only(notifications_of(page)).stage, len(hook.requests)) == ("SENT", 2)


def test_the_failure_of_one_channel_does_not_delay_another(
    north: North, tells_dee: Person, hook: Hook, mailbox: Mailbox, now: datetime
) -> None:
    hook.answers = [(500, {})]
    reach(tells_dee, "webhook", hook.url, at=now)
    reach(tells_dee, "email", "dee@north.example", at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert mailbox.addresses == ["dee@north.example"]
    assert sorted((row.transport, row.stage) for row in notifications_of(page)) == [
        ("email", "SENT"),
        ("webhook", "QUEUED"),
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 410, 301])
def test_an_answer_that_will_not_change_ends_the_notification(
    *, north: North, tells_dee: Person, hook: Hook, mailbox: Mailbox, now: datetime, status: int
) -> None:
    hook.answers = [(status, {"Location": "http://127.0.0.1:1/"})]
    reach(tells_dee, "webhook", hook.url, at=now)
    page = page_in(north.agency.pk)
    run_due_jobs("alerting.climb_page")
    run_due_jobs("alerting.notify")
    failed = notifications_of(page)[0]
    assert (failed.stage, failed.problem, len(hook.requests)) == ("FAILED", f"The host answered {status}.", 1)
    assert (
        "page.notification_failed",
        "rule:escalation",
        {
            "notification_id": str(failed.pk),
            "seat_id": str(tells_dee.seat.pk),
            "transport": "webhook",
            "permanent": True,
        },
    ) in events_of(page)


def test_a_host_that_asks_for_time_gets_it_within_reason(
    north: North, tells_dee: Person, hook: Hook, now: datetime
) -> None:
    hook.answers = [(429, {"Retry-After": "30"}), (503, {"Retry-After": "86400"})]
    reach(tells_dee, "webhook", hook.url, at=now)
    page_in(north.agency.pk)
    run_due_jobs()
    assert timedelta(seconds=25) < pending().due_at - timezone.now() <= timedelta(seconds=30)
    Job.objects.filter(pk=pending().pk).update(due_at=timezone.now())
    run_due_jobs()
    assert timedelta(seconds=115) < pending().due_at - timezone.now() <= timedelta(minutes=2)


def test_a_mailbox_that_does_not_exist_fails_at_once_and_a_busy_one_is_tried_again(
    north: North, tells_dee: Person, mailbox: Mailbox
) -> None:
    mailbox.refuse_addresses[tells_dee.user.email] = "450 4.2.1 try later"
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert (only(notifications_of(page)).stage, pending().attempts) == ("QUEUED", 1)
    mailbox.refuse_addresses[tells_dee.user.email] = "550 5.1.1 no such user"
    Job.objects.filter(pk=pending().pk).update(due_at=timezone.now())
    run_due_jobs("alerting.notify")
    failed = notifications_of(page)[0]
    assert (failed.stage, failed.problem) == ("FAILED", "The mail server refused the address.")


def test_after_the_last_attempt_the_notification_has_failed_and_says_so(
    north: North, tells_dee: Person, settings: Settings
) -> None:
    settings.EMAIL_PORT = 1  # nobody listens there
    page = page_in(north.agency.pk)
    run_due_jobs()
    while Job.objects.filter(
        handler="alerting.notify", state="READY", args__notification_id=str(notifications_of(page)[0].pk)
    ).exists():
        Job.objects.filter(handler="alerting.notify", state="READY").update(due_at=timezone.now())
        run_due_jobs("alerting.notify")
    failed = notifications_of(page)[0]
    assert (failed.stage, failed.problem) == ("FAILED", "The mail server did not take the message.")
    assert Job.objects.get(handler="alerting.notify", key=str(failed.pk)).attempts == 6


def test_a_message_that_was_sent_by_a_process_that_died_is_sent_again_under_the_same_name(
    north: North, tells_dee: Person, mailbox: Mailbox
) -> None:
    page = page_in(north.agency.pk)
    run_due_jobs("alerting.climb_page")
    job = pending()
    killed = attempt_in_a_process(
        job, EMAIL_PORT=str(mailbox.port), CRISISAPI_FAILPOINTS="alerting.after_delivery=kill"
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (len(mailbox.mails), only(notifications_of(page)).stage) == (1, "QUEUED")

    # Its lease runs out, and the job is anybody's.
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    again = attempt_in_a_process(job, EMAIL_PORT=str(mailbox.port))
    assert again.returncode == 0, again.stderr
    sent = only(notifications_of(page))
    assert sent.stage == "SENT"
    (_, first), (_, second) = mailbox.mails
    for header in ("Subject", "Message-ID"):
        assert first[header] == second[header]
    assert first.get_content() == second.get_content()
    assert sent.reference in first["Subject"]


def test_an_apprise_class_is_not_loaded_before_the_first_chat_message() -> None:
    program = (
        "import django, sys; django.setup(); import alerting.api\n"
        "sys.exit(any(name.partition('.')[0] == 'apprise' for name in sys.modules))"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=on_this_database(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_page_that_was_taken_meanwhile_sends_nothing(north: North, tells_dee: Person, mailbox: Mailbox) -> None:
    page = page_in(north.agency.pk)
    run_due_jobs("alerting.climb_page")
    tells_dee.post(f"pages/{page.pk}/acknowledge")
    run_due_jobs()
    assert (mailbox.mails, fresh(page).stage) == ([], "ACKNOWLEDGED")


def test_a_mail_server_that_accepts_and_then_says_nothing_holds_nobody_up(
    north: North, tells_dee: Person, settings: Settings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", mute.getsockname()[1], 1
        page = page_in(north.agency.pk)
        started = time.monotonic()
        run_due_jobs()
        assert time.monotonic() - started < 5
    assert only(notifications_of(page)).stage == "QUEUED"
    assert pending().last_error == "The mail server did not take the message."
