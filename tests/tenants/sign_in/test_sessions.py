"""Sessions: nothing stored opens one, signing in changes the id, and what has ended stays ended."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver

from permissions.needs import Need
from tenants.sign_in.sessions import key_of_token
from tenants.sign_in.urls import urlpatterns
from tests.cast import Person, key_of, seat_person, send
from tests.conftest import North
from tests.tenants.sign_in.conftest import PASSWORD, App, with_password

pytestmark = pytest.mark.django_db
LOGIN = "/_allauth/browser/v1/auth/login"


def test_no_table_holds_the_token(pat: Person, app: App) -> None:
    assert app.sign_in(pat).status == 200
    assert app.token is not None
    with connection.cursor() as cursor:
        for table in ("django_session", "usersessions_usersession"):
            cursor.execute(f"SELECT t::text FROM {table} t")  # noqa: S608 - our own two names
            assert app.token not in str(cursor.fetchall()), table
    assert UserSession.objects.filter(session_key=key_of_token(app.token)).count() == 1


def test_what_the_tables_hold_opens_nothing(pat: Person, app: App) -> None:
    app.sign_in(pat)
    for key in Session.objects.values_list("session_key", flat=True):
        assert App(token=key).opens() == 401
        assert App(token=key).call("GET", "auth/session").status == 410
        browser = Client()
        browser.cookies[settings.SESSION_COOKIE_NAME] = key
        assert browser.get("/v1/agencies/north/agency").status_code == 401


def test_a_token_opens_the_agency_and_nothing_else_of_it(pat: Person, app: App) -> None:
    app.sign_in(pat)
    assert (app.opens(), app.opens("nowhere")) == (200, 404)
    assert app.token
    for wrong in (app.token[:-1], app.token + "x", app.token.upper(), ""):
        assert App(token=wrong).opens() == 401


def test_a_token_of_one_kind_is_none_of_another(pat: Person, app: App) -> None:
    app.sign_in(pat)
    key = key_of(pat, Need.AGENCY_READ).headers["Authorization"].removeprefix("Bearer ")
    assert App(token=key).opens() == 401
    assert send("GET", "/v1/agencies/north/agency", Authorization=f"Bearer {app.token}").status == 401
    assert App().call("GET", f"/v1/agencies/north/agency?session_token={app.token}").status == 401


def test_a_person_lists_their_sessions_and_ends_one(pat: Person, app: App) -> None:
    other = App()
    app.sign_in(pat)
    other.sign_in(pat)
    listed = app.call("GET", "auth/sessions").body["data"]
    current = [session["id"] for session in listed if session["is_current"]]
    ended = UserSession.objects.get(session_key=key_of_token(str(other.token))).pk
    assert len(current) == 1
    assert ended in [session["id"] for session in listed]
    left = app.call("DELETE", "auth/sessions", {"sessions": [ended]}).body["data"]
    assert ended not in [session["id"] for session in left]
    assert (app.opens(), other.opens()) == (200, 401)


def test_nobody_ends_a_session_of_somebody_else(pat: Person, app: App, bo: Person) -> None:
    app.sign_in(pat)
    theirs = UserSession.objects.get(user=bo.user).pk
    assert app.call("DELETE", "auth/sessions", {"sessions": [theirs]}).status == 400
    assert bo.get("agency").status == 200


def test_signing_out_ends_the_session_for_good(pat: Person, app: App) -> None:
    app.sign_in(pat)
    old = app.token
    assert app.call("DELETE", "auth/session").status == 401
    assert App(token=old).opens() == 401


def test_changing_the_password_ends_every_other_session(pat: Person, app: App) -> None:
    other = App()
    app.sign_in(pat)
    other.sign_in(pat)
    body = {"current_password": PASSWORD, "new_password": "another-long-password"}
    assert app.call("POST", "account/password/change", body).status == 200
    assert (app.opens(), other.opens()) == (200, 401)
    assert App(token=pat.headers["X-Session-Token"]).opens() == 401
    assert App().sign_in(pat).status == 400


def test_a_session_id_from_before_signing_in_is_worth_nothing_after(pat: Person, app: App) -> None:
    """Somebody who plants a session id in another person's browser does not share their session."""
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = "planted-by-somebody-else-1234567890"
    answer = browser.post(LOGIN, {"email": pat.user.email, "password": PASSWORD}, content_type="application/json")
    assert answer.status_code == 200
    assert browser.cookies[settings.SESSION_COOKIE_NAME].value != "planted-by-somebody-else-1234567890"
    assert browser.get("/v1/agencies/north/agency").status_code == 200
    planted = Client()
    planted.cookies[settings.SESSION_COOKIE_NAME] = "planted-by-somebody-else-1234567890"
    assert planted.get("/v1/agencies/north/agency").status_code == 401


def test_proving_again_who_one_is_changes_the_session_id(pat: Person, app: App) -> None:
    app.sign_in(pat)
    before = app.token
    assert app.reauthenticate().status == 200
    assert app.token != before
    assert (app.opens(), App(token=before).opens()) == (200, 401)
    assert len(app.call("GET", "auth/sessions").body["data"]) == 2  # and the one of the cast


def test_a_browser_needs_its_csrf_token_for_writing(pat: Person) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.get("/_allauth/browser/v1/config")
    csrf = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    who = {"email": pat.user.email, "password": PASSWORD}
    assert browser.post(LOGIN, who, content_type="application/json").status_code == 403
    assert browser.post(LOGIN, who, content_type="application/json", headers=csrf).status_code == 200
    brand = {"slug": "corona", "name": "Corona"}
    assert browser.post("/v1/agencies/north/brands", brand, content_type="application/json").status_code == 403
    csrf = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    made = browser.post("/v1/agencies/north/brands", brand, content_type="application/json", headers=csrf)
    assert made.status_code in (201, 403), made.content  # whether Lea may is the gate's word
    assert made.json().get("code") != "csrf_failed"


def test_a_deactivated_person_is_out_at_once(pat: Person, app: App) -> None:
    app.sign_in(pat)
    pat.user.is_active = False
    pat.user.save(update_fields=["is_active"])
    assert app.opens() == 401
    assert send("GET", "/v1/agencies/north/agency", **pat.headers).status == 401


def test_no_view_of_signing_in_stands_in_a_requests_transaction() -> None:
    def views(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from views(pattern.url_patterns)
            else:
                yield pattern

    found = list(views(urlpatterns))
    assert len(found) > 40
    assert [str(view.pattern) for view in found if not getattr(view.callback, "_non_atomic_requests", None)] == []


@pytest.mark.django_db(transaction=True)
def test_people_of_one_office_sign_in_at_once(north: North) -> None:
    """The count of their common address is held for the moment of counting only, not while passwords are hashed."""
    people = [
        with_password(seat_person(north.agency, f"p{n}", "analyst", at=north.agency.created_at)) for n in range(6)
    ]
    together = Barrier(len(people))

    def sign_in(person: Person) -> int:
        together.wait()
        try:
            return App().sign_in(person).status
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        assert list(pool.map(sign_in, people)) == [200] * len(people)
