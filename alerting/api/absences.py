"""People who are away, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions.absences import add_absence, end_absence, revise_absence
from alerting.models import Absence
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import HouseViewSet, ReadViews


class ForOthers(HouseViewSet):
    """Everybody may speak for themselves; for somebody else speaks who may write rotas. A key is not the person."""

    def may_speak_for(self, seat_id: UUID) -> None:
        if seat_id != self.caller.seat_id or self.caller.key_needs is not None:
            self.require(Need.ROTAS_WRITE, None)


class AbsenceView(serializers.ModelSerializer[Absence]):
    class Meta:
        model = Absence
        fields = ["id", "seat", "starts_at", "ends_at", "added_at", "cancelled_at", "version"]


class AbsenceTimesShape(Shape):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class AbsenceShape(AbsenceTimesShape):
    seat = serializers.UUIDField(required=False, help_text="Who is away; you, when absent.")


class AbsencesWanted(Shape):
    seat = serializers.UUIDField(required=False)


class Absences(ForOthers, ReadViews):
    """Times at which people are away and answer for no rota."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "partial_update", "end"), Need.ROTAS_READ)
    serializer_class = AbsenceView
    asks = AbsencesWanted

    def rows(self) -> Any:
        return Absence.objects.all()

    @extend_schema(request=AbsenceShape, responses={201: AbsenceView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Say that somebody is away; the next in order answers. Nobody asks why."""
        wanted = self.read(AbsenceShape)
        seat_id = wanted.pop("seat", self.caller.seat_id)
        self.may_speak_for(seat_id)
        return self.show_created(add_absence(seat_id=seat_id, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=AbsenceTimesShape, responses=AbsenceView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """They are away at another time; what is not named stays."""
        absence: Absence = self.subject(seen=True)
        self.may_speak_for(absence.seat_id)
        wanted = self.read(AbsenceTimesShape, partial=True)
        return self.show(revise_absence(absence_id=absence.pk, **wanted, **self.told))

    @extend_schema(request=None, responses=AbsenceView)
    @action(detail=True, methods=["post"])
    def end(self, _request: Request, **_: Any) -> Response:
        """They are back, or stay after all."""
        absence: Absence = self.subject()
        self.may_speak_for(absence.seat_id)
        return self.show(end_absence(absence_id=absence.pk, **self.read(Shape), **self.told))


routes = [("absences", Absences, "absence")]
