"""What comes back about messages: receipts, replies, pressed keys, opened links. Nobody signs in here.

Opening a link changes nothing, for mail scanners open every link; the form behind it takes the page. No cookie is
needed: whoever can forge the request has the link, and whoever has the link needs no forgery.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, ClassVar
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerting.actions.notifications import note_bounced, note_delivered
from alerting.actions.replies import Heard, MessageDead, hear_answer, hear_text, live_message, take_page
from alerting.links import Named, named_by, read_about
from alerting.queries.messages import is_offered, page_words, said_aloud, said_back
from alerting.states import LIVE, PageStage
from alerting.transports.carriers import gateway, twilio
from core.actor import Actor
from core.http.pages import page
from core.http.parser import StrictJSONParser, read_body, strict_json
from core.http.problems import problem_of
from core.http.shapes import Shape
from core.refusals import NotFound, Refusal
from core.wall import inside, wall
from tenants.models import Agency, Brand

LARGEST_FORM = 32 * 1024
ASKS_A_MINUTE = 60
CALLS_A_MINUTE = 1200
RECEIPTS = Actor.rule("delivery receipt")
ARRIVED = frozenset({"delivered", "read", "completed"})
LOST = frozenset({"failed", "undelivered", "busy", "no-answer", "canceled"})
NOT_ANSWERED = {"busy": "The line was busy.", "no-answer": "Nobody picked up."}
TAKES = "1"


class NotFromCarrier(Refusal):
    """The same for a signature that is wrong, and for a carrier that is not set up."""

    code = "not_signed"
    status = 401
    title = "Nothing is taken here without a good signature."


# -- what Twilio says -------------------------------------------------------------------------------------------------


class TwilioForm(BaseParser):
    """The fields of a form as they were signed: every name with every value."""

    media_type = "application/x-www-form-urlencoded"

    def parse(  # type: ignore[override] # DRF's stubs know only mappings
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> list[tuple[str, str]]:
        request = (parser_context or {}).get("request")
        raw = read_body(stream, media_type or "", request, max_bytes=LARGEST_FORM)
        return parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=200)


class TwimlRenderer(BaseRenderer):
    """Stands for TwiML when what the caller accepts is compared with what there is."""

    media_type = "text/xml"
    format = "xml"
    charset = "utf-8"


class FromTwilio(APIView):
    """A request that Twilio has signed. Each action is a transaction of its own, so the view opens none."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (TwilioForm,)
    renderer_classes = (JSONRenderer, TwimlRenderer)
    address_rate: ClassVar[int] = CALLS_A_MINUTE

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    def form(self) -> dict[str, str]:
        """What was said; raises NotFromCarrier (401) unless Twilio has signed it."""
        said: Any = self.request.data
        fields = said if isinstance(said, list) else []
        url = settings.PUBLIC_URL + self.request.get_full_path()
        if not twilio.is_signed(self.request.headers.get("X-Twilio-Signature", ""), url=url, form=fields):
            raise NotFromCarrier
        return dict(fields)


SIGNED_BY_TWILIO = [
    OpenApiParameter(
        "X-Twilio-Signature",
        str,
        OpenApiParameter.HEADER,
        required=True,
        description="The base64 of the HMAC-SHA-1 of the whole URL and the form's fields in order.",
    )
]


class TwilioStatus(FromTwilio):
    """What has become of a text message or a call."""

    @extend_schema(
        operation_id="twilio_status",
        auth=[],
        parameters=[*SIGNED_BY_TWILIO, OpenApiParameter("about", str, required=True, description="The message.")],
        request={"application/x-www-form-urlencoded": {"type": "object"}},
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Note it. What names no message of ours, or says nothing new, changes nothing."""
        form = self.form()
        _note(
            request.query_params.get("about", ""),
            receipt=form.get("MessageSid") or form.get("CallSid") or "",
            status=form.get("MessageStatus") or form.get("CallStatus") or "",
            problem=NOT_ANSWERED.get(form.get("CallStatus", "")) or str(twilio.problem_of(form.get("ErrorCode"))),
        )
        return Response(status=codes.HTTP_204_NO_CONTENT)


class TwilioSms(FromTwilio):
    """A text message that somebody sent to our number."""

    @extend_schema(
        operation_id="twilio_sms",
        auth=[],
        parameters=SIGNED_BY_TWILIO,
        request={"application/x-www-form-urlencoded": {"type": "object"}},
        responses={(200, "text/xml"): str},
    )
    def post(self, _request: Request) -> HttpResponse:
        """Take the page that it answers: by a message's reference, or "ok" for the newest. A stranger hears nothing."""
        form = self.form()
        heard = hear_text(number=form.get("From", ""), text=form.get("Body", ""), at=timezone.now())
        if heard.agency_id is None:
            return _twiml("")
        with inside(heard.agency_id):
            words = said_back(heard.outcome, heard.seat_id)
        return _twiml(f"<Message>{twilio.escaped(words)}</Message>")


class TwilioVoice(FromTwilio):
    """A key that somebody pressed during a call."""

    @extend_schema(
        operation_id="twilio_voice",
        auth=[],
        parameters=[*SIGNED_BY_TWILIO, OpenApiParameter("token", str, required=True, description="The message's own.")],
        request={"application/x-www-form-urlencoded": {"type": "object"}},
        responses={(200, "text/xml"): str},
    )
    def post(self, request: Request) -> HttpResponse:
        """Take the page when it was 1."""
        form = self.form()
        named = named_by(request.query_params.get("token", ""))
        if named is None:
            return _twiml("")
        heard = Heard("not_understood")
        if form.get("Digits") == TAKES:
            heard = hear_answer(
                agency_id=named.agency_id, notification_id=named.notification_id, cycle=named.cycle, at=timezone.now()
            )
        with inside(named.agency_id):
            words, language = said_aloud(heard.outcome, heard.seat_id)
        return _twiml(twilio.spoken(words, language))


def _twiml(said: str) -> HttpResponse:
    return HttpResponse(
        f'<?xml version="1.0" encoding="UTF-8"?><Response>{said}</Response>', content_type="text/xml; charset=utf-8"
    )


def _note(about: str, *, receipt: str, status: str, problem: str) -> None:
    named = read_about(about)
    if named is None or not receipt or status not in ARRIVED | LOST:
        return
    agency_id, notification_id = named
    if not Agency.objects.filter(pk=agency_id).exists():
        return
    told: dict[str, Any] = {
        "notification_id": notification_id,
        "receipt": receipt,
        "by": RECEIPTS,
        "at": timezone.now(),
    }
    with inside(agency_id):
        try:
            if status in ARRIVED:
                note_delivered(**told)
            else:
                note_bounced(problem=problem, **told)
        except NotFound:
            return


# -- what a gateway says ----------------------------------------------------------------------------------------------


class SignedBytes(BaseParser):
    """The bytes as they were signed."""

    media_type = "application/json"

    def parse(  # type: ignore[override]
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        request = (parser_context or {}).get("request")
        return read_body(stream, media_type or "", request, max_bytes=LARGEST_FORM)


class GatewayStatusShape(Shape):
    id = serializers.CharField(max_length=120, help_text="What the carrier called the message.")
    reference = serializers.CharField(max_length=120, help_text="As it was given with the message.")
    status = serializers.ChoiceField(
        choices=["delivered", "failed", "answered"], help_text="`answered`: the person said yes, by a text or a key."
    )
    problem = serializers.CharField(max_length=200, default="The carrier could not bring it.")


class GatewayStatus(APIView):
    """What the operator's own carrier says of a message."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (SignedBytes,)
    address_rate: ClassVar[int] = CALLS_A_MINUTE

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    @extend_schema(
        operation_id="gateway_status",
        auth=[],
        parameters=[
            OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True, description=text)
            for name, text in (
                ("X-Timestamp", "Seconds since 1970, at most five minutes from now."),
                ("X-Signature", "The hexadecimal HMAC-SHA-256 of `timestamp.body` with GATEWAY_SECRET."),
            )
        ],
        request=GatewayStatusShape,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Note it. What names no message of ours, or says nothing new, changes nothing."""
        now = timezone.now()
        said: Any = request.data
        body = said if isinstance(said, bytes) else b""
        signature, timestamp = request.headers.get("X-Signature", ""), request.headers.get("X-Timestamp", "")
        if not gateway.is_signed(signature, body=body, timestamp=timestamp, at=now):
            raise NotFromCarrier
        shape = GatewayStatusShape(data=strict_json(body))
        shape.is_valid(raise_exception=True)
        told = shape.validated_data
        named = read_about(told["reference"])
        if told["status"] == "answered" and named is not None and Agency.objects.filter(pk=named[0]).exists():
            hear_answer(agency_id=named[0], notification_id=named[1], cycle=None, at=now)
        else:
            _note(told["reference"], receipt=told["id"], status=told["status"], problem=told["problem"])
        return Response(status=codes.HTTP_204_NO_CONTENT)


# -- the link of a message --------------------------------------------------------------------------------------------


class TakenForm(BaseParser):
    """A form that says nothing: to send it is enough."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        read_body(stream, media_type or "", (parser_context or {}).get("request"), max_bytes=LARGEST_FORM)
        return {}


class PageRenderer(BaseRenderer):
    """Stands for the page when what the caller accepts is compared with what there is."""

    media_type = "text/html"
    format = "html"
    charset = "utf-8"


class LinkedPageView(serializers.Serializer[Any]):
    """What a link is about."""

    agency = serializers.CharField()
    brand = serializers.CharField(allow_blank=True)
    page = serializers.UUIDField()
    reference = serializers.CharField()
    headline = serializers.CharField()
    severity = serializers.IntegerField()
    raised_at = serializers.DateTimeField()
    stage = serializers.ChoiceField(choices=PageStage.choices)
    acknowledged_by = serializers.UUIDField(allow_null=True)


class LinkedAcknowledgement(APIView):
    """Taking one page, as one person, by the link of the message that they were sent."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (StrictJSONParser, TakenForm)
    renderer_classes = (JSONRenderer, PageRenderer)
    address_rate: ClassVar[int] = ASKS_A_MINUTE
    reader: tuple[str, dict[str, str]] | None = None  # language and words of whoever the message was for

    @extend_schema(responses=LinkedPageView, operation_id="acknowledge_show", auth=[])
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """What it is about. Changes nothing."""
        named = _named(token)
        with wall(named.agency_id):
            about = self._about(named)
            waits = about["stage"] in LIVE and about["stage"] != PageStage.ACKNOWLEDGED
            return self._answer(request, about, waits=waits or about["offered"])

    @extend_schema(request=None, responses=LinkedPageView, operation_id="acknowledge_take", auth=[])
    def post(self, request: Request, token: str) -> HttpResponseBase:
        """Take the page, once. Whoever was sent the message has to be in office, and allowed to."""
        named = _named(token)
        with wall(named.agency_id):
            self._about(named)  # so that a refusal knows its reader
            take_page(notification_id=named.notification_id, cycle=named.cycle, at=timezone.now())
            return self._answer(request, self._about(named), waits=False)

    def _about(self, named: Named) -> dict[str, Any]:
        row, found = live_message(named.notification_id, cycle=named.cycle, at=timezone.now())
        self.reader = page_words(row.seat_id)
        return {
            "agency": Agency.objects.get(pk=named.agency_id).name,
            "brand": Brand.objects.found(found.brand_id).name if found.brand_id else "",
            "page": found.pk,
            "reference": row.reference,
            "headline": found.headline,
            "severity": found.severity,
            "raised_at": found.raised_at,
            "stage": found.stage,
            "acknowledged_by": found.acknowledged_by_id,
            "offered": is_offered(found, row.seat_id),
            "own": found.acknowledged_by_id is not None and found.acknowledged_by_id == row.seat_id,
        }

    def _answer(self, request: Request, about: dict[str, Any], *, waits: bool) -> HttpResponseBase:
        if not _wants_page(request):
            return Response(LinkedPageView(about).data)
        language, words = self.reader or page_words(None)
        told = {"about": about, "words": words, "language": language, "waits": waits}
        return page("alerting/acknowledge.html", told, forms=waits)

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        problem = problem_of(exc)
        if problem is None or not _wants_page(self.request):
            return response
        language, words = self.reader or page_words(None)
        said = {"link_dead": "dead", "not_allowed": "refused", "rate_limited": "later"}.get(problem.code, "not_open")
        told = page("alerting/refused.html", {"said": words[said], "language": language}, status=problem.status)
        for name, value in problem.headers.items():
            told[name] = value
        return told


def _named(token: str) -> Named:
    named = named_by(token)
    if named is None:
        raise MessageDead
    return named


def _wants_page(request: Request) -> bool:
    renderer = getattr(request, "accepted_renderer", None)
    return getattr(renderer, "format", "") == PageRenderer.format
