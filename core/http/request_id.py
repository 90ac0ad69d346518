"""Every request has a name, which the caller may choose; answers, problems and log lines carry it."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.encoding import escape_uri_path

from core.http.wellformed import refusal_of

log = structlog.get_logger(__name__)

HEADER = "X-Request-Id"
_SAFE = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestIdMiddleware:
    """The outermost layer: names the request, refuses what no view should see, and finishes the answer's headers."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer_async(request)
        with _named(request):
            started = time.perf_counter()
            response = refusal_of(request) or self.get_response(request)
            assert isinstance(response, HttpResponseBase)  # noqa: S101 - the synchronous half
            return _finished(request, response, started)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        with _named(request):
            started = time.perf_counter()
            response = refusal_of(request)
            if response is None:
                response = await self.get_response(request)  # type: ignore[misc]
            return _finished(request, response, started)


@contextmanager
def _named(request: HttpRequest) -> Iterator[None]:
    offered = request.headers.get(HEADER, "")
    request_id = offered if _SAFE.fullmatch(offered) else uuid4().hex
    request.request_id = request_id  # type: ignore[attr-defined]
    # Escaped, so that no path can write a log line of its own. The query string may hold what people search for and
    # stays out.
    path = escape_uri_path(request.path_info[:500])
    with structlog.contextvars.bound_contextvars(request_id=request_id, method=request.method, path=path):
        yield


def _finished(request: HttpRequest, response: HttpResponseBase, started: float) -> HttpResponseBase:
    response[HEADER] = request.request_id  # type: ignore[attr-defined]
    response["X-Content-Type-Options"] = "nosniff"
    if request.path_info.startswith("/v1"):
        response.headers.setdefault("Cache-Control", "no-store")
    log.info("answered", status=response.status_code, ms=round((time.perf_counter() - started) * 1000, 1))
    return response
