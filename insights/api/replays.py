"""What would have been, over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from core.refusals import NotFound
from incidents.models import Incident, PostMortem
from incidents.states import PostMortemStage
from insights.replays import replayed
from listening.api.backtests import BacktestSettings
from permissions.needs import Need
from permissions.viewset import HouseViewSet

REVIEW = OpenApiParameter("post_mortem", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The review.")
MOST_MINUTES = 7 * 24 * 60


class ReplayShape(Shape):
    """One of the two, or both."""

    threshold = BacktestSettings(required=False)
    approval_minutes = serializers.FloatField(min_value=0, max_value=MOST_MINUTES, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError({"threshold": "Say what is to be other than it was."}, code="required")
        return attrs


class ReplayView(serializers.Serializer[Any]):
    """What was, and what would have been; null is never."""

    minutes_saved = serializers.FloatField(
        allow_null=True, help_text="Until the first words, else until the signal; below zero when it would be later."
    )
    signal_at_was = serializers.DateTimeField(allow_null=True)
    signal_at_would_be = serializers.DateTimeField(allow_null=True)
    first_words_was = serializers.DateTimeField(allow_null=True)
    first_words_would_be = serializers.DateTimeField(allow_null=True)
    explained = serializers.ListField(child=serializers.CharField())


class Replays(HouseViewSet):
    """A crisis again, under other circumstances."""

    sees = Need.SIGNALS_READ
    needs: ClassVar[Any] = {"create": Need.SIGNALS_READ}
    serializer_class = ReplayView
    pagination_class = None

    def rows(self) -> Any:
        rows = PostMortem.objects.all()
        return rows.filter(stage=PostMortemStage.RELEASED) if self.caller.side == "client" else rows

    @extend_schema(
        operation_id="post_mortems_replay", parameters=[REVIEW], request=ReplayShape, responses={200: ReplayView}
    )
    def create(self, _request: Request, **_: Any) -> Response:
        """How many minutes another threshold of the detector, or a faster approval, would have saved.

        The detector reads the same mentions again, at most three days of them. Nothing is stored, and nobody is woken.
        """
        postmortem: PostMortem | None = self.get_queryset().filter(pk=self.kwargs["post_mortem"]).first()
        if postmortem is None:
            raise NotFound
        self.require(Need.SIGNALS_READ, postmortem)
        wanted = self.read(ReplayShape)
        incident: Incident = Incident.objects.found(postmortem.incident_id)
        found = replayed(
            incident,
            threshold=wanted.get("threshold"),
            approval_minutes=wanted.get("approval_minutes"),
            at=self.now,
        )
        return self.show(asdict(found))
