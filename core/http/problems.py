"""How every "no" looks: `application/problem+json` (RFC 9457), made in one place.

    {"type": "/problems/cannot_move", "title": …, "status": 409, "detail": …, "code": "cannot_move",
     "request_id": …, "facts": {…}}

`code` is stable and for programs, `detail` is for people, `facts` are what a program needs to go on. A request that
does not fit its shape also has `errors: [{"field": "items.3.text", "code": …, "detail": …}]`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import set_rollback

from core.refusals import Invalid, NotAllowed, NotFound, Refusal

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"

# What Postgres says when it is the moment that is wrong and not the request: statement and lock timeouts, deadlock,
# serialization, too many connections, shutdown, and a transaction that waited too long.
_BUSY = {"57014", "55P03", "40P01", "40001", "53300", "57P01", "57P02", "57P03", "57P05", "25P03", "25P04"}
_CONNECTION_CLASS = "08"


@dataclass(frozen=True, slots=True)
class Problem:
    """The content of one refusal, ready to be rendered."""

    status: int
    code: str
    title: str
    detail: str
    facts: dict[str, Any] = field(default_factory=dict)
    errors: list[dict[str, str]] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_refusal(cls, refusal: Refusal) -> Problem:
        facts = dict(refusal.facts)
        errors = facts.pop("errors", None)
        return cls(refusal.status, refusal.code, refusal.title, refusal.detail, facts, errors, refusal.headers)


BUSY = Problem(
    503, "busy", "Try again in a moment.", "The server could not finish this in time. Nothing was changed.",
    headers={"Retry-After": "1"},
)  # fmt: skip
CONFLICT = Problem(
    409, "conflict", "This conflicts with what is stored.", "Something else has the same name, or is still in use."
)
BROKEN = Problem(500, "broken", "Something broke on our side.", "It has been logged under the request id.")


def handle(exc: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler: undo the transaction and answer with a problem; None for what is a defect of ours."""
    problem = problem_of(exc)
    if problem is None:
        return None
    set_rollback()
    return render(problem, context["request"])


def problem_of(exc: BaseException | None) -> Problem | None:  # noqa: PLR0911 - one line for each kind
    """What to tell the caller about an exception; None when it is a defect that must be logged as such."""
    match exc:
        case Refusal():
            return Problem.of_refusal(exc)
        case exceptions.APIException():
            return _of_drf(exc)
        case Http404():
            return Problem.of_refusal(NotFound())
        case PermissionDenied():
            return Problem.of_refusal(NotAllowed())
        case RequestDataTooBig():
            return Problem(413, "too_large", "The body is too large.", "The body is too large.")
        case SuspiciousOperation() | MultiPartParserError() | UnreadablePostError():
            return Problem(400, "bad_request", "The request could not be read.", "The request could not be read.")
        case OperationalError() | InterfaceError() | IntegrityError() | DataError():
            return _of_database(exc)
        case _:
            return None


def _of_drf(exc: exceptions.APIException) -> Problem:
    if isinstance(exc, exceptions.ValidationError):
        errors = list(flat_errors(exc.detail))
        return Problem(400, Invalid.code, Invalid.title, "Some fields are wrong; see errors.", errors=errors)
    if isinstance(exc, exceptions.NotFound):
        return Problem.of_refusal(NotFound())
    if isinstance(exc, exceptions.PermissionDenied):
        return Problem.of_refusal(NotAllowed())
    status, facts, headers = exc.status_code, {}, {}
    code = str(exc.default_code)
    if isinstance(exc, (exceptions.NotAuthenticated, exceptions.AuthenticationFailed)):
        # DRF makes these 403 when the first sign-in class has no challenge; a stranger is told 401 by us, always.
        status = 401
        headers["WWW-Authenticate"] = getattr(exc, "auth_header", None) or "Bearer"
    elif isinstance(exc, exceptions.ParseError):
        code = "malformed"
    elif isinstance(exc, exceptions.Throttled):
        wait: float | None = getattr(exc, "wait", None)
        facts["retry_after"] = math.ceil(wait) if wait is not None else 1
        headers["Retry-After"] = str(facts["retry_after"])
    return Problem(status, code, HTTPStatus(status).phrase + ".", str(exc.detail), facts, headers=headers)


def _of_database(exc: BaseException) -> Problem | None:
    """Never Postgres's own words: they hold values of other people's rows."""
    cause = exc.__cause__
    sqlstate = getattr(cause, "sqlstate", None)
    if isinstance(exc, IntegrityError):
        # An action should have refused this by name before the constraint did; hence the warning.
        constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
        log.warning("a constraint refused a request", constraint=constraint, sqlstate=sqlstate)
        return CONFLICT
    if isinstance(exc, DataError):
        log.warning("Postgres could not take a value", sqlstate=sqlstate)
        return Problem(400, Invalid.code, Invalid.title, "A value cannot be stored.", errors=[])
    # No SQLSTATE at all: the connection was not there, broke, or the pool gave none in time.
    if sqlstate is None or sqlstate in _BUSY or sqlstate.startswith(_CONNECTION_CLASS):
        log.warning("the database was busy or away", sqlstate=sqlstate, kind=type(cause or exc).__name__)
        return BUSY
    return None


def flat_errors(detail: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    """DRF's nested errors as a flat list in document order; errors of a whole object carry the object's path."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from flat_errors(inner, path if name == "non_field_errors" else (*path, str(name)))
    elif isinstance(detail, (list, tuple)):
        for index, inner in enumerate(detail):
            # A list of texts is the errors of one place; a list of objects is one entry for each item.
            yield from flat_errors(inner, (*path, str(index)) if isinstance(inner, (dict, list, tuple)) else path)
    else:
        yield {"field": ".".join(path), "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}


def render(problem: Problem, request: Any) -> HttpResponse:
    """The answer. A plain HttpResponse, so that it looks the same whatever renderer the view had agreed on."""
    body: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": getattr(request, "request_id", ""),
        "facts": problem.facts,
    }
    if problem.errors is not None:
        body["errors"] = problem.errors
    return HttpResponse(
        json.dumps(body, cls=JSONEncoder), status=problem.status, content_type=CONTENT_TYPE, headers=problem.headers
    )


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(problem_of(exception) or Problem(400, "bad_request", "Bad Request.", "Bad request."), request)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(problem_of(exception) or Problem.of_refusal(NotAllowed()), request)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return render(Problem.of_refusal(NotFound()), request)


def handler500(request: HttpRequest) -> HttpResponse:
    """The last handler: for defects, and for a commit that failed after the view had answered."""
    return render(problem_of(sys.exc_info()[1]) or BROKEN, request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """For the setting CSRF_FAILURE_VIEW."""
    return render(Problem(403, "csrf_failed", "Forbidden.", "The CSRF token is missing or wrong."), request)
