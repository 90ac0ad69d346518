"""The agency, its brands and their accounts over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import HouseViewSet, ReadViews
from tenants.actions.agencies import connect_account, create_brand
from tenants.models import Agency, Brand, SocialAccount


class AgencyView(serializers.ModelSerializer[Agency]):
    class Meta:
        model = Agency
        fields = ["id", "slug", "name", "time_zone", "created_at"]


class AgencyDetail(HouseViewSet):
    """The agency itself."""

    sees = Need.AGENCY_READ
    needs: ClassVar[Any] = {"list": Need.AGENCY_READ}
    serializer_class = AgencyView
    pagination_class = None

    def rows(self) -> Any:
        return Agency.objects.filter(pk=self.caller.agency_id)

    @extend_schema(operation_id="agency_retrieve", responses=AgencyView)
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show(self.get_queryset().get())


class BrandView(serializers.ModelSerializer[Brand]):
    class Meta:
        model = Brand
        fields = ["id", "slug", "name", "time_zone", "locale", "sector", "created_at"]


class BrandShape(Shape):
    slug = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=120)
    time_zone = serializers.CharField(max_length=64, default="UTC")
    locale = serializers.CharField(max_length=12, default="en")
    sector = serializers.CharField(max_length=60, default="", allow_blank=True)


class Brands(ReadViews):
    """Client brands: the doors that grants open."""

    sees = Need.BRANDS_READ
    needs: ClassVar[Any] = {"list": Need.BRANDS_READ, "retrieve": Need.BRANDS_READ, "create": Need.BRANDS_CREATE}
    serializer_class = BrandView

    def rows(self) -> Any:
        return Brand.objects.all()

    @extend_schema(request=BrandShape, responses={201: BrandView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.BRANDS_CREATE, None)
        return self.show_created(create_brand(**self.read(BrandShape), **self.told))


class AccountView(serializers.ModelSerializer[SocialAccount]):
    class Meta:
        model = SocialAccount
        fields = ["id", "brand", "network", "handle", "connected_at"]


class AccountShape(Shape):
    brand = serializers.UUIDField()
    network = serializers.SlugField(max_length=32)
    handle = serializers.CharField(max_length=120)
    credentials = serializers.DictField(child=serializers.CharField(max_length=4000), default=dict)


class Accounts(ReadViews):
    """Social accounts of brands. No answer shows a credential."""

    sees = Need.BRANDS_READ
    needs: ClassVar[Any] = {"list": Need.BRANDS_READ, "retrieve": Need.BRANDS_READ, "create": Need.ACCOUNTS_CONNECT}
    serializer_class = AccountView

    def rows(self) -> Any:
        return SocialAccount.objects.all()

    @extend_schema(request=AccountShape, responses={201: AccountView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(AccountShape)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.ACCOUNTS_CONNECT, brand)
        return self.show_created(connect_account(brand_id=brand.pk, **wanted, **self.told))


routes = [("agency", AgencyDetail, "agency"), ("brands", Brands, "brand"), ("accounts", Accounts, "account")]
