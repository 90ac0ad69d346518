"""API keys over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from permissions.actions.keys import issue_key, revoke_key
from permissions.models import ApiKey
from permissions.needs import Need
from permissions.viewset import ReadViews


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
        issued = issue_key(
            issuer=self.caller,
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


routes = [("keys", Keys, "key")]
