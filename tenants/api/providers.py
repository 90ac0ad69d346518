"""An agency's identity providers over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from core.outbound import OutboundRefused, vet_form
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.actions.providers import change_provider, connect_provider, remove_provider
from tenants.models import IdentityProvider
from tenants.sign_in.oidc import callback_url
from tenants.sign_in.seats import provider_name


class ProviderView(serializers.ModelSerializer[IdentityProvider]):
    """A provider. Nothing tells its secret; `sign_in_id` is what browsers name it by, `callback_url` what it needs."""

    has_secret = serializers.SerializerMethodField()
    sign_in_id = serializers.SerializerMethodField()
    callback_url = serializers.SerializerMethodField()

    class Meta:
        model = IdentityProvider
        fields = [
            "id", "name", "issuer", "client_id", "has_secret", "proves_second_factor", "sign_in_id", "callback_url",
            "created_at", "removed_at",
        ]  # fmt: skip

    def get_has_secret(self, provider: IdentityProvider) -> bool:
        return provider.client_secret is not None

    def get_sign_in_id(self, provider: IdentityProvider) -> str:
        return provider_name(UUID(str(provider.agency_id)), provider.pk)

    def get_callback_url(self, provider: IdentityProvider) -> str:
        return callback_url(self.get_sign_in_id(provider))


class Issuer(serializers.URLField):
    """An address that may be called, spelled as the provider's own documents spell it."""

    def to_internal_value(self, data: Any) -> str:
        url: str = super().to_internal_value(data)
        if "?" in url or "#" in url:
            raise serializers.ValidationError("An issuer has neither a query nor a fragment.", code="issuer")
        try:
            vet_form(url)
        except OutboundRefused as refused:
            raise serializers.ValidationError(refused.detail, code="outbound_refused") from None
        return url


class ProviderShape(Shape):
    name = serializers.CharField(max_length=120)
    issuer = Issuer(max_length=300)
    client_id = serializers.CharField(max_length=200)
    client_secret = serializers.CharField(max_length=500, allow_null=True, default=None)
    proves_second_factor = serializers.BooleanField(default=False)


class ProviderChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    client_id = serializers.CharField(max_length=200, required=False)
    client_secret = serializers.CharField(max_length=500, allow_null=True, required=False)
    proves_second_factor = serializers.BooleanField(required=False)


class IdentityProviders(ReadViews):
    """OpenID providers that may say who somebody is, in this agency alone."""

    sees = Need.IDENTITY_CONNECT
    needs: ClassVar[Any] = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "remove"), Need.IDENTITY_CONNECT
    )
    serializer_class = ProviderView

    def rows(self) -> Any:
        return IdentityProvider.objects.all()

    @extend_schema(request=ProviderShape, responses={201: ProviderView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.IDENTITY_CONNECT, None)
        return self.show_created(connect_provider(**self.read(ProviderShape), **self.told))

    @extend_schema(parameters=[SEEN], request=ProviderChange, responses=ProviderView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        provider = self.subject(seen=True)
        return self.show(change_provider(provider_id=provider.pk, **self.read(ProviderChange), **self.told))

    @extend_schema(request=Because, responses=ProviderView)
    @action(detail=True, methods=["post"])
    def remove(self, _request: Request, **_: Any) -> Response:
        """Trust the provider no more. Who signed in through it is out at once."""
        provider = self.subject()
        return self.show(remove_provider(provider_id=provider.pk, **self.read(Because), **self.told))


routes = [("identity-providers", IdentityProviders, "identity-provider")]
