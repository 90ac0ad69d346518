"""Signing in with an agency's OpenID provider: the whole way round, against a real provider on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit
from uuid import UUID

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.db import connection
from django.test import Client
from oidc_provider_mock import run_server_in_thread  # type: ignore[import-untyped]

from core.outbound.sessions import Vetted
from tenants.actions.goodbyes import revoke_seat
from tenants.actions.sessions import end_every_session, end_sessions_for
from tenants.models import Agency, DirectoryUser, Identity, IdentityProvider, Seat
from tests.cast import SETTING_THE_STAGE, Person, events_of, seat_person, walled
from tests.conftest import North
from tests.tenants.sign_in.conftest import PASSWORD, with_password

pytestmark = [
    pytest.mark.django_db,
    # The provider of the tests is built on a library that announces its successor.
    pytest.mark.filterwarnings("ignore::authlib.deprecate.AuthlibDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning"),
]
AUTH = "/_allauth/browser/v1/auth"
NEXT = "/signed-in"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def provider(north: North, ana: Person, issuer: str) -> str:
    return connected(ana, issuer)


def connected(by: Person, issuer: str, **more: Any) -> str:
    """What browsers call the new provider."""
    body = {"name": "Login", "issuer": issuer, "client_id": "crisisapi", "client_secret": "secret", **more}
    name: str = by.post("identity-providers", body).body["sign_in_id"]
    return name


class Browser(Client):
    """A browser of somebody who is known to the provider as `subject`."""

    def sign_in(self, person: Person) -> Browser:
        for path, body in (("login", {"email": person.user.email}), ("reauthenticate", {})):
            said = {"password": PASSWORD, **body}
            assert self.post(f"{AUTH}/{path}", said, content_type="application/json").status_code == 200
        return self

    def ask(self, provider: str, process: str = "login") -> str:
        """Where the provider is asked."""
        form = {"provider": provider, "callback_url": NEXT, "process": process}
        answer = self.post(f"{AUTH}/provider/redirect", form)
        assert answer.status_code == 302, answer.content
        return answer["Location"]

    def come_back(self, url: str) -> dict[str, list[str]]:
        """What the front end is told at the end of the way; nothing when all is well."""
        answer = self.get(url)
        assert answer.status_code == 302, answer.content
        return parse_qs(urlsplit(answer["Location"]).query)

    def through(self, provider: str, subject: str, process: str = "login") -> dict[str, list[str]]:
        return self.come_back(say(self.ask(provider, process), subject))

    def opens(self, agency: str = "north") -> int:
        return self.get(f"/v1/agencies/{agency}/agency").status_code


def say(question: str, subject: str) -> str:
    """The provider's own page is answered with a subject; returns the address that it sends the browser to."""
    answer = requests.post(question, data={"sub": subject}, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["Location"])
    return urlunsplit(("", "", parts.path, parts.query, ""))


def altered(url: str, **changes: str | None) -> str:
    """An address with other query parameters; None takes one away."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return urlunsplit(parts._replace(query=urlencode({k: v for k, v in query.items() if v is not None})))


def identities(agency: Agency) -> list[tuple[str, UUID]]:
    with walled(agency):
        return list(Identity.objects.filter(ended_at=None).values_list("subject", "seat_id"))


def test_a_person_links_their_identity_and_signs_in_with_it(north: North, pat: Person, provider: str) -> None:
    assert Browser().sign_in(pat).through(provider, "pat-at-login", "connect") == {}
    assert identities(north.agency) == [("pat-at-login", pat.seat.pk)]
    with walled(north.agency):
        identity = Identity.objects.get()
    facts = {"provider_id": str(identity.provider_id), "seat_id": str(pat.seat.pk)}
    assert events_of(identity) == [("identity.linked", f"seat:{pat.seat.pk}", facts)]
    browser = Browser()
    assert browser.through(provider, "pat-at-login") == {}
    assert browser.opens() == 200
    assert not SocialAccount.objects.exists()


def test_an_unknown_subject_is_refused_whatever_address_it_shows(pat: Person, provider: str) -> None:
    browser = Browser()
    assert browser.through(provider, pat.user.email) == {
        "error": ["permission_denied"], "error_process": ["login"],
    }  # fmt: skip
    assert browser.opens() == 401


def test_the_directory_says_who_a_subject_is(north: North, pat: Person, provider: str, now: datetime) -> None:
    with walled(north.agency):
        entry = DirectoryUser(
            user_name="pat", external_id="ext-7", email="other@example.org", display_name="Pat", seat=pat.seat,
            created_at=now, changed_at=now,
        )  # fmt: skip
        entry.save()
    assert Browser().through(provider, "ext-8")["error"] == ["permission_denied"]
    browser = Browser()
    assert browser.through(provider, "ext-7") == {}
    assert browser.opens() == 200
    with walled(north.agency):
        DirectoryUser.objects.update(active=False, external_id="ext-9")
    assert Browser().through(provider, "ext-9")["error"] == ["permission_denied"]


def test_a_provider_opens_its_own_agency_only(north: North, south: Agency, pat: Person, provider: str) -> None:
    """Also when the person sits in the other one."""
    with walled(south):
        Seat(user=pat.user, side="staff", created_at=south.created_at).save()
    Browser().sign_in(pat).through(provider, "pat-at-login", "connect")
    with_password, with_provider = Browser().sign_in(pat), Browser()
    with_provider.through(provider, "pat-at-login")
    assert [with_password.opens("north"), with_provider.opens("north")] == [200, 200]
    assert with_password.opens("south") != 404
    there, nowhere = (with_provider.get(f"/v1/agencies/{slug}/agency").json() for slug in ("south", "nowhere"))
    assert {**there, "request_id": ""} == {**nowhere, "request_id": ""}
    assert there["status"] == 404


def test_two_agencies_use_one_issuer_and_one_subject_without_meeting(
    north: North, pat: Person, eve: Person, provider: str, issuer: str
) -> None:
    Browser().sign_in(pat).through(provider, "the-same", "connect")
    theirs = connected(eve, issuer)
    browser = Browser()
    assert browser.through(theirs, "the-same")["error"] == ["permission_denied"]
    assert [browser.opens("north"), browser.opens("south")] == [401, 401]


def test_a_provider_of_another_agency_lets_nobody_link_a_seat_here(
    north: North, south: Agency, pat: Person, eve: Person, provider: str, issuer: str
) -> None:
    """Whoever runs South's provider can be anybody there; that must not become a key to North."""
    theirs = connected(eve, issuer)
    with walled(south):
        seat = Seat(user=pat.user, side="staff", created_at=south.created_at)
        seat.save()
        row = IdentityProvider.objects.get()
        Identity(
            provider=row, subject="pretender", user=pat.user, seat=seat, linked_at=south.created_at
        ).save()  # fmt: skip
    pat.user.set_unusable_password()  # so that nothing is left to prove again with
    pat.user.save(update_fields=["password"])
    browser = Browser()
    assert browser.through(theirs, "pretender") == {}
    assert browser.opens("north") == 404
    assert browser.through(provider, "pretender", "connect")["error"] == ["permission_denied"]
    assert identities(north.agency) == []


def test_linking_asks_for_a_seat_here_and_a_fresh_proof(north: North, pat: Person, eve: Person, provider: str) -> None:
    nobody = Browser()
    assert nobody.through(provider, "x", "connect")["error"] == ["permission_denied"]
    half = Browser()
    half.post(f"{AUTH}/login", {"email": pat.user.email, "password": PASSWORD}, content_type="application/json")
    assert half.through(provider, "x", "connect")["error"] == ["reauthentication_required"]
    assert identities(north.agency) == []


def test_a_subject_is_one_person(north: North, pat: Person, provider: str, now: datetime) -> None:
    Browser().sign_in(pat).through(provider, "shared", "connect")
    assert Browser().sign_in(pat).through(provider, "shared", "connect") == {}
    other = with_password(seat_person(north.agency, "other", "responder", at=now))
    assert Browser().sign_in(other).through(provider, "shared", "connect")["error"] == ["permission_denied"]
    assert identities(north.agency) == [("shared", pat.seat.pk)]


def test_the_state_is_used_once_by_the_browser_that_asked(pat: Person, provider: str) -> None:
    Browser().sign_in(pat).through(provider, "pat-at-login", "connect")
    browser, thief = Browser(), Browser()
    back = say(browser.ask(provider), "pat-at-login")
    for wrong in (altered(back, state=None), altered(back, state="made-up")):
        assert "error" in browser.come_back(wrong)
    assert "error" in thief.come_back(back)
    assert thief.opens() == 401
    assert browser.come_back(back) == {}
    assert browser.opens() == 200
    assert "error" in browser.come_back(back)


def test_an_answer_to_another_question_is_refused(pat: Person, provider: str) -> None:
    """A nonce that is not the question's, and a code that another question's verifier was made for."""
    Browser().sign_in(pat).through(provider, "pat-at-login", "connect")
    browser = Browser()
    question = browser.ask(provider)
    assert {"nonce", "state", "code_challenge"} <= set(parse_qs(urlsplit(question).query))
    assert parse_qs(urlsplit(question).query)["code_challenge_method"] == ["S256"]
    for nonce in ("another", None):
        browser = Browser()
        back = say(altered(browser.ask(provider), nonce=nonce), "pat-at-login")
        assert browser.come_back(back)["error"] == ["permission_denied"]
        assert browser.opens() == 401
    first, second = Browser(), Browser()
    stolen = parse_qs(urlsplit(say(first.ask(provider), "pat-at-login")).query)["code"][0]
    assert "error" in second.come_back(altered(say(second.ask(provider), "somebody"), code=stolen))
    assert second.opens() == 401


def test_the_answer_of_one_provider_is_not_taken_at_the_door_of_another(
    pat: Person, eve: Person, provider: str, issuer: str
) -> None:
    theirs = connected(eve, issuer)
    Browser().sign_in(pat).through(provider, "pat-at-login", "connect")
    browser = Browser()
    back = say(browser.ask(theirs), "pat-at-login")
    assert "error" in browser.come_back(back.replace(theirs, provider))
    assert browser.opens() == 401


def test_what_is_no_provider_leads_nowhere(provider: str) -> None:
    agency, _, row = provider.partition("-")
    for name in (f"{row}-{agency}", "openid_connect", f"{agency}-", provider.upper()):
        form = {"provider": name, "callback_url": NEXT, "process": "login"}
        answer = Browser().post(f"{AUTH}/provider/redirect", form)
        assert "error=" in answer["Location"]
        assert Browser().get(f"/_allauth/oidc/{name}/callback?state=x&code=y").status_code == 404


def test_the_way_back_leads_to_our_own_pages_only(provider: str) -> None:
    for away in (
        "//evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "https:evil.example",
        "/\\evil.example",
    ):
        form = {"provider": provider, "callback_url": away, "process": "login"}
        location = Browser().post(f"{AUTH}/provider/redirect", form)["Location"]
        assert "evil" not in location, away
        assert location.startswith("http://127.0.0.1:8000/sign-in/error"), location


def test_a_removed_provider_and_an_ended_seat_open_nothing_any_more(
    north: North, ana: Person, pat: Person, provider: str, now: datetime
) -> None:
    other = with_password(seat_person(north.agency, "other", "responder", at=now))
    for person, subject in ((pat, "pat"), (other, "other")):
        assert Browser().sign_in(person).through(provider, subject, "connect") == {}
    one, two = Browser(), Browser()
    one.through(provider, "pat")
    two.through(provider, "other")
    assert [one.opens(), two.opens()] == [200, 200]
    with walled(north.agency):
        revoke_seat(seat_id=pat.seat.pk, reason="left", by=SETTING_THE_STAGE, at=now)
    assert identities(north.agency) == [("other", other.seat.pk)]
    assert one.opens() in (401, 404)
    assert Browser().through(provider, "pat")["error"] == ["permission_denied"]
    row = ana.get("identity-providers").body["items"][0]["id"]
    assert ana.post(f"identity-providers/{row}/remove", {"reason": "gone"}).status == 200
    assert two.opens() == 404
    form = {"provider": provider, "callback_url": NEXT, "process": "login"}
    assert "error=" in Browser().post(f"{AUTH}/provider/redirect", form)["Location"]
    assert Browser().sign_in(other).opens() == 200


def test_what_served_this_agency_alone_ends_and_the_rest_stays(north: North, pat: Person, provider: str) -> None:
    Browser().sign_in(pat).through(provider, "pat-at-login", "connect")
    with_password, with_provider = Browser().sign_in(pat), Browser()
    with_provider.through(provider, "pat-at-login")
    assert end_sessions_for(agency_id=north.agency.pk, user_id=pat.user.pk) == 1
    assert [with_password.opens(), with_provider.opens()] == [200, 401]
    assert end_every_session(user_id=pat.user.pk) >= 1
    assert with_password.opens() == 401


def test_a_provider_may_prove_the_second_factor(north: North, ana: Person, pat: Person, provider: str) -> None:
    Browser().sign_in(pat).through(provider, "pat-at-login", "connect")
    Agency.objects.filter(pk=north.agency.pk).update(requires_second_factor=True)
    browser = Browser()
    browser.through(provider, "pat-at-login")
    assert browser.opens() == 403
    with walled(north.agency):
        IdentityProvider.objects.update(proves_second_factor=True)
    assert browser.opens() == 200


def test_a_sign_in_page_asks_which_providers_an_agency_has(north: North, south: Agency, provider: str) -> None:
    def listed(query: str) -> list[str]:
        config = Browser().get(f"/_allauth/browser/v1/config{query}").json()
        return [entry["id"] for entry in config["data"]["socialaccount"]["providers"]]

    assert [listed(query) for query in ("?agency=north", "?agency=south", "?agency=nowhere", "")] == [
        [provider], [], [], [],
    ]  # fmt: skip


@pytest.mark.parametrize("elsewhere", ["http://localhost:9", "http://127.0.0.1:{port}"])
def test_a_provider_that_is_away_or_speaks_for_another_issuer_is_an_error_for_the_page(
    north: North, ana: Person, issuer: str, elsewhere: str
) -> None:
    name = connected(ana, elsewhere.format(port=urlsplit(issuer).port))
    with walled(north.agency):
        IdentityProvider.objects.update(issuer=elsewhere.format(port=urlsplit(issuer).port) + "/")
    form = {"provider": name, "callback_url": NEXT, "process": "login"}
    location = Browser().post(f"{AUTH}/provider/redirect", form)["Location"]
    assert parse_qs(urlsplit(location).query)["error"] == ["unknown"]


@pytest.mark.django_db(transaction=True)
def test_the_provider_is_not_asked_inside_a_transaction(
    north: North, pat: Person, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers slowly must not hold locks of ours."""
    inside = []
    asked = Vetted.send

    def watched(self: Vetted, *args: Any, **kwargs: Any) -> requests.Response:
        inside.append(connection.in_atomic_block)
        return asked(self, *args, **kwargs)

    monkeypatch.setattr(Vetted, "send", watched)
    Browser().sign_in(pat).through(provider, "pat-at-login", "connect")
    browser = Browser()
    assert browser.through(provider, "pat-at-login") == {}
    assert browser.opens() == 200
    assert len(inside) >= 4
    assert not any(inside)
