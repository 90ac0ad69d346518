"""Contact methods over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import add_contact_method, remove_contact_method
from alerting.models import ContactMethod, Transport
from alerting.transports import hint
from core.http.shapes import Shape
from permissions import gate
from permissions.needs import Need
from permissions.viewset import ReadViews
from tenants.models import Seat


class ContactMethodView(serializers.ModelSerializer[ContactMethod]):
    address_hint = serializers.SerializerMethodField(help_text="Enough to recognise the address. It is never shown.")

    class Meta:
        model = ContactMethod
        fields = ["id", "seat", "transport", "address_hint", "position", "added_at"]

    def get_address_hint(self, way: ContactMethod) -> str:
        return hint(way.transport, way.address) if way.address else ""


class ContactMethodShape(Shape):
    seat = serializers.UUIDField(required=False, help_text="Your own, when absent.")
    transport = serializers.ChoiceField(choices=Transport.choices)
    address = serializers.CharField(
        max_length=2000,
        help_text="An e-mail address; an https URL; or `slack://…`, `discord://…`, `tgram://…`, `pover://…`, `ntfy://…`.",
    )


class ContactMethods(ReadViews):
    """How people are reached. Everybody sees and changes their own; who may change rotas, everybody's."""

    sees = Need.ROTAS_WRITE
    needs: ClassVar[Any] = {"list": None, "retrieve": None, "create": None, "destroy": None}
    serializer_class = ContactMethodView
    keyset = ("position", "id")

    def rows(self) -> Any:
        return ContactMethod.objects.all().live()

    def get_queryset(self) -> Any:
        rows = self.rows()
        return rows if gate.everywhere(self.caller, Need.ROTAS_WRITE) else rows.filter(seat_id=self.caller.seat_id)

    def _may_write(self, seat_id: Any) -> None:
        """A key is not the person: it may change contact methods only when that is what it was made for."""
        if seat_id != self.caller.seat_id or self.caller.key_needs is not None:
            self.require(Need.ROTAS_WRITE, None)

    @extend_schema(request=ContactMethodShape, responses={201: ContactMethodView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(ContactMethodShape)
        seat_id = wanted.pop("seat", self.caller.seat_id)
        self._may_write(seat_id)
        if seat_id != self.caller.seat_id:
            self.named(Seat.objects.all().active(), seat_id, field="seat", sees=Need.SEATS_READ)
        return self.show_created(add_contact_method(seat_id=seat_id, **wanted, **self.told))

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        way: ContactMethod = self.subject()
        self._may_write(way.seat_id)
        remove_contact_method(contact_method_id=way.pk, **self.told)
        return Response(status=codes.HTTP_204_NO_CONTENT)


routes = [
    ("contact-methods", ContactMethods, "contact-method"),
]
