"""Sources of mentions: added by those who may, listed to those who see the brand."""

from __future__ import annotations

import pytest

from core.ids import uuid7
from core.wall import inside
from listening.models import Source
from tests.cast import Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db


def test_a_source_is_added_and_told(bo: Person, north: North) -> None:
    answer = bo.post("sources", {"brand": str(north.aurora.pk), "name": "Brandwatch"})
    assert (answer.status, answer.body["kind"], answer.body["name"]) == (201, "push", "Brandwatch")
    with inside(north.agency.pk):
        [source] = Source.objects.all()
    assert (str(source.pk), source.brand_id) == (answer.body["id"], north.aurora.pk)
    assert events_of(source) == [("source.added", str(bo.actor), {"kind": "push", "name": "Brandwatch"})]
    assert bo.get(f"sources/{source.pk}").body == answer.body


def test_a_name_is_one_source_of_a_brand(lea: Person, source: Source, north: North) -> None:
    again = lea.post("sources", {"brand": str(north.aurora.pk), "name": source.name})
    assert (again.status, again.code) == (409, "source_known")
    assert lea.post("sources", {"brand": str(north.borealis.pk), "name": source.name}).status == 201


@pytest.mark.parametrize(("wrong", "field"), [({"kind": "pull"}, "kind"), ({"name": ""}, "name"), ({"x": 1}, "x")])
def test_a_wrong_source_is_refused_with_its_field(
    bo: Person, north: North, wrong: dict[str, object], field: str
) -> None:
    answer = bo.post("sources", {"brand": str(north.aurora.pk), "name": "n", **wrong})
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (400, [field])


def test_a_manager_adds_sources_to_their_own_brand_only(bo: Person, dee: Person, north: North) -> None:
    answer = bo.post("sources", {"brand": str(north.borealis.pk), "name": "n"})
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "brand")
    assert dee.post("sources", {"brand": str(north.aurora.pk), "name": "n"}).status == 403


def test_sources_are_listed_by_brand(lea: Person, bo: Person, source: Source, borealis_source: Source) -> None:
    assert len(lea.get("sources").body["items"]) == 2
    assert [s["id"] for s in lea.get(f"sources?brand={source.brand_id}").body["items"]] == [str(source.pk)]
    assert [s["id"] for s in bo.get("sources").body["items"]] == [str(source.pk)]
    assert bo.get(f"sources/{borealis_source.pk}").status == 404


def test_another_agency_finds_no_source(eve: Person, source: Source, north: North) -> None:
    assert eve.get(f"sources/{source.pk}").status == 404
    assert eve.get("sources").body["items"] == []
    assert eve.post("/v1/agencies/north/sources", {"brand": str(north.aurora.pk), "name": "n"}).status == 404
    assert eve.post("sources", {"brand": str(north.aurora.pk), "name": "n"}).status == 400
    assert eve.post("sources", {"brand": str(uuid7()), "name": "n"}).status == 400
