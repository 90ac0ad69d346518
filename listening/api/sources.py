"""Sources of mentions over HTTP: what a brand is listened to with, how it goes, and what people do about it."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from core.outbound import OutboundRefused, vet_form
from core.refusals import Invalid
from listening.actions import (
    add_source,
    ask_source,
    change_source,
    end_source,
    pause_source,
    resume_source,
    rotate_secret,
)
from listening.models import Query, Source, SourceHealth
from listening.sources import KINDS
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.models import Brand

A_DAY = 86_400


class Address(serializers.CharField):
    """A URL that may be called, as it was typed."""

    def to_internal_value(self, data: Any) -> str:
        url: str = super().to_internal_value(data)
        try:
            vet_form(url)
        except OutboundRefused as refused:
            raise serializers.ValidationError(refused.detail, code="outbound_refused") from None
        if urlsplit(url).fragment:
            raise serializers.ValidationError("An address has no fragment.", code="invalid")
        return url


class Server(Address):
    """The base of a server's API: scheme and host alone."""

    def to_internal_value(self, data: Any) -> str:
        url = super().to_internal_value(data).rstrip("/")
        parts = urlsplit(url)
        if parts.path or parts.query:
            raise serializers.ValidationError("A server is named without a path or a query.", code="invalid")
        return url


class Hashtag(serializers.RegexField):
    def __init__(self, **how: Any) -> None:
        super().__init__(r"^[\w·・]{1,100}\Z", max_length=101, **how)

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data.removeprefix("#") if isinstance(data, str) else data)


class RssPlace(Shape):
    url = Address(max_length=2_000)


class HashtagPlace(Shape):
    server = Server(max_length=300)
    hashtag = Hashtag()


class MastodonSearchPlace(Shape):
    server = Server(max_length=300)
    q = serializers.CharField(max_length=200)


class BlueskyPlace(Shape):
    server = Server(max_length=300, default="https://bsky.social")
    q = serializers.CharField(max_length=200)


class AppPassword(Shape):
    identifier = serializers.RegexField(r"^[\x21-\x7e]{1,253}\Z", max_length=253, help_text="A handle or DID.")
    app_password = serializers.RegexField(r"^[\x21-\x7e]{1,200}\Z", max_length=200)


class Nothing(Shape):
    """Of this kind there is nothing to say."""


class Token(Shape):
    token = serializers.RegexField(r"^[\x21-\x7e]{1,500}\Z", max_length=500)


class MaybeToken(Shape):
    token = serializers.RegexField(r"^[\x21-\x7e]{1,500}\Z", max_length=500, required=False)


# What the place and the credentials of each kind hold.
PLACES: dict[str, type[Shape]] = {
    "rss": RssPlace,
    "mastodon_search": MastodonSearchPlace,
    "mastodon_hashtag": HashtagPlace,
    "mastodon_stream": HashtagPlace,
    "bluesky_search": BlueskyPlace,
}
SECRETS: dict[str, type[Shape]] = {
    "mastodon_search": Token,
    "mastodon_hashtag": MaybeToken,
    "mastodon_stream": MaybeToken,
    "bluesky_search": AppPassword,
}


class SourceView(serializers.ModelSerializer[Source]):
    has_credentials = serializers.SerializerMethodField(help_text="They are never shown.")
    delivery_url = serializers.SerializerMethodField(help_text="Where a webhook delivers to; null for other kinds.")

    class Meta:
        model = Source
        fields = [
            "id", "brand", "kind", "name", "network", "query", "place", "has_credentials", "delivery_url", "every_s",
            "silent_after_s", "created_at", "paused_at", "ended_at", "health", "problem", "failures", "gaps",
            "asked_at", "answered_at", "heard_at", "newest_at", "lag_s", "page", "version",
        ]  # fmt: skip

    def get_has_credentials(self, source: Source) -> bool:
        return bool(source.credentials)

    def get_delivery_url(self, source: Source) -> str | None:
        if source.kind != "webhook":
            return None
        agency = self.context["request"].parser_context["kwargs"]["agency"]
        return settings.PUBLIC_URL + reverse("inbound-webhook", kwargs={"agency": agency, "source_id": source.pk})


class SecretView(SourceView):
    """A source with its webhook's secret, which is shown this once."""

    secret = serializers.CharField(allow_null=True, help_text="Null for kinds that have none. Never shown again.")

    class Meta(SourceView.Meta):
        fields = [*SourceView.Meta.fields, "secret"]


class SourceShape(Shape):
    brand = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=sorted(KINDS), default="push")
    name = serializers.CharField(max_length=120)
    network = serializers.RegexField(
        r"^[a-z0-9._-]*\Z",
        max_length=20,
        default="",
        help_text="What its mentions are said on; the kind's own if empty.",
    )
    query = serializers.UUIDField(default=None, allow_null=True, help_text="Only what matches it is stored.")
    place = serializers.DictField(default=dict, help_text="Where to ask; what it holds depends on the kind.")
    credentials = serializers.DictField(default=None, allow_null=True, write_only=True)
    every_s = serializers.IntegerField(default=None, allow_null=True, min_value=30, max_value=A_DAY)
    silent_after_s = serializers.IntegerField(default=None, allow_null=True, min_value=60, max_value=30 * A_DAY)


class SourceChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    network = serializers.RegexField(r"^[a-z0-9._-]*\Z", max_length=20, required=False)
    query = serializers.UUIDField(required=False, allow_null=True)
    place = serializers.DictField(required=False)
    credentials = serializers.DictField(required=False, allow_null=True, write_only=True)
    every_s = serializers.IntegerField(required=False, min_value=30, max_value=A_DAY)
    silent_after_s = serializers.IntegerField(required=False, allow_null=True, min_value=60, max_value=30 * A_DAY)


class SourceFilter(Shape):
    brand = serializers.UUIDField(required=False)
    kind = serializers.ChoiceField(choices=sorted(KINDS), required=False)
    health = serializers.ChoiceField(choices=SourceHealth.choices, required=False)


@extend_schema_view(list=extend_schema(parameters=[SourceFilter]))
class Sources(ReadViews):
    """Where mentions of a brand come from, and how that goes."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {
        "list": Need.MENTIONS_READ,
        "retrieve": Need.MENTIONS_READ,
        **dict.fromkeys(
            ("create", "partial_update", "pause", "resume", "end", "ask", "rotate_secret"), Need.SOURCES_WRITE
        ),
    }
    serializer_class = SourceView
    asks = SourceFilter

    def rows(self) -> Any:
        return Source.objects.all()

    @extend_schema(request=SourceShape, responses={201: SecretView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Add a source. One that is asked is asked at once; a webhook's secret is in this answer and in no other."""
        wanted = self.read(SourceShape)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.SOURCES_WRITE, brand)
        kind = wanted["kind"]
        wanted["query_id"] = self._query(wanted.pop("query"), brand.pk)
        wanted["place"] = _checked(PLACES.get(kind, Nothing), wanted["place"], "place")
        wanted["credentials"] = _secrets(kind, wanted["credentials"])
        _require_rhythm(kind, wanted["every_s"])
        _require_query(kind, wanted["query_id"])
        source = add_source(brand_id=brand.pk, **wanted, **self.told)
        return self._show_secret(source, (source.credentials or {}).get("secret"), status=201)

    @extend_schema(parameters=[SEEN], request=SourceChange, responses=SourceView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change a source. Another place begins anew; another place, query or credentials are tried at once."""
        source: Source = self.subject(seen=True)
        wanted = self.read(SourceChange)
        if "query" in wanted:
            wanted["query_id"] = self._query(wanted.pop("query"), source.brand_id)
        if "place" in wanted:
            wanted["place"] = _checked(PLACES.get(source.kind, Nothing), wanted["place"], "place")
        if "credentials" in wanted:
            wanted["credentials"] = _secrets(source.kind, wanted["credentials"])
            if source.kind == "webhook":
                wanted.pop("credentials")  # its secret is rotated
        _require_rhythm(source.kind, wanted.get("every_s"))
        _require_query(source.kind, wanted.get("query_id", source.query_id))
        return self.show(change_source(source_id=source.pk, changes=wanted, **self.told))

    @extend_schema(request=Because, responses=SourceView)
    @action(detail=True, methods=["post"])
    def pause(self, _request: Request, **_: Any) -> Response:
        """Store nothing of it until it is resumed."""
        return self.show(pause_source(source_id=self.subject().pk, **self.read(Because), **self.told))

    @extend_schema(request=None, responses=SourceView)
    @action(detail=True, methods=["post"])
    def resume(self, _request: Request, **_: Any) -> Response:
        """Go on from where it was."""
        return self.show(resume_source(source_id=self.subject().pk, **self.told))

    @extend_schema(request=Because, responses=SourceView)
    @action(detail=True, methods=["post"])
    def end(self, _request: Request, **_: Any) -> Response:
        """End it for good. Its credentials are forgotten, its mentions stay."""
        return self.show(end_source(source_id=self.subject().pk, **self.read(Because), **self.told))

    @extend_schema(request=None, responses=SourceView)
    @action(detail=True, methods=["post"])
    def ask(self, _request: Request, **_: Any) -> Response:
        """Ask it now, whenever its turn would have been. 409 for what delivers by itself or is paused."""
        return self.show(ask_source(source_id=self.subject().pk, **self.told))

    @extend_schema(request=None, responses=SecretView)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, _request: Request, **_: Any) -> Response:
        """Give a webhook a new secret, which is in this answer alone. The old one stays good for a day."""
        source, secret = rotate_secret(source_id=self.subject().pk, **self.told)
        return self._show_secret(source, secret, status=200)

    def _show_secret(self, source: Source, secret: str | None, *, status: int) -> Response:
        source.secret = secret if source.kind == "webhook" else None  # type: ignore[attr-defined]
        return self.show(source, SecretView, status=status)

    def _query(self, query_id: UUID | None, brand_id: UUID) -> UUID | None:
        if query_id is None:
            return None
        mine = Query.objects.filter(brand_id=brand_id)
        query: Query = self.named(mine, query_id, field="query", sees=Need.MENTIONS_READ)
        found: UUID = query.pk
        return found


def _secrets(kind: str, said: dict[str, Any] | None) -> dict[str, Any] | None:
    """The credentials of a kind, checked; nothing where nothing is asked for."""
    return _checked(SECRETS.get(kind, Nothing), said or {}, "credentials") or None


def _checked(shape: type[Shape], said: dict[str, Any], field: str) -> dict[str, Any]:
    """What stands below one field of the body, against the shape of the kind; errors name their place."""
    serializer = shape(data=said)
    if serializer.is_valid():
        return dict(serializer.validated_data)
    raise serializers.ValidationError({field: serializer.errors})


def _require_query(kind: str, query_id: UUID | None) -> None:
    """Nobody stores all that a network says."""
    if KINDS[kind].shared and query_id is None:
        raise Invalid(
            "A source of this kind needs a query.",
            errors=[{"field": "query", "code": "required", "detail": "Only what matches a query is stored."}],
        )


def _require_rhythm(kind: str, every_s: int | None) -> None:
    known = KINDS[kind]
    if every_s is None:
        return
    if known.every_s is None:
        wrong = "A source of this kind is not asked in turns."
    elif every_s < known.least_every_s:
        wrong = f"A source of this kind is asked every {known.least_every_s} seconds at most."
    else:
        return
    raise Invalid(
        "The body does not fit the kind.", errors=[{"field": "every_s", "code": "out_of_range", "detail": wrong}]
    )
