"""The agency, its brands and their accounts over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from permissions.models import Grant
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import HouseViewSet, ReadViews
from tenants.actions.accounts import connect_account, disconnect_account, renew_credentials
from tenants.actions.agencies import archive_brand, change_agency, change_brand, create_brand, restore_brand
from tenants.models import Agency, Brand, SocialAccount
from tenants.states import BrandStage, Health, SeatStage


class AgencyView(serializers.ModelSerializer[Agency]):
    class Meta:
        model = Agency
        fields = ["id", "slug", "name", "time_zone", "requires_second_factor", "created_at"]


class AgencyChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    time_zone = serializers.CharField(max_length=64, required=False)
    requires_second_factor = serializers.BooleanField(required=False)


class AgencyDetail(HouseViewSet):
    """The agency itself."""

    sees = Need.AGENCY_READ
    needs: ClassVar[Any] = {"list": Need.AGENCY_READ, "change_singleton": Need.AGENCY_CHANGE}
    serializer_class = AgencyView
    pagination_class = None

    def rows(self) -> Any:
        return Agency.objects.filter(pk=self.caller.agency_id)

    @extend_schema(operation_id="agency_retrieve", responses=AgencyView)
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show(self.get_queryset().get())

    @extend_schema(operation_id="agency_change", parameters=[SEEN], request=AgencyChange, responses=AgencyView)
    def change_singleton(self, _request: Request, **_: Any) -> Response:
        """Change the agency. Only an owner can, and only one with a second factor can demand it of everybody."""
        self.require(Need.AGENCY_CHANGE, None)
        self.kwargs["pk"] = self.agency_id
        self.subject(seen=True)
        wanted = self.read(AgencyChange)
        factor = self.caller.second_factor
        return self.show(change_agency(agency_id=self.agency_id, second_factor=factor, **wanted, **self.told))


class BrandView(serializers.ModelSerializer[Brand]):
    class Meta:
        model = Brand
        fields = [
            "id", "slug", "name", "time_zone", "locale", "sector", "stage", "drill_of", "created_at", "archived_at",
        ]  # fmt: skip


class BrandShape(Shape):
    slug = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=120)
    time_zone = serializers.CharField(max_length=64, default="UTC")
    locale = serializers.CharField(max_length=12, default="en")
    sector = serializers.CharField(max_length=60, default="", allow_blank=True)


class BrandChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    time_zone = serializers.CharField(max_length=64, required=False)
    locale = serializers.CharField(max_length=12, required=False)
    sector = serializers.CharField(max_length=60, required=False, allow_blank=True)


class WantedBrands(Shape):
    stage = serializers.ChoiceField(choices=BrandStage.choices, required=False)
    sector = serializers.CharField(max_length=60, required=False)
    slug = serializers.SlugField(max_length=40, required=False)


class Brands(ReadViews):
    """Client brands: the doors that grants open."""

    sees = Need.BRANDS_READ
    needs: ClassVar[Any] = {
        "list": Need.BRANDS_READ,
        "retrieve": Need.BRANDS_READ,
        "create": Need.BRANDS_CREATE,
        **dict.fromkeys(("partial_update", "archive", "restore"), Need.BRANDS_CHANGE),
    }
    serializer_class = BrandView
    asks = WantedBrands

    def rows(self) -> Any:
        return Brand.objects.all()

    @extend_schema(request=BrandShape, responses={201: BrandView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.BRANDS_CREATE, None)
        return self.show_created(create_brand(**self.read(BrandShape), **self.told))

    @extend_schema(parameters=[SEEN], request=BrandChange, responses=BrandView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        brand = self.subject(seen=True)
        return self.show(change_brand(brand_id=brand.pk, **self.read(BrandChange), **self.told))

    @extend_schema(request=Because, responses=BrandView)
    @action(detail=True, methods=["post"])
    def archive(self, _request: Request, **_: Any) -> Response:
        """Close the brand for work. It can still be read, and restored; what is scheduled for it is held."""
        brand = self.subject()
        return self.show(archive_brand(brand_id=brand.pk, **self.read(Because), **self.told))

    @extend_schema(request=Because, responses=BrandView)
    @action(detail=True, methods=["post"])
    def restore(self, _request: Request, **_: Any) -> Response:
        """Open an archived brand again."""
        brand = self.subject()
        return self.show(restore_brand(brand_id=brand.pk, **self.read(Because), **self.told))


class AccountView(serializers.ModelSerializer[SocialAccount]):
    """An account. Nothing tells a credential, not even how long it is."""

    credentials_age_seconds = serializers.SerializerMethodField()
    people_with_reach = serializers.IntegerField(
        read_only=True, help_text="How many people hold a role that reaches this account's brand."
    )

    class Meta:
        model = SocialAccount
        fields = [
            "id", "brand", "network", "handle", "health", "health_detail", "health_checked_at", "connected_at",
            "connected_by_id", "credentials_set_at", "credentials_age_seconds", "people_with_reach",
            "disconnected_at",
        ]  # fmt: skip

    def get_credentials_age_seconds(self, account: SocialAccount) -> int | None:
        if account.disconnected_at is not None:
            return None
        since = account.credentials_set_at or account.connected_at
        return int((self.context["view"].now - since).total_seconds())


class AccountShape(Shape):
    brand = serializers.UUIDField()
    network = serializers.SlugField(max_length=32)
    handle = serializers.CharField(max_length=120)
    credentials = serializers.DictField(child=serializers.CharField(max_length=4000), default=dict)


class Credentials(Shape):
    credentials = serializers.DictField(child=serializers.CharField(max_length=4000))


class WantedAccounts(Shape):
    brand = serializers.UUIDField(required=False)
    network = serializers.SlugField(max_length=32, required=False)
    health = serializers.ChoiceField(choices=Health.choices, required=False)


class Accounts(ReadViews):
    """Social accounts of brands. No answer shows a credential."""

    sees = Need.BRANDS_READ
    needs: ClassVar[Any] = {
        "list": Need.BRANDS_READ,
        "retrieve": Need.BRANDS_READ,
        **dict.fromkeys(("create", "renew", "disconnect"), Need.ACCOUNTS_CONNECT),
    }
    serializer_class = AccountView
    asks = WantedAccounts

    def rows(self) -> Any:
        holders = Grant.objects.all().counting(self.now).filter(incident=None, seat__stage=SeatStage.ACTIVE)
        everywhere = (
            holders.filter(Q(brand=None) | Q(brand=OuterRef("brand_id")))
            .order_by()
            .values("agency_id")
            .annotate(people=Count("seat_id", distinct=True))
            .values("people")
        )
        return SocialAccount.objects.annotate(people_with_reach=Coalesce(Subquery(everywhere), 0))

    @extend_schema(request=AccountShape, responses={201: AccountView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(AccountShape)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.ACCOUNTS_CONNECT, brand)
        account = connect_account(brand_id=brand.pk, **wanted, **self.told)
        return self.show_created(self.rows().get(pk=account.pk))

    @extend_schema(parameters=[SEEN], request=Credentials, responses=AccountView)
    @action(detail=True, methods=["post"], url_path="credentials")
    def renew(self, _request: Request, **_: Any) -> Response:
        """Replace the credentials, when the network refuses the old ones or whoever connected it has left."""
        account = self.subject(seen=True)
        renew_credentials(account_id=account.pk, **self.read(Credentials), **self.told)
        return self.show(self.rows().get(pk=account.pk))

    @extend_schema(request=Because, responses=AccountView)
    @action(detail=True, methods=["post"])
    def disconnect(self, _request: Request, **_: Any) -> Response:
        """Forget the credentials. Nothing goes out to this account any more; its history stays."""
        account = self.subject()
        disconnect_account(account_id=account.pk, **self.read(Because), **self.told)
        return self.show(self.rows().get(pk=account.pk))


routes = [("agency", AgencyDetail, "agency"), ("brands", Brands, "brand"), ("accounts", Accounts, "account")]
