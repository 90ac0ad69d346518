"""Who is calling: a session token of an app, or a browser's cookie. Both end in a `Caller`, as API keys do.

allauth makes and ends sessions; here is only the step from a person to their seat in the agency of the URL. A
credential that is good, but not for this agency, gets the answer of an agency that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.db import transaction
from django.utils import timezone
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.refusals import NotFound, Refusal
from core.wall import wall
from permissions.gate import Caller
from tenants.actions.providers import NOTE_SEEN_EVERY, note_seen
from tenants.models import Agency, User
from tenants.queries import caller_for
from tenants.sign_in.records import Proof, proof_of
from tenants.sign_in.seats import seat_opened

REALM = 'Bearer realm="crisisapi"'


class SecondFactorRequired(Refusal):
    """The agency asks everybody for a second factor. Facts say where to add one, and where to prove it."""

    code = "second_factor_required"
    status = 403
    title = "This agency asks for a second factor."


def _agency_of(request: Request) -> Agency:
    slug = request.parser_context["kwargs"].get("agency") if request.parser_context else None
    agency = Agency.objects.filter(slug=slug).first()
    if agency is None:
        raise NotFound
    return agency


def seated(request: Request, user: User, session: Mapping[str, Any]) -> tuple[Any, Any]:
    """The person's live seat in the agency of the URL; outside an agency, the person alone."""
    if "agency" not in ((request.parser_context or {}).get("kwargs") or {}):
        return user, None
    agency = _agency_of(request)
    now = timezone.now()
    with wall(agency.pk):
        caller = _caller(agency, user, proof_of(session), now)
    return caller, caller


def _caller(agency: Agency, user: User, proof: Proof, now: datetime) -> Caller:
    """Raises NotFound, or SecondFactorRequired once it is certain that the person sits here."""
    opened = seat_opened(user, proof)
    if opened is None:
        raise NotFound
    seat = opened.seat
    if agency.requires_second_factor and not opened.second_factor:
        raise SecondFactorRequired(
            add="/_allauth/app/v1/account/authenticators/totp", prove="/_allauth/app/v1/auth/2fa/reauthenticate"
        )
    if seat.last_seen_at is None or now - seat.last_seen_at >= NOTE_SEEN_EVERY:
        # After the commit: a seat that is locked here would wait for others who lock seats in their own order.
        transaction.on_commit(partial(note_seen, agency_id=UUID(str(agency.pk)), seat_id=seat.pk, at=now), robust=True)
    return replace(caller_for(seat, at=now), proved_at=proof.last_at, second_factor=opened.second_factor)


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
        return seated(request, *found)


class CookieAuthentication(SessionAuthentication):
    """A browser's session cookie; writing needs the CSRF token."""

    def authenticate_header(self, _request: Request) -> str:
        return REALM

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        return None if found is None else seated(request, found[0], request._request.session)
