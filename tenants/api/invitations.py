"""Invitations over HTTP."""

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

from core.http.shapes import Because, Shape
from permissions.needs import Need
from permissions.viewset import ReadViews
from tenants.actions.invitations import accept_invitation, send_invitation, void_invitation
from tenants.api.seats import SeatView
from tenants.models import Brand, Invitation


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
        "void": Need.INVITATIONS_SEND,
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

    @extend_schema(request=Because, responses=InvitationView)
    @action(detail=True, methods=["post"])
    def void(self, _request: Request, **_: Any) -> Response:
        """Take an offer back."""
        invitation = self.subject()
        return self.show(void_invitation(invitation_id=invitation.pk, **self.read(Because), **self.told))


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


routes = [("invitations", Invitations, "invitation")]
