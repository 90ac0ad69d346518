"""The table of an agency's identity providers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tenants.models import IdentityProvider
from tests.cast import Answer, Person, events_of, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
ISSUER = "https://login.example"
SECRET = "the-secret-3f9c1e7a"


def connect(by: Person, issuer: str = ISSUER, **more: Any) -> Answer:
    body = {"name": "Example", "issuer": issuer, "client_id": "crisisapi", "client_secret": SECRET, **more}
    return by.post("identity-providers", body)


def test_a_provider_is_connected_and_no_answer_shows_its_secret(north: North, ana: Person) -> None:
    made = connect(ana)
    assert made.status == 201, made.body
    assert made.body["has_secret"] is True
    assert made.body["callback_url"].endswith(f"/_allauth/oidc/{made.body['sign_in_id']}/callback")
    url = f"identity-providers/{made.body['id']}"
    assert SECRET not in str([made.body, ana.get(url).body, ana.get("identity-providers").body])
    with walled(north.agency), connection.cursor() as cursor:
        cursor.execute("SELECT p::text FROM tenants_identityprovider p")
        assert SECRET not in str(cursor.fetchall())
        provider = IdentityProvider.objects.get()
        assert provider.client_secret == SECRET
    assert [(name, facts) for name, _, facts in events_of(provider)] == [
        ("identity_provider.connected", {"second_factor": False})
    ]
    assert connect(ana).code == "issuer_connected"


@pytest.mark.parametrize(
    "issuer", ["http://10.0.0.1", "ftp://login.example", "https://user:pw@login.example", ISSUER + "?tenant=1", "login"]
)
def test_an_issuer_is_an_address_that_may_be_called(north: North, ana: Person, issuer: str) -> None:
    answer = connect(ana, issuer)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (400, ["issuer"])


def test_a_provider_is_changed_by_whoever_has_seen_it(north: North, ana: Person) -> None:
    made = connect(ana)
    url = f"identity-providers/{made.body['id']}"
    assert ana.patch(url, {"name": "New"}).status == 428
    changed = ana.patch(url, {"name": "New", "proves_second_factor": True}, If_Match=made.etag)
    assert (changed.status, changed.body["name"], changed.body["proves_second_factor"]) == (200, "New", True)
    assert ana.patch(url, {"name": "Newer"}, If_Match=made.etag).status == 412
    assert ana.patch(url, {"issuer": "https://other.example"}, If_Match=changed.etag).status == 400
    with walled(north.agency):
        name, _, facts = events_of(IdentityProvider.objects.get())[-1]
    assert (name, facts) == ("identity_provider.changed", {"fields": ["name", "proves_second_factor"]})


def test_a_removed_provider_is_kept_on_record_and_its_issuer_is_free_again(north: North, ana: Person) -> None:
    made = connect(ana)
    url = f"identity-providers/{made.body['id']}"
    gone = ana.post(f"{url}/remove", {"reason": "we moved"})
    assert (gone.status, gone.body["has_secret"]) == (200, False)
    assert gone.body["removed_at"] is not None
    assert ana.post(f"{url}/remove", {"reason": "again"}).status == 404
    assert connect(ana).status == 201


def test_providers_are_for_those_who_connect_identities(north: North, ana: Person, bo: Person, eve: Person) -> None:
    made = connect(ana)
    url = f"identity-providers/{made.body['id']}"
    assert [bo.get(url).status, bo.get("identity-providers").status, connect(bo).status] == [403, 403, 403]
    for answer in (
        eve.get(url),
        eve.get(f"/v1/agencies/north/{url}"),
        eve.get("/v1/agencies/north/identity-providers"),
        eve.post(f"{url}/remove", {"reason": "x"}),
        eve.patch(url, {"name": "x"}, If_Match='"1"'),
    ):
        assert answer.status == 404


def test_providers_are_listed_in_a_constant_number_of_queries(
    north: North, ana: Person, django_assert_max_num_queries: Any
) -> None:
    for number in range(4):
        connect(ana, f"https://login{number}.example")
    counts = []
    for limit in (1, 1, 50):
        with django_assert_max_num_queries(20) as counted:
            assert ana.get(f"identity-providers?limit={limit}").status == 200
        counts.append(len(counted))
    assert counts[1] == counts[2]
