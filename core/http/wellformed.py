"""Requests that no view should see, because Django or DRF would misread them in silence."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse

from core.http.problems import Problem, render

_NUL = re.compile(r"%00|\x00")


def refusal_of(request: HttpRequest) -> HttpResponse | None:
    """A problem for a request that cannot be read as it was meant, or None.

    A body without a length (chunked) looks like no body at all to WSGI and to DRF: 411 instead of a silently empty
    request. A NUL in path or query reaches Postgres as an error: 400.
    """
    meta = request.META
    if meta.get("HTTP_TRANSFER_ENCODING") and not meta.get("CONTENT_LENGTH"):
        problem = Problem(411, "length_required", "Length Required.", "Send the body with a Content-Length.")
    elif not (meta.get("CONTENT_LENGTH") or "0").isdecimal():
        problem = Problem(400, "bad_request", "Bad Request.", "The Content-Length is not a number.")
    elif _NUL.search(request.path_info) or _NUL.search(meta.get("QUERY_STRING", "")):
        problem = Problem(400, "bad_text", "Bad Request.", "A NUL character cannot be part of a path or a query.")
    else:
        return None
    return render(problem, request)
