"""Taking a page by answering the message: its link, a text message, a key."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerting.actions import reopen_page
from alerting.models import ContactMethod, Notification, Page
from core.logs import masked
from core.wall import inside
from permissions.actions.grants import withdraw_role
from permissions.models import Grant
from tenants.actions.goodbyes import revoke_seat
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import fresh, notifications_of, page_in, policy_of, reach
from tests.alerting.twilio import Twilio
from tests.cast import Answer, Person, events_of, run_due_jobs, send
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+998901234567"
BROWSER = "text/html,application/xhtml+xml"


@pytest.fixture
def tells_dee(north: North, dee: Person, now: datetime) -> Person:
    policy_of(dee, [{"seat": dee.seat.pk}], [{"role": "owner"}], at=now)
    return dee


def link_in(text: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/v1/acknowledge/\S+)", text)
    assert found, text
    return found[1]


def mailed(north: North, mailbox: Mailbox, **more: Any) -> tuple[Page, str]:
    page = page_in(north.agency.pk, **more)
    run_due_jobs()
    return page, link_in(mailbox.texts[-1])


def backdate(page: Page, by: timedelta) -> None:
    with inside(page.agency_id):
        row = Notification.objects.get(page_id=page.pk)
        Notification.objects.filter(pk=row.pk).update(queued_at=row.queued_at - by)


# -- the link ---------------------------------------------------------------------------------------------------------


def test_opening_a_link_changes_nothing_and_sending_its_form_takes_the_page(
    north: North, tells_dee: Person, mailbox: Mailbox
) -> None:
    page, link = mailed(north, mailbox, brand_id=north.aurora.pk)
    row = notifications_of(page)[0]
    for _ in range(3):  # mail scanners do
        shown = send("GET", link)
        assert (shown.status, shown.body["stage"], shown.body["reference"]) == (200, "OPEN", row.reference)
    assert (shown.body["headline"], shown.body["brand"]) == (page.headline, "Aurora")
    taken = send("POST", link)
    assert (taken.status, taken.body["stage"]) == (200, "ACKNOWLEDGED")
    assert taken.body["acknowledged_by"] == str(tells_dee.seat.pk)
    assert events_of(page)[-1] == ("page.acknowledged", str(tells_dee.actor), {"step": 1})
    again = send("POST", link)
    assert (again.status, again.code) == (409, "already_answered")
    assert send("GET", link).body["stage"] == "ACKNOWLEDGED"
    assert notifications_of(page)[0].answered_at is not None


def test_a_browser_gets_a_page_without_script_in_the_readers_language(
    north: North, tells_dee: Person, mailbox: Mailbox
) -> None:
    page, link = mailed(north, mailbox)
    shown = send("GET", link, Accept=BROWSER)
    assert b'<form method="post"><button type="submit">I take it</button></form>' in shown.body
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert "script" not in shown.headers["Content-Security-Policy"]
    done = send("POST", link, "", Accept=BROWSER, Content_Type="application/x-www-form-urlencoded")
    assert (done.status, fresh(page).stage) == (200, "ACKNOWLEDGED")
    assert b"It is yours. Nobody else is woken for it." in done.body
    assert b"<form" not in done.body
    late = send("POST", link, "", Accept=BROWSER, Content_Type="application/x-www-form-urlencoded")
    assert (late.status, b"It needs nobody any more" in late.body) == (409, True)


def test_a_link_is_good_for_a_day(north: North, tells_dee: Person, mailbox: Mailbox) -> None:
    page, link = mailed(north, mailbox)
    backdate(page, timedelta(hours=23, minutes=59))
    assert send("GET", link).status == 200
    backdate(page, timedelta(minutes=1))
    for answer in (send("GET", link), send("POST", link)):
        assert (answer.status, answer.code) == (404, "link_dead")
    dead = send("GET", link, Accept=BROWSER)
    assert (dead.status, b"This link opens nothing" in dead.body) == (404, True)


def test_a_link_belongs_to_one_climb(north: North, ana: Person, tells_dee: Person, mailbox: Mailbox) -> None:
    page, link = mailed(north, mailbox)
    send("POST", link)
    with inside(north.agency.pk):
        reopen_page(page_id=page.pk, reason="test", by=ana.actor, at=timezone.now())
    run_due_jobs()
    newer = link_in(mailbox.texts[-1])
    assert newer != link
    assert send("POST", link).code == "link_dead"
    assert (send("POST", newer).status, fresh(page).stage) == (200, "ACKNOWLEDGED")


def test_nobody_makes_a_link(north: North, tells_dee: Person, mailbox: Mailbox) -> None:
    page, link = mailed(north, mailbox)
    token = link.rsplit("/", 1)[1]
    body, signature = token.split(".")
    for bad in (
        f"{body}.{signature[:-1]}",
        f"{'B' + body[1:]}.{signature}",
        body,
        f".{signature}",
        token + "x",
        "x" * 2000,
    ):
        for answer in (send("GET", f"/v1/acknowledge/{bad}"), send("POST", f"/v1/acknowledge/{bad}")):
            assert (answer.status, answer.code) == (404, "link_dead")
    assert fresh(page).stage == "OPEN"


def test_who_has_left_takes_nothing(north: North, ana: Person, tells_dee: Person, mailbox: Mailbox) -> None:
    page, link = mailed(north, mailbox)
    with inside(north.agency.pk):
        revoke_seat(seat_id=tells_dee.seat.pk, reason="left", by=ana.actor, at=timezone.now())
    assert send("POST", link).code == "link_dead"
    assert fresh(page).stage == "OPEN"


def test_who_may_not_any_more_is_refused(north: North, ana: Person, tells_dee: Person, mailbox: Mailbox) -> None:
    page, link = mailed(north, mailbox)
    with inside(north.agency.pk):
        for grant in Grant.objects.filter(seat_id=tells_dee.seat.pk):
            withdraw_role(grant_id=grant.pk, reason="moved", by=ana.actor, at=timezone.now())
    answer = send("POST", link)
    assert (answer.status, answer.code, fresh(page).stage) == (403, "not_allowed", "OPEN")


def test_somebody_else_was_quicker(north: North, ana: Person, tells_dee: Person, mailbox: Mailbox) -> None:
    page, link = mailed(north, mailbox)
    ana.post(f"pages/{page.pk}/acknowledge")
    answer = send("POST", link)
    assert (answer.status, answer.code) == (409, "cannot_move")
    assert fresh(page).acknowledged_by_id == ana.seat.pk


def test_no_link_stands_in_a_log(north: North, tells_dee: Person, mailbox: Mailbox) -> None:
    _, link = mailed(north, mailbox)
    token = link.rsplit("/", 1)[1]
    assert token not in masked(f'"POST {link} HTTP/1.1" 200')
    assert token not in masked(f'"POST /v1/inbound/twilio/voice?token={token} HTTP/1.1" 200')


# -- a text message ---------------------------------------------------------------------------------------------------


def texted(north: North, dee: Person, now: datetime, **more: Any) -> Page:
    with inside(north.agency.pk):
        known = ContactMethod.objects.filter(seat_id=dee.seat.pk, transport="sms").exists()
    if not known:
        reach(dee, "sms", PHONE, at=now)
    page = page_in(north.agency.pk, **more)
    run_due_jobs()
    return page


def said(answer: Answer) -> str:
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    return str(answer.body.decode())


@pytest.mark.parametrize("text", ["ok", " OK. ", "Ack", "ok!", "да", "Ha"])
def test_ok_takes_the_page(north: North, tells_dee: Person, twilio: Twilio, now: datetime, text: str) -> None:
    page = texted(north, tells_dee, now)
    assert "answer OK or open http://127.0.0.1:8000/v1/acknowledge/" in twilio.forms[0]["Body"]
    assert "<Message>It is yours. Nobody else is woken for it.</Message>" in said(twilio.text_from(PHONE, text))
    taken = fresh(page)
    assert (taken.stage, taken.acknowledged_by_id) == ("ACKNOWLEDGED", tells_dee.seat.pk)
    row = notifications_of(page)[0]
    assert row.answered_at is not None
    with inside(north.agency.pk):
        assert ContactMethod.objects.get(pk=row.contact_id).proved_at == row.answered_at
    assert "It needs nobody any more" in said(twilio.text_from(PHONE, text))


def test_ok_means_the_newest_and_a_reference_the_one_it_names(
    north: North, tells_dee: Person, twilio: Twilio, now: datetime
) -> None:
    older, newer = texted(north, tells_dee, now), texted(north, tells_dee, now)
    reference = notifications_of(older)[0].reference
    assert reference in twilio.forms[0]["Body"]
    twilio.text_from(PHONE, "ok")
    assert (fresh(older).stage, fresh(newer).stage) == ("OPEN", "ACKNOWLEDGED")
    twilio.text_from(PHONE, f"I take {reference.lower().replace('-', '')} now")
    assert fresh(older).stage == "ACKNOWLEDGED"


@pytest.mark.parametrize("text", ["no", "who is this?", "not ok", "", "STOP", "AAAA-BBBB"])
def test_what_says_neither_is_not_taken_for_yes(
    north: North, tells_dee: Person, twilio: Twilio, now: datetime, text: str
) -> None:
    page = texted(north, tells_dee, now)
    assert said(twilio.text_from(PHONE, text)).endswith("<Response></Response>")
    assert fresh(page).stage == "OPEN"


def test_a_stranger_takes_nothing_and_hears_nothing(
    north: North, tells_dee: Person, twilio: Twilio, now: datetime
) -> None:
    page = texted(north, tells_dee, now)
    reference = notifications_of(page)[0].reference
    for text in ("ok", reference):
        assert said(twilio.text_from("+15005550009", text)).endswith("<Response></Response>")
    assert fresh(page).stage == "OPEN"
    url = "http://127.0.0.1:8000/v1/inbound/twilio/sms"
    assert twilio.call_back(url, {"From": PHONE, "Body": "ok"}, token="another").status == 401


def test_a_number_in_two_agencies_takes_what_was_told_it_last(
    north: North, tells_dee: Person, eve: Person, twilio: Twilio, now: datetime
) -> None:
    here = texted(north, tells_dee, now)
    policy_of(eve, [{"seat": eve.seat.pk}], at=now)
    reach(eve, "sms", PHONE, at=now)
    there = page_in(eve.agency.pk)
    run_due_jobs()
    twilio.text_from(PHONE, "ok")
    assert (fresh(here).stage, fresh(there).stage) == ("OPEN", "ACKNOWLEDGED")
    assert fresh(there).acknowledged_by_id == eve.seat.pk


# -- a key ------------------------------------------------------------------------------------------------------------


def called(north: North, dee: Person, twilio: Twilio, now: datetime) -> tuple[Page, str]:
    reach(dee, "voice", PHONE, at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    found = re.search(r'action="([^"]+)"', twilio.forms[-1]["Twiml"])
    assert found
    return page, found[1]


def test_pressing_1_takes_the_page(north: North, tells_dee: Person, twilio: Twilio, now: datetime) -> None:
    page, url = called(north, tells_dee, twilio, now)
    assert "To take it, press 1." in twilio.forms[-1]["Twiml"]
    told = {"CallSid": twilio.sids[-1], "Digits": "2"}
    assert "We did not understand." in said(twilio.call_back(url, told))
    assert fresh(page).stage == "OPEN"
    assert "It is yours." in said(twilio.call_back(url, {**told, "Digits": "1"}))
    assert (fresh(page).stage, fresh(page).acknowledged_by_id) == ("ACKNOWLEDGED", tells_dee.seat.pk)
    assert "It needs nobody any more" in said(twilio.call_back(url, {**told, "Digits": "1"}))


def test_a_call_of_nobody_takes_nothing(north: North, tells_dee: Person, twilio: Twilio, now: datetime) -> None:
    page, url = called(north, tells_dee, twilio, now)
    assert twilio.call_back(url, {"Digits": "1"}, token="another").status == 401
    forged = url.split("?", maxsplit=1)[0] + "?token=x.y"
    assert said(twilio.call_back(forged, {"Digits": "1"})).endswith("<Response></Response>")
    assert fresh(page).stage == "OPEN"
