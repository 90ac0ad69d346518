"""Crisis plans over HTTP: drafts, versions, templates, health, and how grave a crisis is by them."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.process import LARGEST_QUORUM, MOST_STAGES
from core.http.shapes import Shape
from core.refusals import Invalid, NotFound
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import (
    change_plan,
    create_plan,
    discard_draft,
    draft_plan,
    publish_template,
    review_plan,
    revise_draft,
    submit_draft,
)
from readiness.actions.plans import whole
from readiness.difference import differences
from readiness.models import Plan, PlanDraft, PlanTemplate, PlanTemplateVersion, PlanVersion
from readiness.queries import newest_version_of, plan_in_force
from readiness.queries.health import Health, health_of
from readiness.severity import DEFAULT_MATRIX, LEGAL, assess
from readiness.states import DraftStage
from tenants.models import Brand

MOST_REVIEW_DAYS = 3 * 366


class PlanStepShape(Shape):
    name = serializers.CharField(max_length=80)
    role = serializers.CharField(max_length=40)
    side = serializers.ChoiceField(choices=["staff", "client"])
    quorum = serializers.IntegerField(min_value=1, max_value=LARGEST_QUORUM)


class PlanVersionView(serializers.ModelSerializer[PlanVersion]):
    name = serializers.CharField(source="plan.name", read_only=True)
    body = serializers.DictField(read_only=True, help_text="The whole plan, the template's part included.")
    own = serializers.DictField(read_only=True, help_text="What the brand says itself.")

    class Meta:
        model = PlanVersion
        fields = [
            "id", "plan", "brand", "name", "number", "body", "own", "template_version", "approval", "published_at",
            "publisher",
        ]  # fmt: skip


class PlanView(serializers.ModelSerializer[Plan]):
    number = serializers.IntegerField(
        source="version", read_only=True, help_text="Of the newest version; 0 while none has been signed off."
    )

    class Meta:
        model = Plan
        fields = [
            "id", "brand", "name", "template", "number", "review_days", "reviewed_at", "review_due_at", "created_at",
        ]  # fmt: skip


class PlanDraftView(serializers.ModelSerializer[PlanDraft]):
    name = serializers.CharField(source="plan.name", read_only=True)
    own = serializers.DictField(read_only=True, help_text="What the brand says itself.")

    class Meta:
        model = PlanDraft
        fields = [
            "id", "plan", "brand", "name", "base", "own", "reason", "stage", "author_seat_id", "approval", "published",
            "created_at", "version",
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


class DraftChange(Shape):
    body = serializers.JSONField(required=False)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)


class PlanChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    template = serializers.UUIDField(required=False, allow_null=True)
    review_days = serializers.IntegerField(min_value=1, max_value=MOST_REVIEW_DAYS, required=False)


class PlanReviewShape(Shape):
    note = serializers.CharField(max_length=500)


class SignOffShape(Shape):
    stages = PlanStepShape(  # type: ignore[call-arg] # a list's
        many=True,
        required=False,
        allow_empty=False,
        max_length=MOST_STAGES,
        help_text="Who is asked. One crisis lead other than the author, when absent; where there is none, an owner.",
    )


class OfBrand(Shape):
    brand = serializers.UUIDField()


class PlansWanted(Shape):
    brand = serializers.UUIDField(required=False)


class DifferenceView(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="As in `clocks[first_words].minutes`.")
    change = serializers.ChoiceField(choices=["added", "removed", "changed", "moved"])
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class PlanDifferenceView(serializers.Serializer[Any]):
    before = serializers.UUIDField(allow_null=True, help_text="The version it is held against; null for nothing.")
    changes = DifferenceView(many=True)


class Against(Shape):
    against = serializers.UUIDField(required=False, help_text="Another version; the one before, when absent.")


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


class WholePlanView(serializers.Serializer[Any]):
    body = serializers.DictField()


class DraftsWanted(Shape):
    brand = serializers.UUIDField(required=False)
    plan = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=DraftStage.choices, required=False)


class PlanDrafts(ReadViews):
    """Versions of plans while they are written and signed off. Begun at `plans` and `plans/{id}/drafts`."""

    sees = Need.PLANS_READ
    needs: ClassVar[Any] = {
        "list": Need.PLANS_READ,
        "retrieve": Need.PLANS_READ,
        "partial_update": Need.PLANS_PUBLISH,
        "submit": Need.PLANS_PUBLISH,
        "discard": Need.PLANS_PUBLISH,
        "diff": Need.PLANS_READ,
        "whole": Need.PLANS_READ,
    }
    serializer_class = PlanDraftView

    def rows(self) -> Any:
        return PlanDraft.objects.select_related("plan")

    @extend_schema(parameters=[DraftsWanted], responses=PlanDraftView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(DraftsWanted)))

    @extend_schema(parameters=[SEEN], request=DraftChange, responses=PlanDraftView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what the brand says (all of it), or the reason."""
        draft: PlanDraft = self.subject(seen=True)
        wanted = self.read(DraftChange, partial=True)
        return self.show(
            revise_draft(draft_id=draft.pk, own=wanted.get("body"), reason=wanted.get("reason"), **self.told)
        )

    @extend_schema(parameters=[SEEN], request=SignOffShape, responses=PlanDraftView)
    @action(detail=True, methods=["post"])
    def submit(self, _request: Request, **_: Any) -> Response:
        """Ask people to sign it off. When they have, exactly what they saw is in force."""
        draft: PlanDraft = self.subject(seen=True)
        stages = self.read(SignOffShape).get("stages")
        return self.show(submit_draft(draft_id=draft.pk, stages=stages, **self.told))

    @extend_schema(parameters=[SEEN], request=None, responses=PlanDraftView)
    @action(detail=True, methods=["post"])
    def discard(self, _request: Request, **_: Any) -> Response:
        """Nobody goes on with it; whoever is asked about it is asked no more."""
        return self.show(discard_draft(draft_id=self.subject(seen=True).pk, **self.told))

    @extend_schema(responses=PlanDifferenceView)
    @action(detail=True, methods=["get"])
    def diff(self, _request: Request, **_: Any) -> Response:
        """What it would change of the plan as it stands."""
        draft: PlanDraft = self.subject()
        newest = newest_version_of(draft.plan)
        return Response(_difference(newest, whole(draft.plan, draft.own)))

    @extend_schema(responses=WholePlanView)
    @action(detail=True, methods=["get"])
    def whole(self, _request: Request, **_: Any) -> Response:
        """The whole plan as it would be published now, the template's part included."""
        draft: PlanDraft = self.subject()
        return Response({"body": whole(draft.plan, draft.own)})


def _difference(before: PlanVersion | None, after: dict[str, Any]) -> dict[str, Any]:
    changes = differences(before.body if before else {}, after)
    return {"before": before.pk if before else None, "changes": changes}


class PlanVersionsWanted(Shape):
    brand = serializers.UUIDField(required=False)
    plan = serializers.UUIDField(required=False)


class PlanVersions(ReadViews):
    """Everything that plans have ever said."""

    sees = Need.PLANS_READ
    needs: ClassVar[Any] = {"list": Need.PLANS_READ, "retrieve": Need.PLANS_READ, "diff": Need.PLANS_READ}
    serializer_class = PlanVersionView

    def rows(self) -> Any:
        return PlanVersion.objects.select_related("plan")

    @extend_schema(parameters=[PlanVersionsWanted], responses=PlanVersionView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(PlanVersionsWanted)))

    @extend_schema(parameters=[Against], responses=PlanDifferenceView)
    @action(detail=True, methods=["get"])
    def diff(self, _request: Request, **_: Any) -> Response:
        """What it changed of the version before it, or of another one."""
        version: PlanVersion = self.subject()
        against = self.asked(Against).get("against")
        if against is not None:
            before = self.named(PlanVersion.objects.all(), against, field="against", sees=Need.PLANS_READ)
        else:
            before = PlanVersion.objects.filter(plan_id=version.plan_id, number=version.number - 1).first()
        return Response(_difference(before, version.body))


class PlanTemplateView(serializers.ModelSerializer[PlanTemplate]):
    number = serializers.IntegerField(source="version", read_only=True, help_text="Of the newest version.")
    body = serializers.SerializerMethodField(help_text="Parts of a plan, as the newest version says them.")

    class Meta:
        model = PlanTemplate
        fields = ["id", "name", "number", "body", "created_at"]

    @extend_schema_field(serializers.DictField())
    def get_body(self, template: PlanTemplate) -> dict[str, Any]:
        version = PlanTemplateVersion.objects.get(template_id=template.pk, number=template.version)
        body: dict[str, Any] = version.body
        return body


class PlanTemplateLine(serializers.ModelSerializer[PlanTemplate]):
    number = serializers.IntegerField(source="version", read_only=True, help_text="Of the newest version.")

    class Meta:
        model = PlanTemplate
        fields = ["id", "name", "number", "created_at"]


class TemplateShape(Shape):
    name = serializers.CharField(max_length=120)
    body = serializers.JSONField(help_text="Any parts of a plan.")


class PlanTemplates(ReadViews):
    """What the plans of an agency's brands have in common."""

    sees = Need.PLANS_READ
    needs: ClassVar[Any] = {
        "list": Need.PLANS_READ,
        "retrieve": Need.PLANS_READ,
        "create": Need.PLANS_PUBLISH,
        "publish": Need.PLANS_PUBLISH,
    }
    serializer_class = PlanTemplateView

    def rows(self) -> Any:
        return PlanTemplate.objects.all()

    @extend_schema(responses=PlanTemplateLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset(), PlanTemplateLine)

    @extend_schema(request=TemplateShape, responses={201: PlanTemplateView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Begin a template. Needs `plans.publish` for the whole agency."""
        self.require(Need.PLANS_PUBLISH, None)
        version = publish_template(**self.read(TemplateShape), **self.told)
        return self.show_created(version.template)

    @extend_schema(parameters=[SEEN], request=TemplateShape, responses=PlanTemplateView)
    @action(detail=True, methods=["post"])
    def publish(self, _request: Request, **_: Any) -> Response:
        """Its next version. Plans take it up with their own next version; until then their health says so."""
        template: PlanTemplate = self.subject(seen=True)
        version = publish_template(template_id=template.pk, **self.read(TemplateShape), **self.told)
        return self.show(version.template)


routes = [
    ("plans", Plans, "plan"),
    ("plan-drafts", PlanDrafts, "plan-draft"),
    ("plan-versions", PlanVersions, "plan-version"),
    ("plan-templates", PlanTemplates, "plan-template"),
]
