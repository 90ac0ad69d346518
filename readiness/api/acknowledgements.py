"""Acknowledging policies: what a person was asked to read, and their word that they have."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Flag, Shape
from permissions.needs import Need
from permissions.viewset import ReadViews
from readiness.actions import acknowledge_policy
from readiness.models import Acknowledgement


class OwnAcknowledgementLine(serializers.ModelSerializer[Acknowledgement]):
    policy = serializers.UUIDField(source="version.policy_id", read_only=True)
    brand = serializers.UUIDField(source="version.policy.brand_id", read_only=True, allow_null=True)
    name = serializers.CharField(source="version.policy.name", read_only=True)
    number = serializers.IntegerField(source="version.number", read_only=True)

    class Meta:
        model = Acknowledgement
        fields = [
            "id", "version", "policy", "brand", "name", "number", "asked_at", "due_at", "reminders",
            "acknowledged_at", "excused_at",
        ]  # fmt: skip


class OwnAcknowledgementView(OwnAcknowledgementLine):
    chapters = serializers.ListField(
        source="version.chapters", child=serializers.DictField(), read_only=True, help_text="What there is to read."
    )

    class Meta(OwnAcknowledgementLine.Meta):
        fields = [*OwnAcknowledgementLine.Meta.fields, "chapters"]


class OwnWanted(Shape):
    waiting = Flag(required=False, help_text="Only what is still to be acknowledged, or only the rest.")


class Acknowledgements(ReadViews):
    """What you yourself were asked to acknowledge. Nobody sees anybody else's here."""

    sees = Need.POLICIES_READ
    needs: ClassVar[Any] = {"list": None, "retrieve": None, "acknowledge": None}
    serializer_class = OwnAcknowledgementView

    def rows(self) -> Any:
        return Acknowledgement.objects.select_related("version__policy")

    def get_queryset(self) -> Any:
        return self.rows().filter(seat_id=self.caller.seat_id)

    @extend_schema(parameters=[OwnWanted], responses=OwnAcknowledgementLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        rows = self.get_queryset().defer("version__chapters", "version__rules", "version__audience")
        waiting = self.asked(OwnWanted).get("waiting")
        if waiting is not None:
            still = {"acknowledged_at": None, "excused_at": None}
            rows = rows.filter(**still) if waiting else rows.exclude(**still)
        return self.show_page(rows, OwnAcknowledgementLine)

    def retrieve(self, _request: Request, **_: Any) -> Response:
        return self._shown()

    @extend_schema(request=None, responses=OwnAcknowledgementView)
    @action(detail=True, methods=["post"])
    def acknowledge(self, _request: Request, **_: Any) -> Response:
        """Say that you have read it and keep to it."""
        row = self.subject()
        acknowledge_policy(acknowledgement_id=row.pk, **self.told)
        return self._shown()

    def _shown(self) -> Response:
        # Its `version` is that of the policy, and no ETag.
        return Response(OwnAcknowledgementView(self.subject()).data)


routes = [("acknowledgements", Acknowledgements, "acknowledgement")]
