"""Requests for approval over HTTP. The entity tag of an approval is the digest of its text: agree to what you saw."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from approvals.actions import add_comment, bypass_approval, decide_approval, send_decision_link
from approvals.api.pictures import picture_of
from approvals.models import Approval, AskedStep, Bypass, Comment, Decision, DecisionLink
from approvals.payload import PARTS
from approvals.process import LONGEST_NAME, ON_DEADLINE
from approvals.proofs import signed
from approvals.queries import waiting_for
from approvals.queries.proof import claim_of
from approvals.states import ApprovalStage, Verdict
from core.http.preconditions import require_match
from core.http.shapes import Shape
from core.http.uploads import Anything
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


DIGEST = OpenApiParameter("sha256", str, OpenApiParameter.PATH, description="Of the picture.")


class StepView(serializers.Serializer[Any]):
    """A step of the frozen process. What it did not say is left out."""

    name = serializers.CharField()
    role = serializers.CharField()
    side = serializers.ChoiceField(choices=["staff", "client"])
    quorum = serializers.IntegerField()
    order = serializers.IntegerField(
        required=False, help_text="Steps of the same order are asked at once; a step's own place when left out."
    )
    hats = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Roles that must be among the voices, each another's."
    )
    deadline_minutes = serializers.IntegerField(required=False, help_text="Counted from when the step is asked.")
    on_deadline = serializers.ChoiceField(choices=ON_DEADLINE, required=False)
    deputies = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="`role` or `seat` of each; for `deputise`."
    )
    looks_at = serializers.ListField(child=serializers.ChoiceField(choices=PARTS), required=False)


class AskedStepView(serializers.ModelSerializer[AskedStep]):
    """How far a step is: open while `closed_at` is null."""

    class Meta:
        model = AskedStep
        fields = ["place", "opened_at", "due_at", "overdue_at", "deputised_at", "closed_at"]


class DecisionView(serializers.ModelSerializer[Decision]):
    class Meta:
        model = Decision
        fields = [
            "stage_index", "seat", "verdict", "digest", "comment", "at", "hats", "on_behalf_of", "as_deputy",
            "carried_from",
        ]  # fmt: skip


class BypassView(serializers.ModelSerializer[Bypass]):
    """Who took it upon themselves; without a second person it came to nothing, or has not yet."""

    class Meta:
        model = Bypass
        fields = ["first_seat", "first_at", "first_reason", "second_seat", "second_at", "second_reason"]


class ApprovalLine(serializers.ModelSerializer[Approval]):
    """An approval in a list: without its text."""

    stages = StepView(many=True, read_only=True)
    asked_steps = serializers.SerializerMethodField()

    class Meta:
        model = Approval
        fields = [
            "id", "brand", "about_kind", "about_id", "incident_id", "digest", "stage", "stages", "stage_index",
            "asked_steps", "author_seat_ids", "needs_step_up", "severity", "carries_from", "requested_at", "granted_at",
            "expires_at", "bypassed_at", "spent_at", "spent_on",
        ]  # fmt: skip

    @extend_schema_field(AskedStepView(many=True))
    def get_asked_steps(self, approval: Approval) -> Any:
        rows = sorted(approval.asked_steps.all(), key=lambda row: row.place)
        return AskedStepView(rows, many=True).data


class ApprovalView(ApprovalLine):
    """An approval with exactly what is agreed to, and everything that was said."""

    payload = serializers.DictField(help_text="Exactly what will be sent; `digest` is computed over it.")
    decisions = serializers.SerializerMethodField()
    bypasses = serializers.SerializerMethodField()

    class Meta(ApprovalLine.Meta):
        fields = [*ApprovalLine.Meta.fields, "payload", "decisions", "bypasses"]

    @extend_schema_field(DecisionView(many=True))
    def get_decisions(self, approval: Approval) -> Any:
        return DecisionView(Decision.objects.filter(approval_id=approval.pk).order_by("at", "id"), many=True).data

    @extend_schema_field(BypassView(many=True))
    def get_bypasses(self, approval: Approval) -> Any:
        return BypassView(Bypass.objects.filter(approval_id=approval.pk).order_by("first_at", "id"), many=True).data


class CommentView(serializers.ModelSerializer[Comment]):
    class Meta:
        model = Comment
        fields = ["id", "approval", "author_seat", "text", "shared_with_client", "at"]


class ProofView(serializers.Serializer[Any]):
    """Everything that the claim rests on, in one file; `manage.py verify_proof` checks it without us."""

    format = serializers.CharField()
    made_at = serializers.DateTimeField()
    agency = serializers.DictField()
    brand = serializers.DictField()
    approval = serializers.DictField()
    flaw = serializers.CharField(allow_null=True, help_text="Why nothing may go out on it now; null when it may.")
    payload = serializers.DictField(help_text="Exactly what was agreed to.")
    steps = StepView(many=True)
    people = serializers.DictField(help_text="Names by seat.")
    decisions = serializers.ListField(child=serializers.DictField())
    delegations = serializers.ListField(child=serializers.DictField())
    bypass = serializers.DictField(allow_null=True)
    sources = serializers.ListField(
        child=serializers.DictField(), help_text="Earlier requests whose voices were taken over."
    )
    events = serializers.ListField(child=serializers.DictField(), help_text="Of the ledger, with their hashes.")
    public_key = serializers.CharField()
    signature = serializers.CharField(help_text="Ed25519 over the canonical JSON of everything else.")


class Wanted(Shape):
    """What a list can be narrowed to."""

    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=ApprovalStage.choices, required=False)
    about_kind = serializers.CharField(max_length=60, required=False)
    about_id = serializers.UUIDField(required=False)
    waiting_for = serializers.ChoiceField(
        choices=["me"],
        required=False,
        help_text="`me`: what you can decide on now, in your own name or for somebody who delegated to you.",
    )


class Voice(Shape):
    comment = serializers.CharField(max_length=2000, default="", allow_blank=True)
    step = serializers.CharField(
        max_length=LONGEST_NAME,
        required=False,
        help_text="Which of several open steps; without it the first that wants your voice.",
    )


class ChangesWanted(Voice):
    comment = serializers.CharField(max_length=2000, help_text="What should be changed.")


class CommentShape(Shape):
    text = serializers.CharField(max_length=4000)
    shared_with_client = serializers.BooleanField(
        default=False, help_text="Whether the client reads it; what a client writes is always shared."
    )


class BypassShape(Shape):
    reason = serializers.CharField(max_length=500, help_text="Why there is no time; it stands in every report.")


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
        "request_changes": Need.APPROVALS_DECIDE,
        "bypass": Need.APPROVALS_BYPASS,
        "comments": Need.APPROVALS_READ,
        "add_comment": Need.APPROVALS_COMMENT,
        "links": Need.STATEMENTS_DRAFT,
        "media": Need.APPROVALS_READ,
        "proof": Need.APPROVALS_READ,
    }
    serializer_class = ApprovalView

    def rows(self) -> Any:
        return Approval.objects.prefetch_related("asked_steps")

    @extend_schema(parameters=[Wanted], responses=ApprovalLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first, without the texts."""
        wanted = self.asked(Wanted)
        rows = self.get_queryset()
        if wanted.pop("waiting_for", None) == "me":
            rows = waiting_for(rows, self.caller)
        return self.show_page(rows.filter(**wanted), ApprovalLine)

    @extend_schema(parameters=[SEEN], request=Voice, responses=ApprovalView)
    @action(detail=True, methods=["post"])
    def approve(self, _request: Request, **_: Any) -> Response:
        """Agree to exactly the text whose digest you name; the last voice of the last step grants the approval."""
        return self._decide(Verdict.APPROVE)

    @extend_schema(parameters=[SEEN], request=Voice, responses=ApprovalView)
    @action(detail=True, methods=["post"])
    def reject(self, _request: Request, **_: Any) -> Response:
        """Refuse the text; one rejection ends the request, whatever its stage."""
        return self._decide(Verdict.REJECT)

    @extend_schema(parameters=[SEEN], request=ChangesWanted, responses=ApprovalView)
    @action(detail=True, methods=["post"], url_path="request-changes")
    def request_changes(self, _request: Request, **_: Any) -> Response:
        """Ask for another text; it ends the request, and the next version is another one."""
        return self._decide(Verdict.CHANGES, ChangesWanted)

    @extend_schema(parameters=[SEEN], request=BypassShape, responses=ApprovalView)
    @action(detail=True, methods=["post"])
    def bypass(self, _request: Request, **_: Any) -> Response:
        """Let the text out without the process, together with somebody else who says the same within 15 minutes.

        Only at severity 1 and 2, never by an author, and both prove who they are. Every report says so.
        """
        approval: Approval = self.subject()
        require_match(self.request, f'"{approval.digest}"')
        wanted = self.read(BypassShape)
        decided = bypass_approval(
            approval_id=approval.pk, reason=wanted["reason"], digest=approval.digest, caller=self.caller, at=self.now
        )
        return self.show(decided)

    @extend_schema(responses=CommentView(many=True))
    @action(detail=True, methods=["get"])
    def comments(self, _request: Request, **_: Any) -> Response:
        """The thread beside an approval, newest first; a client sees what was shared."""
        rows = Comment.objects.filter(approval_id=self.subject().pk)
        return self.show_page(
            rows.filter(shared_with_client=True) if self.caller.side == "client" else rows, CommentView
        )

    @extend_schema(request=CommentShape, responses={201: CommentView})
    @comments.mapping.post
    def add_comment(self, _request: Request, **_: Any) -> Response:
        """Write beside an approval, whatever has become of it."""
        approval: Approval = self.subject()
        comment = add_comment(approval_id=approval.pk, caller=self.caller, at=self.now, **self.read(CommentShape))
        return Response(CommentView(comment).data, status=codes.HTTP_201_CREATED)

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

    @extend_schema(parameters=[DIGEST], responses={(200, "*/*"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], url_path="media/<str:sha256>", renderer_classes=[Anything])
    def media(self, _request: Request, sha256: str, **_: Any) -> Any:
        """A picture that is agreed to, to be saved and looked at."""
        return picture_of(self.subject(), sha256)

    @extend_schema(responses=ProofView)
    @action(detail=True, methods=["get"])
    def proof(self, _request: Request, **_: Any) -> Response:
        """A signed file that proves who agreed to what, as it stands now, to anybody who trusts the key."""
        approval = Approval.objects.select_related("brand__agency").get(pk=self.subject().pk)
        return Response(signed(claim_of(approval, at=self.now), seed=settings.PROOF_SIGNING_KEY))

    def _decide(self, verdict: Verdict, shape: type[Voice] = Voice) -> Response:
        approval: Approval = self.subject()
        require_match(self.request, f'"{approval.digest}"')
        voice = self.read(shape)
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
