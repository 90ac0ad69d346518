"""Passkeys, with an authenticator in software."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from pytest_django import Settings

from tenants.models import Agency
from tests.cast import Person
from tests.conftest import North
from tests.tenants.sign_in.authenticator import Passkey
from tests.tenants.sign_in.conftest import App

pytestmark = pytest.mark.django_db
OURS = "https://crisis.example"
KEYS = "account/authenticators/webauthn"
LOGIN = "auth/webauthn/login"


@pytest.fixture(autouse=True)
def public_url(settings: Settings) -> None:
    settings.PUBLIC_URL = OURS


@pytest.fixture
def passkey() -> Passkey:
    return Passkey(OURS, "crisis.example")


def enrolled(app: App, person: Person, passkey: Passkey) -> App:
    app.sign_in(person)
    assert app.call("GET", f"{KEYS}?passwordless").status == 401  # first proves again who they are
    app.reauthenticate()
    options = app.call("GET", f"{KEYS}?passwordless").body["data"]["creation_options"]["publicKey"]
    assert options["rp"] == {"id": "crisis.example", "name": "crisisapi"}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    added = app.call("POST", KEYS, {"name": "phone", "credential": passkey.create(options)})
    assert (added.status, added.body["data"]["is_passwordless"]) == (200, True), added.body
    return app


def challenge(app: App, path: str) -> dict[str, object]:
    asked: dict[str, object] = app.call("GET", path).body["data"]["request_options"]["publicKey"]
    return asked


def test_a_passkey_signs_in_without_a_password_and_counts_as_a_second_factor(
    north: North, pat: Person, passkey: Passkey
) -> None:
    enrolled(App(), pat, passkey)
    Agency.objects.filter(pk=north.agency.pk).update(requires_second_factor=True)
    app = App()
    answer = app.call("POST", LOGIN, {"credential": passkey.get(challenge(app, LOGIN))})
    assert answer.status == 200, answer.body
    assert (app.opens(), app.opens("nowhere")) == (200, 404)


def test_a_passkey_is_the_second_step_after_a_password(pat: Person, passkey: Passkey) -> None:
    enrolled(App(), pat, passkey)
    app = App()
    assert app.sign_in(pat).status == 401
    assert app.opens() == 401
    path = "auth/webauthn/authenticate"
    assert app.call("POST", path, {"credential": passkey.get(challenge(app, path))}).status == 200
    assert app.opens() == 200


def test_a_passkey_renews_the_proof(pat: Person, passkey: Passkey) -> None:
    app = enrolled(App(), pat, passkey)
    before, path = app.token, "auth/webauthn/reauthenticate"
    assert app.call("POST", path, {"credential": passkey.get(challenge(app, path))}).status == 200
    assert (app.opens(), App(token=before).opens()) == (200, 401)


def test_an_answer_is_good_for_its_own_challenge_only(pat: Person, passkey: Passkey) -> None:
    enrolled(App(), pat, passkey)
    app, other = App(), App()
    answered = passkey.get(challenge(app, LOGIN))
    challenge(other, LOGIN)
    assert other.call("POST", LOGIN, {"credential": answered}).status == 400
    assert app.call("POST", LOGIN, {"credential": answered}).status == 200
    assert App(token=other.token).call("POST", LOGIN, {"credential": answered}).status == 400
    again = App()
    challenge(again, LOGIN)
    assert again.call("POST", LOGIN, {"credential": answered}).status == 400


def test_another_key_or_another_origin_does_not_sign_in(pat: Person, passkey: Passkey) -> None:
    enrolled(App(), pat, passkey)
    stranger = Passkey(OURS, "crisis.example", user_handle=passkey.user_handle)
    phished = Passkey(
        "https://crisis.example.evil", "crisis.example", passkey.key, passkey.credential_id, passkey.user_handle
    )
    for wrong in (stranger, phished):
        app = App()
        assert app.call("POST", LOGIN, {"credential": wrong.get(challenge(app, LOGIN))}).status == 400
        assert app.opens() == 401


def test_a_passkey_that_was_removed_signs_nobody_in(pat: Person, passkey: Passkey) -> None:
    owner = enrolled(App(), pat, passkey)
    stored = Authenticator.objects.get(user=pat.user, type="webauthn")
    assert owner.call("DELETE", KEYS, {"authenticators": [stored.pk]}).status == 200
    app = App()
    assert app.call("POST", LOGIN, {"credential": passkey.get(challenge(app, LOGIN))}).status == 400
    assert App().sign_in(pat).status == 200
