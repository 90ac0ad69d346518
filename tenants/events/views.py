"""Where security events are pushed to (RFC 8935): 202 when one is taken, 400 with `err` and `description` when not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.db import transaction
from django.utils import timezone
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http.parser import read_body
from core.wall import inside
from tenants.actions.security_events import SECURITY_EVENTS, take_event
from tenants.events.tokens import EventRefused, Trusted, issuer_of, verified
from tenants.models import Agency, EventTransmitter

LARGEST = 64 * 1024


class TokenParser(BaseParser):
    """One token in its compact form."""

    media_type = "application/secevent+jwt"

    def parse(  # type: ignore[override] # DRF's stubs know only bodies that are forms
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> str:
        request = (parser_context or {}).get("request")
        return read_body(stream, media_type or "", request, max_bytes=LARGEST).decode("ascii", "replace").strip()


class PushedEvents(APIView):
    """The signature is the proof; nobody signs in. Keys are fetched before the transaction begins."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (TokenParser,)
    address_rate = 600
    schema = None  # RFC 8935 describes it

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    def post(self, request: Request, agency: str) -> Response:
        try:
            _take(str(request.data), agency)
        except EventRefused as refused:
            said = {"err": refused.err, "description": refused.description}
            return Response(said, status=400, headers={"Content-Language": "en"})
        return Response(status=202)


def _take(token: str, slug: str) -> None:
    now = timezone.now()
    agency_id = Agency.objects.filter(slug=slug).values_list("pk", flat=True).first()
    issuer = issuer_of(token)
    if agency_id is None:  # an agency that does not exist hears nobody, and answers like one that does
        raise _not_heard()
    with inside(agency_id):
        sender = _sender(issuer)
    if sender is None:
        raise _not_heard()
    told = verified(token, by=sender, at=now)
    with inside(agency_id):
        taken = take_event(
            transmitter_id=sender.transmitter_id, jti=told.jti, events=told.events, by=SECURITY_EVENTS, at=now
        )
    if taken is None:
        raise _not_heard()


def _not_heard() -> EventRefused:
    return EventRefused("invalid_issuer", "Events of this issuer are not heard here.")


def _sender(issuer: str) -> Trusted | None:
    row = EventTransmitter.objects.filter(issuer=issuer, removed_at=None).first()
    return None if row is None else Trusted(row.pk, row.issuer, row.audience, row.jwks_url)
