"""Mentions and volumes over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID

from django.core import signing
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.cursors import SALT, KeysetPagination
from core.http.shapes import Shape
from core.refusals import NotFound
from listening.actions.erase import erase_author, erase_mentions
from listening.models import Erasure, Mention, MentionKind, MoodLabel
from listening.partitions import first_id
from listening.queries import STEPS, volume_series
from listening.search import ONE_MS, find_mentions
from permissions import gate
from permissions.needs import Need
from permissions.viewset import HouseViewSet, ReadViews
from tenants.models import Brand

MOST_ERASED = 1_000


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


class ErasureShape(Shape):
    """Whom or what to forget: an author, or mentions by their ids."""

    author_handle = serializers.CharField(
        max_length=200, required=False, help_text="With or without @; capital letters do not matter."
    )
    network = serializers.CharField(max_length=20, required=False, help_text="Else on every network.")
    brand = serializers.UUIDField(required=False, help_text="Else on every brand of the agency.")
    mentions = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_ERASED, required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("mentions" in attrs) == ("author_handle" in attrs) or ("mentions" in attrs and len(attrs) > 1):
            raise serializers.ValidationError(
                "Name an author, with a network and a brand if you like, or mentions.", code="one_of_two"
            )
        return attrs


class ErasureView(serializers.ModelSerializer[Erasure]):
    class Meta:
        model = Erasure
        fields = ["id", "brand", "network", "erased", "requested_at", "finished_at"]


class Erasures(ReadViews):
    """Requests to be forgotten, and how far they have gone."""

    sees = Need.BRANDS_CHANGE
    needs: ClassVar[Any] = {"list": Need.BRANDS_CHANGE, "retrieve": Need.BRANDS_CHANGE}
    keyset = ("-id",)
    serializer_class = ErasureView

    def rows(self) -> Any:
        return Erasure.objects.all()


@extend_schema_view(list=extend_schema(parameters=[MentionFilter]))
class Mentions(ReadViews):
    """What was said, newest first; with `q`, what was said in these words."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {
        "list": Need.MENTIONS_READ,
        "retrieve": Need.MENTIONS_READ,
        "erase": Need.BRANDS_CHANGE,
    }
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

    @extend_schema(request=ErasureShape, responses={200: ErasureView, 202: ErasureView})
    @action(detail=False, methods=["post"])
    def erase(self, _request: Request, **_: Any) -> Response:
        """Forget mentions, or an author: text, author and address are emptied, counts stay.

        200 for mentions, which are empty now; 202 for an author, whose mentions are gone through by a job: see
        `erasures`. Delivered again, an erased mention stays empty. This cannot be undone.
        """
        wanted = self.read(ErasureShape)
        if "mentions" in wanted:
            rows = gate.visible(self.rows(), to=self.caller, need=Need.BRANDS_CHANGE)
            ids = list(rows.filter(pk__in=wanted["mentions"]).values_list("pk", flat=True))
            if len(ids) < len(set(wanted["mentions"])):
                raise NotFound
            return self.show(erase_mentions(mention_ids=ids, **self.told), ErasureView)
        brand = None
        if "brand" in wanted:
            brand = self.named(Brand.objects.all(), wanted["brand"], field="brand", sees=Need.BRANDS_READ)
        self.require(Need.BRANDS_CHANGE, brand)
        erasure = erase_author(
            brand_id=None if brand is None else brand.pk,
            handle=wanted["author_handle"],
            network=wanted.get("network", ""),
            **self.told,
        )
        return self.show(erasure, ErasureView, status=202)

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
