"""Turns that are offered and taken, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions.swaps import cancel_swap, give_swap_back, offer_swap, take_swap
from alerting.api.absences import ForOthers
from alerting.models import Rota, ShiftSwap
from alerting.states import SwapStage
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews

STATES = ["open", "taken", "past_due", "cancelled"]


def in_state(state: str, at: datetime) -> Q:
    """By the clock: an offer that has begun is past due, whatever machines have noted of it."""
    offered = Q(stage=SwapStage.OFFERED)
    return {
        "open": offered & Q(starts_at__gt=at),
        "past_due": offered & Q(starts_at__lte=at),
        "taken": Q(stage=SwapStage.TAKEN),
        "cancelled": Q(stage=SwapStage.CANCELLED),
    }[state]


class SwapView(serializers.ModelSerializer[ShiftSwap]):
    state = serializers.SerializerMethodField()

    class Meta:
        model = ShiftSwap
        fields = [
            "id", "rota", "seat", "taken_by", "starts_at", "ends_at", "note", "state", "offered_at", "settled_at",
            "version",
        ]  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, swap: ShiftSwap) -> str:
        if swap.stage == SwapStage.OFFERED:
            return "past_due" if swap.starts_at <= self.context["view"].now else "open"
        return swap.stage.lower()


class SwapShape(Shape):
    rota = serializers.UUIDField()
    seat = serializers.UUIDField(required=False, help_text="Whose turns; your own, when absent.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class SwapsWanted(Shape):
    rota = serializers.UUIDField(required=False)
    seat = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=STATES, required=False)


class Swaps(ForOthers, ReadViews):
    """Turns that people offer to one another."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "take", "give_back", "cancel"), Need.ROTAS_READ)
    serializer_class = SwapView

    def rows(self) -> Any:
        return ShiftSwap.objects.all()

    @extend_schema(parameters=[SwapsWanted], responses=SwapView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(SwapsWanted)
        found = self.get_queryset()
        if state := wanted.pop("state", None):
            found = found.filter(in_state(state, self.now))
        return self.show_page(found.filter(**wanted))

    @extend_schema(request=SwapShape, responses={201: SwapView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Offer turns of a while. Until somebody takes them, you answer."""
        wanted = self.read(SwapShape)
        rota = self.named(Rota.objects.all(), wanted.pop("rota"), field="rota", sees=Need.ROTAS_READ)
        seat_id = wanted.pop("seat", self.caller.seat_id)
        self.may_speak_for(seat_id)
        return self.show_created(offer_swap(rota_id=rota.pk, seat_id=seat_id, **wanted, **self.told))

    @extend_schema(request=None, responses=SwapView)
    @action(detail=True, methods=["post"])
    def take(self, _request: Request, **_: Any) -> Response:
        """Answer for these turns instead of whoever offered them."""
        swap: ShiftSwap = self.subject()
        return self.show(take_swap(swap_id=swap.pk, **self.read(Shape), **self.told))

    @extend_schema(parameters=[SEEN], request=None, responses=SwapView)
    @action(detail=True, methods=["post"], url_path="give-back")
    def give_back(self, _request: Request, **_: Any) -> Response:
        """You took it, and cannot after all: it is on offer again."""
        swap: ShiftSwap = self.subject(seen=True)
        self.may_speak_for(swap.taken_by_id or swap.seat_id)
        return self.show(give_swap_back(swap_id=swap.pk, **self.read(Shape), **self.told))

    @extend_schema(parameters=[SEEN], request=None, responses=SwapView)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_: Any) -> Response:
        """You answer for your turns yourself."""
        swap: ShiftSwap = self.subject(seen=True)
        self.may_speak_for(swap.seat_id)
        return self.show(cancel_swap(swap_id=swap.pk, **self.read(Shape), **self.told))


routes = [("shift-swaps", Swaps, "shift-swap")]
