"""The outer half of the rates: what is left stands on every answer, and nobody is left uncounted."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.status import HTTP_500_INTERNAL_SERVER_ERROR

from core.http.problems import Problem, render
from core.http.rates import Verdict, ask, of_address


class RateHeaders:
    """Tells on every answer of the API what is left, and counts by address what no throttle has counted.

    That is what nobody signed in to: wrong credentials, addresses that do not exist, pages behind a link.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not settings.RATE_LIMITS or not request.path_info.startswith("/v1"):
            return response
        verdict: Verdict | None = getattr(request, "rate_verdict", None)
        if verdict is None:
            if response.status_code >= HTTP_500_INTERNAL_SERVER_ERROR:
                return response  # what is our fault is nobody's request
            verdict = ask(of_address(request))
            if not verdict.admitted:
                response = render(Problem.of_refusal(verdict.refusal()), request)
        for name, value in verdict.headers.items():
            response[name] = value
        return response
