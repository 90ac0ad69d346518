"""Crisis plans over HTTP: drafts, versions, templates, health, and how grave a crisis is by them."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from core.refusals import Invalid, NotFound
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import (
    change_plan,
    create_plan,
    draft_plan,
    review_plan,
)
from readiness.api.plan_drafts import PlanDraftView, PlanVersionView
from readiness.models import Plan, PlanTemplate
from readiness.queries import newest_version_of, plan_in_force
from readiness.queries.health import Health, health_of
from readiness.severity import DEFAULT_MATRIX, LEGAL, assess
from tenants.models import Brand

MOST_REVIEW_DAYS = 3 * 366


class PlanView(serializers.ModelSerializer[Plan]):
    number = serializers.IntegerField(
        source="version", read_only=True, help_text="Of the newest version; 0 while none has been signed off."
    )

    class Meta:
        model = Plan
        fields = [
            "id", "brand", "name", "template", "number", "review_days", "reviewed_at", "review_due_at", "created_at",
        ]  # fmt: skip


class FirstDraft(Shape):
    brand = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    body = serializers.JSONField(help_text="What the brand says itself; what it leaves out comes from the template.")
    template = serializers.UUIDField(required=False, allow_null=True)
    review_days = serializers.IntegerField(min_value=1, max_value=MOST_REVIEW_DAYS, required=False)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)


class NextDraft(Shape):
    body = serializers.JSONField(required=False, help_text="A copy of what the newest version says, when absent.")
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class PlanChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    template = serializers.UUIDField(required=False, allow_null=True)
    review_days = serializers.IntegerField(min_value=1, max_value=MOST_REVIEW_DAYS, required=False)


class PlanReviewShape(Shape):
    note = serializers.CharField(max_length=500)


class OfBrand(Shape):
    brand = serializers.UUIDField()


class PlansWanted(Shape):
    brand = serializers.UUIDField(required=False)


class HealthCheckView(serializers.Serializer[Any]):
    name = serializers.CharField()
    weight = serializers.IntegerField()
    holds = serializers.FloatField(help_text="How much of it holds, 0 to 1.")
    problems = serializers.ListField(child=serializers.CharField())


class PlanHealthView(serializers.Serializer[Any]):
    plan = serializers.UUIDField()
    number = serializers.IntegerField(help_text="The version that was looked at; 0 for none.")
    score = serializers.IntegerField(help_text="0 to 100.")
    fit = serializers.BooleanField(help_text="Whether the score is high enough not to worry.")
    checks = HealthCheckView(many=True)


class FactsShape(Shape):
    volume = serializers.FloatField(min_value=0, required=False, help_text="Mentions, as a multiple of what is usual.")
    sentiment = serializers.FloatField(
        min_value=0, max_value=1, required=False, help_text="Share of negative mentions."
    )
    reach = serializers.IntegerField(min_value=0, required=False, help_text="People who may have seen it.")
    spread = serializers.IntegerField(min_value=0, required=False, help_text="Networks on which it is talked of.")
    authors = serializers.IntegerField(min_value=0, required=False)
    kind = serializers.CharField(max_length=40, required=False)
    topic = serializers.CharField(max_length=80, required=False)
    legal = serializers.ChoiceField(choices=LEGAL, required=False)


class AssessShape(Shape):
    brand = serializers.UUIDField()
    facts = FactsShape()


class ReasonView(serializers.Serializer[Any]):
    dimension = serializers.CharField()
    fact = serializers.JSONField()
    severity = serializers.IntegerField()
    step = serializers.JSONField(allow_null=True, help_text="The step of the matrix that spoke; null when none did.")


class AssessmentView(serializers.Serializer[Any]):
    severity = serializers.IntegerField(help_text="1, the worst, to 4.")
    reasons = ReasonView(many=True, help_text="The gravest first.")
    unknown = serializers.ListField(child=serializers.CharField(), help_text="Dimensions of which nothing was said.")
    plan_version = serializers.UUIDField(allow_null=True, help_text="Whose matrix it is; null for the house's own.")


class Plans(ReadViews):
    """Crisis plans. What a plan says is in its versions, which never change."""

    sees = Need.PLANS_READ
    needs: ClassVar[Any] = {
        "list": Need.PLANS_READ,
        "retrieve": Need.PLANS_READ,
        "create": Need.PLANS_PUBLISH,
        "partial_update": Need.PLANS_PUBLISH,
        "drafts": Need.PLANS_PUBLISH,
        "review": Need.PLANS_PUBLISH,
        "health": Need.PLANS_READ,
        "says": Need.PLANS_READ,
        "in_force": Need.PLANS_READ,
        "assess": Need.PLANS_READ,
    }
    serializer_class = PlanView

    def rows(self) -> Any:
        return Plan.objects.all()

    @extend_schema(parameters=[PlansWanted], responses=PlanView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(PlansWanted)))

    @extend_schema(request=FirstDraft, responses={201: PlanDraftView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Begin a plan with a draft of its first version; it is in force when people have signed that off."""
        wanted = self.read(FirstDraft)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.PLANS_PUBLISH, brand)
        template_id = self._template(wanted.pop("template", None))
        draft = create_plan(brand_id=brand.pk, own=wanted.pop("body"), template_id=template_id, **wanted, **self.told)
        return self.show_created(draft, PlanDraftView)

    def _template(self, template_id: Any) -> Any:
        if template_id is not None and not PlanTemplate.objects.filter(pk=template_id).exists():
            detail = "There is no such template."
            raise Invalid(errors=[{"field": "template", "code": "does_not_exist", "detail": detail}])
        return template_id

    @extend_schema(parameters=[SEEN], request=PlanChange, responses=PlanView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named; what is not named stays. A `template` of null: it inherits nothing any more."""
        plan: Plan = self.subject(seen=True)
        wanted = self.read(PlanChange, partial=True)
        forget = "template" in wanted and wanted["template"] is None
        template_id = self._template(wanted.pop("template", None))
        changed = change_plan(plan_id=plan.pk, template_id=template_id, forget_template=forget, **wanted, **self.told)
        return self.show(changed)

    @extend_schema(request=NextDraft, responses={201: PlanDraftView})
    @action(detail=True, methods=["post"])
    def drafts(self, _request: Request, **_: Any) -> Response:
        """Begin the next version."""
        plan: Plan = self.subject()
        wanted = self.read(NextDraft)
        draft = draft_plan(plan_id=plan.pk, own=wanted.get("body"), reason=wanted["reason"], **self.told)
        return self.show_created(draft, PlanDraftView)

    @extend_schema(parameters=[SEEN], request=PlanReviewShape, responses=PlanView)
    @action(detail=True, methods=["post"])
    def review(self, _request: Request, **_: Any) -> Response:
        """Say that you have looked through it and that it still holds."""
        plan: Plan = self.subject(seen=True)
        return self.show(review_plan(plan_id=plan.pk, **self.read(PlanReviewShape), **self.told))

    @extend_schema(responses=PlanHealthView)
    @action(detail=True, methods=["get"])
    def health(self, _request: Request, **_: Any) -> Response:
        """Whether the plan would hold tonight: what it relies on, and what of that is not there."""
        plan: Plan = self.subject()
        return Response(_health(plan, health_of(plan, self.now)))

    @extend_schema(operation_id="plans_newest_version", responses=PlanVersionView)
    @action(detail=True, methods=["get"], url_path="in-force")
    def says(self, _request: Request, **_: Any) -> Response:
        """What this plan says now: its newest version; 404 while none has been signed off."""
        version = newest_version_of(self.subject())
        if version is None:
            raise NotFound
        return self.show(version, PlanVersionView)

    @extend_schema(parameters=[OfBrand], operation_id="plans_in_force", responses=PlanVersionView)
    @action(detail=False, methods=["get"], url_path="in-force", pagination_class=None)
    def in_force(self, _request: Request, **_: Any) -> Response:
        """The version that a crisis of this brand would follow now; 404 when the brand has no plan."""
        brand = self.named(Brand.objects.all(), self.asked(OfBrand)["brand"], field="brand", sees=Need.PLANS_READ)
        version = plan_in_force(brand.pk)
        if version is None:
            raise NotFound
        return self.show(version, PlanVersionView)

    @extend_schema(request=AssessShape, responses=AssessmentView)
    @action(detail=False, methods=["post"])
    def assess(self, _request: Request, **_: Any) -> Response:
        """How grave a crisis would be by the matrix of the brand's plan, and why. Changes nothing."""
        wanted = self.read(AssessShape)
        brand = self.named(Brand.objects.all(), wanted["brand"], field="brand", sees=Need.PLANS_READ)
        version = plan_in_force(brand.pk)
        matrix = version.body.get("severity") if version else None
        found = assess(matrix or DEFAULT_MATRIX, wanted["facts"]).plain()
        found["plan_version"] = version.pk if version and matrix else None
        return Response(AssessmentView(found).data)


def _health(plan: Plan, health: Health) -> dict[str, Any]:
    checks = [
        {"name": check.name, "weight": check.weight, "holds": round(check.holds, 3), "problems": list(check.problems)}
        for check in health.checks
    ]
    return {"plan": plan.pk, "number": health.version, "score": health.score, "fit": health.fit, "checks": checks}


routes = [
    ("plans", Plans, "plan"),
]
