"""Addresses for calendar programs, and rotations that a calendar says."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerting.actions.calendars import MARK, create_feed, note_feed_read, revoke_feed
from alerting.calendar import written
from alerting.models import CalendarFeed, Rota
from alerting.queries.feeds import feed_of, shown_by
from core.http.shapes import Shape
from core.refusals import NotFound
from core.wall import wall
from permissions.needs import Need
from permissions.viewset import ReadViews
from tenants.bearer import agency_named_in

READS_A_MINUTE = 60
TOKEN_PARTS = 4  # ccf_<agency>_<feed>_<secret>


class CalendarFeedView(serializers.ModelSerializer[CalendarFeed]):
    class Meta:
        model = CalendarFeed
        fields = ["id", "seat", "rota", "created_at", "read_at", "revoked_at"]


class NewCalendarFeedView(CalendarFeedView):
    url = serializers.SerializerMethodField(help_text="Shown this once. Whoever has it reads the calendar.")

    class Meta(CalendarFeedView.Meta):
        fields = [*CalendarFeedView.Meta.fields, "url"]

    def get_url(self, _feed: CalendarFeed) -> str:
        return f"{settings.PUBLIC_URL}/v1/calendars/{self.context['token']}.ics"


class CalendarFeedShape(Shape):
    rota = serializers.UUIDField(required=False, allow_null=True, help_text="Your own duty in all rotas, when absent.")


class CalendarFeeds(ReadViews):
    """Your addresses for calendar programs."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "revoke"), Need.ROTAS_READ)
    serializer_class = CalendarFeedView

    def rows(self) -> Any:
        return CalendarFeed.objects.filter(seat_id=self.caller.seat_id)

    @extend_schema(request=CalendarFeedShape, responses={201: NewCalendarFeedView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Make an address. It ends with your seat, and when you revoke it."""
        wanted = self.read(CalendarFeedShape).get("rota")
        rota = self.named(Rota.objects.all(), wanted, field="rota", sees=Need.ROTAS_READ) if wanted else None
        feed, token = create_feed(seat_id=self.caller.seat_id, rota_id=rota.pk if rota else None, **self.told)
        context = {**self.get_serializer_context(), "token": token}
        return Response(NewCalendarFeedView(feed, context=context).data, status=201)

    @extend_schema(request=None, responses=CalendarFeedView)
    @action(detail=True, methods=["post"])
    def revoke(self, _request: Request, **_: Any) -> Response:
        """It opens nothing any more."""
        feed: CalendarFeed = self.subject()
        return self.show(revoke_feed(feed_id=feed.pk, **self.read(Shape), **self.told))


class CalendarRenderer(BaseRenderer):
    """Stands for the calendar when what the caller accepts is compared with what there is."""

    media_type = "text/calendar"
    format = "ics"
    charset = "utf-8"


class Calendar(APIView):
    """Duty as iCalendar. The token in the address is the proof; nobody signs in here."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (CalendarRenderer, JSONRenderer)
    address_rate: ClassVar[int] = READS_A_MINUTE

    @extend_schema(
        operation_id="calendars_read", auth=[], responses={(200, "text/calendar"): OpenApiTypes.STR, 304: None}
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """From a fortnight ago until 120 days ahead; 404 for what opens nothing."""
        agency = agency_named_in(token, MARK)
        if agency is None:
            raise NotFound
        at = timezone.now()
        with wall(agency):
            feed = feed_of(_feed_id(token), token.split("_", TOKEN_PARTS - 1)[-1], at)
            if feed is None:
                raise NotFound
            note_feed_read(feed_id=feed.pk, at=at)
            name, shown = shown_by(feed, at)
        etag = f'"{hashlib.sha256(repr((name, shown)).encode()).hexdigest()[:32]}"'
        if {tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))} & {etag, "*"}:
            answer: HttpResponse = HttpResponseNotModified()
        else:
            answer = HttpResponse(written(shown, name=name, at=at), content_type="text/calendar; charset=utf-8")
        answer["ETag"] = etag
        answer["Cache-Control"] = "private, max-age=300"
        return answer


def _feed_id(token: str) -> UUID:
    try:
        return UUID(hex=token.split("_", TOKEN_PARTS - 1)[2])
    except ValueError as wrong:
        raise NotFound from wrong


routes = [("calendar-feeds", CalendarFeeds, "calendar-feed")]
