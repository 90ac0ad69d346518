"""Silences and maintenance over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import end_silence, plan_silence, revise_silence
from alerting.api.pages import PageView
from alerting.models import Silence
from alerting.models.silences import SilenceKind
from alerting.queries.silences import swallowed_by, with_swallowed
from core.http.shapes import Shape
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.models import Brand

MOST_MATCHERS = 50
STATES = [("planned", "Planned"), ("active", "Active"), ("over", "Over")]


def state_of(silence: Silence, at: datetime) -> str:
    """By the clock alone: a silence covers pages from its start to its end, whatever machines have noted of it."""
    if silence.ended_at is not None or silence.ends_at <= at:
        return "over"
    return "planned" if silence.starts_at > at else "active"


def in_state(state: str, at: datetime) -> Q:
    over = Q(ended_at__isnull=False) | Q(ends_at__lte=at)
    return {"over": over, "planned": ~over & Q(starts_at__gt=at), "active": ~over & Q(starts_at__lte=at)}[state]


class SilenceView(serializers.ModelSerializer[Silence]):
    state = serializers.SerializerMethodField()
    swallowed = serializers.IntegerField(
        source="swallowed_pages", read_only=True, help_text="How many pages it kept from waking anybody."
    )

    class Meta:
        model = Silence
        fields = [
            "id", "kind", "brand", "cause_kinds", "topics", "gravest", "reason", "state", "author", "starts_at",
            "ends_at", "created_at", "ended_at", "ended_by", "swallowed", "version",
        ]  # fmt: skip

    def get_state(self, silence: Silence) -> str:
        return state_of(silence, self.context["view"].now)


class RevisedSilenceShape(Shape):
    reason = serializers.CharField(max_length=500)
    ends_at = serializers.DateTimeField(help_text="The whole length keeps to what the role of the caller allows.")


class SilenceShape(RevisedSilenceShape):
    kind = serializers.ChoiceField(choices=SilenceKind.choices, default=SilenceKind.SILENCE)
    brand = serializers.UUIDField(default=None, allow_null=True, help_text="Null: the whole agency.")
    cause_kinds = serializers.ListField(
        child=serializers.CharField(max_length=48),
        default=list,
        max_length=MOST_MATCHERS,
        help_text="What raised the page, as in `listening.signal`. Empty: whatever raised it.",
    )
    topics = serializers.ListField(
        child=serializers.CharField(max_length=80),
        default=list,
        max_length=MOST_MATCHERS,
        help_text="What the page is about, as in `story:{id}`. Empty: whatever it is about.",
    )
    gravest = serializers.IntegerField(
        min_value=2, max_value=4, default=2, help_text="The gravest severity that it covers. It never covers 1."
    )
    starts_at = serializers.DateTimeField(
        default=None, allow_null=True, help_text="Null, or a time that has been: now. At most 90 days ahead."
    )


class SilenceFilter(Shape):
    brand = serializers.UUIDField(required=False)
    kind = serializers.ChoiceField(choices=SilenceKind.choices, required=False)
    state = serializers.ChoiceField(choices=STATES, required=False)


class Silences(ReadViews):
    """What wakes nobody for a while. Pages of severity 1 are never silenced."""

    sees = Need.SILENCES_READ
    needs: ClassVar[Any] = {
        "list": Need.SILENCES_READ,
        "retrieve": Need.SILENCES_READ,
        "create": Need.SILENCES_WRITE,
        "partial_update": Need.SILENCES_WRITE,
        "end": Need.SILENCES_WRITE,
        "pages": Need.SILENCES_READ,
    }
    serializer_class = SilenceView
    asks = SilenceFilter

    def rows(self) -> Any:
        return with_swallowed(Silence.objects.all())

    def list(self, _request: Request, **_: Any) -> Response:
        asked = self.asked(SilenceFilter)
        state = asked.pop("state", None)
        rows: QuerySet[Silence] = self.get_queryset().filter(**asked)
        return self.show_page(rows.filter(in_state(state, self.now)) if state else rows)

    @extend_schema(request=SilenceShape, responses={201: SilenceView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Have the pages that match wake nobody. 409 `silence_too_long` beyond what the caller's role allows."""
        wanted = self.read(SilenceShape)
        brand_id = wanted.pop("brand")
        brand = self.named(Brand.objects.all(), brand_id, field="brand", sees=Need.BRANDS_READ) if brand_id else None
        self.require(Need.SILENCES_WRITE, brand)
        return self.show_created(self._counted(plan_silence(brand_id=brand_id, **wanted, **self.told)))

    @extend_schema(parameters=[SEEN], request=RevisedSilenceShape, responses=SilenceView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Let it end earlier or later, or give another reason."""
        silence: Silence = self.subject(seen=True)
        present: dict[str, Any] = {"reason": silence.reason, "ends_at": silence.ends_at}
        wanted = present | self.read(RevisedSilenceShape, partial=True)
        return self.show(self._counted(revise_silence(silence_id=silence.pk, **wanted, **self.told)))

    @extend_schema(request=None, responses=SilenceView)
    @action(detail=True, methods=["post"])
    def end(self, _request: Request, **_: Any) -> Response:
        """People are woken again from now on; what was swallowed stays on the list. 409 when it is over already."""
        silence: Silence = self.subject()
        self.read(Shape)
        return self.show(self._counted(end_silence(silence_id=silence.pk, **self.told)))

    @extend_schema(operation_id="silences_pages_list", responses=PageView(many=True))
    @action(detail=True, methods=["get"], keyset=("-id",))
    def pages(self, _request: Request, **_: Any) -> Response:
        """The pages that it kept from waking anybody, newest first, among those that the caller may see."""
        silence: Silence = self.subject()
        return self.show_page(gate.visible(swallowed_by(silence.pk), to=self.caller, need=Need.PAGES_READ), PageView)

    def _counted(self, silence: Silence) -> Any:
        return self.rows().get(pk=silence.pk)


routes = [
    ("silences", Silences, "silence"),
]
