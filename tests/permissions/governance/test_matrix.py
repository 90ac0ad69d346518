"""People by brands."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from time_machine import travel

from permissions.actions.grants import Place
from permissions.needs import Need
from permissions.tables import cell
from tenants.models import User
from tests.cast import Person, key_of, seat_person, walled
from tests.conftest import North
from tests.permissions.governance.scene import give, grant, ids, open_incident, queries_of, rivals

pytestmark = pytest.mark.django_db


def rows(by: Person, query: str = "") -> dict[str, dict[str, Any]]:
    answer = by.get(f"access/matrix{query}")
    assert answer.status == 200, answer.body
    return {row["name"]: row for row in answer.body["items"]}


def test_each_person_with_what_they_hold_where(
    north: North, ana: Person, lea: Person, bo: Person, cy: Person, now: datetime
) -> None:
    incident = open_incident(ana, north.borealis)
    grant(ana, bo, "responder", incident=incident)
    grant(ana, bo, "analyst", north.aurora.pk)
    told = rows(ana)
    assert list(told) == ["Cy", "Bo", "Lea", "Ana"]
    assert told["Bo"] == {
        "seat": str(bo.seat.pk), "name": "Bo", "email": bo.user.email, "side": "staff", "stage": "ACTIVE",
        "agency": [], "brands": {str(north.aurora.pk): ["account_manager", "analyst"]},
        "incidents": {str(incident): ["responder"]}, "denied": [],
    }  # fmt: skip
    assert (told["Lea"]["agency"], told["Lea"]["brands"]) == (["crisis_lead"], {})
    assert told["Cy"]["brands"] == {str(north.aurora.pk): ["client_approver"]}


def test_brands_that_are_kept_from_somebody_are_told(north: North, ana: Person, lea: Person, bo: Person) -> None:
    assert rivals(ana, north).status == 201
    told = rows(ana)
    both = sorted([str(north.aurora.pk), str(north.borealis.pk)])
    assert told["Lea"]["denied"] == both
    assert told["Bo"]["denied"] == [str(north.borealis.pk)]
    assert told["Ana"]["denied"] == []


def test_it_is_narrowed_by_brand_role_need_and_side(
    north: North, ana: Person, lea: Person, bo: Person, cy: Person, dee: Person
) -> None:
    give(dee, "analyst", Place(north.borealis.pk), at=north.agency.created_at)
    assert set(rows(ana, f"?brand={north.borealis.pk}")) == {"Ana", "Lea", "Dee"}
    assert set(rows(ana, f"?brand={north.aurora.pk}&role=account_manager")) == {"Bo"}
    assert set(rows(ana, "?role=crisis_lead")) == {"Lea"}
    assert set(rows(ana, "?need=incidents.steer")) == {"Ana", "Lea"}
    assert set(rows(ana, f"?need=approvals.decide&brand={north.aurora.pk}")) == {"Ana", "Lea", "Bo", "Cy"}
    assert set(rows(ana, "?side=client")) == {"Cy"}
    assert ana.get("access/matrix?role=crisis_lead&side=moon").status == 400
    assert ana.get("access/matrix?brand=0192f4c0-0000-7000-8000-000000000000").status == 400


def test_it_tells_what_counts_at_this_second_and_leaves_out_who_has_left(
    north: North, ana: Person, bo: Person, dee: Person, now: datetime
) -> None:
    soon = now + timedelta(hours=1)
    grant(ana, bo, "analyst", north.borealis.pk, starts_at=soon.isoformat())
    assert str(north.borealis.pk) not in rows(ana)["Bo"]["brands"]
    with travel(soon, tick=False):
        assert rows(ana)["Bo"]["brands"][str(north.borealis.pk)] == ["analyst"]
    ana.post(f"seats/{dee.seat.pk}/revoke", {"reason": "left"})
    assert "Dee" not in rows(ana)


def test_whoever_explains_one_brand_sees_that_brands(
    north: North, ana: Person, lea: Person, bo: Person, dee: Person, now: datetime
) -> None:
    local = seat_person(north.agency, "loc", "admin", brands=[north.borealis], at=now)
    give(dee, "analyst", Place(north.borealis.pk), at=now)
    give(bo, "analyst", Place(north.borealis.pk), at=now)
    told = rows(local)
    assert set(told) == {"Loc", "Dee", "Bo"}
    assert told["Bo"]["brands"] == {str(north.borealis.pk): ["analyst"]}
    assert (told["Dee"]["agency"], told["Dee"]["brands"]) == ([], {str(north.borealis.pk): ["analyst"]})
    key = key_of(ana, Need.ACCESS_EXPLAIN, brands=[north.borealis])
    assert rows(key)["Bo"]["brands"] == {str(north.borealis.pk): ["analyst"]}
    assert set(rows(key)) == {"Loc", "Dee", "Bo"}


def test_pages_follow_each_other(north: North, ana: Person, lea: Person, bo: Person) -> None:
    first = ana.get("access/matrix?limit=2").body
    second = ana.get(f"access/matrix?limit=2&cursor={first['next']}").body
    assert [row["name"] for row in first["items"] + second["items"]] == ["Bo", "Lea", "Ana"]
    assert second["next"] is None


def test_it_costs_the_same_however_many_people(north: North, ana: Person, bo: Person, now: datetime) -> None:
    rivals(ana, north)
    ana.get("access/matrix")
    few = queries_of(lambda: ana.get("access/matrix"))
    for number in range(6):
        seat_person(north.agency, f"p{number}", "analyst", brands=[north.aurora], at=now)
    assert queries_of(lambda: ana.get("access/matrix")) == few


def test_colleagues_and_strangers(north: North, ana: Person, lea: Person, eve: Person) -> None:
    assert lea.get("access/matrix").status == 403
    assert eve.get("/v1/agencies/north/access/matrix").status == 404
    assert str(ana.seat.pk) not in ids(eve.get("access/matrix"), "seat")


def test_as_a_file_it_is_whole_and_computes_nothing(
    north: North, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    rivals(ana, north)
    with walled(north.agency):
        User.objects.filter(pk=bo.user.pk).update(name='=HYPERLINK("http://evil.example","Bo")')
    answer = ana.get("access/matrix?as=csv&limit=1")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="access-matrix.csv"'
    lines = list(csv.DictReader(StringIO(answer.body.decode())))
    assert [(line["name"], line["on"], line["id"], line["role"]) for line in lines][:2] == [
        ("Ana", "agency", "", "owner"), ("Lea", "agency", "", "crisis_lead"),
    ]  # fmt: skip
    formula = '\'=HYPERLINK("http://evil.example","Bo")'
    assert (formula, "brand", str(north.aurora.pk), "account_manager") in [
        (line["name"], line["on"], line["id"], line["role"]) for line in lines
    ]
    assert len([line for line in lines if line["on"] == "denied"]) == 3


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == "'" + text
    assert cell("a" + text) == "a" + text
