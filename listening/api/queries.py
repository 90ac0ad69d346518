"""What brands listen for, over HTTP: queries are kept, and tried before they are."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from listening.actions.watch import add_query, change_query, remove_query
from listening.models import Mention, MentionKind, Query
from listening.partitions import first_id
from listening.query import BadQuery, CompiledQuery, Post, compile_query
from listening.query.live import matcher_for
from listening.query.parsing import LONGEST_EXCLUDED, MOST_CHARACTERS, MOST_EXCLUDED
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.models import Brand

TRIED_OVER: Final = timedelta(days=7)
MOST_TRIED: Final = 2_000
MOST_SAMPLES: Final = 20
MOST_SHOWN: Final = 5
SAMPLE: Final = 5_000
TRIED: Final = ("id", "text", "author_handle", "language", "kind", "network")


class QueryView(serializers.ModelSerializer[Query]):
    canonical = serializers.SerializerMethodField(
        help_text="The expression as it is understood; null for one that was kept before the language refused it."
    )

    class Meta:
        model = Query
        fields = ["id", "brand", "name", "expression", "canonical", "exclude", "languages", "created_at", "version"]

    def get_canonical(self, query: Query) -> str | None:
        try:
            return matcher_for(query).canonical
        except BadQuery:
            return None


def _expression(**how: Any) -> serializers.CharField:
    # One character more than is allowed gets as far as the language's own limit, which tells the place.
    return serializers.CharField(max_length=10 * MOST_CHARACTERS, trim_whitespace=False, **how)


def _exclude(**how: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_EXCLUDED),
        max_length=MOST_EXCLUDED,
        help_text="Words, phrases, hashtags and handles that silence a match.",
        **how,
    )


def _languages(**how: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=10),
        max_length=50,
        help_text="Codes of the languages that alone may match; empty: all.",
        **how,
    )


class QueryShape(Shape):
    brand = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    expression = _expression()
    exclude = _exclude(default=list)
    languages = _languages(default=list)


class QueryChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    expression = _expression(required=False)
    exclude = _exclude(required=False)
    languages = _languages(required=False)


class QueryFilter(Shape):
    brand = serializers.UUIDField(required=False)


class SampleShape(Shape):
    text = serializers.CharField(max_length=SAMPLE, trim_whitespace=False)
    author = serializers.CharField(max_length=200, default="", allow_blank=True)
    language = serializers.CharField(max_length=35, default="", allow_blank=True)
    kind = serializers.ChoiceField(choices=MentionKind.choices, default="post")
    network = serializers.CharField(max_length=20, default="", allow_blank=True)


class CheckShape(Shape):
    expression = _expression()
    exclude = _exclude(default=list)
    languages = _languages(default=list)
    samples = serializers.ListField(child=SampleShape(), max_length=MOST_SAMPLES, required=False)
    brand = serializers.UUIDField(
        default=None, allow_null=True, help_text="Whose newest mentions of the last seven days to try it on."
    )


class WarningView(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=["common_word", "short_word", "lower_case_operator"])
    position = serializers.IntegerField()
    length = serializers.IntegerField()
    detail = serializers.CharField()


class FoundView(serializers.Serializer[Any]):
    term = serializers.CharField()
    wanted = serializers.BooleanField(help_text="False beneath NOT.")
    found = serializers.BooleanField()
    at = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="[start, length] in characters of the text.",
    )


class ExplainedView(serializers.Serializer[Any]):
    matches = serializers.BooleanField()
    expression_holds = serializers.BooleanField()
    terms = FoundView(many=True)
    excluded_by = serializers.ListField(child=serializers.CharField())
    language = serializers.CharField()
    language_wanted = serializers.BooleanField()


class TriedView(serializers.Serializer[Any]):
    read = serializers.IntegerField(help_text=f"The newest of the last seven days, at most {MOST_TRIED}.")
    matched = serializers.IntegerField()
    all_read = serializers.BooleanField(help_text="Whether there were no more.")
    newest_matches = serializers.ListField(child=serializers.UUIDField())


class CheckView(serializers.Serializer[Any]):
    canonical = serializers.CharField(help_text="The expression as it was understood.")
    warnings = WarningView(many=True)
    samples = ExplainedView(many=True)
    mentions = TriedView(allow_null=True)


@extend_schema_view(list=extend_schema(parameters=[QueryFilter]))
class Queries(ReadViews):
    """What brands listen for, in the query language."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {
        "list": Need.MENTIONS_READ,
        "retrieve": Need.MENTIONS_READ,
        "check": Need.MENTIONS_READ,
        **dict.fromkeys(("create", "partial_update", "destroy"), Need.SOURCES_WRITE),
    }
    serializer_class = QueryView
    asks = QueryFilter

    def rows(self) -> Any:
        return Query.objects.all()

    @extend_schema(request=QueryShape, responses={201: QueryView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Add a query. 400 `bad_query` tells the place of a mistake; 409 `query_known` for a name that is taken."""
        wanted = self.read(QueryShape)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.SOURCES_WRITE, brand)
        return self.show_created(add_query(brand_id=brand.pk, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=QueryChange, responses=QueryView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Listen for something else from now on. What is stored already stays."""
        query: Query = self.subject(seen=True)
        return self.show(change_query(query_id=query.pk, changes=self.read(QueryChange), **self.told))

    @extend_schema(parameters=[SEEN], responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        """Forget a query. 409 `query_in_use` while a source listens with it."""
        query: Query = self.subject(seen=True)
        remove_query(query_id=query.pk, **self.told)
        return Response(status=codes.HTTP_204_NO_CONTENT)

    @extend_schema(request=CheckShape, responses=CheckView)
    @action(detail=False, methods=["post"])
    def check(self, _request: Request, **_: Any) -> Response:
        """Try a query that is not kept: how it is understood, on texts of yours, on what the brand heard lately."""
        wanted = self.read(CheckShape)
        query = compile_query(wanted["expression"], exclude=wanted["exclude"], languages=wanted["languages"])
        tried = None
        if wanted["brand"] is not None:
            brand = self.named(Brand.objects.all(), wanted["brand"], field="brand", sees=Need.MENTIONS_READ)
            tried = self._tried(query, brand)
        said = {
            "canonical": query.canonical,
            "warnings": [asdict(warned) for warned in query.warnings],
            "samples": [asdict(query.explain(Post(**sample))) for sample in wanted.get("samples", ())],
            "mentions": tried,
        }
        return Response(CheckView(said).data)

    def _tried(self, query: CompiledQuery, brand: Brand) -> dict[str, Any]:
        newest = Mention.objects.filter(
            brand_id=brand.pk, id__gte=first_id(self.now - TRIED_OVER), deleted_at=None, erased_at=None
        )
        rows = list(newest.order_by("-id").values_list(*TRIED)[: MOST_TRIED + 1])
        matched = [row[0] for row in rows[:MOST_TRIED] if query.matches(Post(*row[1:]))]
        return {
            "read": min(len(rows), MOST_TRIED),
            "matched": len(matched),
            "all_read": len(rows) <= MOST_TRIED,
            "newest_matches": matched[:MOST_SHOWN],
        }
