"""Escalation policies over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import create_escalation_policy, revise_escalation_policy
from alerting.models import EscalationPolicy
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.models import Brand

MOST_STEPS = 10
MOST_TARGETS = 20
LONGEST_WAIT_MINUTES = 24 * 60


class EscalationTargetShape(Shape):
    """Exactly one of the three."""

    rota = serializers.UUIDField(required=False, help_text="Whoever is on call.")
    seat = serializers.UUIDField(required=False, help_text="This person.")
    role = serializers.CharField(
        max_length=40, required=False, help_text="Everybody who holds this role on the brand of the page."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Name a rota, a seat or a role.", code="not_one_target")
        return attrs


class EscalationStepShape(Shape):
    notify = serializers.ListField(child=EscalationTargetShape(), min_length=1, max_length=MOST_TARGETS)
    wait_minutes = serializers.IntegerField(
        min_value=1, max_value=LONGEST_WAIT_MINUTES, help_text="How long the step waits for somebody to answer."
    )


class EscalationPolicyView(serializers.ModelSerializer[EscalationPolicy]):
    steps = EscalationStepShape(many=True, read_only=True)

    class Meta:
        model = EscalationPolicy
        fields = ["id", "name", "brand", "steps", "created_at", "version"]


class RevisedEscalationPolicyShape(Shape):
    name = serializers.CharField(max_length=120)
    steps = serializers.ListField(child=EscalationStepShape(), min_length=1, max_length=MOST_STEPS)


class EscalationPolicyShape(RevisedEscalationPolicyShape):
    brand = serializers.UUIDField(default=None, allow_null=True, help_text="Null: all brands without their own.")


class EscalationPolicies(ReadViews):
    """Who is told first, who next, and after how long."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {
        "list": Need.ROTAS_READ,
        "retrieve": Need.ROTAS_READ,
        "create": Need.ROTAS_WRITE,
        "partial_update": Need.ROTAS_WRITE,
    }
    serializer_class = EscalationPolicyView

    def rows(self) -> Any:
        return EscalationPolicy.objects.all()

    @extend_schema(request=EscalationPolicyShape, responses={201: EscalationPolicyView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(EscalationPolicyShape)
        brand_id = wanted.pop("brand")
        brand = self.named(Brand.objects.all(), brand_id, field="brand", sees=Need.BRANDS_READ) if brand_id else None
        self.require(Need.ROTAS_WRITE, brand)
        return self.show_created(create_escalation_policy(brand_id=brand_id, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=RevisedEscalationPolicyShape, responses=EscalationPolicyView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named, for pages to come."""
        policy: EscalationPolicy = self.subject(seen=True)
        # The stored steps name rotas and seats as texts; read through the shape they are what the action expects.
        present = RevisedEscalationPolicyShape(data={"name": policy.name, "steps": policy.steps})
        present.is_valid()
        wanted = {**present.validated_data, **self.read(RevisedEscalationPolicyShape, partial=True)}
        return self.show(revise_escalation_policy(policy_id=policy.pk, **wanted, **self.told))


routes = [
    ("escalation-policies", EscalationPolicies, "escalation-policy"),
]
