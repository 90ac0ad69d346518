"""Walking from page to page meets every row once, and a cursor opens one list only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from core.http.cursors import SALT, BadCursor, KeysetPagination, keyset_of
from core.models import IdempotentAnswer
from core.refusals import Invalid

pytestmark = pytest.mark.django_db

ROWS = IdempotentAnswer.objects
START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ["status", "principal", "created_at", "method"]


@st.composite
def keysets(draw: st.DrawFn) -> tuple[str, ...]:
    columns = [*draw(st.lists(st.sampled_from(COLUMNS), unique=True, max_size=3)), "id"]
    return tuple(draw(st.sampled_from(["", "-"])) + column for column in columns)


# Few values, so that columns tie all the time.
LINES = st.lists(
    st.tuples(st.integers(200, 203), st.sampled_from(["a", "B", "ä", "a b", ""]), st.integers(0, 3), st.just("GET")),
    max_size=25,
)


def store(*lines: tuple[int, str, int, str]) -> list[IdempotentAnswer]:
    return ROWS.bulk_create(
        IdempotentAnswer(
            status=status,
            principal=principal,
            created_at=START + timedelta(microseconds=microseconds),
            method=method,
            route="/",
            key=uuid4().hex,
            body_sha256="",
            headers={},
        )
        for status, principal, microseconds, method in lines
    )


def view(*keyset: str, agency_id: Any = None) -> Any:
    return SimpleNamespace(keyset=keyset, agency_id=agency_id)


def page(seen_by: Any, url: str = "/v1/things", **params: Any) -> tuple[list[IdempotentAnswer], str | None]:
    paginator = KeysetPagination()
    request = Request(APIRequestFactory().get(url, params))
    items = paginator.paginate_queryset(ROWS.all(), request, seen_by)
    body = paginator.get_paginated_response(items).data
    assert list(body) == ["items", "next"]
    return body["items"], body["next"]


def walk(seen_by: Any, **params: Any) -> list[IdempotentAnswer]:
    met, cursor = page(seen_by, **params)
    while cursor is not None:
        items, cursor = page(seen_by, cursor=cursor, **params)
        assert items
        met += items
    return met


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(LINES, keysets(), st.integers(1, 30))
def test_pages_laid_end_to_end_are_the_whole_list_in_order(lines: Any, keyset: tuple[str, ...], limit: int) -> None:
    ROWS.all().delete()
    store(*lines)
    assert walk(view(*keyset), limit=limit) == list(ROWS.order_by(*keyset))


def test_rows_that_come_and_go_meanwhile_shift_nothing() -> None:
    rows = store(*[(200, "a", n, "GET") for n in range(6)])
    first, cursor = page(view("created_at", "id"), limit=3)
    store((200, "a", 0, "GET"), (200, "a", 9, "GET"))
    rows[2].delete()  # the very row at which the page ended
    rest, _ = page(view("created_at", "id"), limit=10, cursor=cursor)
    assert [row.created_at.microsecond for row in first + rest] == [0, 1, 2, 3, 4, 5, 9]


def test_a_page_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    store(*[(200, "a", n, "GET") for n in range(10)])
    with django_assert_num_queries(1):
        _, cursor = page(view("-created_at", "-id"), limit=3)
    with django_assert_num_queries(1):
        page(view("-created_at", "-id"), limit=3, cursor=cursor)


def test_the_last_page_says_so_even_when_it_is_full() -> None:
    store(*[(200, "a", n, "GET") for n in range(4)])
    _, cursor = page(view("id"), limit=2)
    items, cursor = page(view("id"), limit=2, cursor=cursor)
    assert (len(items), cursor) == (2, None)


def test_fifty_rows_without_a_limit() -> None:
    store(*[(200, "a", n, "GET") for n in range(51)])
    assert len(page(view("id"))[0]) == 50
    assert len(page(view("id"), limit=100)[0]) == 51


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1000000000", "9" * 5_000, "1e1", "", " 5", "٣", "x"])
def test_a_limit_out_of_range_is_refused(limit: str) -> None:
    with pytest.raises(Invalid) as refusal:
        page(view("id"), limit=limit)
    assert refusal.value.facts["errors"][0]["field"] == "limit"


class TestForeignCursors:
    @pytest.fixture
    def cursor(self) -> str:
        store(*[(200, "a", n, "GET") for n in range(5)])
        _, cursor = page(view("id", agency_id=1), limit=2, stage="OPEN")
        assert cursor is not None
        return cursor

    def test_its_own_list_takes_it_with_another_limit(self, cursor: str) -> None:
        assert len(page(view("id", agency_id=1), limit=3, stage="OPEN", cursor=cursor)[0]) == 3

    @pytest.mark.parametrize(
        ("seen_by", "url", "params"),
        [
            (view("id", agency_id=2), "/v1/things", {"stage": "OPEN"}),
            (view("-id", agency_id=1), "/v1/things", {"stage": "OPEN"}),
            (view("status", "id", agency_id=1), "/v1/things", {"stage": "OPEN"}),
            (view("id", agency_id=1), "/v1/others", {"stage": "OPEN"}),
            (view("id", agency_id=1), "/v1/things", {"stage": "CLOSED"}),
            (view("id", agency_id=1), "/v1/things", {}),
            (view("id", agency_id=1), "/v1/things", {"stage": "OPEN", "brand": "x"}),
        ],
        ids=["agency", "direction", "order", "path", "filter", "no filter", "more filters"],
    )
    def test_any_other_list_refuses_it(self, cursor: str, seen_by: Any, url: str, params: dict[str, str]) -> None:
        with pytest.raises(BadCursor) as refusal:
            page(seen_by, url, cursor=cursor, **params)
        assert (refusal.value.status, refusal.value.code) == (400, "bad_cursor")

    @pytest.mark.parametrize("place", [0, 10, 40, -1])
    def test_a_changed_letter_spoils_it(self, cursor: str, place: int) -> None:
        letters = list(cursor)
        letters[place] = "A" if letters[place] != "A" else "B"
        with pytest.raises(BadCursor):
            page(view("id", agency_id=1), stage="OPEN", cursor="".join(letters))

    @pytest.mark.parametrize(
        "made_up",
        ["", "x", "a:b:c", "\x00", "é", "x" * 100_000, signing.dumps([1], salt="other")],
        ids=["empty", "letter", "colons", "nul", "accent", "long", "signed elsewhere"],
    )
    def test_a_made_up_one_is_refused(self, made_up: str) -> None:
        with pytest.raises(BadCursor):
            page(view("id"), cursor=made_up)

    def test_one_whose_values_no_longer_fit_the_columns_is_refused(self) -> None:
        request = Request(APIRequestFactory().get("/v1/things"))
        binding = KeysetPagination().binding(request, view("created_at", "id"), ("created_at", "id"))
        cursor = signing.dumps([binding, "not a time", "1"], salt=SALT)
        with pytest.raises(BadCursor):
            page(view("created_at", "id"), cursor=cursor)


@pytest.mark.parametrize("keyset", [(), ("created_at",), ("agency_id", "id"), ("nonsense", "id"), ("id", "status")])
def test_an_order_in_which_rows_could_tie_is_a_defect(keyset: tuple[str, ...]) -> None:
    with pytest.raises(ImproperlyConfigured):
        keyset_of(IdempotentAnswer, view(*keyset))


def test_the_description_names_the_parameters_and_the_body() -> None:
    paginator = KeysetPagination()
    names = [parameter["name"] for parameter in paginator.get_schema_operation_parameters(None)]
    assert names == ["limit", "cursor", "drills"]
    schema = paginator.get_paginated_response_schema({"type": "array"})
    assert schema["required"] == ["items", "next"]
    assert schema["properties"]["next"]["type"] == ["string", "null"]
