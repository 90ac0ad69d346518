"""Requests for approval over HTTP. The entity tag of an approval is the digest of its text: agree to what you saw."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from approvals.actions import decide_approval, send_decision_link
from approvals.models import Approval, Decision, DecisionLink
from approvals.states import ApprovalStage, Verdict
from core.http.preconditions import require_match
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import ReadViews
from tenants.models import Seat

SEEN = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="The digest of the text you decide on, in quotes: the ETag of the approval. 428 without, 412 when "
    "the approval is about another text.",
)


class StepView(serializers.Serializer[Any]):
    name = serializers.CharField()
    role = serializers.CharField()
    side = serializers.ChoiceField(choices=["staff", "client"])
    quorum = serializers.IntegerField()


class DecisionView(serializers.ModelSerializer[Decision]):
    class Meta:
        model = Decision
        fields = ["stage_index", "seat", "verdict", "digest", "comment", "at"]


class ApprovalLine(serializers.ModelSerializer[Approval]):
    """An approval in a list: without its text."""

    stages = StepView(many=True, read_only=True)

    class Meta:
        model = Approval
        fields = [
            "id", "brand", "about_kind", "about_id", "incident_id", "digest", "stage", "stages", "stage_index",
            "author_seat_ids", "needs_step_up", "requested_at", "granted_at", "expires_at", "spent_at", "spent_on",
        ]  # fmt: skip


class ApprovalView(ApprovalLine):
    """An approval with exactly what is agreed to, and everything that was said."""

    payload = serializers.DictField(help_text="Exactly what will be sent; `digest` is computed over it.")
    decisions = serializers.SerializerMethodField()

    class Meta(ApprovalLine.Meta):
        fields = [*ApprovalLine.Meta.fields, "payload", "decisions"]

    @extend_schema_field(DecisionView(many=True))
    def get_decisions(self, approval: Approval) -> Any:
        return DecisionView(Decision.objects.filter(approval_id=approval.pk).order_by("at", "id"), many=True).data


class Wanted(Shape):
    """What a list can be narrowed to."""

    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=ApprovalStage.choices, required=False)
    about_kind = serializers.CharField(max_length=60, required=False)
    about_id = serializers.UUIDField(required=False)


class Voice(Shape):
    comment = serializers.CharField(max_length=2000, default="", allow_blank=True)


class LinkShape(Shape):
    seat = serializers.UUIDField(help_text="Somebody of the client's side whose voice is wanted now.")
    minutes = serializers.IntegerField(min_value=1, max_value=24 * 60, default=30)


class LinkView(serializers.ModelSerializer[DecisionLink]):
    """A link that was mailed. Its token is in the letter and nowhere else."""

    class Meta:
        model = DecisionLink
        fields = ["id", "approval", "seat", "digest", "created_at", "expires_at", "used_at", "voided_at"]


class Approvals(ReadViews):
    """Requests that people agree to one exact text."""

    sees = Need.APPROVALS_READ
    needs: ClassVar[Any] = {
        "list": Need.APPROVALS_READ,
        "retrieve": Need.APPROVALS_READ,
        "approve": Need.APPROVALS_DECIDE,
        "reject": Need.APPROVALS_DECIDE,
        "links": Need.STATEMENTS_DRAFT,
    }
    serializer_class = ApprovalView

    def rows(self) -> Any:
        return Approval.objects.all()

    @extend_schema(parameters=[Wanted], responses=ApprovalLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first, without the texts."""
        return self.show_page(self.get_queryset().filter(**self.asked(Wanted)), ApprovalLine)

    @extend_schema(parameters=[SEEN], request=Voice, responses=ApprovalView)
    @action(detail=True, methods=["post"])
    def approve(self, _request: Request, **_: Any) -> Response:
        """Agree to exactly the text whose digest you name; the last voice of the last stage grants the approval."""
        return self._decide(Verdict.APPROVE)

    @extend_schema(parameters=[SEEN], request=Voice, responses=ApprovalView)
    @action(detail=True, methods=["post"])
    def reject(self, _request: Request, **_: Any) -> Response:
        """Refuse the text; one rejection ends the request, whatever its stage."""
        return self._decide(Verdict.REJECT)

    @extend_schema(request=LinkShape, responses={201: LinkView})
    @action(detail=True, methods=["post"])
    def links(self, _request: Request, **_: Any) -> Response:
        """Mail somebody of the client's side a link to decide on exactly this text, once, without signing in.

        An earlier link of theirs ends. Where the approval asks for a step-up the link alone is not enough.
        """
        approval: Approval = self.subject()
        wanted = self.read(LinkShape)
        seat = self.named(Seat.objects.all(), wanted["seat"], field="seat", sees=Need.SEATS_READ)
        link = send_decision_link(
            approval_id=approval.pk, seat_id=seat.pk, lasts=timedelta(minutes=wanted["minutes"]), **self.told
        )
        return Response(LinkView(link).data, status=codes.HTTP_201_CREATED)

    def _decide(self, verdict: Verdict) -> Response:
        approval: Approval = self.subject()
        require_match(self.request, f'"{approval.digest}"')
        voice = self.read(Voice)
        decided = decide_approval(
            approval_id=approval.pk, verdict=verdict, digest=approval.digest, caller=self.caller, at=self.now, **voice
        )
        return self.show(decided)

    def show(
        self, obj: Any, shape: type[BaseSerializer[Any]] | None = None, *, status: int = codes.HTTP_200_OK
    ) -> Response:
        """The approval, with the digest of its text as the entity tag: voices do not change what is agreed to."""
        response = super().show(obj, shape, status=status)
        response["ETag"] = f'"{obj.digest}"'
        return response


routes = [("approvals", Approvals, "approval")]
