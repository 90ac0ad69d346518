"""Where webhooks deliver mentions to. Nobody signs in: the signature over the bytes is the proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status as codes
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.actor import Actor
from core.http import idempotency
from core.http.idempotency import KeyedRequest, digest_of
from core.http.parser import read_body
from core.wall import inside
from listening.actions import ingest_mentions
from listening.api.ingest import CountsView, ItemShape
from listening.ingest import MOST_BYTES, read_items
from listening.models import Source
from listening.sources.secrets import good_secrets
from listening.sources.webhook import require_signature
from tenants.models import Agency

DELIVERIES_A_MINUTE = 600
WEBHOOK = Actor.rule("inbound webhook")
SIGNED = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True, description=text)
    for name, text in (
        ("webhook-id", "The message's own id. One that was taken before is answered as it was, and changes nothing."),
        ("webhook-timestamp", "Seconds since 1970, at most five minutes from now."),
        ("webhook-signature", "`v1,` and the base64 of the HMAC-SHA-256 of `id.timestamp.body`; several by spaces."),
    )
]


@dataclass(frozen=True, slots=True)
class Delivered:
    raw: bytes
    lines: bool


class SignedBody(BaseParser):
    """The bytes as they were signed: a JSON array of mentions."""

    media_type = "application/json"
    lines: ClassVar[bool] = False

    def parse(  # type: ignore[override] # DRF's stubs know only bodies that are forms
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Delivered:
        request = (parser_context or {}).get("request")
        return Delivered(read_body(stream, media_type or "", request, max_bytes=MOST_BYTES), self.lines)


class SignedLines(SignedBody):
    media_type = "application/x-ndjson"
    lines = True


class InboundWebhook(APIView):
    """Mentions that a webhook delivers, in the format of the ingest route (Standard Webhooks)."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (SignedBody, SignedLines)
    address_rate = DELIVERIES_A_MINUTE

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with transaction.atomic():
            response = super().dispatch(request, *args, **kwargs)
            if response.status_code >= codes.HTTP_400_BAD_REQUEST:
                transaction.set_rollback(True)
        return response

    @extend_schema(
        operation_id="webhook_deliver",
        auth=[],
        parameters=SIGNED,
        request={"application/json": ItemShape(many=True), "application/x-ndjson": ItemShape},
        responses={200: CountsView},
    )
    def post(self, request: Request, agency: str, source_id: UUID) -> Response:
        """Deliver a batch, whole or not at all. Whoever does not sign well learns nothing, not even what exists."""
        now = timezone.now()
        said: Any = request.data
        body = said if isinstance(said, Delivered) else Delivered(b"", lines=False)
        message_id = request.headers.get("webhook-id", "")
        agency_id = Agency.objects.filter(slug=agency).values_list("pk", flat=True).first()
        require_signature(
            body.raw,
            message_id=message_id,
            timestamp=request.headers.get("webhook-timestamp", ""),
            signatures=request.headers.get("webhook-signature", ""),
            secrets=_secrets(agency_id, source_id, now),
            at=now,
        )
        with inside(agency_id):
            keyed = KeyedRequest(
                agency_id=agency_id,
                principal=f"source:{source_id}",
                method="POST",
                route=request.path,
                key=message_id,
                body_sha256=digest_of(body.raw),
            )
            stored = idempotency.begin(keyed)
            if stored is not None:
                return idempotency.replayed(stored)
            items = read_items(body.raw, lines=body.lines, at=now)
            counts = ingest_mentions(source_id=source_id, items=items, by=WEBHOOK, at=now)
            told = CountsView(counts).data
            idempotency.finish(keyed, status=200, headers={}, body=told, at=now)
        return Response(told)


def _secrets(agency_id: UUID | None, source_id: UUID, now: Any) -> list[str]:
    if agency_id is None:
        return []
    with inside(agency_id):
        source = Source.objects.filter(pk=source_id, kind="webhook", ended_at=None).first()
        return good_secrets(source.credentials, at=now) if source is not None else []
