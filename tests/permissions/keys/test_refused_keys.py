"""Whatever is wrong with a key, the answer is one and the same; and a key in an address is a key given away."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from core.http.addresses import client_address
from permissions.models import ApiKey
from permissions.queries.keys import key_alive, reached_from
from tenants.models import Seat
from tests.cast import Person, events_of, send, walled
from tests.conftest import North
from tests.permissions.keys.conftest import Issued, issue

pytestmark = pytest.mark.django_db
BRANDS = "/v1/agencies/north/brands"


def tried(token: str, **headers: str) -> tuple[int, object]:
    return send("GET", BRANDS, Authorization=f"Bearer {token}", **headers).alike


@pytest.fixture
def refusal(ana: Person) -> tuple[int, object]:
    """What a good key with a wrong secret is told."""
    token = issue(ana).token
    answer = tried(token[:-1] + ("a" if token[-1] != "a" else "b"))
    assert answer[0] == 401
    return answer


def test_every_wrong_token_is_told_the_same(ana: Person, refusal: object) -> None:
    good = issue(ana).token
    kind, agency, key, secret = good.split("_", 3)
    wrong = [
        good[:-1],
        good[: len(good) // 2],
        good + "x",
        f"{kind}_{agency}_{key}_",
        f"{kind}_{agency}_{key}",
        f"{kind}_{uuid4().hex}_{key}_{secret}",
        f"{kind}_{agency}_{uuid4().hex[-12:]}_{secret}",
        f"cin_{agency}_{key}_{secret}",
        f"csl_{agency}_{key}_{secret}",
        f"CSK_{agency}_{key}_{secret}",
        "csk_zz_yy_xx",
        "csk",
        "x",
    ]
    assert [token for token in wrong if tried(token) != refusal] == []
    assert tried(good)[0] == 200


def test_a_key_of_another_agency_is_a_wrong_key(eve: Person, refusal: object) -> None:
    foreign = issue(eve)
    assert foreign.get("brands", agency="south").status == 200
    assert tried(foreign.token) == refusal


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": timedelta(seconds=-1)},
        {"expires_at": timedelta(0)},
        {"revoked_at": timedelta(0)},
        {"seat_epoch": 9},
        {"networks": ["192.0.2.0/24"]},
    ],
    ids=str,
)
def test_a_key_that_is_over_is_a_wrong_key(
    north: North, ana: Person, refusal: object, change: dict[str, object]
) -> None:
    key = issue(ana)
    assert key.get("brands").status == 200
    fields = {name: timezone.now() + value if isinstance(value, timedelta) else value for name, value in change.items()}
    with walled(north.agency):
        ApiKey.objects.filter(pk=key.id).update(**fields)
    assert tried(key.token) == refusal


@pytest.mark.parametrize("stage", ["SUSPENDED", "ENDED"])
def test_a_key_dies_with_its_issuers_seat(north: North, ana: Person, refusal: object, stage: str) -> None:
    key = issue(ana)
    ended = {"ended_at": timezone.now(), "end_reason": "left"} if stage == "ENDED" else {}
    with walled(north.agency):
        Seat.objects.filter(pk=ana.seat.pk).update(stage=stage, **ended)
        dead = ApiKey.objects.select_related("seat__user").get(pk=key.id)
        assert not key_alive(dead, timezone.now())
    assert tried(key.token) == refusal


def test_a_refused_key_is_not_noted_as_used(north: North, ana: Person) -> None:
    key = issue(ana, networks=["192.0.2.0/24"])
    assert key.get("brands").status == 401
    with walled(north.agency):
        assert ApiKey.objects.get(pk=key.id).last_used_at is None


# -- from where ---------------------------------------------------------------------------------------------


def from_address(key: Issued, *forwarded: str) -> int:
    return key.get("brands", X_Forwarded_For=", ".join(forwarded)).status


def test_an_address_is_believed_as_far_as_our_proxies_wrote_it(ana: Person, settings: Settings) -> None:
    key = issue(ana, networks=["192.0.2.0/24", "2001:db8::/32"])
    assert from_address(key, "192.0.2.7") == 401  # nobody of ours wrote this
    settings.TRUSTED_PROXIES = 1
    assert from_address(key, "192.0.2.7") == 200
    assert from_address(key, "198.51.100.1", "192.0.2.7") == 200
    assert from_address(key, "192.0.2.7", "198.51.100.1") == 401  # the caller wrote the first one
    assert from_address(key, "2001:DB8:0:0::7") == 200
    assert from_address(key, "::ffff:192.0.2.7") == 200
    assert from_address(key, "192.0.2.7:4711") == 401
    assert from_address(key, "somewhere") == 401
    settings.TRUSTED_PROXIES = 2
    assert from_address(key, "192.0.2.7", "10.0.0.1") == 200
    assert from_address(key, "192.0.2.7") == 401  # past the first proxy


def test_addresses_and_networks_of_both_kinds() -> None:
    assert reached_from("", [])
    assert not reached_from("", ["0.0.0.0/0", "::/0"])
    assert reached_from("192.0.2.1", ["2001:db8::/32", "192.0.2.1/32"])
    assert not reached_from("2001:db9::1", ["2001:db8::/32", "192.0.2.0/24"])
    assert reached_from("::ffff:192.0.2.1", ["192.0.2.0/24"])


def test_a_zone_is_no_part_of_an_address(rf: object, settings: Settings) -> None:
    request = rf.get("/", REMOTE_ADDR="fe80::1%eth0")
    assert client_address(request) == "fe80::1"
    assert client_address(rf.get("/", REMOTE_ADDR="")) == ""


# -- exposed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "where"),
    [
        (BRANDS + "?key={token}", "query"),
        (BRANDS + "?a=1&b=x{token}y", "query"),
        (BRANDS + "?{token}", "query"),
        (BRANDS + "?key={escaped}", "query"),
        ("/v1/agencies/north/brands/{token}", "path"),
        ("/{escaped}", "path"),
        ("/healthz?token={token}", "query"),
        ("/_allauth/app/v1/auth/session?api_key={token}", "query"),
    ],
)
def test_a_key_in_an_address_is_refused_and_noted(north: North, ana: Person, address: str, where: str) -> None:
    key = issue(ana)
    escaped = "".join(f"%{ord(letter):02x}" for letter in key.token)
    for _ in range(2):
        answer = send("GET", address.format(token=key.token, escaped=escaped), **ana.headers)
        assert (answer.status, answer.code) == (401, "key_exposed")
    with walled(north.agency):
        row = ApiKey.objects.get(pk=key.id)
    assert row.exposed_at is not None
    noted = [event for event in events_of(row) if event[0] == "key.exposed"]
    assert noted == [("key.exposed", "rule:key exposure", {"prefix": row.prefix, "where": where})]
    assert ana.get("keys?state=exposed").body["items"][0]["id"] == key.id
    assert key.get("brands").status == 200  # for its owner to end


def test_a_key_that_is_none_is_refused_alike_and_nothing_is_noted(north: North, ana: Person) -> None:
    key = issue(ana)
    real = send("GET", f"{BRANDS}?key={key.token}")
    made_up = send("GET", f"{BRANDS}?key=csk_{uuid4().hex}_{uuid4().hex[-12:]}_{'x' * 43}")
    assert made_up.alike == real.alike


def test_its_prefix_is_no_secret_and_may_be_looked_for(ana: Person) -> None:
    key = issue(ana)
    assert ana.get(f"brands?limit=1&cursor={quote(key.body['prefix'])}").code != "key_exposed"


def test_a_directorys_token_in_an_address_is_refused_too(north: North) -> None:
    token = f"scm_{north.agency.pk.hex}_{uuid4().hex[-12:]}_{'x' * 43}"
    answer = send("GET", f"/scim/v2/north/Users?token={token}")
    assert (answer.status, answer.code) == (401, "key_exposed")
