"""What carriers say later of a message: signed, in any order, as often as they like."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from alerting.links import about
from alerting.models import ContactMethod, Notification, Page
from core import failpoints
from core.wall import inside
from jobs.models import Job
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.scene import fresh, notifications_of, page_in, policy_of, reach, timer_of
from tests.alerting.twilio import Twilio, seconds_now
from tests.cast import Answer, Person, events_of, run_due_jobs, send
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+998901234567"


@pytest.fixture
def texts_dee(north: North, ana: Person, dee: Person, now: datetime) -> Person:
    """Every page goes to Dee's phone, and then to the owner."""
    policy_of(dee, [{"seat": dee.seat.pk}], [{"role": "owner"}], at=now)
    return dee


def texted(north: North, dee: Person, at: datetime) -> Page:
    reach(dee, "sms", PHONE, at=at)
    page = page_in(north.agency.pk)
    run_due_jobs()
    return page


def first(page: Page) -> Notification:
    return notifications_of(page)[0]


def proved(dee: Person) -> datetime | None:
    with inside(dee.agency.pk):
        return ContactMethod.objects.get(seat_id=dee.seat.pk).proved_at


def test_a_message_that_arrived_is_delivered_and_proves_its_way(
    north: North, texts_dee: Person, twilio: Twilio, now: datetime
) -> None:
    page = texted(north, texts_dee, now - timedelta(hours=1))
    assert (first(page).stage, first(page).receipt) == ("SENT", twilio.sids[0])
    before = proved(texts_dee)
    for status in ("sent", "delivered", "delivered"):
        assert twilio.status(status).status == 204
    row = first(page)
    assert (row.stage, row.delivered_at is not None) == ("DELIVERED", True)
    assert before is not None
    assert (proved(texts_dee) or before) > before
    assert timer_of(page) is not None  # to have it is not to have taken it


def test_what_was_delivered_stays_delivered_whatever_comes_late(
    north: North, texts_dee: Person, twilio: Twilio, now: datetime
) -> None:
    page = texted(north, texts_dee, now)
    for status in ("delivered", "undelivered", "failed", "sent", "queued"):
        assert twilio.status(status, ErrorCode="30003").status == 204
    assert first(page).stage == "DELIVERED"
    names = [name for name, _, _ in events_of(page)]
    assert (names.count("page.notification_sent"), names.count("page.notification_failed")) == (1, 0)


def test_the_last_hope_of_a_step_bounces_and_the_next_does_not_wait(
    north: North, texts_dee: Person, twilio: Twilio, mailbox: Mailbox, ana: Person, now: datetime
) -> None:
    page = texted(north, texts_dee, now)
    assert mailbox.mails == []
    assert twilio.status("undelivered", ErrorCode="30003").status == 204
    run_due_jobs()
    assert (first(page).stage, first(page).problem) == ("FAILED", "The phone is off or out of reach.")
    assert (fresh(page).step, mailbox.addresses) == (2, [ana.user.email])
    assert (
        "page.notification_failed",
        "rule:delivery receipt",
        {
            "notification_id": str(first(page).pk),
            "seat_id": str(texts_dee.seat.pk),
            "transport": "sms",
            "permanent": True,
        },
    ) in events_of(page)


def test_a_bounce_that_is_told_twice_moves_the_page_once(
    north: North, texts_dee: Person, twilio: Twilio, mailbox: Mailbox, now: datetime
) -> None:
    page = texted(north, texts_dee, now)
    for _ in range(2):
        twilio.status("failed")
        run_due_jobs()
    assert (fresh(page).step, len(mailbox.mails)) == (2, 1)


def test_another_way_may_still_arrive_so_nothing_is_hurried(
    north: North, texts_dee: Person, twilio: Twilio, mailbox: Mailbox, now: datetime
) -> None:
    reach(texts_dee, "email", "dee@home.example", at=now)
    page = texted(north, texts_dee, now)
    twilio.status("undelivered")
    run_due_jobs()
    assert (fresh(page).step, mailbox.addresses) == (1, ["dee@home.example"])


@pytest.mark.parametrize(("status", "problem"), [("busy", "The line was busy."), ("no-answer", "Nobody picked up.")])
def test_a_call_that_nobody_takes_has_failed(
    *, north: North, texts_dee: Person, twilio: Twilio, mailbox: Mailbox, now: datetime, status: str, problem: str
) -> None:
    reach(texts_dee, "voice", PHONE, at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    twilio.status("ringing")
    twilio.status(status)
    assert (first(page).stage, first(page).problem) == ("FAILED", problem)


@pytest.mark.parametrize(("status", "stage"), [("delivered", "DELIVERED"), ("undelivered", "FAILED")])
def test_a_receipt_that_is_quicker_than_we_is_believed(
    *, north: North, texts_dee: Person, twilio: Twilio, mailbox: Mailbox, now: datetime,
    monkeypatch: pytest.MonkeyPatch, status: str, stage: str,
) -> None:  # fmt: skip
    """The carrier has taken it, and we died before writing that down."""
    monkeypatch.setitem(failpoints.ARMED, "alerting.after_delivery", "raise")
    page = texted(north, texts_dee, now)
    assert (first(page).stage, first(page).receipt) == ("QUEUED", "")
    twilio.status(status)
    monkeypatch.delitem(failpoints.ARMED, "alerting.after_delivery")
    Job.objects.filter(handler="alerting.notify", state="READY").update(due_at=timezone.now())
    run_due_jobs("alerting.notify")
    assert (first(page).stage, len(twilio.asked)) == (stage, 1)


def test_the_bad_news_of_an_older_copy_is_passed_over(
    north: North, texts_dee: Person, twilio: Twilio, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(failpoints.ARMED, "alerting.after_delivery", "raise")
    page = texted(north, texts_dee, now)
    monkeypatch.delitem(failpoints.ARMED, "alerting.after_delivery")
    Job.objects.filter(handler="alerting.notify", state="READY").update(due_at=timezone.now())
    run_due_jobs("alerting.notify")
    assert (len(twilio.sids), first(page).receipt) == (2, twilio.sids[1])
    twilio.status("failed", nth=0)
    assert first(page).stage == "SENT"
    twilio.status("delivered", nth=0)  # one of them has arrived, and that is enough
    assert first(page).stage == "DELIVERED"


def test_only_twilio_says_so(north: North, texts_dee: Person, twilio: Twilio, now: datetime, settings: Any) -> None:
    page = texted(north, texts_dee, now)
    url, form = twilio.forms[0]["StatusCallback"], {"MessageSid": twilio.sids[0], "MessageStatus": "delivered"}
    answer = twilio.call_back(url, form, token="another")
    assert (answer.status, answer.code) == (401, "not_signed")
    elsewhere = url.replace("127.0.0.1:8000", "elsewhere.example")
    assert twilio.call_back(elsewhere, form).status == 401
    assert send("POST", url.removeprefix("http://127.0.0.1:8000"), {}).status in (401, 415)
    settings.TWILIO_AUTH_TOKEN = ""
    assert twilio.call_back(url, form, token="").status == 401
    assert first(page).stage == "SENT"


NOBODY = UUID(int=7)


@pytest.mark.parametrize("named", ["", "nonsense", about(NOBODY, NOBODY), "a.b.c", f"{NOBODY.hex}.", "0" * 500])
def test_a_receipt_of_nothing_of_ours_changes_nothing(north: North, twilio: Twilio, named: str) -> None:
    url = f"http://127.0.0.1:8000/v1/inbound/twilio/status?about={named}"
    answer = twilio.call_back(url, {"MessageSid": "SM" + "0" * 32, "MessageStatus": "delivered"})
    assert answer.status == 204
    known = f"http://127.0.0.1:8000/v1/inbound/twilio/status?about={about(north.agency.pk, uuid4())}"
    for status in ("delivered", "failed"):
        assert twilio.call_back(known, {"MessageSid": "SM" + "0" * 32, "MessageStatus": status}).status == 204


# -- the operator's own carrier --------------------------------------------------------------------------------------


def from_gateway(body: dict[str, str], *, secret: str = "secret of tests", timestamp: str | None = None) -> Answer:  # noqa: S107
    raw, at = json.dumps(body), timestamp if timestamp is not None else seconds_now()
    signature = hmac.new(secret.encode(), f"{at}.{raw}".encode(), hashlib.sha256).hexdigest()
    return send("POST", "/v1/inbound/gateway/status", raw, X_Timestamp=at, X_Signature=signature)


def test_a_gateway_tells_what_became_of_it(
    north: North, texts_dee: Person, gateway: Hook, mailbox: Mailbox, now: datetime
) -> None:
    page = texted(north, texts_dee, now)
    named = {"id": "G-1", "reference": gateway.bodies[0]["reference"]}
    assert first(page).receipt == "G-1"
    for bad in (
        from_gateway({**named, "status": "delivered"}, secret="another"),
        from_gateway({**named, "status": "delivered"}, timestamp=str(int(seconds_now()) - 301)),
        from_gateway({**named, "status": "delivered"}, timestamp="9" * 12),
        from_gateway({**named, "status": "delivered"}, timestamp="soon"),
    ):
        assert (bad.status, bad.code) == (401, "not_signed")
    assert from_gateway({**named, "status": "lost"}).status == 400
    assert from_gateway({**named, "status": "failed", "problem": "No such number."}).status == 204
    assert (first(page).stage, first(page).problem) == ("FAILED", "No such number.")
    run_due_jobs()
    assert fresh(page).step == 2


def test_a_gateway_tells_that_somebody_said_yes(north: North, texts_dee: Person, gateway: Hook, now: datetime) -> None:
    page = texted(north, texts_dee, now)
    told = {"id": "G-1", "reference": gateway.bodies[0]["reference"], "status": "answered"}
    assert [from_gateway(told).status for _ in range(2)] == [204, 204]
    taken = fresh(page)
    assert (taken.stage, taken.acknowledged_by_id) == ("ACKNOWLEDGED", texts_dee.seat.pk)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id": 1}'])
def test_a_signed_body_that_makes_no_sense_is_refused(gateway: Hook, body: bytes) -> None:
    at = seconds_now()
    signature = hmac.new(b"secret of tests", at.encode() + b"." + body, hashlib.sha256).hexdigest()
    answer = send(
        "POST", "/v1/inbound/gateway/status", body, Content_Type="application/json", X_Timestamp=at,
        X_Signature=signature,
    )  # fmt: skip
    assert answer.status == 400 if body else answer.status in (400, 401)


def test_a_receipt_names_a_message_of_one_agency_only(
    north: North, south: Any, texts_dee: Person, twilio: Twilio, now: datetime
) -> None:
    page = texted(north, texts_dee, now)
    url = f"http://127.0.0.1:8000/v1/inbound/twilio/status?about={about(south.pk, UUID(str(first(page).pk)))}"
    assert twilio.call_back(url, {"MessageSid": twilio.sids[0], "MessageStatus": "delivered"}).status == 204
    assert first(page).stage == "SENT"
