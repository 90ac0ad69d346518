"""How people are reached, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import (
    add_contact_method,
    order_contact_methods,
    remove_contact_method,
    send_code,
    try_contact_method,
    verify_contact_method,
)
from alerting.actions.contacts import MOST_TRIES, MOST_WAYS
from alerting.models import ContactMethod, Transport
from alerting.transports import hint
from core.http.rates import Allowance, admit
from core.http.shapes import Shape
from permissions import gate
from permissions.needs import Need
from permissions.viewset import ReadViews
from tenants.models import Seat

TESTS_A_MINUTE = 3


class ContactMethodView(serializers.ModelSerializer[ContactMethod]):
    address_hint = serializers.SerializerMethodField(help_text="Enough to recognise the address. It is never shown.")
    verified_at = serializers.DateTimeField(
        allow_null=True, help_text="Null: its owner has not sent the code back, and nothing but a code goes there."
    )
    proved_at = serializers.DateTimeField(
        allow_null=True, help_text="When its owner was last seen to read there: a code, a link, a reply, a receipt."
    )
    code_ends_at = serializers.SerializerMethodField(help_text="Until when the code that went there is good.")

    class Meta:
        model = ContactMethod
        fields = [
            "id", "seat", "transport", "address_hint", "position", "added_at", "verified_at", "proved_at",
            "code_ends_at", "version",
        ]  # fmt: skip

    def get_address_hint(self, way: ContactMethod) -> str:
        return hint(way.transport, way.address) if way.address else ""

    def get_code_ends_at(self, way: ContactMethod) -> str | None:
        if way.code is None or way.code_ends_at is None:
            return None
        return serializers.DateTimeField().to_representation(way.code_ends_at)


class ContactMethodShape(Shape):
    seat = serializers.UUIDField(required=False, help_text="Your own, when absent.")
    transport = serializers.ChoiceField(choices=Transport.choices)
    address = serializers.CharField(
        max_length=2000,
        help_text=(
            "An e-mail address; an https URL; a phone number as `+998901234567`; or `slack://…`, `discord://…`, "
            "`workflows://…` (Microsoft Teams), `tgram://…`, `pover://…`, `ntfy://topic`, `ntfys://host/topic`."
        ),
    )


class VerificationShape(Shape):
    code = serializers.CharField(min_length=6, max_length=10)


class VerificationView(serializers.Serializer[Any]):
    verified = serializers.BooleanField(help_text="False: it was another code.")
    tries_left = serializers.IntegerField(help_text="How often the present code can still be tried.")
    contact_method = ContactMethodView()


class ContactMethodOrderShape(Shape):
    seat = serializers.UUIDField(required=False, help_text="Your own, when absent.")
    contacts = serializers.ListField(
        child=serializers.UUIDField(), max_length=MOST_WAYS, help_text="Each contact method of the person, once."
    )


class ContactMethods(ReadViews):
    """How people are reached. Everybody sees and changes their own; who may change rotas, everybody's."""

    sees = Need.ROTAS_WRITE
    needs: ClassVar[Any] = {
        "list": None,
        "retrieve": None,
        "create": None,
        "destroy": None,
        "send_code": None,
        "verify": None,
        "order": None,
        "test": None,
    }
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

    def _whose(self, wanted: dict[str, Any]) -> UUID:
        """The seat that the body means; 403 unless the caller may write for it."""
        seat_id: UUID = wanted.pop("seat", self.caller.seat_id)
        self._may_write(seat_id)
        if seat_id != self.caller.seat_id:
            self.named(Seat.objects.all().active(), seat_id, field="seat", sees=Need.SEATS_READ)
        return seat_id

    def _own(self) -> ContactMethod:
        way: ContactMethod = self.subject()
        self._may_write(way.seat_id)
        return way

    @extend_schema(request=ContactMethodShape, responses={201: ContactMethodView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Add a way. A code goes there at once; pages go there when it has come back."""
        wanted = self.read(ContactMethodShape)
        seat_id = self._whose(wanted)
        return self.show_created(add_contact_method(seat_id=seat_id, **wanted, **self.told))

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        remove_contact_method(contact_method_id=self._own().pk, **self.told)
        return Response(status=codes.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={202: ContactMethodView})
    @action(detail=True, methods=["post"], url_path="send-code")
    def send_code(self, _request: Request, **_: Any) -> Response:
        """Have a new code sent there; the one before is worth nothing any more."""
        way = send_code(contact_method_id=self._own().pk, **self.told)
        return self.show(way, status=codes.HTTP_202_ACCEPTED)

    @extend_schema(request=VerificationShape, responses=VerificationView)
    @action(detail=True, methods=["post"])
    def verify(self, _request: Request, **_: Any) -> Response:
        """Send the code back. It is good for ten minutes and five tries; a wrong one answers `verified: false`."""
        way = verify_contact_method(contact_method_id=self._own().pk, **self.read(VerificationShape), **self.told)
        left = 0 if way.code is None else MOST_TRIES - way.code_tries
        told = {"verified": way.verified_at is not None, "tries_left": left, "contact_method": way}
        return Response(VerificationView(told).data)

    @extend_schema(request=ContactMethodOrderShape, responses=ContactMethodView(many=True))
    @action(detail=False, methods=["post"])
    def order(self, _request: Request, **_: Any) -> Response:
        """Put a person's contact methods into this order."""
        wanted = self.read(ContactMethodOrderShape)
        seat_id = self._whose(wanted)
        ways = order_contact_methods(seat_id=seat_id, contact_ids=wanted["contacts"], **self.told)
        return Response(ContactMethodView(ways, many=True).data)

    @extend_schema(request=None, responses={202: ContactMethodView})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **_: Any) -> Response:
        """Have a message sent there that says it is a test."""
        way = self._own()
        admit(request, Allowance("tests", str(way.pk), TESTS_A_MINUTE))
        return self.show(try_contact_method(contact_method_id=way.pk, **self.told), status=codes.HTTP_202_ACCEPTED)


routes = [
    ("contact-methods", ContactMethods, "contact-method"),
]
