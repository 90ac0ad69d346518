"""Guessing is counted, and nobody learns who has an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from time_machine import travel

from tests.cast import Answer, Person
from tests.tenants.sign_in.conftest import App

pytestmark = pytest.mark.django_db
NOBODY = "nobody@example.org"


def guess(app: App, email: str) -> Answer:
    return app.call("POST", "auth/login", {"email": email, "password": "a-wrong-long-password"})


def test_the_eleventh_wrong_password_is_too_many_and_the_window_passes(pat: Person) -> None:
    with travel("2026-03-02T08:00:00Z", tick=False) as clock:
        answers = [guess(App(address=f"192.0.2.{n}"), pat.user.email) for n in range(11)]
        assert [answer.status for answer in answers] == [400] * 10 + [429]
        assert answers[-1].headers["Retry-After"] == "900"
        assert answers[-1].body["status"] == 429
        assert App().sign_in(pat).status == 429
        clock.shift(timedelta(minutes=15, seconds=1))
        assert App().sign_in(pat).status == 200


def test_being_guessed_at_leaves_open_sessions_and_their_step_up_alone(pat: Person, app: App) -> None:
    app.sign_in(pat)
    for number in range(11):
        guess(App(address=f"192.0.2.{number}"), pat.user.email)
    assert app.opens() == 200
    assert app.reauthenticate().status == 200


def test_wrong_passwords_over_many_accounts_from_one_address_are_too_many() -> None:
    app = App()
    with travel("2026-03-02T08:00:00Z", tick=False) as clock:
        statuses = []
        for number in range(51):
            clock.shift(timedelta(seconds=10))
            statuses.append(guess(app, f"person{number}@example.org").status)
        assert statuses == [400] * 50 + [429]
        assert guess(App(address="192.0.2.99"), "person@example.org").status == 400


def test_an_account_that_exists_is_answered_like_one_that_does_not(pat: Person) -> None:
    for attempt in range(11):
        known = guess(App(address=f"192.0.2.{attempt}"), pat.user.email)
        unknown = guess(App(address=f"198.51.100.{attempt}"), NOBODY)
        assert (known.status, known.body) == (unknown.status, unknown.body), attempt


def test_asking_for_a_new_password_tells_nobody_whether_there_is_an_account(pat: Person) -> None:
    def ask(email: str) -> tuple[int, Any]:
        answer = App().call("POST", "auth/password/request", {"email": email})
        return answer.status, answer.body

    assert ask(pat.user.email) == ask(NOBODY)
    assert [letter.to for letter in mail.outbox] == [[pat.user.email], [NOBODY]]
    assert "/password/reset/" in mail.outbox[0].body


def test_a_letter_leads_to_the_public_address_whatever_host_was_asked(pat: Person, settings: Any) -> None:
    app = App(headers={"Host": "localhost", "X-Forwarded-Host": "evil.example"})
    assert app.call("POST", "auth/password/request", {"email": pat.user.email}).status == 200
    assert settings.PUBLIC_URL in mail.outbox[0].body
    assert "evil.example" not in mail.outbox[0].body
    assert App(headers={"Host": "evil.example"}).call("GET", "config").status == 400


def test_a_new_password_by_letter_ends_every_session(pat: Person, app: App) -> None:
    app.sign_in(pat)
    App().call("POST", "auth/password/request", {"email": pat.user.email})
    key = mail.outbox[0].body.split("/password/reset/")[1].split()[0]
    reset = App().call("POST", "auth/password/reset", {"key": key, "password": "a-new-long-password"})
    assert reset.status == 401  # done, and to be signed in with
    assert app.opens() == 401
    assert App().call("POST", "auth/password/reset", {"key": key, "password": "b-new-long-password"}).status == 400
    assert App().sign_in(pat, "a-new-long-password").status == 200


def test_the_address_behind_our_proxies_is_the_one_that_is_counted(pat: Person, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1

    def through_proxy(number: int) -> App:
        return App(headers={"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"})

    statuses = [guess(through_proxy(n), f"person{n}@example.org").status for n in range(51)]
    assert statuses == [400] * 50 + [429]
    listed = through_proxy(99)
    listed.headers["X-Forwarded-For"] = "198.51.100.99, 203.0.113.8"
    listed.sign_in(pat)
    assert "203.0.113.8" in {session["ip"] for session in listed.call("GET", "auth/sessions").body["data"]}


def test_nobody_signs_up_by_themselves(app: App) -> None:
    answer = app.call("POST", "auth/signup", {"email": NOBODY, "password": "a-long-enough-password"})
    assert answer.status == 403
