"""Drafts and versions of plans over HTTP, and the templates that plans have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.process import LARGEST_QUORUM, MOST_STAGES
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import discard_draft, publish_template, revise_draft, submit_draft
from readiness.actions.plan_drafts import whole
from readiness.difference import differences
from readiness.models import PlanDraft, PlanTemplate, PlanTemplateVersion, PlanVersion
from readiness.queries import newest_version_of
from readiness.states import DraftStage


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


class PlanDraftView(serializers.ModelSerializer[PlanDraft]):
    name = serializers.CharField(source="plan.name", read_only=True)
    own = serializers.DictField(read_only=True, help_text="What the brand says itself.")

    class Meta:
        model = PlanDraft
        fields = [
            "id", "plan", "brand", "name", "base", "own", "reason", "stage", "author_seat_id", "approval", "published",
            "created_at", "version",
        ]  # fmt: skip


class DraftChange(Shape):
    body = serializers.JSONField(required=False)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)


class SignOffShape(Shape):
    stages = PlanStepShape(  # type: ignore[call-arg] # a list's
        many=True,
        required=False,
        allow_empty=False,
        max_length=MOST_STAGES,
        help_text="Who is asked. One crisis lead other than the author, when absent; where there is none, an owner.",
    )


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
    ("plan-drafts", PlanDrafts, "plan-draft"),
    ("plan-versions", PlanVersions, "plan-version"),
    ("plan-templates", PlanTemplates, "plan-template"),
]
