"""The same request twice has one effect: the answer is stored in the transaction of the effect, and given again.

The caller's transaction is the frame: `begin()`, the work, `finish()`, commit. A refusal or a crash rolls all of it
back, so that the key is free for another try; only success is stored.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from core.models import IdempotentAnswer
from core.refusals import Refusal
from core.wall import every_agency, inside

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class BadIdempotencyKey(Refusal):
    """The key is empty, too long, or not printable ASCII."""

    code = "bad_idempotency_key"
    status = 400
    title = "An Idempotency-Key has 1 to 255 printable ASCII characters."


class InFlight(Refusal):
    """The first request with this key is still being worked on."""

    code = "in_flight"
    status = 409
    title = "The first request with this key is still running."


class KeyReused(Refusal):
    """The key was used before, with another body."""

    code = "key_reused"
    status = 422
    title = "This key belongs to a request with another body."


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """What makes two requests "the same request", and the digest that tells whether they say the same.

    `agency_id` is the agency whose wall stands, None outside any. `principal` names who signed in, as `str(actor)`.
    `route` is the whole path, ids included: the same key on another thing is another request.
    """

    agency_id: UUID | None
    principal: str
    method: str
    route: str
    key: str
    body_sha256: str

    def lock_id(self) -> int:
        """64 bits for a Postgres advisory lock. Two requests that share them by chance only wait for each other."""
        parts = [str(self.agency_id), self.principal, self.method, self.route, self.key]
        digest = hashlib.sha256(json.dumps(["core.idempotency", *parts]).encode()).digest()
        return int.from_bytes(digest[:8], signed=True)


def key_of(request: HttpRequest | Request) -> str | None:
    """The request's `Idempotency-Key`, None when it has none; raises BadIdempotencyKey (400)."""
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise BadIdempotencyKey
    return key


def digest_of(body: Any) -> str:
    """SHA-256 in hex of a body: of raw bytes as they are, of decoded JSON whatever its spaces and order of keys."""
    if not isinstance(body, bytes):
        body = json.dumps(body, sort_keys=True, separators=(",", ":"), cls=JSONEncoder).encode()
    return hashlib.sha256(body).hexdigest()


def begin(request: KeyedRequest) -> IdempotentAnswer | None:
    """Hold the key until the transaction ends; return the stored answer if the work is done already, else None.

    Raises InFlight (409, `Retry-After: 1`), KeyReused (422) or BadIdempotencyKey (400). Needs the caller's transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An idempotent request needs the transaction of its effect.")
    if not _KEY.fullmatch(request.key):
        raise BadIdempotencyKey
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [request.lock_id()])
        (held,) = cursor.fetchone()
    if not held:
        in_flight = InFlight()
        in_flight.headers["Retry-After"] = "1"
        raise in_flight
    stored = IdempotentAnswer.objects.filter(
        agency_id=request.agency_id,
        principal=request.principal,
        method=request.method,
        route=request.route,
        key=request.key,
    ).first()
    if stored is not None and stored.body_sha256 != request.body_sha256:
        raise KeyReused
    return stored


def finish(request: KeyedRequest, *, status: int, headers: Mapping[str, str], body: Any, at: datetime) -> None:
    """Store a successful answer, in the same transaction as the effect; any other answer leaves no trace.

    `headers` are those worth giving again (Location, ETag); `body` is what the serializer returned.
    """
    if not 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return
    IdempotentAnswer.objects.create(
        agency_id=request.agency_id,
        principal=request.principal,
        method=request.method,
        route=request.route,
        key=request.key,
        body_sha256=request.body_sha256,
        status=status,
        headers=dict(headers),
        body=body,
        created_at=at,
    )


def replayed(stored: IdempotentAnswer) -> Response:
    """The stored answer, marked as given again."""
    return Response(stored.body, status=stored.status, headers={**stored.headers, REPLAYED: "true"})


def purge(*, before: datetime) -> int:
    """Forget the answers given before an instant, agency by agency; return how many there were."""
    with transaction.atomic():
        gone = IdempotentAnswer.objects.filter(agency_id=None, created_at__lt=before).delete()[0]
    for agency_id in every_agency():
        with inside(agency_id):
            gone += IdempotentAnswer.objects.filter(agency_id=agency_id, created_at__lt=before).delete()[0]
    return gone
