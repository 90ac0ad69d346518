"""API keys over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.apps import apps
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from permissions.actions.keys import DEFAULT_RATE, IssuedKey, issue_key, revoke_key, rotate_key
from permissions.models import ApiKey
from permissions.needs import Need
from permissions.queries.keys import in_state
from permissions.viewset import ReadViews

LONGEST_OVERLAP = timedelta(days=7)
DAY_S = 86_400
FASTEST = 6_000


class KeyView(serializers.ModelSerializer[ApiKey]):
    class Meta:
        model = ApiKey
        fields = [
            "id", "seat", "name", "prefix", "needs", "brand_ids", "networks", "rate_per_minute", "created_at",
            "expires_at", "revoked_at", "last_used_at", "replaces_id", "exposed_at",
        ]  # fmt: skip


class IssuedKeyView(KeyView):
    token = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="The whole key. Shown this once: null when a repeated request is answered as before.",
    )

    class Meta(KeyView.Meta):
        fields = [*KeyView.Meta.fields, "token"]


class KeyShape(Shape):
    name = serializers.CharField(max_length=120)
    needs = serializers.ListField(child=serializers.ChoiceField(choices=Need.values), min_length=1, max_length=100)
    brands = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=500)
    networks = serializers.ListField(
        child=serializers.CharField(max_length=50),
        default=list,
        max_length=50,
        help_text="From where it may be used, in CIDR, IPv4 and IPv6; empty: from anywhere.",
    )
    rate_per_minute = serializers.IntegerField(min_value=1, max_value=FASTEST, default=DEFAULT_RATE)
    expires_at = serializers.DateTimeField(default=None, allow_null=True)


class KeyRotation(Shape):
    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()),
        default=DAY_S,
        help_text="How long the old key still works; never longer than it would have.",
    )


class KeyFilter(Shape):
    state = serializers.ChoiceField(choices=["live", "expired", "revoked", "exposed"], required=False)
    seat = serializers.UUIDField(required=False, help_text="Whoever issued it.")


class Keys(ReadViews):
    """API keys of integrations."""

    sees = Need.KEYS_ISSUE
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "rotate", "revoke"), Need.KEYS_ISSUE)
    serializer_class = KeyView
    asks = KeyFilter
    token: str | None = None  # of the key that this request made

    def rows(self) -> Any:
        return ApiKey.objects.all()

    @extend_schema(parameters=[KeyFilter], responses=KeyView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first."""
        wanted = self.asked(KeyFilter)
        rows = self.get_queryset()
        if "seat" in wanted:
            rows = rows.filter(seat=wanted["seat"])
        if "state" in wanted:
            rows = rows.filter(in_state(wanted["state"], self.now))
        return self.show_page(rows)

    @extend_schema(request=KeyShape, responses={201: IssuedKeyView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.KEYS_ISSUE, None)
        wanted = self.read(KeyShape)
        brand_rows = apps.get_model("tenants", "Brand").objects.all()
        brands = [
            self.named(brand_rows, brand, field=f"brands.{place}", sees=Need.BRANDS_READ)
            for place, brand in enumerate(wanted.pop("brands"))
        ]
        return self._show_issued(
            issue_key(issuer=self.caller, brand_ids=[brand.pk for brand in brands], **wanted, **self.told)
        )

    @extend_schema(request=KeyRotation, responses={201: IssuedKeyView})
    @action(detail=True, methods=["post"])
    def rotate(self, _request: Request, **_: Any) -> Response:
        """A successor with the same needs, brands and networks; the old key works on until the overlap is over."""
        key = self.subject()
        overlap = timedelta(seconds=self.read(KeyRotation)["overlap_seconds"])
        return self._show_issued(rotate_key(key_id=key.pk, overlap=overlap, rotator=self.caller, **self.told))

    @extend_schema(request=Because, responses=KeyView)
    @action(detail=True, methods=["post"])
    def revoke(self, _request: Request, **_: Any) -> Response:
        key = self.subject()
        return self.show(revoke_key(key_id=key.pk, **self.read(Because), **self.told))

    def _show_issued(self, issued: IssuedKey) -> Response:
        self.token = issued.token
        issued.key.token = None  # type: ignore[attr-defined]
        return self.show_created(issued.key, IssuedKeyView)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The secret joins the answer when what is kept for repeated requests is written: it is stored nowhere."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.token is not None:
            response.data["token"] = self.token
        return response


routes = [("keys", Keys, "key")]
