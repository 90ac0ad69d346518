"""Where teams read, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import create_channel, remove_channel, revise_channel, try_channel
from alerting.api.contacts import TESTS_A_MINUTE
from alerting.models import Channel, Transport
from alerting.queries.messages import LANGUAGES
from alerting.transports import hint
from core.http.rates import Allowance, admit
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.models import Brand


class ChannelView(serializers.ModelSerializer[Channel]):
    address_hint = serializers.SerializerMethodField(help_text="Enough to recognise the address. It is never shown.")

    class Meta:
        model = Channel
        fields = ["id", "brand", "name", "transport", "address_hint", "language", "added_at", "version"]

    def get_address_hint(self, channel: Channel) -> str:
        return hint(channel.transport, channel.address) if channel.address else ""


class RevisedChannelShape(Shape):
    name = serializers.CharField(max_length=120)
    address = serializers.CharField(max_length=2000, help_text="As for a contact method; a list's e-mail address too.")
    language = serializers.ChoiceField(choices=LANGUAGES, default="en")


class ChannelShape(RevisedChannelShape):
    brand = serializers.UUIDField(default=None, allow_null=True, help_text="Null: the whole agency's.")
    transport = serializers.ChoiceField(choices=Transport.choices)


class ChannelFilter(Shape):
    brand = serializers.UUIDField(required=False)


class Channels(ReadViews):
    """Chat rooms, lists and webhooks that policies can name. What is sent there has no link to take the page."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {
        "list": Need.ROTAS_READ,
        "retrieve": Need.ROTAS_READ,
        "create": Need.ROTAS_WRITE,
        "partial_update": Need.ROTAS_WRITE,
        "destroy": Need.ROTAS_WRITE,
        "test": Need.ROTAS_WRITE,
    }
    serializer_class = ChannelView
    asks = ChannelFilter

    def rows(self) -> Any:
        return Channel.objects.filter(removed_at=None)

    @extend_schema(request=ChannelShape, responses={201: ChannelView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(ChannelShape)
        brand_id = wanted.pop("brand")
        brand = self.named(Brand.objects.all(), brand_id, field="brand", sees=Need.BRANDS_READ) if brand_id else None
        self.require(Need.ROTAS_WRITE, brand)
        return self.show_created(create_channel(brand_id=brand_id, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=RevisedChannelShape, responses=ChannelView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named, for messages to come."""
        channel: Channel = self.subject(seen=True)
        present = {"name": channel.name, "language": channel.language, "address": None}
        wanted = present | self.read(RevisedChannelShape, partial=True)
        return self.show(revise_channel(channel_id=channel.pk, **wanted, **self.told))

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        remove_channel(channel_id=self.subject().pk, **self.told)
        return Response(status=codes.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={202: ChannelView})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **_: Any) -> Response:
        """Have a message sent there that says it is a test."""
        channel: Channel = self.subject()
        admit(request, Allowance("tests", str(channel.pk), TESTS_A_MINUTE))
        return self.show(try_channel(channel_id=channel.pk, **self.told), status=codes.HTTP_202_ACCEPTED)


routes = [
    ("channels", Channels, "channel"),
]
