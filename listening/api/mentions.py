"""Mentions and volumes over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from listening.models import Mention, MentionKind, MoodLabel
from listening.queries import STEPS, volume_series
from permissions.needs import Need
from permissions.viewset import HouseViewSet, ReadViews
from tenants.models import Brand


class AuthorView(serializers.Serializer[Mention]):
    handle = serializers.CharField(source="author_handle")
    name = serializers.CharField(source="author_name")
    followers = serializers.IntegerField(source="author_followers")


class MoodView(serializers.Serializer[Mention]):
    label = serializers.ChoiceField(choices=MoodLabel.choices, source="mood")  # type: ignore[assignment]
    negative = serializers.FloatField(source="mood_negative")
    neutral = serializers.FloatField(source="mood_neutral")
    positive = serializers.FloatField(source="mood_positive")
    scorer = serializers.CharField(help_text="Name and version of what read the mood.")


class MentionView(serializers.ModelSerializer[Mention]):
    brand = serializers.UUIDField(source="brand_id")
    source = serializers.UUIDField(source="source_id")  # type: ignore[assignment]
    author = AuthorView(source="*")
    mood = MoodView(source="*")

    class Meta:
        model = Mention
        fields = [
            "id", "brand", "source", "external_id", "kind", "posted_at", "received_at", "edited_at", "author", "text",
            "clipped", "language", "url", "in_reply_to", "mood",
        ]  # fmt: skip


class MentionFilter(Shape):
    brand = serializers.UUIDField(required=False, source="brand_id")
    source = serializers.UUIDField(required=False, source="source_id")  # type: ignore[assignment]
    kind = serializers.ChoiceField(choices=MentionKind.choices, required=False)
    language = serializers.CharField(max_length=12, required=False)
    mood = serializers.ChoiceField(choices=MoodLabel.choices, required=False)
    posted_from = serializers.DateTimeField(required=False, source="posted_at__gte", help_text="Inclusive.")
    posted_to = serializers.DateTimeField(required=False, source="posted_at__lt", help_text="Exclusive.")


@extend_schema_view(list=extend_schema(parameters=[MentionFilter]))
class Mentions(ReadViews):
    """What was said, newest first."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {"list": Need.MENTIONS_READ, "retrieve": Need.MENTIONS_READ}
    keyset = ("-id",)
    serializer_class = MentionView
    asks = MentionFilter

    def rows(self) -> Any:
        return Mention.objects.all()


VolumeFilter = type(
    "VolumeFilter",
    (Shape,),
    {
        "brand": serializers.UUIDField(),
        "from": serializers.DateTimeField(help_text="Moved back to the beginning of its step."),
        "to": serializers.DateTimeField(help_text="Exclusive."),
        "step": serializers.ChoiceField(choices=list(STEPS), default="5m"),
        "__doc__": "What a series is asked by; `from` is a word of Python and cannot stand in a class body.",
    },
)


class PointView(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="The beginning of the step.")
    volume = serializers.IntegerField()
    negative = serializers.IntegerField()
    reach = serializers.IntegerField(help_text="Followers of the authors, one summand for each mention.")
    authors = serializers.IntegerField(help_text="Distinct authors of each minute, summed: at most so many.")
    expected = serializers.FloatField(allow_null=True, help_text="What was expected before the step was seen.")
    low = serializers.FloatField(allow_null=True, help_text="19 of 20 normal steps lie from here")
    high = serializers.FloatField(allow_null=True, help_text="to here.")
    negative_share = serializers.FloatField(allow_null=True, help_text="The brand's normal share of negative ones.")


class SeriesView(serializers.Serializer[Any]):
    brand = serializers.UUIDField()
    step = serializers.ChoiceField(choices=list(STEPS))
    points = PointView(many=True)


class Volumes(HouseViewSet):
    """How much was said, beside what is normal."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {"list": Need.MENTIONS_READ}
    serializer_class = SeriesView
    pagination_class = None

    def rows(self) -> Any:
        return Brand.objects.all()

    @extend_schema(operation_id="volumes_retrieve", parameters=[VolumeFilter], responses=SeriesView)
    def list(self, _request: Request, **_: Any) -> Response:
        asked = self.asked(VolumeFilter)
        brand = self.named(Brand.objects.all(), asked["brand"], field="brand", sees=Need.MENTIONS_READ)
        points = volume_series(brand.pk, start=asked["from"], end=asked["to"], step=asked["step"])
        series = {"brand": brand.pk, "step": asked["step"], "points": [asdict(point) for point in points]}
        return Response(SeriesView(series).data)
