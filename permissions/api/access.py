"""Who may do what, over HTTP: why one person may do one thing, and the table of everybody."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from uuid import UUID

from django.apps import apps
from django.db.models import Model
from django.http import HttpResponse
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from core.refusals import Invalid, NotFound
from permissions import gate
from permissions.needs import Need
from permissions.queries.explain import Explanation, explain
from permissions.queries.matrix import Row, rows_of, seats_in_matrix
from permissions.queries.picture import Held
from permissions.tables import table
from permissions.viewset import HouseViewSet

THING = re.compile(r"(?P<kind>brand|incident):(?P<id>[0-9a-fA-F-]{36})|agency")
# What an object is by name, and the need with which somebody sees it who asks about themselves.
THINGS = {
    "brand": (("tenants", "Brand"), Need.BRANDS_READ),
    "incident": (("incidents", "Incident"), Need.INCIDENTS_READ),
}


class Question(Shape):
    person = serializers.UUIDField(help_text="A seat.")
    need = serializers.ChoiceField(choices=Need.values)
    object = serializers.CharField(max_length=60, help_text="agency, brand:<id> or incident:<id>")
    at = serializers.DateTimeField(required=False, help_text="An instant that is past; left out: now.")


class GivingGrantView(serializers.Serializer[Held]):
    grant = serializers.UUIDField(source="grant_id")
    role = serializers.CharField()
    brand = serializers.UUIDField(source="brand_id", allow_null=True)
    incident = serializers.UUIDField(source="incident_id", allow_null=True)
    reason = serializers.CharField()
    sponsor_id = serializers.UUIDField(allow_null=True)
    granted_at = serializers.DateTimeField()
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)


class AgainstView(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["seat", "deny_rule", "restriction", "archived", "not_there"])
    id = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField()


class ExplanationView(serializers.Serializer[Explanation]):
    """Allowed or not; the grants that give the need there, and what stands against it whatever was granted."""

    allowed = serializers.BooleanField()
    because = GivingGrantView(many=True)
    against = AgainstView(many=True)
    at = serializers.DateTimeField()


class Explain(HouseViewSet):
    """Why somebody may do something, or may not."""

    sees = Need.ACCESS_EXPLAIN
    # Everybody may ask about themselves; about others it takes access.explain on the object.
    needs: ClassVar[Any] = {"list": None}
    serializer_class = ExplanationView
    pagination_class = None

    @extend_schema(
        operation_id="access_explain",
        parameters=[Question],
        responses=forced_singular_serializer(ExplanationView),  # type: ignore[no-untyped-call]
    )
    def list(self, _request: Request, **_: Any) -> Response:
        """Needs `access.explain` on the object; everybody may ask about themselves. A past instant is told from the
        ledger, with the roles, rules and restrictions of that time.
        """
        asked = self.asked(Question)
        at = asked.get("at")
        if at is not None and at > self.now:
            raise Invalid("Nobody knows what will be granted.", at=at)
        of_self = asked["person"] == self.caller.seat_id and self.caller.key_needs is None
        explains = gate.anywhere(self.caller, Need.ACCESS_EXPLAIN)
        if not (of_self or explains):
            self.require(Need.ACCESS_EXPLAIN, None)
        obj, entitled = self._object(asked["object"], of_self=of_self)
        seats = apps.get_model("tenants", "Seat").objects.all()
        seen = seats if of_self else gate.visible(seats, to=self.caller, need=Need.SEATS_READ)
        seat = seen.filter(pk=asked["person"]).first()
        if seat is None:
            raise NotFound
        told: Any = ExplanationView(explain(seat, Need(asked["need"]), obj, now=self.now, at=at)).data
        if not entitled:  # the reasons for rules are for those who explain
            told["against"] = [{**against, "reason": ""} for against in told["against"]]
        return Response(told)

    def _object(self, text: str, *, of_self: bool) -> tuple[Model | None, bool]:
        """What is asked about, and whether the caller explains it or only sees it; 404 when they do neither."""
        found = THING.fullmatch(text)
        if found is None:
            detail = "agency, brand:<id> or incident:<id>"
            raise Invalid(errors=[{"field": "object", "code": "invalid", "detail": detail}])
        if found["kind"] is None:
            entitled = gate.everywhere(self.caller, Need.ACCESS_EXPLAIN)
            if not (entitled or of_self):
                self.require(Need.ACCESS_EXPLAIN, None)
            return None, entitled
        try:
            wanted = UUID(found["id"])
        except ValueError:
            raise NotFound from None
        (app, name), reads = THINGS[found["kind"]]
        rows = apps.get_model(app, name).objects.filter(pk=wanted)
        for need in (Need.ACCESS_EXPLAIN, reads) if of_self else (Need.ACCESS_EXPLAIN,):
            if obj := gate.visible(rows, to=self.caller, need=need).first():
                return obj, need == Need.ACCESS_EXPLAIN
        raise NotFound


class WantedMatrix(Shape):
    brand = serializers.UUIDField(required=False)
    role = serializers.CharField(max_length=40, required=False)
    need = serializers.ChoiceField(choices=Need.values, required=False)
    side = serializers.ChoiceField(choices=["staff", "client"], required=False)

    def get_fields(self) -> Any:
        # `as` is a word of the language; a field of that name is told here.
        text = "csv: the whole table as a file, not a page."
        return {**super().get_fields(), "as": serializers.ChoiceField(["json", "csv"], default="json", help_text=text)}


class MatrixRow(serializers.Serializer[Row]):
    """A person and what they hold. `denied` are brands that deny rules keep from them, whatever they hold."""

    seat = serializers.UUIDField(source="seat.pk")
    name = serializers.CharField(source="seat.user.name")
    email = serializers.EmailField(source="seat.user.email")
    side = serializers.CharField(source="seat.side")
    stage = serializers.CharField(source="seat.stage")
    agency = serializers.ListField(child=serializers.CharField())
    brands = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    incidents = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    denied = serializers.ListField(child=serializers.UUIDField())

    def to_representation(self, row: Row) -> dict[str, Any]:
        told = super().to_representation(row)
        # The ids are keys here, and JSON's keys are text.
        return {
            **told,
            "brands": {str(brand): roles for brand, roles in row.brands.items()},
            "incidents": {str(incident): roles for incident, roles in row.incidents.items()},
        }


COLUMNS = ("seat", "name", "email", "side", "stage", "on", "id", "role")


def lines_of(row: Row) -> list[tuple[Any, ...]]:
    """A line for each role of a person and each brand that is kept from them."""
    person = (row.seat.pk, row.seat.user.name, row.seat.user.email, row.seat.side, row.seat.stage)
    return [
        *((*person, "agency", None, role) for role in row.agency),
        *((*person, "brand", brand, role) for brand, roles in row.brands.items() for role in roles),
        *((*person, "incident", incident, role) for incident, roles in row.incidents.items() for role in roles),
        *((*person, "denied", brand, None) for brand in row.denied),
    ]


class Matrix(HouseViewSet):
    """People by brands: who holds which role where, now. Whoever explains one brand sees that brand's."""

    sees = Need.ACCESS_EXPLAIN
    needs: ClassVar[Any] = {"list": Need.ACCESS_EXPLAIN}
    serializer_class = MatrixRow
    asks = WantedMatrix

    @extend_schema(operation_id="access_matrix", responses=MatrixRow(many=True))
    def list(self, _request: Request, **_: Any) -> Response | HttpResponse:
        wanted = self.asked(WantedMatrix)
        as_file = wanted.pop("as") == "csv"
        if brand := wanted.get("brand"):
            brands = apps.get_model("tenants", "Brand").objects.all()
            self.named(brands, brand, field="brand", sees=Need.ACCESS_EXPLAIN)
        if need := wanted.get("need"):
            wanted["need"] = Need(need)
        seats = seats_in_matrix(self.caller, **wanted)
        if as_file:
            people = rows_of(list(seats.order_by("pk")), caller=self.caller)
            return table("access-matrix", COLUMNS, (line for row in people for line in lines_of(row)))
        page: Any = self.paginate_queryset(seats)
        rows: Any = rows_of(page, caller=self.caller)
        return self.get_paginated_response(MatrixRow(rows, many=True).data)


routes = [("access/explain", Explain, "access-explain"), ("access/matrix", Matrix, "access-matrix")]
