"""Opening an incident gives it a reference and starts nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.wall import inside
from incidents.actions import open_incident
from incidents.models import Clock, Duty, Incident
from tests.cast import Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db


def wish(north: North, **other: object) -> dict[str, object]:
    return {"brand": str(north.aurora.pk), "title": "A bad joke", "kind": "insensitive_post", "severity": 3, **other}


def test_it_is_assessed_and_has_a_reference(north: North, bo: Person) -> None:
    answer = bo.post("incidents", wish(north))
    assert answer.status == 201
    year = datetime.now(UTC).year
    assert (answer.body["stage"], answer.body["reference"]) == ("ASSESSING", f"INC-{year}-0001")
    with inside(north.agency.pk):
        incident = Incident.objects.get()
        assert (incident.title, incident.severity, incident.plan, incident.pause_id) == ("A bad joke", 3, {}, None)
        assert not Clock.objects.exists()
        assert not Duty.objects.exists()
    assert events_of(incident) == [
        (
            "incident.opened",
            str(bo.actor),
            {
                "reference": f"INC-{year}-0001",
                "kind": "insensitive_post",
                "severity": 3,
                "cause_kind": None,
                "cause_id": None,
            },
        )
    ]


def test_references_count_up_within_a_year_and_begin_again_in_the_next(north: North, bo: Person) -> None:
    given = []
    with inside(north.agency.pk):
        for year in (2026, 2026, 2027, 2026):
            at = datetime(year, 5, 1, tzinfo=UTC)
            incident = open_incident(
                brand_id=north.aurora.pk, title="x", kind="other", severity=4, cause_kind="", cause_id=None,
                by=bo.actor, at=at,
            )  # fmt: skip
            given.append(incident.reference)
    assert given == ["INC-2026-0001", "INC-2026-0002", "INC-2027-0001", "INC-2026-0003"]


def test_every_wrong_field_is_named(north: North, bo: Person) -> None:
    answer = bo.post("incidents", {"brand": "x", "title": "", "severity": 5, "stage": "ACTIVE"})
    assert (answer.status, answer.code) == (400, "invalid")
    assert {error["field"] for error in answer.body["errors"]} == {"brand", "title", "kind", "severity", "stage"}


def test_a_brand_that_one_may_not_see_does_not_exist(north: North, bo: Person) -> None:
    answer = bo.post("incidents", wish(north, brand=str(north.borealis.pk)))
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "brand")


def test_the_client_opens_no_incident(north: North, cy: Person) -> None:
    assert cy.post("incidents", wish(north)).code == "not_allowed"


def test_a_list_shows_what_one_may_see_newest_first(
    north: North, bo: Person, lea: Person, cy: Person, eve: Person
) -> None:
    lea.post("incidents", wish(north, title="first"))
    lea.post("incidents", wish(north, title="elsewhere", brand=str(north.borealis.pk)))
    lea.post("incidents", wish(north, title="second", severity=1))
    assert [i["title"] for i in lea.get("incidents").body["items"]] == ["second", "elsewhere", "first"]
    assert [i["title"] for i in bo.get("incidents").body["items"]] == ["second", "first"]
    assert [i["title"] for i in cy.get("incidents").body["items"]] == ["second", "first"]
    assert [i["title"] for i in bo.get("incidents?severity=1").body["items"]] == ["second"]
    assert [i["title"] for i in lea.get(f"incidents?brand={north.borealis.pk}").body["items"]] == ["elsewhere"]
    assert lea.get("incidents?stage=ACTIVE").body["items"] == []
    assert lea.get("incidents?colour=red").status == 400
    assert eve.get("/v1/agencies/north/incidents").status == 404


def test_an_incident_of_another_brand_is_not_there(north: North, bo: Person, lea: Person, eve: Person) -> None:
    elsewhere = lea.post("incidents", wish(north, brand=str(north.borealis.pk))).body["id"]
    assert lea.get(f"incidents/{elsewhere}").status == 200
    assert bo.get(f"incidents/{elsewhere}").status == 404
    assert bo.post(f"incidents/{elsewhere}/activate").status == 404
    assert eve.get(f"/v1/agencies/north/incidents/{elsewhere}").status == 404
    assert eve.get(f"incidents/{elsewhere}").status == 404


@pytest.mark.parametrize("path", ["incidents", "statements", "post-mortems"])
def test_a_list_costs_the_same_queries_whatever_its_length(
    north: North, bo: Person, path: str, django_assert_max_num_queries: object
) -> None:
    bo.get(path)  # the first call warms what is cached for the whole process
    counts = []
    for _ in range(2):
        with django_assert_max_num_queries(20) as counted:  # type: ignore[operator]
            assert bo.get(path).status == 200
        counts.append(len(counted))
        for number in range(5):
            bo.post("incidents", wish(north, title=f"number {number}"))
    assert counts[0] == counts[1]
    assert counts[0] <= 15
