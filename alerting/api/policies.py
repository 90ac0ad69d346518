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
MOST_REPEATS = 5


class EscalationTargetShape(Shape):
    """Exactly one of them."""

    rota = serializers.UUIDField(required=False, help_text="Whoever is on call.")
    seat = serializers.UUIDField(required=False, help_text="This person.")
    role = serializers.CharField(
        max_length=40, required=False, help_text="Everybody who holds this role on the brand of the page."
    )
    duty = serializers.CharField(
        max_length=60, required=False, help_text="Whoever has this duty in the incident of the page."
    )
    stage_list = serializers.CharField(
        max_length=60, required=False, help_text="Those whom the plan of the page's incident names for this stage."
    )
    channel = serializers.UUIDField(required=False, help_text="A channel of the brand or of the agency.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Name exactly one target.", code="not_one_target")
        return attrs


class LocalHoursShape(Shape):
    """Hours on the clock of whoever is to be told. Without a later end they go past midnight."""

    days = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        min_length=1,
        max_length=7,
        help_text="On which they start; 0 is Monday.",
    )
    starts = serializers.RegexField(r"\A([01]\d|2[0-3]):[0-5]\d\Z", help_text="As in 09:00.")
    ends = serializers.RegexField(r"\A([01]\d|2[0-3]):[0-5]\d\Z", help_text="As in 18:00.")


class EscalationConditionsShape(Shape):
    """A step whose conditions do not hold is passed over at once."""

    severity_at_least = serializers.IntegerField(
        min_value=1, max_value=4, required=False, help_text="Only pages as grave as this: 1 is the gravest."
    )
    local_hours = LocalHoursShape(required=False)
    volume_at_least = serializers.IntegerField(
        min_value=2, max_value=100_000, required=False, help_text="Only once the page has so many causes."
    )


class EscalationStepShape(Shape):
    notify = serializers.ListField(child=EscalationTargetShape(), min_length=1, max_length=MOST_TARGETS)
    wait_minutes = serializers.IntegerField(
        min_value=1, max_value=LONGEST_WAIT_MINUTES, help_text="How long the step waits for somebody to answer."
    )
    important = serializers.BooleanField(default=False, help_text="True: people are told by their important rules.")
    when = EscalationConditionsShape(default=dict)


class EscalationPolicyView(serializers.ModelSerializer[EscalationPolicy]):
    steps = EscalationStepShape(many=True, read_only=True)
    last_resort = EscalationTargetShape(many=True, read_only=True)

    class Meta:
        model = EscalationPolicy
        fields = [
            "id", "name", "brand", "steps", "repeats", "last_resort", "lapses_minutes", "created_at", "version",
        ]  # fmt: skip


class RevisedEscalationPolicyShape(Shape):
    name = serializers.CharField(max_length=120)
    steps = serializers.ListField(child=EscalationStepShape(), min_length=1, max_length=MOST_STEPS)
    repeats = serializers.IntegerField(
        min_value=0, max_value=MOST_REPEATS, default=0, help_text="How often the whole climb begins anew."
    )
    last_resort = serializers.ListField(
        child=EscalationTargetShape(),
        max_length=MOST_TARGETS,
        default=list,
        help_text="Told, beside every owner, when nobody has answered.",
    )
    lapses_minutes = serializers.IntegerField(
        min_value=5,
        max_value=LONGEST_WAIT_MINUTES,
        default=None,
        allow_null=True,
        help_text="A page that somebody took climbs again after so long without a sign of them. Null: never.",
    )


class EscalationPolicyShape(RevisedEscalationPolicyShape):
    brand = serializers.UUIDField(default=None, allow_null=True, help_text="Null: all brands without their own.")


REVISABLE = ("name", "steps", "repeats", "last_resort", "lapses_minutes")


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
        present = RevisedEscalationPolicyShape(data={name: getattr(policy, name) for name in REVISABLE})
        present.is_valid()
        wanted = {**present.validated_data, **self.read(RevisedEscalationPolicyShape, partial=True)}
        return self.show(revise_escalation_policy(policy_id=policy.pk, **wanted, **self.told))


routes = [
    ("escalation-policies", EscalationPolicies, "escalation-policy"),
]
