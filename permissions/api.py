"""Roles, grants and API keys over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from permissions.actions import grant_role, issue_key, revoke_key, withdraw_role
from permissions.models import ApiKey, Grant
from permissions.needs import Need
from permissions.viewset import ReadViews


class GrantView(serializers.ModelSerializer[Grant]):
    class Meta:
        model = Grant
        fields = ["id", "seat", "role", "brand", "reason", "sponsor_id", "granted_at", "ends_at", "withdrawn_at"]


class GrantShape(Shape):
    seat = serializers.UUIDField()
    role = serializers.CharField(max_length=40)
    brands = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=500)
    reason = serializers.CharField(max_length=500)
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
            user_id=seat.user_id,
            side=seat.side,
            brand_ids=[brand.pk for brand in brands],
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


class KeyView(serializers.ModelSerializer[ApiKey]):
    class Meta:
        model = ApiKey
        fields = [
            "id", "seat", "name", "prefix", "needs", "brand_ids", "created_at", "expires_at", "revoked_at",
            "last_used_at",
        ]  # fmt: skip


class IssuedKeyView(KeyView):
    token = serializers.CharField(read_only=True, help_text="The whole key. Shown this once.")

    class Meta(KeyView.Meta):
        fields = [*KeyView.Meta.fields, "token"]


class KeyShape(Shape):
    name = serializers.CharField(max_length=120)
    needs = serializers.ListField(child=serializers.ChoiceField(choices=Need.values), min_length=1, max_length=100)
    brands = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=500)
    expires_at = serializers.DateTimeField(default=None, allow_null=True)


class Keys(ReadViews):
    """API keys of integrations."""

    sees = Need.KEYS_ISSUE
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "revoke"), Need.KEYS_ISSUE)
    serializer_class = KeyView

    def rows(self) -> Any:
        return ApiKey.objects.all()

    @extend_schema(request=KeyShape, responses={201: IssuedKeyView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.KEYS_ISSUE, None)
        wanted = self.read(KeyShape)
        brand_rows = apps.get_model("tenants", "Brand").objects.all()
        brands = [
            self.named(brand_rows, brand, field=f"brands.{place}", sees=Need.BRANDS_READ)
            for place, brand in enumerate(wanted.pop("brands"))
        ]
        seat = apps.get_model("tenants", "Seat").objects.get(pk=self.caller.seat_id)
        issued = issue_key(
            issuer=self.caller,
            seat_epoch=seat.auth_epoch,
            brand_ids=[brand.pk for brand in brands],
            **wanted,
            **self.told,
        )
        issued.key.token = issued.token  # type: ignore[attr-defined]
        return self.show_created(issued.key, IssuedKeyView)

    @extend_schema(request=Because, responses=KeyView)
    @action(detail=True, methods=["post"])
    def revoke(self, _request: Request, **_: Any) -> Response:
        key = self.subject()
        return self.show(revoke_key(key_id=key.pk, **self.read(Because), **self.told))


routes = [("grants", Grants, "grant"), ("keys", Keys, "key")]
