"""Facts over HTTP: what is true for a while, who keeps it true, and whether it is too old to be said."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.preconditions import etag_of, require_match
from core.http.shapes import Flag, Shape
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import add_fact, confirm_fact, remove_fact, revise_fact
from readiness.actions.facts import LONGEST_FACT, LONGEST_LIFE
from readiness.models import Fact, FactRevision
from readiness.queries.facts import by_age, incidents
from readiness.states import FactType
from tenants.models import Brand

FACT_NAME = r"^[a-z][a-z0-9_]{0,39}$"
MOST_MINUTES = int(LONGEST_LIFE.total_seconds() // 60)
SEEN_IF_THERE = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="Where there is a fact of this name already: the ETag of the version that you saw.",
)


class FactShape(Shape):
    brand = serializers.UUIDField()
    incident = serializers.UUIDField(required=False, allow_null=True, help_text="Of this incident alone.")
    name = serializers.RegexField(FACT_NAME, help_text="As slots name it: `affected_stores`.")
    type = serializers.ChoiceField(choices=FactType.choices)
    value = serializers.CharField(max_length=LONGEST_FACT)
    good_for_minutes = serializers.IntegerField(
        min_value=1, max_value=MOST_MINUTES, help_text="How long it may be said without anybody looking again."
    )
    owner = serializers.UUIDField(
        required=False, allow_null=True, help_text="The seat that keeps it true; whoever says it, when absent."
    )


class FactChange(Shape):
    type = serializers.ChoiceField(choices=FactType.choices, required=False)
    value = serializers.CharField(max_length=LONGEST_FACT, required=False)
    good_for_minutes = serializers.IntegerField(min_value=1, max_value=MOST_MINUTES, required=False)
    owner = serializers.UUIDField(required=False, allow_null=True)


class FactView(serializers.ModelSerializer[Fact]):
    incident = serializers.UUIDField(source="incident_id", read_only=True, allow_null=True)
    stale_since = serializers.DateTimeField(read_only=True, help_text="From when on it is too old; it may lie ahead.")
    stale = serializers.SerializerMethodField()

    class Meta:
        model = Fact
        fields = [
            "id", "brand", "incident", "name", "type", "value", "owner", "said_at", "good_for_minutes", "stale_since",
            "stale", "removed_at", "version",
        ]  # fmt: skip

    @extend_schema_field(serializers.BooleanField(help_text="Whether it is too old to be said: it blocks a release."))
    def get_stale(self, fact: Fact) -> bool:
        return bool(fact.stale_since <= self.context["view"].now)


class FactRevisionView(serializers.ModelSerializer[FactRevision]):
    """What it said from `at` on, and who said so; `deed` is what they did with it."""

    class Meta:
        model = FactRevision
        fields = ["number", "deed", "type", "value", "good_for_minutes", "owner", "author_seat_id", "at"]


class FactsWanted(Shape):
    brand = serializers.UUIDField(required=False)
    incident = serializers.UUIDField(required=False)
    owner = serializers.UUIDField(required=False)
    name = serializers.CharField(max_length=40, required=False)
    stale = Flag(required=False)
    removed = Flag(required=False, help_text="Those that were taken away instead of those that stand.")


class Facts(ReadViews):
    """What is true for a while and fills the slots of messages: of a brand, or of one incident, which comes first."""

    sees = Need.MESSAGES_READ
    needs: ClassVar[Any] = {
        "list": Need.MESSAGES_READ,
        "retrieve": Need.MESSAGES_READ,
        "create": Need.MESSAGES_WRITE,
        "partial_update": Need.MESSAGES_WRITE,
        "confirm": Need.MESSAGES_WRITE,
        "destroy": Need.MESSAGES_WRITE,
        "history": Need.MESSAGES_READ,
    }
    serializer_class = FactView
    asks = FactsWanted

    def rows(self) -> Any:
        return Fact.objects.all()

    @extend_schema(parameters=[FactsWanted], responses=FactView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(FactsWanted)
        rows = self.get_queryset().filter(removed_at__isnull=not wanted.pop("removed", False))
        if "incident" in wanted:
            wanted["incident_id"] = wanted.pop("incident")
        if (stale := wanted.pop("stale", None)) is not None:
            rows = by_age(rows, at=self.now, stale=stale)
        return self.show_page(rows.filter(**wanted))

    @extend_schema(parameters=[SEEN_IF_THERE], request=FactShape, responses={200: FactView, 201: FactView})
    def create(self, request: Request, **_: Any) -> Response:
        """Say what is true now. Where the brand, or the incident, has a fact of this name, it says that from now on."""
        wanted = self.read(FactShape)
        brand = self.named(Brand.objects.all(), wanted["brand"], field="brand", sees=Need.BRANDS_READ)
        incident_id = self._incident(brand, wanted.get("incident"))
        self.require(Need.MESSAGES_WRITE, Fact(brand_id=brand.pk, incident_id=incident_id))
        said = {name: wanted[name] for name in ("type", "value", "good_for_minutes")}
        ground = {"brand_id": brand.pk, "incident_id": incident_id, "name": wanted["name"]}
        known = (
            self.get_queryset().filter(**ground, removed_at=None).select_for_update(of=("self",), no_key=True).first()
        )
        if known is not None:
            require_match(request, etag_of(known))
            owner = self._owner(wanted)
            return self.show(revise_fact(fact_id=known.pk, **said, **owner, **self.told))
        owner_id = wanted.get("owner", self.caller.seat_id)
        return self.show_created(add_fact(**ground, **said, owner_id=owner_id, **self.told))

    def _incident(self, brand: Brand, incident_id: Any) -> Any:
        if incident_id is None:
            return None
        theirs = incidents().filter(brand_id=brand.pk)
        return self.named(theirs, incident_id, field="incident", sees=Need.INCIDENTS_READ).pk

    def _owner(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return {"owner_id": wanted.get("owner"), "forget_owner": "owner" in wanted and wanted["owner"] is None}

    @extend_schema(parameters=[SEEN], request=FactChange, responses=FactView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named; with a value it is said anew. An `owner` of null: nobody keeps it true."""
        fact: Fact = self.subject(seen=True)
        wanted = self.read(FactChange, partial=True)
        owner = self._owner(wanted)
        wanted.pop("owner", None)
        return self.show(revise_fact(fact_id=fact.pk, **wanted, **owner, **self.told))

    @extend_schema(parameters=[SEEN], request=None, responses=FactView)
    @action(detail=True, methods=["post"])
    def confirm(self, _request: Request, **_: Any) -> Response:
        """Say that you have looked and that it is still true: from now on it is young again."""
        fact: Fact = self.subject(seen=True)
        return self.show(confirm_fact(fact_id=fact.pk, **self.told))

    @extend_schema(responses=FactRevisionView(many=True))
    @action(detail=True, methods=["get"])
    def history(self, _request: Request, **_: Any) -> Response:
        """Everything that it ever said, newest first, also once it was taken away."""
        fact: Fact = self.subject()
        return self.show_page(FactRevision.objects.filter(fact=fact), FactRevisionView)

    @extend_schema(parameters=[SEEN], responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        """Take it away: what rests on it waits. Its history stays."""
        remove_fact(fact_id=self.subject(seen=True).pk, **self.told)
        return Response(status=codes.HTTP_204_NO_CONTENT)


routes = [("facts", Facts, "fact")]
