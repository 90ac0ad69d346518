"""Who is calling: an API key, a session token of an app, or a browser's cookie. All end in one `Caller`.

allauth makes and ends sessions; here is only the step from a person to their seat in the agency of the URL. A
credential that is good, but not for this agency, gets the answer of an agency that does not exist.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.actor import Actor
from core.refusals import NotFound
from core.wall import wall
from permissions.actions.keys import note_key_use
from permissions.gate import Caller
from permissions.models import ApiKey
from tenants.models import Agency, Seat, User
from tenants.queries import caller_for

REALM = 'Bearer realm="crisisapi"'
KEY_PARTS = 4  # csk_<agency>_<key>_<secret>
NOTE_USE_EVERY = timedelta(minutes=1)


class InvitedOnly(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up by themselves: a person comes by invitation."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        return False


def _agency_of(request: Request) -> Agency:
    slug = request.parser_context["kwargs"].get("agency") if request.parser_context else None
    agency = Agency.objects.filter(slug=slug).first()
    if agency is None:
        raise NotFound
    return agency


def _seated(request: Request, user: User) -> tuple[Any, Any]:
    """The person's live seat in the agency of the URL; outside an agency, the person alone."""
    if "agency" not in ((request.parser_context or {}).get("kwargs") or {}):
        return user, None
    agency = _agency_of(request)
    with wall(agency.pk):
        seat = Seat.objects.all().active().filter(user_id=user.pk).first()
    if seat is None or not user.is_active:
        raise NotFound
    caller = caller_for(seat, at=timezone.now())
    return caller, caller


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
        if _agency_of(request).pk != caller.agency_id:
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


class SessionTokenAuthentication(XSessionTokenAuthentication):  # type: ignore[misc]
    """`X-Session-Token: …`, the token that signing in through the app client gives."""

    def authenticate_header(self, _request: Request) -> str:
        return REALM

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        if not request.headers.get("X-Session-Token"):
            return None
        found = super().authenticate(request)
        if found is None:
            raise AuthenticationFailed("This session is not valid.")
        return _seated(request, found[0])


class CookieAuthentication(SessionAuthentication):
    """A browser's session cookie; writing needs the CSRF token."""

    def authenticate_header(self, _request: Request) -> str:
        return REALM

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        return None if found is None else _seated(request, found[0])
