"""A key: what it may be made with, and that its secret is nowhere but in the one answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from core.models import IdempotentAnswer
from permissions.models import ApiKey
from permissions.needs import Need
from tests.cast import Person, events_of, key_of, walled
from tests.conftest import North
from tests.permissions.keys.conftest import issue

pytestmark = pytest.mark.django_db


def refused(person: Person, **wish: object) -> tuple[int, str | None]:
    answer = person.post("keys", {"name": "feed", "needs": ["brands.read"]} | wish)
    return answer.status, answer.code


def test_networks_are_kept_in_their_plain_form_each_once(ana: Person) -> None:
    key = issue(ana, networks=["192.0.2.0/24", "2001:DB8:0::/32", "198.51.100.7", "192.0.2.0/24"])
    assert key.body["networks"] == ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]
    assert (key.body["rate_per_minute"], key.body["replaces_id"], key.body["exposed_at"]) == (600, None, None)


@pytest.mark.parametrize(
    "network",
    ["", "x", "192.0.2.0/33", "192.0.2.1/24", "192.0.2", "2001:db8::/129", "::/0/0", "example.org"],
)
def test_what_is_no_network_is_refused_at_its_place(ana: Person, network: str) -> None:
    answer = ana.post("keys", {"name": "feed", "needs": ["brands.read"], "networks": ["192.0.2.0/24", network]})
    assert answer.status == 400
    assert answer.body["errors"][0]["field"] == "networks.1"


def test_wishes_out_of_range_are_refused(ana: Person) -> None:
    assert refused(ana, rate_per_minute=0) == (400, "invalid")
    assert refused(ana, rate_per_minute=6_001) == (400, "invalid")
    assert refused(ana, rate_per_minute="600") == (400, "invalid")
    assert refused(ana, networks=["192.0.2.1"] * 51) == (400, "invalid")
    assert refused(ana, expires_at=(timezone.now() - timedelta(seconds=1)).isoformat()) == (400, "invalid")
    assert refused(ana, secret_sha256="0" * 64) == (400, "invalid")


def test_a_repeated_request_is_not_shown_the_secret_again_and_nothing_keeps_it(north: North, ana: Person) -> None:
    wish = {"name": "feed", "needs": ["brands.read"]}
    first = ana.post("keys", wish, Idempotency_Key="k1")
    again = ana.post("keys", wish, Idempotency_Key="k1")
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body | {"token": None}
    secret = first.body["token"].split("_", 3)[3]
    with walled(north.agency):
        assert secret not in str(list(IdempotentAnswer.objects.values()))
        key = ApiKey.objects.get(pk=first.body["id"])
        assert secret not in str(ApiKey.objects.filter(pk=key.pk).values()) + str(events_of(key))


def test_a_key_makes_no_keys(ana: Person) -> None:
    maker = key_of(ana, Need.KEYS_ISSUE, Need.BRANDS_READ)
    assert maker.get("keys").status == 200
    assert refused(maker) == (403, "people_issue_keys")


def test_whoever_may_not_issue_keys_sees_none(north: North, ana: Person, lea: Person, eve: Person) -> None:
    key = issue(ana)
    for path in ("keys", f"keys/{key.id}"):
        assert (lea.get(path).status, lea.get(path).code) == (403, "not_allowed")
        assert eve.get(f"/v1/agencies/north/{path}").status == 404
    assert eve.get(f"keys/{key.id}").status == 404
    for verb in ("rotate", "revoke"):
        assert lea.post(f"keys/{key.id}/{verb}", {}).status == 403
        assert eve.post(f"keys/{key.id}/{verb}", {}).status == 404


def test_lists_are_narrowed_by_state_and_by_issuer(
    north: North, ana: Person, lea: Person, django_assert_num_queries: object
) -> None:
    ana.post("grants", {"seat": str(lea.seat.pk), "role": "admin", "brands": [], "reason": "deputy"})
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    live, over, gone, leaked, leas = (
        issue(ana), issue(ana, expires_at=soon), issue(ana), issue(ana), issue(lea),
    )  # fmt: skip
    ana.post(f"keys/{gone.id}/revoke", {"reason": "done"})
    with walled(north.agency):
        ApiKey.objects.filter(pk=over.id).update(expires_at=timezone.now())
        ApiKey.objects.filter(pk=leaked.id).update(exposed_at=timezone.now())

    def listed(query: str) -> list[str]:
        return [row["id"] for row in ana.get(f"keys?{query}").body["items"]]

    assert listed("state=live") == [leas.id, leaked.id, live.id]
    assert (listed("state=expired"), listed("state=revoked"), listed("state=exposed")) == (
        [over.id], [gone.id], [leaked.id],
    )  # fmt: skip
    assert listed(f"seat={lea.seat.pk}") == [leas.id]
    assert listed(f"seat={lea.seat.pk}&state=revoked") == []
    assert ana.get("keys?state=lost").status == 400
    with walled(north.agency):
        ApiKey.objects.filter(pk=leas.id).update(seat_epoch=7)
    assert leas.id not in listed("state=live")


def test_a_list_costs_the_same_whatever_its_length(ana: Person, django_assert_max_num_queries: object) -> None:
    issue(ana)
    with django_assert_max_num_queries(15) as few:
        ana.get("keys")
    for _ in range(5):
        issue(ana)
    with django_assert_max_num_queries(15) as many:
        ana.get("keys")
    assert len(few) == len(many)
