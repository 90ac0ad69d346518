"""Codes of an authenticator app, and recovery codes."""

from __future__ import annotations

import os
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from threading import Barrier

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from time_machine import travel

from tests.cast import Person
from tests.conftest import North
from tests.tenants.sign_in.conftest import App

pytestmark = pytest.mark.django_db
TOTP = "account/authenticators/totp"
RECOVERY = "account/authenticators/recovery-codes"
CODE = "auth/2fa/authenticate"


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, int(timezone.now().timestamp()) // 30))


def with_totp(app: App, person: Person) -> str:
    """Sign in, prove it again, add an authenticator app; returns its secret."""
    assert app.sign_in(person).status == 200
    secret: str = app.call("GET", TOTP).body["meta"]["secret"]
    assert app.call("POST", TOTP, {"code": code_of(secret)}).status == 401  # first proves again who they are
    assert app.reauthenticate().status == 200
    added = app.call("POST", TOTP, {"code": code_of(secret)})
    assert added.status == 200, added.body
    return secret


def test_half_signed_in_opens_nothing(pat: Person) -> None:
    with travel("2026-03-02T08:00:00Z", tick=False) as clock:
        secret = with_totp(App(), pat)
        clock.shift(timedelta(minutes=1))
        app = App()
        first = app.sign_in(pat)
        assert first.status == 401
        assert [flow["id"] for flow in first.body["data"]["flows"] if flow.get("is_pending")] == ["mfa_authenticate"]
        half = app.token
        assert half is not None
        assert app.opens() == 401
        assert app.call("GET", "auth/sessions").status == 401
        assert app.call("GET", TOTP).status == 401
        assert app.call("POST", CODE, {"code": "000000"}).status == 400
        assert app.call("POST", CODE, {"code": code_of(secret)}).status == 200
        assert (app.opens(), App(token=half).opens()) == (200, 401)
        assert app.token != half


def test_a_code_is_taken_once(pat: Person) -> None:
    with travel("2026-03-02T08:00:10Z", tick=False) as clock:
        secret = with_totp(App(), pat)
        clock.shift(timedelta(minutes=1))
        first, second = App(), App()
        first.sign_in(pat)
        second.sign_in(pat)
        code = code_of(secret)
        assert first.call("POST", CODE, {"code": code}).status == 200
        assert second.call("POST", CODE, {"code": code}).status == 400
        for _ in range(3):  # to the end of its step, and the step after it
            clock.shift(timedelta(seconds=19))
            assert second.call("POST", CODE, {"code": code}).status == 400
        assert second.opens() == 401


def test_guessing_codes_is_counted(pat: Person) -> None:
    with travel("2026-03-02T08:00:00Z", tick=False):
        with_totp(App(), pat)
        app = App()
        app.sign_in(pat)
        statuses = [app.call("POST", CODE, {"code": f"{n:06}"}).status for n in range(11)]
        assert statuses == [400] * 10 + [429]


def test_a_recovery_code_works_once_and_dies_with_the_app(pat: Person) -> None:
    with travel("2026-03-02T08:00:00Z", tick=False) as clock:
        owner = App()
        secret = with_totp(owner, pat)
        codes = owner.call("GET", RECOVERY).body["data"]["unused_codes"]
        assert len(codes) == 10
        app, again = App(), App()
        app.sign_in(pat)
        assert app.call("POST", CODE, {"code": codes[0]}).status == 200
        assert app.opens() == 200
        again.sign_in(pat)
        assert again.call("POST", CODE, {"code": codes[0]}).status == 400
        clock.shift(timedelta(minutes=1))
        assert again.call("POST", CODE, {"code": code_of(secret)}).status == 200
        # Removed: the other sessions end, and the recovery codes are worth nothing.
        assert owner.call("DELETE", TOTP).status == 200
        assert (owner.opens(), app.opens(), again.opens()) == (200, 401, 401)
        assert not Authenticator.objects.filter(user=pat.user).exists()
        assert App().sign_in(pat).status == 200


def test_a_second_factor_is_not_removed_without_proving_again(pat: Person) -> None:
    with travel("2026-03-02T08:00:00Z", tick=False) as clock:
        owner = App()
        with_totp(owner, pat)
        clock.shift(timedelta(hours=1))
        assert owner.call("DELETE", TOTP).status == 401
        assert owner.call("GET", RECOVERY).status == 401
        assert Authenticator.objects.filter(user=pat.user, type="totp").exists()


def test_the_secrets_of_second_factors_are_sealed(pat: Person) -> None:
    secret = with_totp(App(), pat)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        stored = " ".join(text for (text,) in cursor.fetchall())
    assert secret not in stored
    assert set(Authenticator.objects.values_list("type", flat=True)) == {"totp", "recovery_codes"}


def test_secrets_are_sealed_again_with_a_new_key(pat: Person, settings: Settings) -> None:
    with travel("2026-03-02T08:00:00Z", tick=False) as clock:
        secret = with_totp(App(), pat)
        new = b64encode(os.urandom(32)).decode()
        settings.SEALING_KEYS = {"new": new, **settings.SEALING_KEYS}
        out = StringIO()
        for _ in range(2):
            call_command("rotate_second_factors", stdout=out)
        assert [line.split()[0] for line in out.getvalue().splitlines()] == ["2", "0"]
        settings.SEALING_KEYS = {"new": new}
        clock.shift(timedelta(minutes=1))
        app = App()
        app.sign_in(pat)
        assert app.call("POST", CODE, {"code": code_of(secret)}).status == 200


@pytest.mark.django_db(transaction=True)
def test_one_code_in_two_hands_at_once_signs_in_one(north: North, pat: Person) -> None:
    with travel("2026-03-02T08:00:10Z", tick=False) as clock:
        secret = with_totp(App(), pat)
        clock.shift(timedelta(minutes=1))
        apps = [App(address=f"192.0.2.{number}") for number in range(4)]
        for app in apps:
            app.sign_in(pat)
        code, together = code_of(secret), Barrier(len(apps))

        def use(app: App) -> int:
            together.wait()
            try:
                return app.call("POST", CODE, {"code": code}).status
            finally:
                connection.close()

        with ThreadPoolExecutor(len(apps)) as pool:
            statuses = sorted(pool.map(use, apps))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 400, 429}
