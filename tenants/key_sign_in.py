"""Who is calling, when it is a program: an API key becomes a `Caller` with what its issuer holds now.

Whatever is wrong with a key, the answer is the same: cut short, of another kind, over, revoked, of another agency, its
issuer gone, or used from where it must not be.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.actor import Actor
from core.http.addresses import client_address
from core.http.rates import Allowance, allow
from core.wall import wall
from permissions.actions.keys import note_key_use
from permissions.gate import Caller
from permissions.models import ApiKey
from permissions.queries.keys import key_alive, reached_from
from tenants.models import Agency
from tenants.queries import caller_for

REALM = 'Bearer realm="crisisapi"'
KEY_PARTS = 4  # csk_<agency>_<key>_<secret>
NOTE_USE_EVERY = timedelta(minutes=1)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer csk_…`."""

    def authenticate_header(self, _request: Request) -> str:
        return REALM

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        caller = self._caller(request, token.strip(), timezone.now())
        if caller is None:
            raise AuthenticationFailed("This key is not valid.")
        return caller, caller

    def _caller(self, request: Request, token: str, now: datetime) -> Caller | None:
        agency_id = agency_named_in(token)
        slug = ((request.parser_context or {}).get("kwargs") or {}).get("agency")
        if agency_id is None or not Agency.objects.filter(pk=agency_id, slug=slug).exists():
            return None
        with wall(agency_id):
            key = key_of_token(token)
            if key is None or not key_alive(key, now) or not reached_from(client_address(request), key.networks):
                return None
            if key.last_used_at is None or now - key.last_used_at >= NOTE_USE_EVERY:
                note_key_use(key_id=key.pk, at=now)
        allow(request, Allowance("key", str(key.pk), key.rate_per_minute))
        return replace(
            caller_for(key.seat, at=now),
            actor=Actor.key(key.pk, issued_by=key.seat_id),
            key_needs=frozenset(key.needs),
            key_brands=frozenset(key.brand_ids),
        )


def agency_named_in(token: str) -> UUID | None:
    """The agency whose wall a token must be looked up in; None for what is no key."""
    parts = token.split("_", KEY_PARTS - 1)
    if len(parts) != KEY_PARTS or parts[0] != "csk":
        return None
    try:
        return UUID(hex=parts[1])
    except ValueError:
        return None


def key_of_token(token: str) -> ApiKey | None:
    """The key that a token opens, alive or not; inside the wall of the agency that the token names."""
    *prefix, secret = token.split("_", KEY_PARTS - 1)
    key: ApiKey | None = ApiKey.objects.select_related("seat__user").filter(prefix="_".join(prefix)).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    # Compared even when there is no such key, so that both answers take the same time.
    right = hmac.compare_digest(digest, key.secret_sha256 if key else "0" * 64)
    return key if right else None
