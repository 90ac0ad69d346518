"""Access reviews: who still needs what they hold."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantRow
from permissions.models.grants import Grant
from permissions.states import REVIEW_LIFECYCLE, ReviewStage, Verdict


class AccessReview(TenantRow):
    """A campaign: every grant on one brand, or for no brand every grant on the whole agency, is kept or removed."""

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", null=True)
    stage = models.CharField(max_length=8, choices=ReviewStage.choices, default=ReviewStage.OPEN)
    reason = models.CharField(max_length=500)
    opened_at = models.DateTimeField()
    opened_by_id = models.UUIDField(null=True)  # a seat
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    evidence_sha256 = models.CharField(max_length=64, default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "brand"],
                condition=Q(stage="OPEN"),
                nulls_distinct=False,
                name="a_brand_is_under_one_review",
            )
        ]
        triggers = [pgtrigger.FSM(name="review_moves", field="stage", transitions=REVIEW_LIFECYCLE.pairs())]


class ReviewItem(TenantRow):
    """One grant in a review, and what was decided about it."""

    brand_path = "review__brand_id"
    incident_path = "grant__incident_id"

    review = TenantKey(AccessReview)
    grant = TenantKey(Grant)
    ends_at = models.DateTimeField(null=True)  # until when the grant was meant to last, as the review found it
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.UNANSWERED)
    reason = models.CharField(max_length=500, default="", blank=True)
    decided_by_id = models.UUIDField(null=True)  # a seat; null while unanswered and when the deadline decided
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "grant"], name="a_review_asks_about_a_grant_once"),
        ]
