"""Access reviews over HTTP."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.apps import apps
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from ledger.chain import canonical
from permissions import gate
from permissions.actions.reviews import Decision, close_review, decide_review, open_review
from permissions.api.grants import state_of
from permissions.models import AccessReview, ReviewItem
from permissions.needs import Need
from permissions.queries.evidence import evidence_of, people_named_in
from permissions.states import ReviewStage
from permissions.tables import table
from permissions.viewset import ReadViews

COLUMNS = (
    "grant_id", "seat_id", "name", "email", "role", "brand_id", "incident_id", "granted_because", "sponsor_id",
    "granted_at", "starts_at", "ends_at", "verdict", "decided_because", "decided_by_id", "decided_by", "decided_at",
)  # fmt: skip


class ReviewLine(serializers.ModelSerializer[AccessReview]):
    """A review as a list shows it."""

    class Meta:
        model = AccessReview
        fields = [
            "id", "brand", "stage", "reason", "opened_at", "opened_by_id", "due_at", "closed_at", "evidence_sha256",
            "version",
        ]  # fmt: skip


class ReviewItemView(serializers.ModelSerializer[ReviewItem]):
    """A grant under review. `state` is the grant's, now; one that is over or withdrawn needs no answer any more."""

    seat = serializers.UUIDField(source="grant.seat_id")
    name = serializers.CharField(source="grant.seat.user.name")
    role = serializers.CharField(source="grant.role")
    incident = serializers.UUIDField(source="grant.incident_id", allow_null=True)
    granted_because = serializers.CharField(source="grant.reason")
    granted_at = serializers.DateTimeField(source="grant.granted_at")
    starts_at = serializers.DateTimeField(source="grant.starts_at", allow_null=True)
    last_seen_at = serializers.DateTimeField(source="grant.seat.last_seen_at", allow_null=True)
    state = serializers.SerializerMethodField(help_text="counting, coming, over or withdrawn")

    class Meta:
        model = ReviewItem
        fields = [
            "grant", "seat", "name", "role", "incident", "granted_because", "granted_at", "starts_at", "ends_at",
            "last_seen_at", "state", "verdict", "reason", "decided_by_id", "decided_at",
        ]  # fmt: skip

    def get_state(self, item: ReviewItem) -> str:
        return state_of(item.grant, self.context["view"].now)


class ReviewView(ReviewLine):
    """A review with the grants that it asks about."""

    items = serializers.SerializerMethodField()

    class Meta(ReviewLine.Meta):
        fields = [*ReviewLine.Meta.fields, "items"]

    @extend_schema_field(ReviewItemView(many=True))
    def get_items(self, review: AccessReview) -> Any:
        asked = ReviewItem.objects.filter(review=review).select_related("grant__seat__user").order_by("grant_id")
        seen = gate.visible(asked, to=self.context["view"].caller, need=Need.ACCESS_REVIEW)
        return ReviewItemView(seen, many=True, context=self.context).data


class AccessReviewShape(Shape):
    brand = serializers.UUIDField(default=None, allow_null=True, help_text="Null: the grants on the whole agency.")
    due_at = serializers.DateTimeField(help_text="What nobody has answered by then is removed.")
    reason = serializers.CharField(max_length=500)


class DecisionShape(Shape):
    grant = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=["keep", "remove"])
    reason = serializers.CharField(max_length=500)


class Decisions(Shape):
    items = serializers.ListField(child=DecisionShape(), min_length=1, max_length=500)


class WantedReviews(Shape):
    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=ReviewStage.choices, required=False)


class WantedEvidence(Shape):
    def get_fields(self) -> Any:
        # `as` is a word of the language; a field of that name is told here.
        return {**super().get_fields(), "as": serializers.ChoiceField(["json", "csv"], default="json")}


class EvidenceView(serializers.Serializer[Any]):
    """What the review leaves behind. `sha256` is of `evidence` as canonical JSON: sorted keys, no spaces, UTF-8."""

    sha256 = serializers.CharField()
    recorded_sha256 = serializers.CharField(help_text="What was recorded when the review closed; empty while open.")
    evidence = serializers.DictField()
    people = serializers.DictField(help_text="Who the seats are, as they are called now. Not hashed.")


class Reviews(ReadViews):
    """Campaigns that ask whether people still need what they hold, newest first."""

    sees = Need.ACCESS_REVIEW
    needs: ClassVar[Any] = dict.fromkeys(
        ("list", "retrieve", "create", "decide", "close", "evidence"), Need.ACCESS_REVIEW
    )
    serializer_class = ReviewView
    asks = WantedReviews

    def rows(self) -> Any:
        return AccessReview.objects.all()

    @extend_schema(responses=ReviewLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(WantedReviews)), ReviewLine)

    @extend_schema(request=AccessReviewShape, responses={201: ReviewView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Ask about every grant on a brand and its incidents, or on the whole agency."""
        wanted = self.read(AccessReviewShape)
        brand_id = wanted.pop("brand")
        brand = None
        if brand_id is not None:
            # By name: permissions lie below tenants and know their tables, not their code.
            rows = apps.get_model("tenants", "Brand").objects.all()
            brand = self.named(rows, brand_id, field="brand", sees=Need.BRANDS_READ)
        self.require(Need.ACCESS_REVIEW, brand)
        return self.show_created(open_review(brand_id=brand_id, **wanted, **self.told))

    @extend_schema(request=Decisions, responses=ReviewView)
    @action(detail=True, methods=["post"])
    def decide(self, _request: Request, **_: Any) -> Response:
        """Keep or remove; what is removed is gone with this answer. Nobody decides about their own grants."""
        review = self.subject()
        said = [
            Decision(item["grant"], item["verdict"] == "keep", item["reason"]) for item in self.read(Decisions)["items"]
        ]
        seen = gate.visible(ReviewItem.objects.filter(review=review), to=self.caller, need=Need.ACCESS_REVIEW)
        return self.show(
            decide_review(
                review_id=review.pk,
                decisions=said,
                among=set(seen.values_list("grant_id", flat=True)),
                reviewer=self.caller,
                **self.told,
            )
        )

    @extend_schema(request=Because, responses=ReviewView)
    @action(detail=True, methods=["post"])
    def close(self, _request: Request, **_: Any) -> Response:
        """End the review before its deadline: what nobody has answered is removed now."""
        review = self.subject()
        return self.show(close_review(review_id=review.pk, **self.read(Because), **self.told))

    @extend_schema(parameters=[WantedEvidence], responses=EvidenceView)
    @action(detail=True, methods=["get"])
    def evidence(self, _request: Request, **_: Any) -> Response | HttpResponse:
        """Who held what, who decided what about it, when and why; `?as=csv` as a file."""
        review = self.subject()
        wanted = self.asked(WantedEvidence)
        evidence = evidence_of(review)
        people = people_named_in(evidence)
        digest = hashlib.sha256(canonical(evidence)).hexdigest()
        if wanted["as"] == "json":
            named = {str(seat): person for seat, person in people.items()}
            told = {"sha256": digest, "recorded_sha256": review.evidence_sha256, "evidence": evidence, "people": named}
            return Response(told)
        nobody = {"name": "", "email": ""}
        for item in evidence["items"]:
            item.update(people.get(item["seat_id"], nobody))
            item["decided_by"] = people.get(item["decided_by_id"], nobody)["name"]
        lines = ([item[column] for column in COLUMNS] for item in evidence["items"])
        return table(f"access-review-{review.pk}", COLUMNS, lines)


routes = [("access-reviews", Reviews, "access-review")]
