"""Nothing but a code goes to a way before its owner has sent the code back."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from alerting.actions import send_code, verify_contact_method
from alerting.actions.contacts import NoCode
from alerting.models import ContactMethod
from core.wall import inside
from tenants.actions.goodbyes import revoke_seat
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.scene import notifications_of, page_in, policy_of, reach
from tests.alerting.twilio import Twilio
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = {"transport": "email", "address": "dee@home.example"}


def added(person: Person, body: dict[str, Any] = EMAIL) -> UUID:
    answer = person.post("contact-methods", body)
    assert answer.status == 201, answer.body
    return UUID(answer.body["id"])


def row(person: Person, way: UUID) -> ContactMethod:
    with inside(person.agency.pk):
        found: ContactMethod = ContactMethod.objects.get(pk=way)
        return found


def verify(person: Person, way: UUID, code: str) -> Any:
    return person.post(f"contact-methods/{way}/verify", {"code": code})


def backdate(person: Person, way: UUID, by: timedelta) -> None:
    with inside(person.agency.pk):
        found = ContactMethod.objects.get(pk=way)
        ContactMethod.objects.filter(pk=way).update(code_ends_at=found.code_ends_at - by)


def test_a_code_goes_there_and_comes_back(north: North, dee: Person, mailbox: Mailbox) -> None:
    way = added(dee)
    run_due_jobs()
    ((address, mail),) = mailbox.mails
    code = re.search(r"\b[0-9]{8}\b", mail["Subject"])
    assert code
    assert address == "dee@home.example"
    assert f"{code[0]} is your code." in mail.get_content().replace("\r\n", " ")
    answer = verify(dee, way, code[0])
    assert (answer.status, answer.body["verified"], answer.body["tries_left"]) == (200, True, 0)
    shown = answer.body["contact_method"]
    assert shown["verified_at"] == shown["proved_at"] is not None
    found = row(dee, way)
    assert (found.code, found.code_ends_at) == (None, None)
    facts = {"seat_id": str(dee.seat.pk), "transport": "email"}
    assert events_of(found)[-1] == ("contact_method.verified", str(dee.actor), facts)
    assert verify(dee, way, code[0]).code == "already_verified"
    assert dee.post(f"contact-methods/{way}/send-code").code == "already_verified"


def test_the_code_is_sealed_and_never_shown(dee: Person) -> None:
    way = added(dee)
    code = row(dee, way).code
    assert code
    assert code not in str(dee.get(f"contact-methods/{way}").body)
    with inside(dee.agency.pk), connection.cursor() as cursor:
        cursor.execute("SELECT code FROM alerting_contactmethod WHERE id = %s", [way])
        assert code.encode() not in bytes(cursor.fetchone()[0])


def test_five_wrong_tries_end_the_code(dee: Person) -> None:
    way = added(dee)
    code = row(dee, way).code
    assert code
    wrong = "00000000" if code != "00000000" else "11111111"
    told = [verify(dee, way, wrong).body for _ in range(5)]
    assert [(one["verified"], one["tries_left"]) for one in told] == [(False, left) for left in (4, 3, 2, 1, 0)]
    answer = verify(dee, way, code)
    assert (answer.status, answer.code) == (409, "no_code")
    assert row(dee, way).verified_at is None


def test_a_code_is_good_for_ten_minutes(north: North, dee: Person) -> None:
    way = added(dee)
    found = row(dee, way)
    assert found.code
    assert found.code_ends_at
    with inside(north.agency.pk), pytest.raises(NoCode):
        verify_contact_method(contact_method_id=way, code=found.code, by=dee.actor, at=found.code_ends_at)
    assert found.code_ends_at - found.added_at == timedelta(minutes=10)


def test_a_new_code_can_be_had_after_a_minute_and_four_times(dee: Person) -> None:
    way = added(dee)
    first = row(dee, way).code
    answer = dee.post(f"contact-methods/{way}/send-code")
    assert (answer.status, answer.code) == (429, "code_just_sent")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    for _ in range(4):
        backdate(dee, way, timedelta(minutes=1))
        assert dee.post(f"contact-methods/{way}/send-code").status == 202
    assert row(dee, way).code != first
    backdate(dee, way, timedelta(minutes=1))
    answer = dee.post(f"contact-methods/{way}/send-code")
    assert (answer.status, answer.code) == (409, "too_many_codes")


def test_a_new_code_has_new_tries(north: North, dee: Person, now: datetime) -> None:
    way = added(dee)
    for _ in range(5):
        verify(dee, way, "1234567890")
    with inside(north.agency.pk):
        send_code(contact_method_id=way, by=dee.actor, at=now + timedelta(minutes=5))
        code = ContactMethod.objects.get(pk=way).code
        done = verify_contact_method(
            contact_method_id=way, code=f" {code} ", by=dee.actor, at=now + timedelta(minutes=6)
        )
    assert done.verified_at == now + timedelta(minutes=6)


def test_pages_do_not_go_to_a_way_that_nobody_has_proved(
    north: North, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    added(dee)
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert [(mailed.contact_id, mailed.stage) for mailed in notifications_of(page)] == [(None, "SENT")]
    assert sorted(mailbox.addresses) == sorted([dee.user.email, "dee@home.example"])
    texts = dict(zip(mailbox.addresses, mailbox.texts, strict=True))
    assert "Severity" not in texts["dee@home.example"]


def test_the_address_of_the_account_is_proven_already(dee: Person, mailbox: Mailbox) -> None:
    way = added(dee, {"transport": "email", "address": dee.user.email.upper()})
    run_due_jobs()
    assert (row(dee, way).verified_at is not None, mailbox.mails) == (True, [])


def test_a_code_comes_by_text_and_by_voice(dee: Person, twilio: Twilio) -> None:
    sms = added(dee, {"transport": "sms", "address": "+998901234567"})
    voice = added(dee, {"transport": "voice", "address": "+998901234567"})
    run_due_jobs()
    texted, called = (row(dee, way).code for way in (sms, voice))
    assert texted
    assert called
    by_kind = dict(twilio.asked)
    assert texted in by_kind["Messages.json"]["Body"]
    assert ", ".join(called) in by_kind["Calls.json"]["Twiml"]
    assert "Gather" not in by_kind["Calls.json"]["Twiml"]
    assert "StatusCallback" not in by_kind["Messages.json"]


def test_a_way_that_takes_no_code_says_so_in_the_trail(dee: Person, hook: Hook) -> None:
    hook.answers = [(410, {})]
    way = added(dee, {"transport": "webhook", "address": hook.url})
    run_due_jobs()
    found = row(dee, way)
    assert found.code is None
    facts = {"seat_id": str(dee.seat.pk), "transport": "webhook"}
    assert events_of(found)[-1] == ("contact_method.unreachable", "rule:reaching people", facts)
    assert dee.get(f"contact-methods/{way}").body["code_ends_at"] is None


def test_a_webhook_gets_its_code_as_json(dee: Person, hook: Hook) -> None:
    way = added(dee, {"transport": "webhook", "address": hook.url})
    run_due_jobs()
    (body,) = hook.bodies
    assert (body["kind"], body["code"]) == ("code", row(dee, way).code)


def test_a_removed_way_forgets_its_code_and_sends_none(
    north: North, ana: Person, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    first, second = added(dee), added(dee, {**EMAIL, "address": "dee2@home.example"})
    dee.delete(f"contact-methods/{first}")
    with inside(north.agency.pk):
        revoke_seat(seat_id=dee.seat.pk, reason="left", by=ana.actor, at=timezone.now())
    run_due_jobs("alerting.send_code")
    assert mailbox.mails == []
    for way in (first, second):
        found = row(dee, way)
        assert (found.address, found.code, found.code_ends_at) == (None, None, None)


def test_a_test_message_goes_only_where_somebody_reads(
    dee: Person, mailbox: Mailbox, hook: Hook, now: datetime
) -> None:
    unproven = added(dee)
    assert dee.post(f"contact-methods/{unproven}/test").code == "not_verified"
    way = reach(dee, "webhook", hook.url, at=now)
    assert dee.post(f"contact-methods/{way}/test").status == 202
    run_due_jobs("alerting.send_test")
    (body,) = hook.bodies
    assert (body["kind"], body["text"]) == ("test", "This is a test. When something happens, you are told here.")
    assert events_of(row(dee, way))[-1][0] == "contact_method.tested"


def test_only_so_many_tests_a_minute(dee: Person, hook: Hook, now: datetime, settings: Any) -> None:
    settings.RATE_LIMITS = True
    way = reach(dee, "webhook", hook.url, at=now)
    assert [dee.post(f"contact-methods/{way}/test").status for _ in range(4)] == [202, 202, 202, 429]
