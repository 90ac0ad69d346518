"""Who is calling: a session token of an app, or a browser's cookie. Both end in a `Caller`, as API keys do.

allauth makes and ends sessions; here is only the step from a person to their seat in the agency of the URL. A
credential that is good, but not for this agency, gets the answer of an agency that does not exist.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.refusals import NotFound
from core.wall import wall
from tenants.models import Agency, Seat, User
from tenants.queries import caller_for

REALM = 'Bearer realm="crisisapi"'


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
