"""Offering a seat and taking it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import caches
from django.utils import timezone

from tenants.models import Invitation, Seat, User
from tests.cast import Person, events_of, send, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
OFFER = {"email": "Fay@Example.org", "side": "staff", "role": "responder"}
ACCEPT = "/v1/invitations/accept"


def invited(north: North, by: Person, **more: object) -> tuple[Invitation, str]:
    answer = by.post("invitations", OFFER | more)
    assert answer.status == 201, answer.body
    with walled(north.agency):
        invitation = Invitation.objects.get(pk=answer.body["id"])
        assert invitation.token_to_send is not None
        return invitation, invitation.token_to_send


def accept(token: str, **more: object) -> tuple[int, str | None]:
    answer = send("POST", ACCEPT, {"token": token, "name": "Fay", "password": "a long enough phrase"} | more)
    return answer.status, answer.code


def test_an_invited_person_takes_the_seat_and_can_sign_in(north: North, ana: Person) -> None:
    invitation, token = invited(north, ana)
    assert accept(token) == (201, None)
    with walled(north.agency):
        seat = Seat.objects.get(user__email="fay@example.org")
    assert events_of(seat)[0][0] == "seat.created"
    assert events_of(invitation)[-1] == ("invitation.accepted", f"seat:{seat.pk}", {"seat_id": str(seat.pk)})
    login = send(
        "POST", "/_allauth/app/v1/auth/login", {"email": "fay@example.org", "password": "a long enough phrase"}
    )
    token = login.body["meta"]["session_token"]
    me = send("GET", "/v1/agencies/north/seats/me", X_Session_Token=token)
    assert (me.status, me.body["email"]) == (200, "fay@example.org")


def test_the_answer_never_shows_the_secret(north: North, ana: Person) -> None:
    answer = ana.post("invitations", OFFER)
    assert not [value for value in answer.body.values() if "cin_" in str(value)]


def test_an_invitation_is_used_once(north: North, ana: Person) -> None:
    _, token = invited(north, ana)
    accept(token)
    assert accept(token) == (404, "invitation_dead")


@pytest.mark.parametrize("spoiled", ["cin_zz", "", "csk_a_b_c", "cin_" + "0" * 32 + "_" + "0" * 32 + "_x"])
def test_a_wrong_token_is_a_dead_one(north: North, spoiled: str) -> None:
    assert accept(spoiled)[0] in {400, 404}


def test_an_invitation_dies_after_72_hours(north: North, ana: Person) -> None:
    invitation, token = invited(north, ana)
    with walled(north.agency):
        Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert accept(token) == (404, "invitation_dead")


def test_an_invitation_dies_with_its_inviters_seat(north: North, ana: Person) -> None:
    admin = ana.post("invitations", OFFER | {"email": "second@example.org", "role": "owner"})
    assert admin.status == 201
    _, token = invited(north, ana)
    with walled(north.agency):
        Seat.objects.filter(pk=ana.seat.pk).update(stage="ENDED", ended_at=timezone.now(), end_reason="left")
    assert accept(token) == (404, "invitation_dead")


def test_a_weak_password_is_refused_and_the_invitation_lives(north: North, ana: Person) -> None:
    _, token = invited(north, ana)
    assert accept(token, password="short") == (400, "invalid")
    assert not User.objects.filter(email="fay@example.org").exists()
    assert accept(token) == (201, None)


def test_nobody_invites_above_their_own_role(north: North, bo: Person, ana: Person) -> None:
    assert bo.post("invitations", OFFER).code == "not_allowed"
    assert ana.post("invitations", OFFER | {"role": "emperor"}).status == 400


def test_a_client_holds_client_roles_on_brands_only(north: North, ana: Person) -> None:
    client = OFFER | {"side": "client", "role": "client_approver"}
    assert ana.post("invitations", client).code == "wrong_side"
    assert ana.post("invitations", client | {"role": "admin", "brands": [north.aurora.pk]}).code == "wrong_side"
    assert ana.post("invitations", client | {"brands": [north.aurora.pk]}).status == 201


def test_a_stranger_cannot_invite(north: North, eve: Person) -> None:
    assert eve.post("/v1/agencies/north/invitations", OFFER).status == 404


def test_nobody_signs_up_uninvited(db: None) -> None:
    answer = send(
        "POST", "/_allauth/app/v1/auth/signup", {"email": "mallory@example.org", "password": "a long enough phrase"}
    )
    assert answer.status == 403


def test_signing_in_works_while_redis_is_away(north: North, ana: Person) -> None:
    """Attempts are counted in Postgres: the cache of this project never asks Redis."""
    assert caches["default"].__class__.__name__ == "DatabaseCache"
    _, token = invited(north, ana)
    accept(token)
    wrong = {"email": "fay@example.org", "password": "not the phrase at all"}
    answers = [send("POST", "/_allauth/app/v1/auth/login", wrong) for _ in range(11)]
    assert (answers[0].status, answers[-1].status) == (400, 429)
