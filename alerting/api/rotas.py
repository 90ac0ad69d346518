"""Rotas over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import cancel_override, create_rota, override_rota, revise_rota
from alerting.models import Rota, RotaOverride
from alerting.queries import on_call, override_at
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews

ROTA_FIELDS = ("name", "time_zone", "members", "starts_at", "shift_hours")
LONGEST_TURN_HOURS = 24 * 7 * 8
MOST_MEMBERS = 100


class RotaView(serializers.ModelSerializer[Rota]):
    class Meta:
        model = Rota
        fields = ["id", "name", "time_zone", "members", "starts_at", "shift_hours", "created_at", "version"]


class RotaShape(Shape):
    name = serializers.CharField(max_length=120)
    time_zone = serializers.CharField(max_length=64, help_text="Turns begin on the clock of this zone.")
    members = serializers.ListField(
        child=serializers.UUIDField(),
        min_length=1,
        max_length=MOST_MEMBERS,
        help_text="Seats of staff, in the order of their turns.",
    )
    starts_at = serializers.DateTimeField(help_text="When the first turn begins.")
    shift_hours = serializers.IntegerField(
        min_value=1, max_value=LONGEST_TURN_HOURS, help_text="24 for a day; counted on the clock of the zone."
    )


class RotaOverrideView(serializers.ModelSerializer[RotaOverride]):
    class Meta:
        model = RotaOverride
        fields = ["id", "rota", "seat", "starts_at", "ends_at", "created_at", "cancelled_at"]


class RotaOverrideShape(Shape):
    seat = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class OnCallShape(Shape):
    at = serializers.DateTimeField(required=False, help_text="Now, when absent.")


class OnCallView(serializers.Serializer[Any]):
    rota = serializers.UUIDField()
    at = serializers.DateTimeField()
    seat = serializers.UUIDField(allow_null=True, help_text="Null when nobody answers.")
    override = serializers.UUIDField(allow_null=True, help_text="The override that counts at this instant.")


class Rotas(ReadViews):
    """People who take turns at being on call."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {
        "list": Need.ROTAS_READ,
        "retrieve": Need.ROTAS_READ,
        "create": Need.ROTAS_WRITE,
        "partial_update": Need.ROTAS_WRITE,
        "on_call": Need.ROTAS_READ,
        "overrides": Need.ROTAS_WRITE,
    }
    serializer_class = RotaView

    def rows(self) -> Any:
        return Rota.objects.all()

    @extend_schema(request=RotaShape, responses={201: RotaView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.ROTAS_WRITE, None)
        return self.show_created(create_rota(**self.read(RotaShape), **self.told))

    @extend_schema(parameters=[SEEN], request=RotaShape, responses=RotaView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named; what is not named stays."""
        rota: Rota = self.subject(seen=True)
        present = {name: getattr(rota, name) for name in ROTA_FIELDS}
        wanted = present | self.read(RotaShape, partial=True)
        return self.show(revise_rota(rota_id=rota.pk, **wanted, **self.told))

    @extend_schema(parameters=[OnCallShape], responses=OnCallView)
    @action(detail=True, methods=["get"], url_path="on-call")
    def on_call(self, _request: Request, **_: Any) -> Response:
        """Who answers for the rota at an instant."""
        rota: Rota = self.subject()
        at = self.asked(OnCallShape).get("at", self.now)
        override = override_at(rota, at)
        found = {
            "rota": rota.pk,
            "at": at,
            "seat": on_call(rota, at),
            "override": override.pk if override else None,
        }
        return Response(OnCallView(found).data)

    @extend_schema(request=RotaOverrideShape, responses={201: RotaOverrideView})
    @action(detail=True, methods=["post"])
    def overrides(self, _request: Request, **_: Any) -> Response:
        """Have somebody stand in for whoever has the turn."""
        rota: Rota = self.subject()
        wanted = self.read(RotaOverrideShape)
        seat_id = wanted.pop("seat")
        override = override_rota(rota_id=rota.pk, seat_id=seat_id, **wanted, **self.told)
        return self.show_created(override, RotaOverrideView)


class RotaOverrideFilter(Shape):
    rota = serializers.UUIDField(required=False)


class RotaOverrides(ReadViews):
    """Who stands in, and when. Made at `rotas/{id}/overrides`."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {"list": Need.ROTAS_READ, "retrieve": Need.ROTAS_READ, "cancel": Need.ROTAS_WRITE}
    serializer_class = RotaOverrideView
    asks = RotaOverrideFilter

    def rows(self) -> Any:
        return RotaOverride.objects.all()

    @extend_schema(request=None, responses=RotaOverrideView)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_: Any) -> Response:
        return self.show(cancel_override(override_id=self.subject().pk, **self.told))


routes = [
    ("rotas", Rotas, "rota"),
    ("rota-overrides", RotaOverrides, "rota-override"),
]
