"""Connecting a directory and senders of events: who may, and what is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.wall import inside
from permissions.needs import Need
from permissions.revocation import Todo
from tenants.actions.directory_tokens import tokens_to_rotate
from tenants.models import DirectoryToken, EventTransmitter
from tests.cast import Person, events_of, key_of, send
from tests.conftest import North
from tests.tenants.directory.cast import DirectoryClient

pytestmark = pytest.mark.django_db
SENDER = {
    "name": "Okta", "issuer": "https://idp.example.com", "audience": "https://us.example.org",
    "jwks_url": "https://idp.example.com/jwks",
}  # fmt: skip


def test_a_token_is_shown_once_and_stored_hashed(north: North, ana: Person) -> None:
    made = ana.post("directory-tokens", {"name": "Okta"}, Idempotency_Key="k1")
    assert made.status == 201
    token = made.body["token"]
    assert token.startswith(f"scm_{north.agency.pk.hex}_")
    assert send("GET", "/scim/v2/north/Users", Authorization=f"Bearer {token}").status == 200
    again = ana.post("directory-tokens", {"name": "Okta"}, Idempotency_Key="k1")
    assert (again.status, again.body["token"], again.body["id"]) == (201, None, made.body["id"])
    with inside(north.agency.pk):
        row = DirectoryToken.objects.get()
    secret = token.split("_", 3)[3]
    assert secret not in str(row.__dict__)
    for shown in (ana.get("directory-tokens").body["items"][0], ana.get(f"directory-tokens/{row.pk}").body):
        assert shown["created_by"] == str(ana.seat.pk)
        assert "token" not in shown
        assert "secret_sha256" not in shown
    revoked = ana.post(f"directory-tokens/{row.pk}/revoke", {"reason": "leaked"})
    assert (revoked.status, revoked.body["revoked_at"] is not None) == (200, True)
    assert send("GET", "/scim/v2/north/Users", Authorization=f"Bearer {token}").status == 401
    assert ana.post(f"directory-tokens/{row.pk}/revoke", {"reason": "again"}).status == 200
    assert events_of(row) == [
        ("directory_token.issued", str(ana.actor), {"prefix": row.prefix, "expires_at": None}),
        ("directory_token.revoked", str(ana.actor), {"prefix": row.prefix, "reason": "leaked"}),
    ]


def test_a_token_ends_when_it_was_said_to(north: North, ana: Person) -> None:
    past = (timezone.now() - timedelta(minutes=1)).isoformat()
    assert ana.post("directory-tokens", {"name": "x", "expires_at": past}).status == 400
    soon = (timezone.now() + timedelta(days=1)).isoformat()
    token = ana.post("directory-tokens", {"name": "x", "expires_at": soon}).body["token"]
    assert send("GET", "/scim/v2/north/Users", Authorization=f"Bearer {token}").status == 200
    with inside(north.agency.pk):
        DirectoryToken.objects.update(expires_at=timezone.now())
    assert send("GET", "/scim/v2/north/Users", Authorization=f"Bearer {token}").status == 401


def test_people_connect_directories_and_keys_do_not(ana: Person) -> None:
    keyed = key_of(ana, Need.IDENTITY_CONNECT)
    answer = keyed.post("directory-tokens", {"name": "x"})
    assert (answer.status, answer.code) == (403, "people_issue_keys")


def test_senders_are_added_and_removed(north: North, ana: Person) -> None:
    made = ana.post("event-transmitters", SENDER)
    assert made.status == 201, made.body
    assert {name: made.body[name] for name in SENDER} == SENDER
    twice = ana.post("event-transmitters", SENDER)
    assert (twice.status, twice.code) == (409, "issuer_known")
    path = f"event-transmitters/{made.body['id']}"
    assert ana.get(path).body["removed_at"] is None
    for _ in range(2):
        assert ana.post(f"{path}/remove", {"reason": "over"}).body["removed_at"] is not None
    assert ana.post("event-transmitters", SENDER).status == 201
    assert len(ana.get("event-transmitters").body["items"]) == 2
    with inside(north.agency.pk):
        row = EventTransmitter.objects.get(pk=made.body["id"])
    assert events_of(row) == [
        ("event_transmitter.added", str(ana.actor), {"name": "Okta"}),
        ("event_transmitter.removed", str(ana.actor), {"reason": "over"}),
    ]


@pytest.mark.parametrize("url", ["ftp://idp.example.com/jwks", "http://10.0.0.1/jwks", "https://user@idp.example.com/"])
def test_keys_are_not_fetched_from_anywhere(ana: Person, url: str) -> None:
    assert ana.post("event-transmitters", {**SENDER, "jwks_url": url}).status == 400


def test_colleagues_without_the_need_and_strangers(
    ana: Person, lea: Person, eve: Person, directory: DirectoryClient
) -> None:
    group = directory.add_group("Crisis")
    token = ana.get("directory-tokens").body["items"][0]["id"]
    sender = ana.post("event-transmitters", SENDER).body["id"]
    asked: list[tuple[str, str, Any]] = [
        ("GET", "directory-tokens", None), ("GET", f"directory-tokens/{token}", None),
        ("POST", "directory-tokens", {"name": "x"}), ("POST", f"directory-tokens/{token}/revoke", {"reason": "x"}),
        ("GET", "directory-groups", None), ("GET", f"directory-groups/{group['id']}", None),
        ("POST", f"directory-groups/{group['id']}/map", {"role": "analyst"}),
        ("POST", f"directory-groups/{group['id']}/unmap", {"reason": "x"}),
        ("GET", "event-transmitters", None), ("GET", f"event-transmitters/{sender}", None),
        ("POST", "event-transmitters", SENDER), ("POST", f"event-transmitters/{sender}/remove", {"reason": "x"}),
    ]  # fmt: skip
    for method, path, body in asked:
        refused = send(method, f"/v1/agencies/north/{path}", body, **lea.headers)
        assert (refused.status, refused.code) == (403, "not_allowed"), path
        assert send(method, f"/v1/agencies/north/{path}", body, **eve.headers).status == 404, path
        if "/" in path:
            assert send(method, f"/v1/agencies/south/{path}", body, **eve.headers).status == 404, path


def test_who_was_shown_a_token_leaves_a_task_behind(north: North, ana: Person) -> None:
    """The token stays good, or the directory could not put anybody out any more."""
    gone = ana.post("directory-tokens", {"name": "old"}).body["id"]
    ana.post(f"directory-tokens/{gone}/revoke", {"reason": "x"})
    token = ana.post("directory-tokens", {"name": "Okta"}).body["token"]
    with inside(north.agency.pk):
        tasks = tokens_to_rotate(ana.seat.pk, timezone.now())
    assert tasks == [Todo("Give the directory another token, and revoke: Okta", timedelta(days=1))]
    assert send("GET", "/scim/v2/north/Users", Authorization=f"Bearer {token}").status == 200
