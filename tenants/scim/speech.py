"""How the directory and we speak: the media type in and out, and every "no" as a SCIM error (RFC 7644, 3.12)."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from pydantic import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.views import set_rollback
from scim2_models import Error, SCIMException

from core.http.parser import StrictJSONParser
from core.http.problems import problem_of

MEDIA_TYPE = "application/scim+json"
# What of our refusals SCIM has a word for.
SCIM_TYPES = {
    "user_name_taken": "uniqueness", "person_taken": "uniqueness", "conflict": "uniqueness",
    "no_such_member": "invalidValue",
    "malformed_json": "invalidSyntax", "duplicate_key": "invalidSyntax", "bad_number": "invalidSyntax",
    "bad_text": "invalidValue", "too_deep": "invalidSyntax", "too_many_keys": "invalidSyntax",
}  # fmt: skip


class ScimParser(StrictJSONParser):
    media_type = MEDIA_TYPE
    max_keys = 20_000  # a group of some thousand members


class ScimJSONParser(ScimParser):
    media_type = "application/json"


class ScimRenderer(JSONRenderer):
    media_type = MEDIA_TYPE
    format = "scim"


def handle(exc: Exception, _context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler here: undo the transaction, answer with a SCIM error; None for a defect of ours."""
    error, headers = _error_of(exc)
    if error is None:
        return None
    set_rollback()
    return HttpResponse(
        json.dumps(error.model_dump(mode="json")),
        status=error.status or 400,
        content_type=MEDIA_TYPE,
        headers=headers,
    )


def _error_of(exc: Exception) -> tuple[Error | None, dict[str, str]]:
    if isinstance(exc, SCIMException):
        return exc.to_error(), {}
    if isinstance(exc, ValidationError):
        return Error.from_validation_errors(exc)[0], {}
    problem = problem_of(exc)
    if problem is None:
        return None, {}
    scim_type = SCIM_TYPES.get(problem.code)
    return Error(status=problem.status, scim_type=scim_type, detail=problem.detail), problem.headers
