"""The coverage proof over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.queries.coverage import Coverage, Hole, coverage_of
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import HouseViewSet
from tenants.models import Brand

USUAL_DAYS = 30
MOST_DAYS = 92


class CoverageShape(Shape):
    brand = serializers.UUIDField()
    days = serializers.RegexField(r"\A[1-9][0-9]?\Z", required=False, help_text="1 to 92; 30, when absent.")


class HoleView(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    why = serializers.ChoiceField(
        choices=["gap", "nobody", "hours", "quiet", "no_person"],
        help_text="`gap`: its rota has nobody then; `nobody`: nobody who is named is here; `hours`: who is here does "
        "not keep the hours of the step; `quiet`: they keep quiet hours; `no_person`: it names only channels, or "
        "people whom only an incident will know.",
    )


class ReachedView(serializers.Serializer[Any]):
    seat = serializers.UUIDField()
    by = serializers.ChoiceField(
        choices=["proven", "email"], help_text="A way that they have proved, or only the e-mail of their account."
    )


class StepCoverageView(serializers.Serializer[Any]):
    step = serializers.IntegerField(help_text="Counted from 0.")
    asked = serializers.BooleanField(help_text="False where its conditions keep it out at this severity.")
    people = ReachedView(many=True)
    holes = HoleView(many=True)


class SeverityCoverageView(serializers.Serializer[Any]):
    severity = serializers.IntegerField()
    steps = StepCoverageView(many=True)
    uncovered = HoleView(many=True, help_text="When no step reaches anybody.")


class CoverageView(serializers.Serializer[Any]):
    brand = serializers.UUIDField()
    until = serializers.DateTimeField()
    policy = serializers.UUIDField(allow_null=True, help_text="Null for the ladder of the house: every owner.")
    proved = serializers.BooleanField(
        help_text="No hole in any step, and at each minute the client has somebody who can agree."
    )
    severities = SeverityCoverageView(many=True)
    approvers = ReachedView(many=True, help_text="The client's people who can agree to words.")
    unapproved = HoleView(many=True, help_text="When there is no such person.")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class CoverageProof(HouseViewSet):
    """Whether somebody would be reached, at each severity and minute of the next days."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {"list": Need.ROTAS_READ}
    serializer_class = CoverageView

    @extend_schema(parameters=[CoverageShape], responses=CoverageView)
    def list(self, _request: Request, **_: Any) -> Response:
        """For a brand's ladder: whom each step reaches, and when it would reach nobody."""
        wanted = self.asked(CoverageShape)
        brand = self.named(Brand.objects.all(), wanted["brand"], field="brand", sees=Need.BRANDS_READ)
        days = timedelta(days=min(int(wanted.get("days", USUAL_DAYS)), MOST_DAYS))
        found = coverage_of(brand.pk, self.now, self.now + days)
        return Response(CoverageView({"brand": brand.pk, **_shown(found)}).data)


def _shown(found: Coverage) -> dict[str, Any]:
    return {
        "from": found.since,
        "until": found.until,
        "policy": found.policy["policy_id"],
        "proved": found.proved,
        "severities": [
            {
                "severity": severity,
                "steps": [
                    {
                        "step": step.step,
                        "asked": step.asked,
                        "people": _people(found, step.seats),
                        "holes": _holes(step.holes),
                    }
                    for step in steps
                ],
                "uncovered": _holes(found.uncovered[severity]),
            }
            for severity, steps in found.steps.items()
        ],
        "approvers": _people(found, found.approvers),
        "unapproved": _holes(found.unapproved),
    }


def _people(found: Coverage, seats: Iterable[UUID]) -> list[dict[str, Any]]:
    return [{"seat": seat, "by": "proven" if found.ways[seat] else "email"} for seat in seats]


def _holes(holes: tuple[Hole, ...]) -> list[dict[str, Any]]:
    return [{"starts_at": hole.starts_at, "ends_at": hole.ends_at, "why": hole.why} for hole in holes]


routes = [("coverage", CoverageProof, "coverage")]
