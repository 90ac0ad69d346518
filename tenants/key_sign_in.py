"""Who is calling, when it is a program: an API key becomes a `Caller` with what its issuer holds now."""

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
from core.refusals import NotFound
from core.wall import wall
from permissions.actions.keys import note_key_use
from permissions.gate import Caller
from permissions.models import ApiKey
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
        if scheme.lower() != "bearer" or not token.startswith("csk_"):
            return None
        now = timezone.now()
        caller = self._caller(token, now)
        if caller is None:
            raise AuthenticationFailed("This key is not valid.")
        slug = ((request.parser_context or {}).get("kwargs") or {}).get("agency")
        if not Agency.objects.filter(pk=caller.agency_id, slug=slug).exists():
            raise NotFound
        return caller, caller

    def _caller(self, token: str, now: datetime) -> Caller | None:
        parts = token.split("_", KEY_PARTS - 1)
        if len(parts) != KEY_PARTS:
            return None
        try:
            agency_id = UUID(hex=parts[1])
        except ValueError:
            return None
        with wall(agency_id):
            key = ApiKey.objects.select_related("seat__user").filter(prefix="_".join(parts[:3])).first()
            digest = hashlib.sha256(parts[3].encode()).hexdigest()
            # Compared even when there is no such key, so that both answers take the same time.
            right = hmac.compare_digest(digest, key.secret_sha256 if key else "0" * 64)
            if key is None or not right or not self._alive(key, now):
                return None
            if key.last_used_at is None or now - key.last_used_at >= NOTE_USE_EVERY:
                note_key_use(key_id=key.pk, at=now)
        return replace(
            caller_for(key.seat, at=now),
            actor=Actor.key(key.pk, issued_by=key.seat_id),
            key_needs=frozenset(key.needs),
            key_brands=frozenset(key.brand_ids),
        )

    @staticmethod
    def _alive(key: ApiKey, now: datetime) -> bool:
        seat = key.seat
        return (
            key.revoked_at is None
            and (key.expires_at is None or key.expires_at > now)
            and seat.stage == "ACTIVE"
            and seat.auth_epoch == key.seat_epoch
            and seat.user.is_active
        )
