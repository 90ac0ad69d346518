"""A request's name is in its answer and in every line of its log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from django.http import HttpResponse
from django.test import Client, RequestFactory
from structlog.testing import LogCapture

from core.http.request_id import RequestIdMiddleware

pytestmark = [pytest.mark.urls("tests.core.probe_urls"), pytest.mark.django_db]


@pytest.fixture
def lines() -> Any:
    capture = LogCapture()
    before = structlog.get_config()["processors"]
    processors = before[:]
    before[:] = [structlog.contextvars.merge_contextvars, capture]
    yield capture.entries
    before[:] = processors


def test_a_safe_name_is_kept_and_echoed() -> None:
    assert Client().get("/v1/logged", headers={"X-Request-Id": "req_1:a.b-C"})["X-Request-Id"] == "req_1:a.b-C"


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "x" * 65, "<b>", "ä", 'a"b'])
def test_any_other_name_is_replaced(name: str) -> None:
    given = Client().get("/v1/logged", headers={"X-Request-Id": name})["X-Request-Id"]
    assert given != name
    assert len(given) == 32


def test_two_requests_have_two_names() -> None:
    assert Client().get("/v1/logged")["X-Request-Id"] != Client().get("/v1/logged")["X-Request-Id"]


def test_every_line_of_a_request_carries_its_name(lines: list[dict[str, Any]]) -> None:
    Client().get("/v1/logged?q=private", headers={"X-Request-Id": "abc"})
    assert [line["event"] for line in lines] == ["inside the view", "answered"]
    for line in lines:
        assert (line["request_id"], line["method"], line["path"]) == ("abc", "GET", "/v1/logged")
    assert lines[-1]["status"] == 200
    assert "private" not in str(lines)
    assert structlog.contextvars.get_contextvars() == {}


def test_a_path_cannot_write_a_line_of_its_own(lines: list[dict[str, Any]]) -> None:
    Client().get("/v1/x%0A2026 signed in%00")
    assert [line["path"] for line in lines] == ["/v1/x%0A2026%20signed%20in%00"]


def test_nothing_of_the_api_is_stored_on_the_way_or_guessed_at() -> None:
    answer = Client().get("/v1/logged")
    assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert "Cache-Control" not in Client().get("/page")
    assert Client().get("/v1/stream")["Cache-Control"] == "no-cache"


def test_it_serves_asynchronous_views_as_well() -> None:
    async def view(request: Any) -> HttpResponse:
        assert structlog.contextvars.get_contextvars()["request_id"] == request.request_id
        return HttpResponse("fine")

    layer = RequestIdMiddleware(view)
    fine: Any = asyncio.run(layer(RequestFactory().get("/v1/x", headers={"X-Request-Id": "abc"})))  # type: ignore[arg-type]
    refused: Any = asyncio.run(layer(RequestFactory().get("/v1/x?a=%00")))  # type: ignore[arg-type]
    assert (fine.status_code, fine["X-Request-Id"], refused.status_code) == (200, "abc", 400)
