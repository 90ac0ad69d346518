"""Changing, archiving and restoring a brand; changing the agency."""

from __future__ import annotations

import pytest
from django.utils import timezone

from permissions.gate import allowed
from permissions.needs import Need
from tenants.models import Brand
from tests.cast import Person, events_of, key_of, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
BECAUSE = {"reason": "the contract ended"}


def test_a_brand_is_changed_by_those_who_saw_it(north: North, ana: Person) -> None:
    url = f"brands/{north.aurora.pk}"
    seen = ana.get(url).etag
    answer = ana.patch(url, {"name": "Aurora Foods", "time_zone": "Europe/Paris"}, If_Match=seen)
    assert (answer.status, answer.body["name"], answer.body["time_zone"]) == (200, "Aurora Foods", "Europe/Paris")
    assert events_of(north.aurora)[-1] == ("brand.changed", str(ana.actor), {"fields": ["name", "time_zone"]})
    assert ana.patch(url, {"name": "Other"}, If_Match=seen).code == "stale"
    assert ana.patch(url, {"name": "Other"}).code == "precondition_required"
    assert ana.patch(url, {"slug": "other"}, If_Match=answer.etag).body["errors"][0]["code"] == "unknown_field"
    assert ana.patch(url, {"time_zone": "Mars/Base"}, If_Match=answer.etag).status == 400


def test_saying_what_is_so_already_changes_nothing(north: North, ana: Person) -> None:
    url = f"brands/{north.aurora.pk}"
    seen = ana.get(url).etag
    assert ana.patch(url, {"name": north.aurora.name}, If_Match=seen).etag == seen
    assert [name for name, _, _ in events_of(north.aurora)] == ["brand.created"]


def test_an_archived_brand_is_read_and_not_worked_on(north: North, ana: Person, bo: Person) -> None:
    answer = ana.post(f"brands/{north.aurora.pk}/archive", BECAUSE)
    assert (answer.status, answer.body["stage"]) == (200, "ARCHIVED")
    assert bo.get(f"brands/{north.aurora.pk}").body["stage"] == "ARCHIVED"
    refused = bo.post("incidents", {"brand": str(north.aurora.pk), "title": "Fire", "kind": "product", "severity": 2})
    assert (refused.status, refused.code) == (409, "brand_archived")
    with walled(north.agency):
        brand = Brand.objects.get(pk=north.aurora.pk)
        caller = bo.caller()
        assert allowed(caller, Need.BRANDS_READ, brand)
        assert not allowed(caller, Need.POSTS_SCHEDULE, brand)  # what the release gate asks before each send
    assert ana.post(f"brands/{north.aurora.pk}/archive", BECAUSE).code == "cannot_move"
    assert ana.post(f"brands/{north.aurora.pk}/restore", BECAUSE).body["stage"] == "ACTIVE"
    with walled(north.agency):
        assert allowed(bo.caller(timezone.now()), Need.POSTS_SCHEDULE, brand)
    assert [name for name, _, _ in events_of(north.aurora)][-2:] == ["brand.archived", "brand.restored"]


def test_brands_are_listed_by_stage_in_a_constant_number_of_queries(
    north: North, ana: Person, bo: Person, django_assert_max_num_queries: object
) -> None:
    ana.post(f"brands/{north.borealis.pk}/archive", BECAUSE)
    assert [b["slug"] for b in ana.get("brands?stage=ACTIVE").body["items"]] == ["aurora"]
    assert [b["slug"] for b in ana.get("brands?stage=ARCHIVED").body["items"]] == ["borealis"]
    assert bo.get("brands?stage=ARCHIVED").body["items"] == []
    counts = []
    for limit in (1, 1, 50):
        with django_assert_max_num_queries(20) as counted:  # type: ignore[operator]
            assert ana.get(f"brands?limit={limit}").status == 200
        counts.append(len(counted))
    assert counts[1] == counts[2]


def test_a_brand_is_changed_by_nobody_else(north: North, bo: Person, eve: Person) -> None:
    for act in ("archive", "restore"):
        assert bo.post(f"brands/{north.aurora.pk}/{act}", BECAUSE).status == 403
        assert eve.post(f"/v1/agencies/north/brands/{north.aurora.pk}/{act}", BECAUSE).status == 404
        assert eve.post(f"brands/{north.aurora.pk}/{act}", BECAUSE).status == 404
    assert bo.patch(f"brands/{north.aurora.pk}", {"name": "Mine"}, If_Match='"1"').status == 403
    assert eve.patch(f"brands/{north.aurora.pk}", {"name": "Mine"}, If_Match='"1"').status == 404


def test_an_owner_changes_the_agency(north: North, ana: Person, lea: Person, eve: Person) -> None:
    seen = ana.get("agency").etag
    answer = ana.patch("agency", {"name": "North & Co"}, If_Match=seen)
    assert (answer.status, answer.body["name"]) == (200, "North & Co")
    assert events_of(north.agency, agency_id=north.agency.pk)[-1][0] == "agency.changed"
    assert lea.patch("agency", {"name": "Mine"}, If_Match=answer.etag).status == 403
    assert eve.patch("/v1/agencies/north/agency", {"name": "Mine"}, If_Match=answer.etag).status == 404


def test_nobody_demands_a_second_factor_that_they_lack(ana: Person) -> None:
    answer = ana.patch("agency", {"requires_second_factor": True}, If_Match=ana.get("agency").etag)
    assert (answer.status, answer.code) == (409, "no_second_factor")


def test_a_key_of_the_owner_changes_no_more_than_it_was_issued_for(north: North, ana: Person) -> None:
    key = key_of(ana, Need.BRANDS_READ)
    assert key.patch(f"brands/{north.aurora.pk}", {"name": "Key"}, If_Match='"1"').code == "not_allowed"
