"""Roles on things, and keys that never reach further than who issued them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from permissions.models import AgencyReach, ApiKey, BrandReach, Grant
from permissions.needs import Need
from permissions.roles import ROLES
from tests.cast import Person, events_of, key_of, send, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db


def grant(by: Person, to: Person, role: str, *brands: object, **more: object) -> dict[str, object]:
    answer = by.post("grants", {"seat": to.seat.pk, "role": role, "brands": brands, "reason": "help"} | more)
    return {"status": answer.status, "code": answer.code, "body": answer.body}


def test_a_grant_on_a_brand_opens_that_brand_only(north: North, ana: Person, bo: Person) -> None:
    assert bo.get(f"brands/{north.borealis.pk}").status == 404
    granted = grant(ana, bo, "analyst", north.borealis.pk)
    assert granted["status"] == 201
    assert bo.get(f"brands/{north.borealis.pk}").status == 200
    with walled(north.agency):
        row = Grant.objects.get(pk=granted["body"][0]["id"])
    assert events_of(row)[0][0] == "role.granted"


def test_guardian_holds_exactly_the_needs_of_the_roles(north: North, bo: Person, ana: Person) -> None:
    grant(ana, bo, "client_viewer", north.borealis.pk)
    with walled(north.agency):
        held = set(
            BrandReach.objects.filter(user=bo.user, content_object=north.aurora).values_list(
                "permission__codename", flat=True
            )
        )
        assert held == {need.value for need in ROLES["account_manager"].needs}
        assert not AgencyReach.objects.filter(user=bo.user).exists()


def test_withdrawing_closes_the_door_again(north: North, ana: Person, bo: Person) -> None:
    granted = grant(ana, bo, "analyst", north.borealis.pk)
    answer = ana.post(f"grants/{granted['body'][0]['id']}/withdraw", {"reason": "done"})  # type: ignore[index]
    assert answer.status == 200
    assert bo.get(f"brands/{north.borealis.pk}").status == 404
    assert bo.get(f"brands/{north.aurora.pk}").status == 200


def test_a_grant_ends_to_the_second_even_when_nobody_cleans_up(north: North, ana: Person, bo: Person) -> None:
    grant(ana, bo, "analyst", north.borealis.pk, ends_at=(timezone.now() + timedelta(hours=1)).isoformat())
    assert bo.get(f"brands/{north.borealis.pk}").status == 200
    with walled(north.agency):
        BrandReach.objects.filter(user=bo.user, content_object=north.borealis).update(ends_at=timezone.now())
    assert bo.get(f"brands/{north.borealis.pk}").status == 404


def test_nobody_grants_above_themselves_or_across_sides(north: North, ana: Person, lea: Person, cy: Person) -> None:
    ana.post("grants", {"seat": str(lea.seat.pk), "role": "admin", "brands": [], "reason": "deputy"})
    assert grant(lea, lea, "owner")["code"] == "role_too_high"
    assert grant(ana, cy, "responder", north.aurora.pk)["code"] == "wrong_side"
    assert grant(ana, cy, "client_viewer")["code"] == "wrong_side"


def test_foreign_and_absent_ids_in_a_body_answer_alike(north: North, ana: Person, eve: Person) -> None:
    foreign = grant(ana, eve, "analyst")
    assert (foreign["status"], foreign["code"]) == (400, "invalid")
    assert foreign["body"]["errors"][0]["field"] == "seat"  # type: ignore[index]


def test_a_key_shows_its_secret_once_and_works_for_its_needs_only(north: North, ana: Person) -> None:
    answer = ana.post("keys", {"name": "feed", "needs": ["brands.read"]})
    assert answer.status == 201
    token = answer.body["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert send("GET", "/v1/agencies/north/brands", **headers).status == 200
    assert send("GET", "/v1/agencies/north/seats", **headers).status == 403
    assert "token" not in ana.get(f"keys/{answer.body['id']}").body
    with walled(north.agency):
        assert token.split("_", 3)[3] not in str(ApiKey.objects.filter(pk=answer.body["id"]).values()[0])


def test_a_key_never_holds_what_its_issuer_does_not(north: North, ana: Person, lea: Person) -> None:
    ana.post("grants", {"seat": str(lea.seat.pk), "role": "admin", "brands": [], "reason": "deputy"})
    key = key_of(lea, Need.BRANDS_READ, Need.SEATS_READ)
    assert key.get("seats").status == 200
    with walled(north.agency):
        for held in Grant.objects.all().live().filter(seat=lea.seat):
            ana.post(f"grants/{held.pk}/withdraw", {"reason": "moved"})
    assert key.get("seats").status == 403


def test_a_key_for_one_brand_sees_one_brand(north: North, ana: Person) -> None:
    key = key_of(ana, Need.BRANDS_READ, brands=[north.aurora])
    assert [brand["slug"] for brand in key.get("brands").body["items"]] == ["aurora"]
    assert key.get(f"brands/{north.borealis.pk}").status == 404


@pytest.mark.parametrize("spoil", ["x", "", "_", "csk", "csk_zz_yy_xx"])
def test_a_wrong_key_is_refused(north: North, ana: Person, spoil: str) -> None:
    good = key_of(ana, Need.BRANDS_READ).headers["Authorization"]
    bad = good[:-1] + ("a" if good[-1] != "a" else "b") if spoil == "x" else f"Bearer {spoil}"
    assert send("GET", "/v1/agencies/north/brands", Authorization=bad).status == 401


def test_an_expired_and_a_revoked_key_are_refused(north: North, ana: Person) -> None:
    for change in ({"expires_at": timezone.now()}, {"revoked_at": timezone.now()}):
        key = key_of(ana, Need.BRANDS_READ)
        assert key.get("brands").status == 200
        with walled(north.agency):
            ApiKey.objects.filter(seat=ana.seat, revoked_at=None, expires_at=None).update(**change)
        assert key.get("brands").status == 401


def test_a_key_of_another_agency_opens_nothing(north: North, eve: Person) -> None:
    key = key_of(eve, Need.BRANDS_READ)
    assert key.get("/v1/agencies/north/brands").status == 401


def test_an_idempotency_key_answers_what_was_answered(north: North, ana: Person) -> None:
    first = ana.post("brands", {"slug": "cirrus", "name": "Cirrus"}, Idempotency_Key="k1")
    again = ana.post("brands", {"slug": "cirrus", "name": "Cirrus"}, Idempotency_Key="k1")
    other = ana.post("brands", {"slug": "stratus", "name": "Stratus"}, Idempotency_Key="k1")
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status, other.code) == (422, "key_reused")
    assert [brand["slug"] for brand in ana.get("brands").body["items"]].count("cirrus") == 1
