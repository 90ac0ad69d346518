"""How people are reached, over HTTP. An address goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from alerting.models import ContactMethod
from core.wall import inside
from permissions.needs import Need
from tests.alerting.scene import reach
from tests.cast import Person, events_of, key_of
from tests.conftest import North

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def carried(settings: Settings) -> None:
    """The operator has named a carrier."""
    settings.SMS_PROVIDER = settings.VOICE_PROVIDER = "twilio"


GOOD = [
    ("email", "dee@north.example", "d…@north.example"),
    ("webhook", "https://hooks.example.org/in/secret?x=1", "https://hooks.example.org/…"),
    ("webhook", "http://127.0.0.1:9000/hook", "http://127.0.0.1:9000/…"),
    ("chat", "slack://T1JJ3T3L2/B1A0MN1B9/aBcDeFgHiJkLmNoPqRsTuVwX", "slack://…"),
    ("chat", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord://…"),
    ("chat", "tgram://123456789:AAbcdefghijklmnopqrstuvwxyz_01234/-1001234567", "tgram://…"),
    ("chat", "pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8gMaC0QOYAMyEEuzJnyUi", "pover://…"),
    ("chat", "ntfy://north-alerts", "ntfy://…"),
    ("chat", "ntfys://ntfy.north.example/alerts", "ntfys://ntfy.north.example/…"),
    (
        "chat",
        "workflows://prod-11.westus.logic.azure.com/643e69f8302343f8a1b2/DqwCnRAnzDsUAaxASmYrqgbF",
        "workflows://…",
    ),
    ("sms", "+998901234567", "+998…67"),
    ("voice", "+447700900123", "+447…23"),
]
BAD = [
    ("email", "dee"),
    ("email", "dee@north.example\nBcc: all@north.example"),
    ("email", "https://hooks.example.org/"),
    ("webhook", "ftp://hooks.example.org/"),
    ("webhook", "https://dee:secret@hooks.example.org/"),
    ("webhook", "http://169.254.169.254/latest/meta-data"),
    ("webhook", "https://10.0.0.1/"),
    ("webhook", "https://2130706433/"),
    ("chat", "json://127.0.0.1/"),
    ("chat", "mailto://me:secret@example.org"),
    ("chat", "ntfy://internal.host/topic"),
    ("chat", "ntfys://10.0.0.1/topic"),
    ("chat", "ntfys://[::ffff:10.0.0.1]/topic"),
    ("chat", "ntfys://2130706433/topic"),
    ("chat", "ntfys://dee:secret@ntfy.north.example/topic"),
    ("chat", "workflows://elsewhere.example/643e69f8302343f8a1b2/DqwCnRAnzDsUAaxASmYrqgbF"),
    ("chat", "workflows://x.logic.azure.com.elsewhere.example/643e69f8302343f8a1b2/DqwCnRAnzDsUAaxASmYrqgbF"),
    ("sms", "0901234567"),
    ("sms", "+998 90 123 45 67"),
    ("sms", "+0901234567"),
    ("voice", "+9989012345678901"),
    ("voice", "sip:dee@north.example"),
    ("chat", "slack://T1JJ3T3L2/B1A0MN1B9/aBcDeFgHiJkLmNoPqRsTuVwX?template=/etc/passwd"),
    ("chat", "slack://T1JJ3T3L2/B1A0MN1B9/aBcDeFgHiJkLmNoPqRsTuVwX\n#general"),
    ("chat", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?avatar_url=http://10.0.0.1/"),
    ("chat", "syslog://"),
    ("chat", "dbus://"),
]


@pytest.mark.parametrize(("transport", "address", "hint"), GOOD)
def test_a_person_adds_a_way_and_sees_a_hint_of_it(
    north: North, dee: Person, transport: str, address: str, hint: str
) -> None:
    answer = dee.post("contact-methods", {"transport": transport, "address": address})
    assert answer.status == 201, answer.body
    assert (answer.body["seat"], answer.body["address_hint"], answer.body["position"]) == (str(dee.seat.pk), hint, 1)
    assert "address" not in answer.body
    with inside(north.agency.pk):
        way = ContactMethod.objects.get(pk=answer.body["id"])
        assert way.address == address
        with connection.cursor() as cursor:
            cursor.execute("SELECT address FROM alerting_contactmethod WHERE id = %s", [way.pk])
            assert address.encode() not in bytes(cursor.fetchone()[0])
    facts = {"seat_id": str(dee.seat.pk), "transport": transport}
    assert events_of(way) == [("contact_method.added", str(dee.actor), facts)]


@pytest.mark.parametrize(("transport", "address"), BAD)
def test_an_address_that_no_transport_should_call_is_refused(dee: Person, transport: str, address: str) -> None:
    answer = dee.post("contact-methods", {"transport": transport, "address": address})
    assert (answer.status, answer.code) == (400, "invalid")
    assert [error["field"] for error in answer.body["errors"]] == ["address"]


def test_ways_stand_in_the_order_in_which_they_were_added(north: North, dee: Person) -> None:
    ids = [
        dee.post("contact-methods", {"transport": "email", "address": f"dee{n}@north.example"}).body["id"]
        for n in range(3)
    ]
    assert dee.delete(f"contact-methods/{ids[0]}").status == 204
    listed = dee.get("contact-methods").body["items"]
    assert [(one["id"], one["position"]) for one in listed] == [(ids[1], 2), (ids[2], 3)]
    with inside(north.agency.pk):
        gone = ContactMethod.objects.get(pk=ids[0])
    assert (gone.address, gone.removed_at is None) == (None, False)
    facts = {"seat_id": str(dee.seat.pk), "transport": "email"}
    assert events_of(gone)[-1] == ("contact_method.removed", str(dee.actor), facts)
    assert dee.get(f"contact-methods/{ids[0]}").status == 404
    assert dee.delete(f"contact-methods/{ids[0]}").status == 404


def test_a_person_has_a_limited_number_of_ways(dee: Person) -> None:
    for n in range(10):
        assert dee.post("contact-methods", {"transport": "email", "address": f"d{n}@north.example"}).status == 201
    answer = dee.post("contact-methods", {"transport": "email", "address": "d10@north.example"})
    assert (answer.status, answer.code) == (409, "too_many_contact_methods")


def test_people_see_their_own_and_a_lead_everybodys(lea: Person, dee: Person, bo: Person, now: datetime) -> None:
    way = reach(dee, "email", "dee@north.example", at=now)
    assert bo.get("contact-methods").body["items"] == []
    assert bo.get(f"contact-methods/{way}").status == 404
    assert bo.delete(f"contact-methods/{way}").status == 404
    assert [one["id"] for one in lea.get("contact-methods").body["items"]] == [str(way)]
    body: dict[str, Any] = {"transport": "email", "address": "dee2@north.example", "seat": str(dee.seat.pk)}
    assert bo.post("contact-methods", body).status == 403
    assert lea.post("contact-methods", body).body["seat"] == str(dee.seat.pk)
    assert lea.delete(f"contact-methods/{way}").status == 204


def test_a_key_cannot_redirect_what_its_issuer_is_told(dee: Person, lea: Person) -> None:
    body = {"transport": "webhook", "address": "https://elsewhere.example/"}
    answer = key_of(dee, Need.PAGES_READ).post("contact-methods", body)
    assert (answer.status, answer.body["facts"]) == (403, {"need": "rotas.write"})
    assert key_of(lea, Need.ROTAS_WRITE).post("contact-methods", body).status == 201


def test_where_nobody_carries_text_messages_no_number_is_taken(dee: Person, settings: Settings) -> None:
    settings.SMS_PROVIDER = ""
    answer = dee.post("contact-methods", {"transport": "sms", "address": "+998901234567"})
    assert (answer.status, answer.body["errors"][0]["code"]) == (400, "not_set_up")


def test_nobody_has_codes_sent_round_the_world(dee: Person) -> None:
    for n in range(20):
        way = dee.post("contact-methods", {"transport": "sms", "address": f"+9989012345{n:02}"})
        assert way.status == 201
        dee.delete(f"contact-methods/{way.body['id']}")
    answer = dee.post("contact-methods", {"transport": "sms", "address": "+998901234599"})
    assert (answer.status, answer.code) == (409, "too_many_new_contact_methods")


def test_a_person_puts_their_ways_into_an_order(north: North, dee: Person, lea: Person, now: datetime) -> None:
    ways = [reach(dee, "email", f"dee{n}@north.example", at=now) for n in range(3)]
    wanted = [str(ways[2]), str(ways[0]), str(ways[1])]
    answer = dee.post("contact-methods/order", {"contacts": wanted})
    assert (answer.status, [one["id"] for one in answer.body]) == (200, wanted)
    assert [one["id"] for one in dee.get("contact-methods").body["items"]] == wanted
    for bad in (wanted[:2], [*wanted, wanted[0]], [*wanted[:2], str(uuid4())]):
        refused = dee.post("contact-methods/order", {"contacts": bad})
        assert (refused.status, refused.body["errors"][0]["code"]) == (400, "not_all_of_them")
    assert events_of(dee.seat)[-1] == ("contact_methods.ordered", str(dee.actor), {"contacts": wanted})
    assert lea.post("contact-methods/order", {"contacts": wanted, "seat": str(dee.seat.pk)}).status == 200


def test_a_client_is_not_paged_and_has_no_ways(cy: Person, lea: Person) -> None:
    body = {"transport": "email", "address": "cy@client.example"}
    assert cy.post("contact-methods", body).status in (400, 403)
    answer = lea.post("contact-methods", body | {"seat": str(cy.seat.pk)})
    assert answer.body["errors"][0]["code"] == "not_staff"


def test_a_stranger_finds_no_way(dee: Person, eve: Person, now: datetime) -> None:
    way = reach(dee, "email", "dee@north.example", at=now)
    body = {"transport": "email", "address": "eve@south.example"}
    for answer in (
        eve.get("/v1/agencies/north/contact-methods"),
        eve.post("/v1/agencies/north/contact-methods", body),
        eve.get(f"contact-methods/{way}"),
        eve.delete(f"contact-methods/{way}"),
        eve.post(f"contact-methods/{way}/send-code"),
        eve.post(f"contact-methods/{way}/verify", {"code": "12345678"}),
        eve.post(f"contact-methods/{way}/test"),
        eve.post("/v1/agencies/north/contact-methods/order", {"contacts": [str(way)]}),
    ):
        assert answer.status == 404
    answer = eve.post("contact-methods", body | {"seat": str(dee.seat.pk)})
    assert answer.body["errors"][0] == {
        "field": "seat",
        "code": "does_not_exist",
        "detail": "There is no such thing here.",
    }
