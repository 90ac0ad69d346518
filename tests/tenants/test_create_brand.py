"""Adding a brand."""

from __future__ import annotations

import pytest

from tenants.models import Brand
from tests.cast import Person, events_of, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
NEW = {"slug": "cirrus", "name": "Cirrus", "time_zone": "Europe/Berlin"}


def test_an_owner_adds_a_brand_and_the_ledger_says_so(north: North, ana: Person) -> None:
    answer = ana.post("brands", NEW)
    assert answer.status == 201, answer.body
    with walled(north.agency):
        brand = Brand.objects.get(pk=answer.body["id"])
    assert (brand.slug, brand.time_zone) == ("cirrus", "Europe/Berlin")
    assert events_of(brand) == [("brand.created", str(ana.actor), {"slug": "cirrus"})]


def test_a_slug_names_one_brand(north: North, ana: Person) -> None:
    ana.post("brands", NEW)
    assert (ana.post("brands", NEW).status, ana.post("brands", NEW).code) == (409, "slug_taken")


def test_a_colleague_without_the_need_is_refused(bo: Person) -> None:
    answer = bo.post("brands", NEW)
    assert (answer.status, answer.code) == (403, "not_allowed")
    assert answer.body["facts"] == {"need": "brands.create"}


def test_a_stranger_finds_nothing(north: North, eve: Person) -> None:
    assert eve.post("/v1/agencies/north/brands", NEW).status == 404
    assert eve.get("/v1/agencies/north/brands").alike == eve.get("/v1/agencies/nowhere/brands").alike


def test_nobody_without_a_credential(north: North) -> None:
    answer = Person.get(Person(north.agency, None, None), "brands")  # type: ignore[arg-type]
    assert answer.status == 401
    assert "WWW-Authenticate" in answer.headers


def test_an_unknown_field_and_a_wrong_zone_are_named(ana: Person) -> None:
    answer = ana.post("brands", NEW | {"state": "gold"})
    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["errors"][0]["field"] == "state"
    assert ana.post("brands", NEW | {"time_zone": "Mars/Olympus"}).status == 400


def test_each_sees_the_brands_that_were_granted(north: North, ana: Person, bo: Person) -> None:
    assert [brand["slug"] for brand in ana.get("brands").body["items"]] == ["borealis", "aurora"]
    assert [brand["slug"] for brand in bo.get("brands").body["items"]] == ["aurora"]
    assert bo.get(f"brands/{north.borealis.pk}").status == 404
    assert bo.get(f"brands/{north.aurora.pk}").status == 200
