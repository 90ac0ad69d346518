"""Proposed changes over HTTP, of one review and of all."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Flag, Shape
from incidents.actions import (
    accept_improvement,
    change_improvement,
    decline_improvement,
    finish_improvement,
    propose_improvement,
)
from incidents.actions.improvements import NEEDED
from incidents.api.bodies import EmptyBody
from incidents.models import Improvement, PostMortem
from incidents.states import ImprovementKind, ImprovementStage, PostMortemStage
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.models import Policy
from tenants.models import Brand


class ImprovementLine(serializers.ModelSerializer[Improvement]):
    """A proposed change. `made` is what accepting it has made: a draft of the plan, the policy, or a message."""

    post_mortem = serializers.UUIDField(source="postmortem_id", read_only=True)
    incident = serializers.UUIDField(source="postmortem.incident_id", read_only=True)
    reference = serializers.CharField(source="postmortem.incident.reference", read_only=True)
    target = serializers.UUIDField(source="target_id", allow_null=True, read_only=True)
    made = serializers.UUIDField(source="made_id", allow_null=True, read_only=True)

    class Meta:
        model = Improvement
        fields = [
            "id", "brand", "post_mortem", "incident", "reference", "kind", "title", "target", "made", "owner",
            "due_on", "overdue_at", "stage", "proposed_at", "decided_at", "done_at", "version",
        ]  # fmt: skip


class ImprovementView(ImprovementLine):
    """A proposed change in full, for the agency."""

    proposal = serializers.SerializerMethodField(help_text="Null for a policy's, for who may not publish policies.")
    author = serializers.UUIDField(source="author_id", allow_null=True, read_only=True)
    decided_by = serializers.UUIDField(source="decided_by_id", allow_null=True, read_only=True)

    class Meta(ImprovementLine.Meta):
        fields = [*ImprovementLine.Meta.fields, "reason", "proposal", "author", "decided_by", "decided_because"]

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_proposal(self, row: Improvement) -> dict[str, Any] | None:
        """The rules of a policy may hold names that are confidential."""
        proposal: dict[str, Any] = row.proposal
        if row.kind != ImprovementKind.POLICY:
            return proposal
        return proposal if gate.allowed(self.context["request"].auth, Need.POLICIES_PUBLISH, row) else None


class ImprovementShape(Shape):
    post_mortem = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=ImprovementKind.choices)
    title = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=2_000, default="", allow_blank=True)
    target = serializers.UUIDField(
        default=None, allow_null=True, help_text="The plan (null: the one in force), or the policy; else null."
    )
    proposal = serializers.DictField(
        default=dict,
        help_text="By kind. plan: `change`, a merge patch of its body. threshold: `settings`, as the brand's listening "
        "settings take them. policy: `change`, a merge patch, or `rules` to be added. role: a duty of the plan "
        "(`duty`, `role`, `seat`, `deputy`), or `role` and the `holder` whom it shall be given. message: as the "
        "library takes it. habit: nothing.",
    )
    owner = serializers.UUIDField(default=None, allow_null=True, help_text="Who sees to it.")
    due_on = serializers.DateField(default=None, allow_null=True)


class ImprovementChange(Shape):
    """What is not named stays as it is; once it is accepted only owner and date change."""

    title = serializers.CharField(max_length=200, required=False)
    reason = serializers.CharField(max_length=2_000, required=False, allow_blank=True)
    proposal = serializers.DictField(required=False)
    owner = serializers.UUIDField(required=False, allow_null=True, source="owner_id")
    due_on = serializers.DateField(required=False, allow_null=True)


class ImprovementNote(Shape):
    note = serializers.CharField(max_length=500, default="", allow_blank=True)


class ImprovementFilter(Shape):
    stage = serializers.ChoiceField(choices=ImprovementStage.choices, required=False)
    kind = serializers.ChoiceField(choices=ImprovementKind.choices, required=False)
    brand = serializers.UUIDField(required=False, source="brand_id")
    incident = serializers.UUIDField(required=False, source="postmortem__incident_id")
    post_mortem = serializers.UUIDField(required=False, source="postmortem_id")
    owner = serializers.CharField(max_length=36, required=False, help_text="`me`, or a seat.")
    overdue = Flag(required=False)

    def validate_owner(self, value: str) -> str:
        if value != "me":
            serializers.UUIDField().run_validation(value)
        return value


class Improvements(ReadViews):
    """What is to change because of crises, newest first. A client's seat sees what released reviews propose."""

    sees = Need.INCIDENTS_READ
    needs: ClassVar[Any] = {
        "list": Need.INCIDENTS_READ,
        "retrieve": Need.INCIDENTS_READ,
        **dict.fromkeys(("create", "partial_update", "finish"), Need.INCIDENTS_CONTRIBUTE),
        **dict.fromkeys(("accept", "decline"), Need.INCIDENTS_REVIEW),
    }
    serializer_class = ImprovementView
    asks = ImprovementFilter

    def rows(self) -> Any:
        rows = Improvement.objects.select_related("postmortem__incident")
        client = self.caller.side == "client"
        return rows.filter(postmortem__stage=PostMortemStage.RELEASED) if client else rows

    def get_serializer_class(self) -> Any:
        return ImprovementLine if self.request.auth and self.caller.side == "client" else ImprovementView

    @extend_schema(parameters=[ImprovementFilter], responses=ImprovementLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(self.asks)
        owner, overdue = wanted.pop("owner", None), wanted.pop("overdue", None)
        if owner is not None:
            wanted["owner_id"] = self.caller.seat_id if owner == "me" else owner
        if overdue is not None:
            wanted["overdue_at__isnull"] = not overdue
        return self.show_page(self.get_queryset().filter(**wanted).defer("proposal", "reason"), ImprovementLine)

    @extend_schema(request=ImprovementShape, responses={201: ImprovementView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Propose a change, while the review is being written. What could not be carried out is refused at once."""
        wanted = self.read(ImprovementShape)
        reviews = PostMortem.objects.all()
        if self.caller.side == "client":
            reviews = reviews.none()
        review = self.named(reviews, wanted.pop("post_mortem"), field="post_mortem", sees=Need.INCIDENTS_READ)
        self.require(Need.INCIDENTS_CONTRIBUTE, review)
        row = propose_improvement(
            postmortem_id=review.pk,
            target_id=wanted.pop("target"),
            owner_id=wanted.pop("owner"),
            **wanted,
            **self.told,
        )
        return self.show_created(row)

    @extend_schema(parameters=[SEEN], request=ImprovementChange, responses=ImprovementView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        row = self.subject(seen=True)
        wanted = self.read(ImprovementChange)
        return self.show(change_improvement(improvement_id=row.pk, changes=wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=EmptyBody, responses=ImprovementView)
    @action(detail=True, methods=["post"])
    def accept(self, _request: Request, **_: Any) -> Response:
        """Have it done: what it changes gets a draft. Needs the right to change that thing, too."""
        row = self.subject(seen=True)
        self.read(EmptyBody)
        if row.kind in NEEDED:
            self.require(NEEDED[row.kind], self._changed_by(row))
        return self.show(accept_improvement(improvement_id=row.pk, **self.told))

    def _changed_by(self, row: Improvement) -> Policy | Brand:
        """What it changes: a policy may be the agency's, everything else is the brand's."""
        changed: Policy | Brand | None = None
        if row.kind == ImprovementKind.POLICY:
            changed = Policy.objects.filter(pk=row.target_id).first()
        return changed or Brand.objects.found(row.brand_id)

    @extend_schema(parameters=[SEEN], request=Because, responses=ImprovementView)
    @action(detail=True, methods=["post"])
    def decline(self, _request: Request, **_: Any) -> Response:
        row = self.subject(seen=True)
        return self.show(decline_improvement(improvement_id=row.pk, **self.read(Because), **self.told))

    @extend_schema(parameters=[SEEN], request=ImprovementNote, responses=ImprovementView)
    @action(detail=True, methods=["post"])
    def finish(self, _request: Request, **_: Any) -> Response:
        """It is done; refused with `ends_by_itself` for what ends when a draft is published."""
        row = self.subject(seen=True)
        return self.show(finish_improvement(improvement_id=row.pk, **self.read(ImprovementNote), **self.told))
