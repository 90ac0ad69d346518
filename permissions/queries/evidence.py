"""What an access review leaves behind: who held what, and who decided what about it, when and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.apps import apps

from permissions.models import AccessReview, ReviewItem

REVIEW = ("id", "brand_id", "reason", "opened_at", "opened_by_id", "due_at", "closed_at")
# Only what never changes: the same review gives the same evidence, and the same digest, years later.
GRANT = ("seat_id", "role", "brand_id", "incident_id", "reason", "sponsor_id", "granted_at", "starts_at")
DECISION = ("ends_at", "verdict", "decided_by_id", "decided_at")


def evidence_of(review: AccessReview) -> dict[str, Any]:
    """The review and each of its grants, in the order of their ids; two queries at most."""
    items = ReviewItem.objects.filter(review_id=review.pk).select_related("grant").order_by("grant_id")
    return {
        "review": {name: getattr(review, name) for name in REVIEW},
        "items": [
            {
                "grant_id": item.grant_id,
                **{("granted_because" if name == "reason" else name): getattr(item.grant, name) for name in GRANT},
                **{name: getattr(item, name) for name in DECISION},
                "decided_because": item.reason,
            }
            for item in items
        ],
    }


def people_named_in(evidence: dict[str, Any]) -> dict[UUID, dict[str, str]]:
    """Who the seats of the evidence are, as they are called now. Not part of what is hashed; one query."""
    named = {
        seat
        for item in evidence["items"]
        for seat in (item["seat_id"], item["sponsor_id"], item["decided_by_id"])
        if seat
    }
    named |= {evidence["review"]["opened_by_id"]} - {None}
    seats: Any = apps.get_model("tenants", "Seat").objects.filter(pk__in=named)
    rows = seats.values_list("pk", "user__name", "user__email")
    return {seat: {"name": name, "email": email} for seat, name, email in rows}
