"""Somebody of the contact book says that their entry is right, by a link; and is asked when it is time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from core.logs import masked
from readiness.actions import ask_who_is_due
from readiness.contact_links import LIVES, Asked, asked_in, token_of
from readiness.models import Contact
from readiness.queries.contacts import asked_by
from readiness.queries.letters import confirm_letter, disputed_letter
from tests.cast import SETTING_THE_STAGE, Answer, Person, events_of, send, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
MAIL = {"kind": "email", "address": "pia@daily.example"}


@pytest.fixture
def pia(north: North, bo: Person) -> Answer:
    body = {"name": "Pia Press", "brand": str(north.aurora.pk), "job_title": "<b>Editor</b>"}
    return bo.post("contacts", body | {"channels": [{"kind": "mobile", "address": "+4930901820"}, MAIL]})


def row_of(north: North, contact: Answer) -> Contact:
    with walled(north.agency):
        found: Contact = Contact.objects.found(contact.body["id"])
        return found


def link_to(north: North, contact: Answer, at: datetime | None = None) -> str:
    """The path of the link in the letter that they get."""
    with walled(north.agency):
        letter = confirm_letter(contact.body["id"], at or datetime.now(UTC))
    assert letter is not None
    assert letter.address == "pia@daily.example"
    [path] = re.findall(r"/v1/contacts/confirm/\S+", letter.text)
    return str(path)


def asked(north: North, bo: Person, contact: Answer) -> str:
    assert bo.post(f"contacts/{contact.body['id']}/ask").status == 200
    return link_to(north, contact)


def test_a_contact_confirms_their_entry_once(north: North, bo: Person, pia: Answer) -> None:
    path = asked(north, bo, pia)
    shown = send("GET", path)
    assert shown.status == 200, shown.body
    assert (shown.body["name"], shown.body["agency"], shown.body["brand"]) == ("Pia Press", "Agency North", "Aurora")
    assert [one["address_hint"] for one in shown.body["channels"]] == ["+49…20", "p…@daily.example"]
    assert "pia@daily" not in str(shown.body)
    assert send("GET", path).body == shown.body
    assert bo.get(f"contacts/{pia.body['id']}").body["confirmed"] is False, "opening it changes nothing"
    assert send("POST", path, {}).status == 400
    assert send("POST", path, {"answer": "right"}).body == {"answer": "right"}
    body = bo.get(f"contacts/{pia.body['id']}").body
    assert body["confirmed"] is True
    assert [(one["proved_at"] is not None, one["proved_by_id"]) for one in body["channels"]] == [
        (False, None), (True, None),
    ]  # fmt: skip
    for method, said in (("GET", None), ("POST", {"answer": "wrong"})):
        again = send(method, path, said)
        assert (again.status, again.code) == (404, "link_dead")
    name, actor, facts = events_of(row_of(north, pia))[-1]
    assert (name, actor, facts["by_themselves"]) == ("contact.confirmed", "rule:the contact, by a link", True)


@pytest.mark.parametrize("answer", ["wrong", "remove"])
def test_an_objection_is_told_to_whoever_keeps_the_book(
    north: North, lea: Person, bo: Person, pia: Answer, answer: str
) -> None:
    bo.post(f"contacts/{pia.body['id']}/confirm", If_Match=pia.etag)
    path = asked(north, bo, pia)
    assert send("POST", path, {"answer": answer}).status == 200
    body = bo.get(f"contacts/{pia.body['id']}").body
    assert (body["name"], body["confirmed"]) == ("Pia Press", False)
    assert send("POST", path, {"answer": "right"}).code == "link_dead"
    assert events_of(row_of(north, pia))[-1] == (
        "contact.disputed", "rule:the contact, by a link", {"wants": answer},
    )  # fmt: skip
    with walled(north.agency):
        letter = disputed_letter(pia.body["id"], datetime.now(UTC))
    assert letter is not None
    assert letter.address == lea.user.email


def test_a_link_lives_until_they_are_asked_again_removed_or_a_month_has_passed(
    north: North, bo: Person, pia: Answer
) -> None:
    first = asked(north, bo, pia)
    second = asked(north, bo, pia)
    assert send("GET", first).code == "link_dead"
    assert send("GET", second).status == 200
    link = asked_in(second.rsplit("/", 1)[1])
    assert link is not None
    with walled(north.agency):
        assert asked_by(link, link.at + LIVES) is not None
        assert asked_by(link, link.at + LIVES + timedelta(seconds=1)) is None
        assert confirm_letter(pia.body["id"], link.at + LIVES + timedelta(seconds=1)) is None
    bo.post(f"contacts/{pia.body['id']}/remove", {"reason": "x"}, If_Match=bo.get(f"contacts/{pia.body['id']}").etag)
    assert send("GET", second).code == send("POST", second, {"answer": "right"}).code == "link_dead"
    with walled(north.agency):
        assert confirm_letter(pia.body["id"], datetime.now(UTC)) is None


def test_a_link_that_we_have_not_signed_opens_nothing(north: North, bo: Person, eve: Person, pia: Answer) -> None:
    path = asked(north, bo, pia)
    link = asked_in(path.rsplit("/", 1)[1])
    assert link is not None
    foreign = Asked(eve.agency.pk, link.contact_id, link.channel_id, link.at)
    nobody = Asked(link.agency_id, uuid4(), link.channel_id, link.at)
    tokens = [path.rsplit("/", 1)[1] + "x", "x", "csl_", "csl_a.b", token_of(foreign), token_of(nobody)]
    for token in tokens:
        answer = send("GET", f"/v1/contacts/confirm/{token}")
        assert (answer.status, answer.code) == (404, "link_dead"), token
    assert asked_in(token_of(link)) == link
    assert path.rsplit("/", 1)[1] not in masked(f"GET {path} 200")


def test_people_see_a_page_that_escapes_every_word(north: North, bo: Person, pia: Answer) -> None:
    path = asked(north, bo, pia)
    browser = Client()
    shown = browser.get(path, headers={"Accept": "text/html"})
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "&lt;b&gt;Editor" in text
    assert "<b>Editor" not in text
    assert "default-src 'none'" in shown["Content-Security-Policy"]
    assert (shown["Referrer-Policy"], shown["Cache-Control"]) == ("no-referrer", "no-store")
    empty = browser.post(path, "", FORM, headers={"Accept": "text/html"})
    assert (empty.status_code, "One thing is missing" in empty.content.decode()) == (400, True)
    said = browser.post(path, "answer=right", FORM, headers={"Accept": "text/html"})
    assert "Your entry is confirmed" in said.content.decode()
    dead = browser.get(path, headers={"Accept": "text/html"})
    assert (dead.status_code, "opens nothing" in dead.content.decode()) == (404, True)


def test_only_who_has_an_address_is_asked(north: North, bo: Person) -> None:
    mute = bo.post("contacts", {"name": "Mo", "brand": str(north.aurora.pk)})
    refused = bo.post(f"contacts/{mute.body['id']}/ask")
    assert (refused.status, refused.code) == (409, "no_address")
    confirmed = bo.post(f"contacts/{mute.body['id']}/confirm", If_Match=mute.etag)
    assert confirmed.body["confirmed"] is True
    name, _, facts = events_of(row_of(north, mute))[-1]
    assert (name, facts["by_themselves"]) == ("contact.confirmed", False)


def test_a_round_asks_every_fortnight_for_two_months(north: North, bo: Person, pia: Answer) -> None:
    bo.post("contacts", {"name": "Mute", "brand": str(north.aurora.pk)})
    due = datetime.fromisoformat(pia.body["confirm_due_at"])
    days = []
    for day in range(-3, 80):
        with walled(north.agency):
            if ask_who_is_due(by=SETTING_THE_STAGE, at=due + timedelta(days=day, minutes=1)):
                days.append(day)
    assert days == [0, 14, 28, 42, 56]
    path = link_to(north, pia, at=due + timedelta(days=57))
    link = asked_in(path.rsplit("/", 1)[1])
    assert link is not None
    assert link.at == due + timedelta(days=56, minutes=1)
    name, _, facts = events_of(row_of(north, pia))[-1]
    assert (name, facts) == ("contact.asked", {})


def test_a_removed_contact_is_asked_nothing(north: North, bo: Person, pia: Answer) -> None:
    due = datetime.fromisoformat(pia.body["confirm_due_at"])
    bo.post(f"contacts/{pia.body['id']}/remove", {"reason": "x"}, If_Match=pia.etag)
    with walled(north.agency):
        assert ask_who_is_due(by=SETTING_THE_STAGE, at=due + timedelta(days=1)) == 0
        assert disputed_letter(pia.body["id"], due) is None


def test_a_stranger_asks_nobody(eve: Person, pia: Answer) -> None:
    url: Any = f"/v1/agencies/north/contacts/{pia.body['id']}/ask"
    assert eve.post(url).status == 404
