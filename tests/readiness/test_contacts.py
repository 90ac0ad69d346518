"""The contact book: written, read, tried, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from permissions.revocation import LINES
from readiness.contact_form import hours_from_words, hours_in_words, reached_at
from readiness.models import Contact, ContactChannel
from tests.cast import Answer, Person, events_of, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Body = dict[str, Any]
PRESS: Body = {
    "name": "Pia Press",
    "organisation": "The Daily",
    "department": "News",
    "job_title": "Editor",
    "outside": True,
    "language": "de",
    "time_zone": "Europe/Berlin",
    "hours": [{"days": [4, 0, 0], "starts": "09:00", "ends": "17:00"}],
    "tags": ["press", " press ", "national"],
    "note": "Prefers to be called.",
    "legal_basis": "consent",
    "channels": [
        {"kind": "mobile", "address": "0049 (30) 901-820"},
        {"kind": "email", "address": "pia@daily.example"},
        {"kind": "message", "address": "signal:pia.99"},
    ],
}


@pytest.fixture
def pia(north: North, bo: Person) -> Answer:
    answer = bo.post("contacts", PRESS | {"brand": str(north.aurora.pk)})
    assert answer.status == 201, answer.body
    return answer


def row_of(north: North, contact: Answer) -> Contact:
    with walled(north.agency):
        found: Contact = Contact.objects.found(contact.body["id"])
        return found


def test_a_contact_is_written_in_one_form(north: North, bo: Person, pia: Answer) -> None:
    body = pia.body
    assert body["hours"] == [{"days": [0, 4], "starts": "09:00", "ends": "17:00"}]
    assert body["tags"] == ["press", "national"]
    assert [(c["kind"], c["address"], c["address_hint"], c["position"]) for c in body["channels"]] == [
        ("mobile", "+4930901820", "+49…20", 1),
        ("email", "pia@daily.example", "p…@daily.example", 2),
        ("message", "signal:pia.99", "sig…99", 3),
    ]
    assert (body["note"], body["legal_basis"], body["confirmed"], body["confirm_days"]) == (
        "Prefers to be called.", "consent", False, 180,
    )  # fmt: skip
    assert bo.get(f"contacts/{body['id']}").body == body
    assert events_of(row_of(north, pia)) == [
        (
            "contact.added",
            f"seat:{bo.seat.pk}",
            {"outside": True, "channels": 3, "legal_basis": "consent"},
        )
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM readiness_contactchannel UNION ALL SELECT note FROM readiness_contact")
        assert all(b"pia" not in bytes(value) and b"called" not in bytes(value) for (value,) in cursor.fetchall())


def test_a_list_shows_hints_alone(north: North, dee: Person, pia: Answer) -> None:
    [line] = dee.get("contacts").body["items"]
    assert "note" not in line
    assert "pia@daily" not in str(line)
    assert [c["address_hint"] for c in line["channels"]] == ["+49…20", "p…@daily.example", "sig…99"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"language": "deutsch!"}, "language"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"hours": [{"days": [0], "starts": "9", "ends": "17:00"}]}, "hours.0"),
        ({"hours": [{"days": [], "starts": "09:00", "ends": "17:00"}]}, "hours.0"),
        ({"channels": [{"kind": "email", "address": "nobody"}]}, "channels.0.address"),
        ({"channels": [{"kind": "phone", "address": "030 901820"}]}, "channels.0.address"),
        ({"channels": [{"kind": "message", "address": "a b"}]}, "channels.0.address"),
        (
            {"channels": [{"kind": "email", "address": "a@b.org"}, {"kind": "email", "address": "A@B.org"}]},
            "channels.1.address",
        ),
        ({"channels": [{"kind": "pigeon", "address": "a"}]}, "channels.0.kind"),
        ({"legal_basis": "because"}, "legal_basis"),
        ({"confirm_days": 0}, "confirm_days"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"more": 1}, "more"),
    ],
)
def test_a_mistake_is_told_with_its_place(north: North, bo: Person, pia: Answer, changed: Body, field: str) -> None:
    new = bo.post("contacts", PRESS | {"brand": str(north.aurora.pk)} | changed)
    old = bo.patch(f"contacts/{pia.body['id']}", changed, If_Match=pia.etag)
    for answer in (new, old):
        assert answer.status == 400, answer.body
        assert field in [error["field"] for error in answer.body["errors"]], answer.body


def test_channels_that_stay_keep_what_is_known_of_them(north: North, dee: Person, bo: Person, pia: Answer) -> None:
    path = f"contacts/{pia.body['id']}"
    mobile, email, _ = pia.body["channels"]
    tried = dee.post(f"{path}/reached", {"channel": mobile["id"], "reached": False})
    assert tried.status == 200, tried.body
    assert tried.body["channels"][0]["failed_at"] is not None
    proved = dee.post(f"{path}/reached", {"channel": email["id"], "reached": True}).body["channels"][1]
    assert (proved["proved_by_id"], proved["failed_at"]) == (str(dee.seat.pk), None)
    wanted = [{"kind": "email", "address": "Pia@daily.example"}, {"kind": "phone", "address": "+4930901820"}]
    changed = bo.patch(path, {"channels": wanted}, If_Match=bo.get(path).etag)
    assert changed.status == 200, changed.body
    first, second = changed.body["channels"]
    assert (first["id"], first["address"], first["proved_at"]) == (
        email["id"], "Pia@daily.example", proved["proved_at"],
    )  # fmt: skip
    assert (second["kind"], second["proved_at"]) == ("phone", None)
    again = bo.patch(path, {"channels": wanted, "name": "Pia Press"}, If_Match=changed.etag)
    assert again.etag == changed.etag, "nothing was changed"
    assert [facts for name, _, facts in events_of(row_of(north, pia)) if name != "contact.added"] == [
        {"channel_id": mobile["id"], "kind": "mobile", "reached": False},
        {"channel_id": email["id"], "kind": "email", "reached": True},
        {"fields": ["channels"]},
    ]
    gone = dee.post(f"{path}/reached", {"channel": mobile["id"], "reached": True})
    assert gone.body["errors"][0]["field"] == "channel"


def test_what_people_edit_asks_for_what_they_saw(bo: Person, pia: Answer) -> None:
    path = f"contacts/{pia.body['id']}"
    assert bo.patch(path, {"name": "Pia"}).status == 428
    assert bo.patch(path, {"name": "Pia"}, If_Match=pia.etag).body["name"] == "Pia"
    assert bo.patch(path, {"name": "Pi"}, If_Match=pia.etag).status == 412
    confirmed = bo.post(f"{path}/confirm", If_Match=bo.get(path).etag)
    assert confirmed.body["confirmed"] is True
    shorter = bo.patch(path, {"confirm_days": 10}, If_Match=confirmed.etag).body
    due = datetime.fromisoformat(shorter["confirm_due_at"]) - datetime.fromisoformat(shorter["confirmed_at"])
    assert due == timedelta(days=10)


def test_a_contact_is_somebody_who_signs_in_here(north: North, bo: Person, dee: Person, eve: Person) -> None:
    wanted = {"brand": str(north.aurora.pk), "name": "Dee", "seat": str(dee.seat.pk)}
    contact = bo.post("contacts", wanted)
    assert contact.body["seat"] == str(dee.seat.pk)
    foreign = bo.post("contacts", wanted | {"seat": str(eve.seat.pk)})
    assert foreign.body["errors"][0]["field"] == "seat"
    unlinked = bo.patch(f"contacts/{contact.body['id']}", {"seat": None}, If_Match=contact.etag)
    assert unlinked.body["seat"] is None


def test_lists_are_narrowed(north: North, ana: Person, lea: Person, bo: Person, pia: Answer) -> None:
    inside = ana.post("contacts", {"name": "Abe Inside", "department": "Legal", "tags": ["press"]})
    assert inside.status == 201, inside.body
    other = lea.post("contacts", {"name": "Zoe Other", "brand": str(north.borealis.pk)})
    lea.post(f"contacts/{other.body['id']}/confirm", If_Match=other.etag)

    def names(person: Person, query: str = "") -> list[str]:
        answer = person.get(f"contacts{query}")
        assert answer.status == 200, answer.body
        return [line["name"] for line in answer.body["items"]]

    assert names(lea) == ["Abe Inside", "Pia Press", "Zoe Other"]
    assert names(bo) == ["Abe Inside", "Pia Press"]
    assert names(lea, f"?brand={north.aurora.pk}") == ["Pia Press"]
    assert names(lea, "?department=legal") == ["Abe Inside"]
    assert names(lea, "?outside=true") == ["Pia Press"]
    assert names(lea, "?tag=press") == ["Abe Inside", "Pia Press"]
    assert names(lea, "?tag=press&outside=false") == ["Abe Inside"]
    assert names(lea, "?confirmed=true") == ["Zoe Other"]
    assert names(lea, "?confirmed=false") == ["Abe Inside", "Pia Press"]
    assert names(lea, "?search=daily") == ["Pia Press"]
    page = lea.get("contacts?limit=2").body
    assert [line["name"] for line in lea.get(f"contacts?limit=2&cursor={page['next']}").body["items"]] == ["Zoe Other"]


def test_a_list_asks_the_same_for_one_and_for_many(north: North, bo: Person, pia: Answer) -> None:
    for number in range(6):
        bo.post("contacts", PRESS | {"brand": str(north.aurora.pk), "name": f"N{number}"})
    bo.get("contacts")
    with CaptureQueriesContext(connection) as one:
        assert len(bo.get("contacts?limit=1").body["items"]) == 1
    with CaptureQueriesContext(connection) as many:
        assert len(bo.get("contacts").body["items"]) == 7
    assert len(one) == len(many) <= 18, (len(one), len(many))


def test_who_is_removed_is_forgotten(north: North, bo: Person, pia: Answer) -> None:
    path = f"contacts/{pia.body['id']}"
    assert bo.post(f"{path}/remove", {}, If_Match=pia.etag).status == 400
    gone = bo.post(f"{path}/remove", {"reason": "Asked for it."}, If_Match=pia.etag)
    assert gone.status == 204
    row = row_of(north, pia)
    assert (row.name, row.organisation, row.department, row.job_title, row.note, row.tags, row.hours) == (
        "(removed)", "", "", "", None, [], [],
    )  # fmt: skip
    with walled(north.agency):
        assert not ContactChannel.objects.filter(contact=row).exists()
    assert bo.get("contacts").body["items"] == []
    assert bo.get(path).status == bo.post(f"{path}/reached", {"channel": str(row.pk), "reached": True}).status == 404
    assert events_of(row)[-1] == ("contact.removed", f"seat:{bo.seat.pk}", {"reason": "Asked for it."})
    assert "Pia" not in str(events_of(row))


def test_a_leaver_is_in_the_book_no_more(north: North, ana: Person, dee: Person, cy: Person) -> None:
    staff = ana.post("contacts", {"name": "Dee", "seat": str(dee.seat.pk)})
    client = ana.post("contacts", {"name": "Cy", "seat": str(cy.seat.pk), "brand": str(north.aurora.pk)})
    found = LINES["entries of the contact book"]
    assert found.left is not None
    people = [dee.seat.pk, cy.seat.pk]
    with walled(north.agency):
        assert found.left(people, datetime.now(UTC)) == dict.fromkeys(people, 1)
    for person in (dee, cy):
        assert ana.post(f"seats/{person.seat.pk}/revoke", {"reason": "left"}).status == 200
    with walled(north.agency):
        assert found.left(people, datetime.now(UTC)) == {}
    assert ana.get(f"contacts/{staff.body['id']}").status == 404
    assert row_of(north, staff).name == "(removed)"
    stays = ana.get(f"contacts/{client.body['id']}").body
    assert (stays["name"], stays["seat"]) == ("Cy", None)
    assert datetime.fromisoformat(stays["confirm_due_at"]) <= datetime.now(UTC)


def test_who_may_do_what(
    north: North, ana: Person, bo: Person, dee: Person, cy: Person, eve: Person, pia: Answer
) -> None:
    path = f"contacts/{pia.body['id']}"
    shared = ana.post("contacts", {"name": "House"})
    assert bo.get(f"contacts/{shared.body['id']}").status == 200
    assert bo.patch(f"contacts/{shared.body['id']}", {"name": "Mine"}, If_Match=shared.etag).status == 403
    assert bo.post("contacts", {"name": "For all"}).status == 403
    assert bo.post("contacts", {"name": "x", "brand": str(north.borealis.pk)}).body["errors"][0]["field"] == "brand"
    assert dee.get(path).status == 200
    assert dee.patch(path, {"name": "x"}, If_Match=pia.etag).status == 403
    assert dee.get("contacts/export").status == dee.post("contacts/import", {}).status == 403
    assert cy.get(path).status == cy.get("contacts").status == 403
    channel = pia.body["channels"][0]["id"]
    for method, where, body in (
        ("get", "", None), ("patch", "", {"name": "x"}), ("post", "/remove", {"reason": "x"}), ("post", "/ask", {}),
        ("post", "/reached", {"channel": channel, "reached": True}), ("post", "/confirm", {}),
    ):  # fmt: skip
        act = getattr(eve, method)
        url = f"/v1/agencies/north/{path}{where}"
        assert (act(url) if body is None else act(url, body, If_Match=pia.etag)).status == 404, where
    assert eve.get("contacts").body["items"] == []


# -- hours ----------------------------------------------------------------------------------------------------------

OFFICE = [{"days": [0, 1], "starts": "09:00", "ends": "17:00"}]
NIGHT = [{"days": [4], "starts": "22:00", "ends": "06:00"}]


@pytest.mark.parametrize(
    ("hours", "zone", "at", "reached"),
    [
        ([], "UTC", "2030-01-06T03:00", True),
        (OFFICE, "UTC", "2030-01-07T09:00", True),  # a Monday
        (OFFICE, "UTC", "2030-01-07T17:00", False),
        (OFFICE, "UTC", "2030-01-09T12:00", False),
        (OFFICE, "Asia/Tokyo", "2030-01-07T00:30", True),
        (OFFICE, "Asia/Tokyo", "2030-01-07T12:30", False),
        (NIGHT, "UTC", "2030-01-11T23:00", True),  # a Friday
        (NIGHT, "UTC", "2030-01-12T05:59", True),
        (NIGHT, "UTC", "2030-01-12T06:00", False),
        (NIGHT, "UTC", "2030-01-11T05:00", False),
        (OFFICE, "Europe/Berlin", "2030-07-01T07:00", True),  # summer: two hours ahead
        (OFFICE, "Europe/Berlin", "2030-01-07T07:59", False),
    ],
)
def test_hours_run_on_their_own_clock(hours: list[Body], zone: str, at: str, reached: bool) -> None:
    assert reached_at(hours, zone, datetime.fromisoformat(at).replace(tzinfo=UTC)) is reached


def test_hours_are_written_in_words() -> None:
    assert hours_from_words("Mo-Fr 09:00-17:00; sat, Su 10:00 - 14:00; Fr-Mo 22:00-06:00") == [
        {"days": [0, 1, 2, 3, 4], "starts": "09:00", "ends": "17:00"},
        {"days": [5, 6], "starts": "10:00", "ends": "14:00"},
        {"days": [0, 4, 5, 6], "starts": "22:00", "ends": "06:00"},
    ]
    for hours in (OFFICE, NIGHT, [], OFFICE + NIGHT):
        assert hours_from_words(hours_in_words(hours)) == hours
    for wrong in ("9-5", "Xx 09:00-17:00", "Mo"):
        with pytest.raises(ValueError, match=r"written|no day"):
            hours_from_words(wrong)
