"""What allauth answers to whoever tries too often: 429 with Retry-After, whichever of its counters was full.

For too many wrong passwords and codes it answers 400, and never says when to come back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

PREFIX = "/_allauth/"
TOO_MANY = "too_many_login_attempts"
# The longest window of the settings' ACCOUNT_RATE_LIMITS for that answer, in seconds.
ATTEMPTS_WINDOW_S = 900
OTHER_WINDOW_S = 60


class TooManyAttempts:
    """Middleware around everything below /_allauth/."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not request.path_info.startswith(PREFIX):
            return response
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            response.headers.setdefault("Retry-After", str(OTHER_WINDOW_S))
        elif response.status_code == HTTPStatus.BAD_REQUEST and isinstance(response, JsonResponse):
            return _as_too_many(response)
        return response


def _as_too_many(response: JsonResponse) -> JsonResponse:
    body = json.loads(response.content)
    if TOO_MANY not in {error.get("code") for error in body.get("errors", [])}:
        return response
    body["status"] = response.status_code = HTTPStatus.TOO_MANY_REQUESTS
    response.content = json.dumps(body).encode()
    response.headers["Retry-After"] = str(ATTEMPTS_WINDOW_S)
    return response
