"""People and their seats over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from core.refusals import NotFound
from permissions.api.revocations import RevocationRow, RevocationView
from permissions.needs import Need
from permissions.queries.goodbyes import goodbye_of
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.actions.goodbyes import REASONS, plan_goodbye, revoke_seat
from tenants.actions.seats import change_seat, resume_seat, suspend_seat
from tenants.models import Seat
from tenants.states import SeatStage


class SeatView(serializers.ModelSerializer[Seat]):
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Seat
        fields = [
            "id", "name", "email", "side", "stage", "locale", "time_zone", "created_at", "last_seen_at",
            "suspended_at", "ended_at", "end_reason", "ended_counts",
        ]  # fmt: skip


class SeatChange(Shape):
    locale = serializers.CharField(max_length=12, required=False)
    time_zone = serializers.CharField(max_length=64, required=False)


class WantedSeats(Shape):
    stage = serializers.ChoiceField(choices=SeatStage.choices, required=False)
    side = serializers.ChoiceField(choices=["staff", "client"], required=False)


class Goodbye(Shape):
    reason = serializers.ChoiceField(choices=REASONS)
    successor = serializers.UUIDField(
        default=None, allow_null=True, help_text="Who takes over what can be taken over; a move must name one."
    )

    def get_fields(self) -> Any:
        # `at` is a name that actions give to now; a field of that name is told here.
        at = serializers.DateTimeField(default=None, allow_null=True, help_text="An instant to come; null: now.")
        return {**super().get_fields(), "at": at}


class GoodbyeView(SeatView):
    """The seat, and the goodbye that its end is, or will be."""

    revocation = serializers.SerializerMethodField()

    class Meta(SeatView.Meta):
        fields = [*SeatView.Meta.fields, "revocation"]

    @extend_schema_field(RevocationRow)
    def get_revocation(self, seat: Seat) -> Any:
        return RevocationRow(goodbye_of(seat.pk), context=self.context).data


class Seats(ReadViews):
    """People and their seats in this agency."""

    sees = Need.SEATS_READ
    needs: ClassVar[Any] = {
        "list": Need.SEATS_READ,
        "retrieve": Need.SEATS_READ,
        "partial_update": Need.SEATS_READ,  # one's own; somebody else's asks for seats.change
        "suspend": Need.SEATS_SUSPEND,
        "resume": Need.SEATS_SUSPEND,
        "revoke": Need.SEATS_REVOKE,
        "revocation": Need.SEATS_REVOKE,
        "me": None,
    }
    serializer_class = SeatView
    asks = WantedSeats

    def rows(self) -> Any:
        return Seat.objects.select_related("user")

    @extend_schema(parameters=[SEEN], request=SeatChange, responses=SeatView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change the language and time zone of a seat: one's own, or anybody's with `seats.change`."""
        seat = self.subject(seen=True)
        if seat.pk != self.caller.seat_id:
            self.require(Need.SEATS_CHANGE, None)
        return self.show(change_seat(seat_id=seat.pk, **self.read(SeatChange), **self.told))

    @extend_schema(request=Because, responses=SeatView)
    @action(detail=True, methods=["post"])
    def suspend(self, _request: Request, **_: Any) -> Response:
        """Close the seat for a while. What the person holds is kept; their keys end."""
        seat = self.subject()
        return self.show(suspend_seat(seat_id=seat.pk, **self.read(Because), **self.told))

    @extend_schema(request=Because, responses=SeatView)
    @action(detail=True, methods=["post"])
    def resume(self, _request: Request, **_: Any) -> Response:
        """Open a suspended seat again; the person signs in anew."""
        seat = self.subject()
        return self.show(resume_seat(seat_id=seat.pk, **self.read(Because), **self.told))

    @extend_schema(request=Goodbye, responses={200: GoodbyeView, 202: GoodbyeView})
    @action(detail=True, methods=["post"])
    def revoke(self, _request: Request, **_: Any) -> Response:
        """End the seat, with everything the person could reach through it: at once (200), or at a time (202).

        What came of it is the goodbye named in the answer, which proves itself line by line from now on. A move names
        a successor, and is refused with `cannot_hand_over`, naming each thing, when they cannot take everything.
        """
        seat = self.subject()
        wanted = self.read(Goodbye)
        due_at: datetime | None = wanted["at"]
        successor: UUID | None = wanted["successor"]
        if successor is not None:
            successor = self.named(Seat.objects.all(), successor, field="successor", sees=Need.SEATS_READ).pk
        asked = {"seat_id": seat.pk, "reason": wanted["reason"], "successor_id": successor, **self.told}
        if due_at is None:
            return self.show(revoke_seat(**asked), GoodbyeView)
        plan_goodbye(due_at=due_at, **asked)
        return self.show(self.rows().get(pk=seat.pk), GoodbyeView, status=codes.HTTP_202_ACCEPTED)

    @extend_schema(responses=RevocationView)
    @action(detail=True, methods=["get"])
    def revocation(self, _request: Request, **_: Any) -> Response:
        """The report on the seat's goodbye, planned or done; 404 when there is none."""
        found = goodbye_of(self.subject().pk)
        if found is None:
            raise NotFound
        return self.show(found, RevocationView)

    @extend_schema(responses=SeatView)
    @action(detail=False, methods=["get"])
    def me(self, _request: Request, **_: Any) -> Response:
        """The seat of the caller; for a key, of the person who issued it."""
        return self.show(self.rows().get(pk=self.caller.seat_id))


routes = [("seats", Seats, "seat")]
