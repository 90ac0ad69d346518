"""The agency, its brands, accounts, people and invitations over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import HouseViewSet, ReadViews
from tenants.actions import REASONS, accept_invitation, connect_account, create_brand, revoke_seat, send_invitation
from tenants.models import Agency, Brand, Invitation, Seat, SocialAccount


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


class SeatView(serializers.ModelSerializer[Seat]):
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Seat
        fields = [
            "id", "name", "email", "side", "stage", "locale", "time_zone", "created_at", "ended_at", "end_reason",
            "ended_counts",
        ]  # fmt: skip


class Goodbye(Shape):
    reason = serializers.ChoiceField(choices=REASONS)


class Seats(ReadViews):
    """People and their seats in this agency."""

    sees = Need.SEATS_READ
    needs: ClassVar[Any] = {
        "list": Need.SEATS_READ,
        "retrieve": Need.SEATS_READ,
        "revoke": Need.SEATS_REVOKE,
        "me": None,
    }
    serializer_class = SeatView

    def rows(self) -> Any:
        return Seat.objects.select_related("user")

    @extend_schema(request=Goodbye, responses=SeatView)
    @action(detail=True, methods=["post"])
    def revoke(self, _request: Request, **_: Any) -> Response:
        """End the seat at once, with everything the person could reach through it."""
        seat = self.subject()
        return self.show(revoke_seat(seat_id=seat.pk, **self.read(Goodbye), **self.told))

    @extend_schema(responses=SeatView)
    @action(detail=False, methods=["get"])
    def me(self, _request: Request, **_: Any) -> Response:
        """The seat of the caller; for a key, of the person who issued it."""
        return self.show(self.rows().get(pk=self.caller.seat_id))


class InvitationView(serializers.ModelSerializer[Invitation]):
    class Meta:
        model = Invitation
        fields = ["id", "email", "side", "role", "brand_ids", "created_at", "expires_at", "accepted_at", "voided_at"]


class InvitationShape(Shape):
    email = serializers.EmailField()
    side = serializers.ChoiceField(choices=["staff", "client"])
    role = serializers.CharField(max_length=40)
    brands = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=500)


class Invitations(ReadViews):
    """Offers of seats. The secret goes out by e-mail only."""

    sees = Need.INVITATIONS_SEND
    needs: ClassVar[Any] = {
        "list": Need.INVITATIONS_SEND,
        "retrieve": Need.INVITATIONS_SEND,
        "create": Need.INVITATIONS_SEND,
    }
    serializer_class = InvitationView

    def rows(self) -> Any:
        return Invitation.objects.all()

    @extend_schema(request=InvitationShape, responses={201: InvitationView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(InvitationShape)
        brands = [
            self.named(Brand.objects.all(), brand, field=f"brands.{place}", sees=Need.BRANDS_READ)
            for place, brand in enumerate(wanted.pop("brands"))
        ]
        for brand in brands or [None]:
            self.require(Need.INVITATIONS_SEND, brand)
        invited = send_invitation(brand_ids=[brand.pk for brand in brands], inviter=self.caller, **wanted, **self.told)
        return self.show_created(invited.invitation)


class Acceptance(Shape):
    token = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=120)
    password = serializers.CharField(max_length=200, trim_whitespace=False)


class AcceptInvitation(APIView):
    """Take the seat that an invitation offers. Needs no sign-in: the secret from the e-mail is the proof."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(request=Acceptance, responses={201: SeatView}, operation_id="invitations_accept")
    @transaction.atomic
    def post(self, request: Request) -> Response:
        shape = Acceptance(data=request.data)
        shape.is_valid(raise_exception=True)
        seat = accept_invitation(**shape.validated_data, at=timezone.now())
        return Response(SeatView(seat).data, status=201)


routes = [
    ("agency", AgencyDetail, "agency"),
    ("brands", Brands, "brand"),
    ("accounts", Accounts, "account"),
    ("seats", Seats, "seat"),
    ("invitations", Invitations, "invitation"),
]
