"""Closing a seat for a while, opening it again, and changing how a person is spoken to."""

from __future__ import annotations

import pytest

from permissions.needs import Need
from tests.cast import Person, events_of, key_of, open_session, seat_person
from tests.conftest import North

pytestmark = pytest.mark.django_db
BECAUSE = {"reason": "on leave until January"}


def test_a_suspended_seat_opens_nothing_and_keeps_what_it_holds(north: North, ana: Person, lea: Person) -> None:
    key = key_of(lea, Need.BRANDS_READ)
    answer = ana.post(f"seats/{lea.seat.pk}/suspend", BECAUSE)
    assert (answer.status, answer.body["stage"]) == (200, "SUSPENDED")
    assert [lea.get("brands").status, key.get("brands").status] == [404, 401]
    assert ana.post(f"seats/{lea.seat.pk}/suspend", BECAUSE).code == "cannot_move"
    resumed = ana.post(f"seats/{lea.seat.pk}/resume", BECAUSE)
    assert resumed.body["stage"] == "ACTIVE"
    assert [name for name, _, _ in events_of(lea.seat)][-2:] == ["seat.suspended", "seat.resumed"]
    back = Person(north.agency, lea.user, lea.seat, {"X-Session-Token": open_session(lea.user)})
    assert back.get("brands").status == 200
    assert key.get("brands").status == 401  # nobody watched over it meanwhile


def test_the_last_owner_is_not_suspended(north: North, ana: Person) -> None:
    assert ana.post(f"seats/{ana.seat.pk}/suspend", BECAUSE).code == "last_owner"
    olga = seat_person(north.agency, "olga", "owner", at=north.agency.created_at)
    assert olga.post(f"seats/{ana.seat.pk}/suspend", BECAUSE).status == 200
    assert olga.post(f"seats/{olga.seat.pk}/suspend", BECAUSE).code == "last_owner"


def test_everybody_says_how_they_are_spoken_to(ana: Person, bo: Person, lea: Person) -> None:
    url = f"seats/{bo.seat.pk}"
    seen = bo.get(url).etag
    answer = bo.patch(url, {"locale": "fr", "time_zone": "Europe/Paris"}, If_Match=seen)
    assert (answer.status, answer.body["locale"]) == (200, "fr")
    assert lea.patch(url, {"locale": "de"}, If_Match=answer.etag).status == 403
    changed = ana.patch(url, {"locale": "de"}, If_Match=answer.etag)
    assert changed.body["locale"] == "de"
    for field in ("stage", "auth_epoch", "side", "user", "role", "is_superuser"):
        refused = bo.patch(url, {field: "x"}, If_Match=changed.etag)
        assert (refused.status, refused.body["errors"][0]["code"]) == (400, "unknown_field"), field


def test_a_stranger_suspends_nobody(lea: Person, bo: Person, eve: Person) -> None:
    for act in ("suspend", "resume"):
        assert bo.post(f"seats/{lea.seat.pk}/{act}", BECAUSE).status == 403
        assert eve.post(f"/v1/agencies/north/seats/{lea.seat.pk}/{act}", BECAUSE).status == 404
        assert eve.post(f"seats/{lea.seat.pk}/{act}", BECAUSE).status == 404
    assert eve.patch(f"seats/{lea.seat.pk}", {"locale": "de"}, If_Match='"1"').status == 404


def test_an_offer_is_taken_back(ana: Person, bo: Person, eve: Person) -> None:
    offered = ana.post("invitations", {"email": "fay@example.org", "side": "staff", "role": "responder"}).body["id"]
    assert bo.post(f"invitations/{offered}/void", BECAUSE).status == 403
    assert eve.post(f"/v1/agencies/north/invitations/{offered}/void", BECAUSE).status == 404
    voided = ana.post(f"invitations/{offered}/void", BECAUSE)
    assert (voided.status, voided.body["voided_at"] is not None) == (200, True)
    assert ana.post(f"invitations/{offered}/void", BECAUSE).body["voided_at"] == voided.body["voided_at"]


def test_nobody_is_offered_a_second_seat(ana: Person, bo: Person) -> None:
    answer = ana.post("invitations", {"email": bo.user.email.upper(), "side": "staff", "role": "responder"})
    assert (answer.status, answer.code) == (409, "already_seated")
