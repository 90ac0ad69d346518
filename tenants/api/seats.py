"""People and their seats over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import ReadViews
from tenants.actions.goodbyes import REASONS, revoke_seat
from tenants.models import Seat


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


routes = [("seats", Seats, "seat")]
