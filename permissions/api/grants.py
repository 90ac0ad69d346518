"""Grants of roles over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from permissions.actions.grants import Place, grant_role, withdraw_role
from permissions.models import Grant
from permissions.needs import Need
from permissions.viewset import ReadViews


class GrantView(serializers.ModelSerializer[Grant]):
    class Meta:
        model = Grant
        fields = [
            "id",
            "seat",
            "role",
            "brand",
            "incident",
            "reason",
            "sponsor_id",
            "granted_at",
            "starts_at",
            "ends_at",
            "withdrawn_at",
        ]


class GrantShape(Shape):
    seat = serializers.UUIDField()
    role = serializers.CharField(max_length=40)
    brands = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=500)
    reason = serializers.CharField(max_length=500)
    starts_at = serializers.DateTimeField(default=None, allow_null=True)
    ends_at = serializers.DateTimeField(default=None, allow_null=True)


class Grants(ReadViews):
    """Roles that seats hold on the agency or on brands."""

    sees = Need.ROLES_GRANT
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "withdraw"), Need.ROLES_GRANT)
    serializer_class = GrantView

    def rows(self) -> Any:
        return Grant.objects.all()

    @extend_schema(request=GrantShape, responses={201: GrantView(many=True)})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(GrantShape)
        # By name: permissions lie below tenants and know their tables, not their code.
        brand_rows = apps.get_model("tenants", "Brand").objects.all()
        seats = apps.get_model("tenants", "Seat").objects.all().active()
        seat: Any = self.named(seats, wanted.pop("seat"), field="seat", sees=Need.SEATS_READ)
        brands = [
            self.named(brand_rows, brand, field=f"brands.{place}", sees=Need.BRANDS_READ)
            for place, brand in enumerate(wanted.pop("brands"))
        ]
        for brand in brands or [None]:
            self.require(Need.ROLES_GRANT, brand)
        grants = grant_role(
            seat_id=seat.pk,
            places=Place.each([brand.pk for brand in brands]),
            sponsor=self.caller,
            **wanted,
            **self.told,
        )
        return Response(GrantView(grants, many=True).data, status=201)

    @extend_schema(request=Because, responses=GrantView)
    @action(detail=True, methods=["post"])
    def withdraw(self, _request: Request, **_: Any) -> Response:
        grant = self.subject()
        return self.show(withdraw_role(grant_id=grant.pk, **self.read(Because), **self.told))


routes = [("grants", Grants, "grant")]
