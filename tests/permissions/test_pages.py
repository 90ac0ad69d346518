"""A page that is read brand by brand holds the same rows as the plain query, whatever is held, filtered or skipped."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.http.cursors import after
from core.ids import uuid7
from incidents.models import Incident
from permissions import gate
from permissions.actions.grants import Place, grant_role
from permissions.needs import Need
from permissions.pages import MANY, first
from tenants.models import Brand
from tests.cast import SETTING_THE_STAGE, Person, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
ORDER = ("-id",)


@pytest.fixture
def brands(north: North) -> list[Brand]:
    """More brands than make somebody a holder of many, and incidents on them: a few on most, many on some."""
    dice = random.Random(11)
    at = north.agency.created_at
    with walled(north.agency):
        made = Brand.objects.bulk_create([Brand(slug=f"b-{n}", name=f"B {n}", created_at=at) for n in range(MANY + 40)])
        crowded = made[:5]
        Incident.objects.bulk_create(
            [
                Incident(
                    id=uuid7(), brand=dice.choice(crowded if n % 3 else made), reference=f"INC-2026-{n}", title=str(n),
                    kind="other", severity=n % 4 + 1, opened_at=at + timedelta(minutes=n),
                )
                for n in range(600)
            ]
        )  # fmt: skip
    return made


def holder(north: North, brands: list[Brand]) -> Person:
    return seat_person(north.agency, "kim", "responder", brands=brands, at=north.agency.created_at)


def narrowings(rows: Any) -> Iterator[Any]:
    yield rows
    yield rows.filter(severity=2)
    yield rows.filter(severity=1, kind="other").defer("plan")
    yield rows.filter(title="nothing like it")


@pytest.mark.parametrize("held", [slice(0, 1), slice(0, 20), slice(3, 90), slice(10, None), slice(0, None)])
def test_it_is_the_page_of_the_plain_query(north: North, brands: list[Brand], held: slice) -> None:
    person = holder(north, brands[held])
    with walled(north.agency):
        seen = gate.visible(Incident.objects.all(), to=person.caller(), need=Need.INCIDENTS_READ)
        for rows in narrowings(seen.order_by(*ORDER)):
            for limit in (1, 7, 51):
                plain = list(rows[:limit])
                assert [row.pk for row in first(rows, limit)] == [row.pk for row in plain]
                if plain:  # and the page after it
                    later = rows.filter(after(ORDER, [plain[-1].pk]))
                    assert [row.pk for row in first(later, limit)] == [row.pk for row in later[:limit]]


def test_a_page_is_one_statement_and_the_brands_are_not_fetched(north: North, brands: list[Brand]) -> None:
    caller = holder(north, brands).caller()
    with walled(north.agency):
        rows = gate.visible(Incident.objects.all(), to=caller, need=Need.INCIDENTS_READ).order_by(*ORDER)
        with CaptureQueriesContext(connection) as asked:
            first(rows, 51)
    assert len(asked) == 1
    assert "LATERAL" in asked[0]["sql"]
    assert "recent AS MATERIALIZED" in asked[0]["sql"]


def test_a_role_held_twice_shows_a_row_once(north: North, brands: list[Brand]) -> None:
    person = holder(north, brands[:5])
    with walled(north.agency):
        grant_role(
            seat_id=person.seat.pk, role="analyst", places=Place.each([brand.pk for brand in brands[:5]]),
            reason="again", starts_at=None, ends_at=None, sponsor=None, by=SETTING_THE_STAGE,
            at=north.agency.created_at,
        )  # fmt: skip
        rows = gate.visible(Incident.objects.all(), to=person.caller(), need=Need.INCIDENTS_READ).order_by(*ORDER)
        page = [row.pk for row in first(rows, 100)]
    assert len(page) == len(set(page)) == 100


def test_an_order_that_no_index_serves_is_read_as_it_is(north: North, brands: list[Brand]) -> None:
    caller = holder(north, brands).caller()
    with walled(north.agency):
        rows = gate.visible(Incident.objects.all(), to=caller, need=Need.INCIDENTS_READ).order_by("title", "id")
        with CaptureQueriesContext(connection) as asked:
            page = first(rows, 10)
        assert [row.pk for row in page] == [row.pk for row in rows[:10]]
    assert "LATERAL" not in " ".join(query["sql"] for query in asked)


def test_nobody_without_a_brand_sees_one(north: North, brands: list[Brand]) -> None:
    person = holder(north, [north.borealis])
    with walled(north.agency):
        rows = gate.visible(Incident.objects.all(), to=person.caller(), need=Need.INCIDENTS_READ).order_by(*ORDER)
        assert first(rows, 10) == []
