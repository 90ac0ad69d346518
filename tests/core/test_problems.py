"""Every "no" has one shape, says what the caller needs, and nothing that the caller must not know."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import InterfaceError
from django.http import HttpResponse, JsonResponse
from django.test import Client
from django.urls import path
from rest_framework import exceptions

from core.http import problems
from core.http.problems import flat_errors, problem_of
from core.models import IdempotentAnswer

pytestmark = [pytest.mark.urls("tests.core.probe_urls"), pytest.mark.django_db]

client = Client(raise_request_exception=False)


def answered(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem, after checking what every problem has."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    assert problem["request_id"] == answer["X-Request-Id"]
    assert problem["title"]
    assert problem["detail"]
    assert "secret" not in answer.text
    return problem


def test_a_refusal_brings_its_code_facts_and_headers() -> None:
    answer = client.get("/v1/probe/refusal", headers={"X-Request-Id": "abc-1"})
    assert answer["Retry-After"] == "5"
    assert answered(answer, 425, "too_early") == {
        "type": "/problems/too_early",
        "title": "Too early.",
        "status": 425,
        "detail": "Come back later.",
        "code": "too_early",
        "request_id": "abc-1",
        "facts": {"opens_at": 5},
    }


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("not_found", 404, "not_found"),
        ("drf_not_found", 404, "not_found"),
        ("forbidden", 403, "not_allowed"),
        ("anonymous", 401, "not_authenticated"),
        ("bad_key", 401, "authentication_failed"),
        ("throttled", 429, "throttled"),
        ("unacceptable", 406, "not_acceptable"),
        ("suspicious", 400, "bad_request"),
        ("defect", 500, "broken"),
        ("divided", 400, "invalid"),
        ("slow", 503, "busy"),
        ("locked", 503, "busy"),
        ("check", 409, "conflict"),
        ("full", 500, "broken"),
    ],
)
def test_each_kind_of_failure_has_its_status_and_code(what: str, status: int, code: str) -> None:
    answered(client.get(f"/v1/probe/{what}"), status, code)


def test_a_stranger_is_challenged() -> None:
    assert client.get("/v1/probe/anonymous")["WWW-Authenticate"] == "Bearer"
    assert client.get("/v1/probe/bad_key").json()["detail"] == "This key has ended."


def test_a_caller_who_is_too_fast_hears_when_to_come_back() -> None:
    answer = client.get("/v1/probe/throttled")
    assert answer["Retry-After"] == "3"
    assert answer.json()["facts"] == {"retry_after": 3}


@pytest.mark.django_db(transaction=True)
def test_a_busy_database_asks_for_another_try_and_the_connection_stays_usable() -> None:
    answer = client.get("/v1/probe/slow")
    assert answer["Retry-After"] == "1"
    answered(client.get("/v1/probe/check"), 409, "conflict")


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_busy_and_the_next_request_has_a_new_one() -> None:
    answered(client.get("/v1/probe/lost"), 503, "busy")
    answered(client.get("/v1/probe/slow"), 503, "busy")


@pytest.mark.django_db(transaction=True)
def test_a_constraint_that_fails_at_commit_is_a_conflict_too() -> None:
    answer = client.get("/v1/late")
    answered(answer, 409, "conflict")
    assert "late" not in answer.text


@pytest.mark.django_db(transaction=True)
def test_a_refusal_undoes_what_the_request_had_done() -> None:
    answer = client.post("/v1/probe/half", {"agency": "p"}, content_type="application/json")
    answered(answer, 425, "too_early")
    assert not IdempotentAnswer.objects.filter(principal="p").exists()


def test_wrong_fields_are_listed_with_their_paths() -> None:
    body = {"items": [{"text": "ok"}, {"txt": "oops"}, {"text": ""}], "extra": 1}
    problem = answered(client.post("/v1/probe/batch", body, content_type="application/json"), 400, "invalid")
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [
        ("items.1.text", "required"),
        ("items.1.txt", "unknown_field"),
        ("items.2.text", "blank"),
        ("extra", "unknown_field"),
    ]
    assert all(error["detail"] for error in problem["errors"])


def test_an_action_may_name_the_wrong_fields_itself() -> None:
    problem = answered(client.get("/v1/probe/invalid"), 400, "invalid")
    assert problem["errors"] == [{"field": "limit", "code": "out_of_range", "detail": "No."}]
    assert problem["facts"] == {}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b'{"items": [], "items": []}', "application/json", 400, "duplicate_key"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b" " * (1024 * 1024 + 1), "application/json", 413, "too_large"),
        (b"[]", "application/json", 400, "invalid"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_whole(body: bytes, content_type: str, status: int, code: str) -> None:
    answered(client.generic("POST", "/v1/probe/batch", body, content_type=content_type), status, code)


def test_an_unknown_verb_hears_which_verbs_there_are() -> None:
    answer = client.delete("/v1/probe/batch")
    answered(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_an_unknown_route_and_an_unknown_host_answer_in_the_same_shape() -> None:
    answered(client.get("/v1/nowhere"), 404, "not_found")
    answered(client.get("/v1/logged", headers={"Host": "evil.example"}), 400, "bad_request")


def test_a_value_that_postgres_cannot_take_is_the_callers_mistake() -> None:
    answered(client.post("/v1/probe/nul", {}, content_type="application/json"), 400, "invalid")


@pytest.mark.parametrize(
    ("url", "headers", "status", "code"),
    [
        ("/v1/logged?q=a%00b", {}, 400, "bad_text"),
        ("/v1/log%00ged", {}, 400, "bad_text"),
        ("/v1/logged", {"Transfer-Encoding": "chunked", "Content-Length": ""}, 411, "length_required"),
        ("/v1/logged", {"Content-Length": "-1"}, 400, "bad_request"),
        ("/v1/logged", {"Content-Length": "1e3"}, 400, "bad_request"),
    ],
)
def test_what_would_be_misread_in_silence_is_refused_at_the_door(
    url: str, headers: dict[str, str], status: int, code: str
) -> None:
    meta: Any = {"CONTENT_LENGTH": headers.pop("Content-Length")} if "Content-Length" in headers else {}
    answered(client.get(url, headers=headers, **meta), status, code)


def test_a_connection_that_was_closed_under_us_is_busy() -> None:
    problem = problem_of(InterfaceError("connection already closed"))
    assert problem is not None
    assert problem.code == "busy"


def test_a_defect_is_nobodys_problem_but_ours() -> None:
    assert problem_of(KeyError("secret")) is None
    assert problem_of(None) is None


def test_errors_of_a_whole_object_carry_the_objects_path() -> None:
    detail = exceptions.ValidationError(
        {"lead": {"non_field_errors": ["Both or none."]}, "tags": {"1": ["No."]}}
    ).detail
    assert [(error["field"], error["detail"]) for error in flat_errors(detail)] == [
        ("lead", "Both or none."),
        ("tags.1", "No."),
    ]


def csrf_protected(request: Any) -> HttpResponse:
    return problems.csrf_failure(request)


urlpatterns = [path("csrf", csrf_protected), path("ok", lambda _request: JsonResponse({}))]


@pytest.mark.urls("tests.core.test_problems")
def test_a_missing_csrf_token_is_a_problem_too() -> None:
    answered(client.get("/csrf"), 403, "csrf_failed")
