"""Grants of roles over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.apps import apps
from django.db.models import Model, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from core.refusals import Invalid
from permissions.actions.grants import Place, grant_role, reschedule_role, withdraw_role
from permissions.models import Grant
from permissions.models.grants import holds_at
from permissions.needs import Need
from permissions.queries.matrix import grants_seen
from permissions.schema import SEEN
from permissions.viewset import ReadViews

STATES = ("counting", "coming", "over", "withdrawn")


def in_state(state: str, at: datetime) -> Q:
    """The grants that count at an instant, have not begun, have ended by themselves, or were withdrawn."""
    live = Q(withdrawn_at=None)
    return {
        "counting": live & holds_at(at),
        "coming": live & Q(starts_at__gt=at),
        "over": live & Q(ends_at__lte=at),
        "withdrawn": ~live,
    }[state]


def state_of(grant: Grant, at: datetime) -> str:
    """One of STATES."""
    if grant.withdrawn_at is not None:
        return "withdrawn"
    if grant.ends_at is not None and grant.ends_at <= at:
        return "over"
    return "coming" if grant.starts_at is not None and grant.starts_at > at else "counting"


class GrantView(serializers.ModelSerializer[Grant]):
    state = serializers.SerializerMethodField(help_text="counting, coming, over or withdrawn")

    class Meta:
        model = Grant
        fields = [
            "id", "seat", "role", "brand", "incident", "reason", "sponsor_id", "granted_at", "starts_at", "ends_at",
            "withdrawn_at", "state", "version",
        ]  # fmt: skip

    def get_state(self, grant: Grant) -> str:
        return state_of(grant, self.context["view"].now)


class GrantShape(Shape):
    seat = serializers.UUIDField()
    role = serializers.CharField(max_length=40)
    brands = serializers.ListField(
        child=serializers.UUIDField(), default=list, max_length=500, help_text="Empty: the whole agency."
    )
    incident = serializers.UUIDField(
        default=None, allow_null=True, help_text="One incident, instead of brands: the door to a restricted one."
    )
    reason = serializers.CharField(max_length=500)
    starts_at = serializers.DateTimeField(default=None, allow_null=True, help_text="Null: now.")
    ends_at = serializers.DateTimeField(default=None, allow_null=True, help_text="Null: until it is withdrawn.")


class GrantChange(Shape):
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null: until it is withdrawn.")
    reason = serializers.CharField(max_length=500)


class WantedGrants(Shape):
    seat = serializers.UUIDField(required=False)
    brand = serializers.UUIDField(required=False)
    incident = serializers.UUIDField(required=False)
    role = serializers.CharField(max_length=40, required=False)
    state = serializers.ChoiceField(choices=STATES, required=False)


class Grants(ReadViews):
    """Roles that seats hold on the agency, on brands or on incidents. They begin and end to the instant."""

    sees = Need.ROLES_GRANT
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "partial_update", "withdraw"), Need.ROLES_GRANT)
    serializer_class = GrantView
    asks = WantedGrants

    def rows(self) -> Any:
        return Grant.objects.all()

    def get_queryset(self) -> QuerySet[Any]:
        return grants_seen(self.caller, Need.ROLES_GRANT)

    @property
    def incidents(self) -> Any:
        # By name: permissions lie below incidents and tenants, and know their tables, not their code.
        return apps.get_model("incidents", "Incident").objects.all()

    def require(self, need: Need | None, obj: Model | None) -> None:
        """What is asked of a grant on an incident is asked of the incident."""
        on_incident = isinstance(obj, Grant) and obj.incident_id is not None
        super().require(need, obj.incident if on_incident else obj)  # type: ignore[union-attr]

    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(WantedGrants)
        state = wanted.pop("state", None)
        rows = self.get_queryset().filter(**wanted)
        return self.show_page(rows.filter(in_state(state, self.now)) if state else rows)

    @extend_schema(request=GrantShape, responses={201: GrantView(many=True)})
    def create(self, _request: Request, **_: Any) -> Response:
        """Give a role. Nobody gives a right that they do not hold there themselves."""
        wanted = self.read(GrantShape)
        seats = apps.get_model("tenants", "Seat").objects.all().active()
        seat: Any = self.named(seats, wanted.pop("seat"), field="seat", sees=Need.SEATS_READ)
        brands, incident = wanted.pop("brands"), wanted.pop("incident")
        grants = grant_role(
            seat_id=seat.pk, places=self._places(brands, incident), sponsor=self.caller, **wanted, **self.told
        )
        return self.show_created_all(grants)

    def _places(self, brand_ids: Sequence[UUID], incident_id: UUID | None) -> Sequence[Place]:
        if incident_id is None:
            rows = apps.get_model("tenants", "Brand").objects.all()
            brands: Any = [
                self.named(rows, brand, field=f"brands.{place}", sees=Need.BRANDS_READ)
                for place, brand in enumerate(brand_ids)
            ]
            for brand in brands or [None]:
                self.require(Need.ROLES_GRANT, brand)
            return Place.each([brand.pk for brand in brands])
        if brand_ids:
            raise Invalid("A grant is on brands or on an incident.", brands=len(brand_ids), incident=str(incident_id))
        incident: Any = self.named(self.incidents, incident_id, field="incident", sees=Need.INCIDENTS_READ)
        self.require(Need.ROLES_GRANT, incident)
        return [Place(incident_id=incident.pk)]

    def show_created_all(self, grants: Any) -> Response:
        shown = GrantView(grants, many=True, context=self.get_serializer_context())
        return Response(shown.data, status=201)

    @extend_schema(parameters=[SEEN], request=GrantChange, responses=GrantView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Let a grant end earlier or later. To lengthen it asks for all that granting does."""
        grant = self.subject(seen=True)
        return self.show(reschedule_role(grant_id=grant.pk, sponsor=self.caller, **self.read(GrantChange), **self.told))

    @extend_schema(request=Because, responses=GrantView)
    @action(detail=True, methods=["post"])
    def withdraw(self, _request: Request, **_: Any) -> Response:
        """Take a role back; what it gave is gone with this answer."""
        grant = self.subject()
        return self.show(withdraw_role(grant_id=grant.pk, **self.read(Because), **self.told))


routes = [("grants", Grants, "grant")]
