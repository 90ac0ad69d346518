"""Nobody overwrites what they have not seen: `ETag` goes out, `If-Match` comes back."""

from __future__ import annotations

import re
from typing import Any, Protocol

from django.http import HttpRequest
from rest_framework.request import Request

from core.refusals import Refusal

_TAG = re.compile(r'\s*(?:(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e]{0,200}")|(?P<any>\*))\s*(?:,|\Z)')


class PreconditionRequired(Refusal):
    """The caller did not say which version they saw."""

    code = "precondition_required"
    status = 428
    title = "Say which version you saw: send its ETag as If-Match."


class Stale(Refusal):
    """Somebody changed the thing since the caller saw it. Fact `current_etag`."""

    code = "stale"
    status = 412
    title = "This has changed since you saw it."


class BadPrecondition(Refusal):
    """An `If-Match` that names no version."""

    code = "bad_precondition"
    status = 400
    title = "If-Match must list the ETags that you saw."


class Versioned(Protocol):
    """A row that counts its changes."""

    pk: Any
    version: int


def etag_of(row: Versioned) -> str:
    """The strong entity tag of a row's present version, quotes included."""
    return f'"{row.pk}-{row.version}"'


def require_match(request: HttpRequest | Request, etag: str) -> None:
    """Go on only if the caller saw the version that `etag` (quotes included) names.

    Call it after the row is locked. Raises PreconditionRequired (428), Stale (412) or BadPrecondition (400). `*` is
    refused: it says "whatever it is now", which is what this header is here to prevent. Weak tags never match
    (RFC 9110).
    """
    header = request.headers.get("If-Match")
    if header is None:
        raise PreconditionRequired
    if etag not in _tags(header):
        stale = Stale(current_etag=etag)
        stale.headers["ETag"] = etag
        raise stale


def _tags(header: str) -> set[str]:
    strong: set[str] = set()
    position = 0
    while position < len(header):
        found = _TAG.match(header, position)
        if found is None:
            raise BadPrecondition
        if found["any"]:
            raise BadPrecondition("If-Match: * does not say what you saw.")
        if not found["weak"]:
            strong.add(found["tag"])
        position = found.end()
    if position == 0:
        raise BadPrecondition
    return strong
