"""Mentions and volumes over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID

from django.core import signing
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.cursors import SALT, KeysetPagination
from core.http.shapes import Shape
from listening.models import Mention, MentionKind, MoodLabel
from listening.partitions import first_id
from listening.queries import STEPS, volume_series
from listening.search import ONE_MS, find_mentions
from permissions import gate
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
            "id", "brand", "source", "external_id", "network", "kind", "posted_at", "received_at", "edited_at",
            "deleted_at", "erased_at", "author", "text", "clipped", "language", "country", "url", "in_reply_to", "mood",
        ]  # fmt: skip


class MentionFilter(Shape):
    brand = serializers.UUIDField(required=False, source="brand_id")
    source = serializers.UUIDField(required=False, source="source_id")  # type: ignore[assignment]
    network = serializers.CharField(max_length=20, required=False)
    kind = serializers.ChoiceField(choices=MentionKind.choices, required=False)
    language = serializers.CharField(max_length=12, required=False)
    country = serializers.CharField(max_length=2, required=False)
    mood = serializers.ChoiceField(choices=MoodLabel.choices, required=False)
    min_followers = serializers.RegexField(
        r"^[0-9]{1,12}\Z", required=False, source="author_followers__gte", help_text="Of the author."
    )
    posted_from = serializers.DateTimeField(required=False, source="posted_at__gte", help_text="Inclusive.")
    posted_to = serializers.DateTimeField(required=False, source="posted_at__lt", help_text="Exclusive.")
    q = serializers.CharField(
        max_length=200,
        required=False,
        help_text='Words that all must be there; "a phrase", -unwanted, begin* (with q_mode=words).',
    )
    q_mode = serializers.ChoiceField(
        choices=["words", "substring", "fuzzy"],
        required=False,
        help_text="words: whole words (the default); substring: the letters as they stand; fuzzy: words like these.",
    )


@extend_schema_view(list=extend_schema(parameters=[MentionFilter]))
class Mentions(ReadViews):
    """What was said, newest first; with `q`, what was said in these words."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {"list": Need.MENTIONS_READ, "retrieve": Need.MENTIONS_READ}
    keyset = ("-id",)
    serializer_class = MentionView
    asks = MentionFilter

    def rows(self) -> Any:
        return Mention.objects.all()

    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(MentionFilter)
        self.q, self.mode = wanted.pop("q", None), wanted.pop("q_mode", "words")
        self.narrowed = wanted
        # Partitions are ranges of ids, and ids are made of instants: so only the asked months are read.
        ids = {}
        if "posted_at__gte" in wanted:
            ids["id__gte"] = first_id(wanted["posted_at__gte"])
        if "posted_at__lt" in wanted:
            ids["id__lt"] = first_id(wanted["posted_at__lt"] + ONE_MS)
        return self.show_page(self.get_queryset().filter(**wanted, **ids))

    def first_rows(self, rows: Any, limit: int) -> Any:
        """A page; with `q`, of the mentions that were found, which the gate is asked about once more."""
        if self.q is None:
            return super().first_rows(rows, limit)
        brands = gate.visible(Brand.objects.all(), to=self.caller, need=self.sees)
        if "brand_id" in self.narrowed:
            brands = brands.filter(pk=self.narrowed["brand_id"])
        found = find_mentions(
            self.q,
            self.mode,
            brand_ids=list(brands.values_list("pk", flat=True)),
            before=self._cursor(),
            filters=self.narrowed,
            limit=limit,
        )
        return rows.filter(pk__in=found)

    def _cursor(self) -> UUID | None:
        """Where the page begins; the cursor has been checked by now."""
        cursor = self.request.query_params.get(KeysetPagination.cursor_param)
        return None if cursor is None else UUID(signing.loads(cursor, salt=SALT)[-1])


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
