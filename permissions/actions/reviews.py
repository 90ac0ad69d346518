"""Access reviews: opening one, deciding about its grants, closing it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from core.actor import Actor
from core.refusals import Invalid, NotFound, Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later
from ledger.actions import record, records_held_back
from ledger.chain import canonical
from permissions.actions.grants import LastOwner, hold_rules_still, withdraw_role, withdraw_roles
from permissions.gate import Caller
from permissions.models import AccessReview, Grant, Restriction, ReviewItem
from permissions.queries.evidence import evidence_of
from permissions.roles import OWNER
from permissions.states import REVIEW_LIFECYCLE, ReviewStage, Verdict

CLOSE = "permissions.close_review"


class ReviewRunning(Refusal):
    code = "review_running"
    title = "This is under review already."


class ReviewClosed(Refusal):
    code = "review_closed"
    title = "This review is closed."


class OwnGrant(Refusal):
    """Nobody decides about what they hold themselves."""

    code = "own_grant"
    status = 403
    title = "You cannot decide about your own grants."


class ItemDecided(Refusal):
    """A decision stands; to undo a wrong one, grant or withdraw the role."""

    code = "item_decided"
    title = "Somebody has decided about this grant already."


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer says about one grant: keep or remove, and why."""

    grant_id: UUID
    keep: bool
    reason: str


@transaction.atomic
def open_review(*, brand_id: UUID | None, due_at: datetime, reason: str, by: Actor, at: datetime) -> AccessReview:
    """Ask about every grant on a brand and its incidents, or for None about every grant on the whole agency.

    What nobody has answered by `due_at` is removed. Grants on restricted incidents are left out: a review would tell
    of them. Raises ReviewRunning.
    """
    if due_at <= at:
        raise Invalid("A review is due in the future.", due_at=due_at)
    hold_rules_still(to_change=True)  # nothing is granted while we look, and nobody opens another
    if AccessReview.objects.filter(brand_id=brand_id, stage=ReviewStage.OPEN).exists():
        raise ReviewRunning
    review = AccessReview(brand_id=brand_id, reason=reason, opened_at=at, opened_by_id=by.seat_id, due_at=due_at)
    review.save(force_insert=True)
    lasting = Grant.objects.all().lasting(at)
    if brand_id is None:
        asked = lasting.filter(brand_id=None, incident_id=None)
    else:
        closed = Restriction.objects.filter(lifted_at=None).values("incident_id")
        asked = lasting.filter(Q(brand_id=brand_id) | (Q(incident__brand_id=brand_id) & ~Q(incident_id__in=closed)))
    items = [ReviewItem(review=review, grant=grant, ends_at=grant.ends_at) for grant in asked.order_by("pk")]
    ReviewItem.objects.bulk_create(items, batch_size=1000)
    record("review.opened", on=review, by=by, at=at, items=len(items), due_at=due_at, reason=reason)
    later(CLOSE, key=str(review.pk), agency_id=standing_agency(), at=due_at, args={"review_id": str(review.pk)})
    return review


@transaction.atomic
def decide_review(
    *,
    review_id: UUID,
    decisions: Sequence[Decision],
    among: Collection[UUID],
    reviewer: Caller,
    by: Actor,
    at: datetime,
) -> AccessReview:
    """Keep or remove grants under review; what is removed ends with the commit. One refusal refuses all.

    `among` are the grants that the reviewer may see. A grant that ended meanwhile is noted as ended, whatever was
    said of it. Raises ReviewClosed, OwnGrant, ItemDecided, NotFound for a grant not under this review, LastOwner.
    """
    review: AccessReview = AccessReview.objects.locked(review_id)
    if review.stage != ReviewStage.OPEN or review.due_at <= at:
        raise ReviewClosed
    asked = {decision.grant_id: decision for decision in decisions}
    if len(asked) != len(decisions):
        raise Invalid("Each grant is decided about once.")
    items = {
        item.grant_id: item
        for item in ReviewItem.objects.filter(review=review, grant_id__in=asked).select_related("grant").order_by("pk")
    }
    if missing := sorted(str(grant_id) for grant_id in asked.keys() - (items.keys() & set(among))):
        raise NotFound("These grants are not under this review.", grants=missing)
    if own := sorted(str(item.grant_id) for item in items.values() if item.grant.seat_id == reviewer.seat_id):
        raise OwnGrant(grants=own)
    if decided := sorted(str(item.grant_id) for item in items.values() if item.verdict != Verdict.UNANSWERED):
        raise ItemDecided(grants=decided)
    with records_held_back():
        removed = _remove(
            [item for item in items.values() if not asked[item.grant_id].keep], strict=True, by=by, at=at,
            reasons={grant_id: said.reason for grant_id, said in asked.items()},
        )  # fmt: skip
        told: dict[Verdict, list[UUID]] = {Verdict.KEPT: [], Verdict.REMOVED: [], Verdict.ENDED: []}
        for grant_id, item in items.items():
            kept = Verdict.ENDED if _is_over(item.grant, at=at) else Verdict.KEPT
            item.verdict = removed.get(grant_id, kept)
            item.reason, item.decided_by_id, item.decided_at = asked[grant_id].reason, by.seat_id, at
            told[Verdict(item.verdict)].append(grant_id)
        ReviewItem.objects.bulk_update(items.values(), ["verdict", "reason", "decided_by_id", "decided_at"])
        review.version += 1
        review.save(update_fields=["version"])
        record(
            "review.decided", on=review, by=by, at=at, kept=told[Verdict.KEPT], removed=told[Verdict.REMOVED],
            ended=told[Verdict.ENDED],
        )  # fmt: skip
    return review


@transaction.atomic
def close_review(*, review_id: UUID, reason: str, by: Actor, at: datetime) -> AccessReview:
    """End a review: what nobody answered is removed, but for an agency's last owner; then its evidence is sealed.

    Repeating changes nothing.
    """
    review: AccessReview = AccessReview.objects.locked(review_id)
    if review.stage == ReviewStage.CLOSED:
        return review
    unanswered = list(
        ReviewItem.objects.filter(review=review, verdict=Verdict.UNANSWERED)
        .select_related("grant")
        .order_by("-grant__granted_at", "pk")  # of several owners the one who has been so for longest stays
    )
    with records_held_back():
        reasons = {item.grant_id: reason for item in unanswered}
        removed = _remove(unanswered, strict=False, reasons=reasons, by=by, at=at)
        for item in unanswered:
            item.verdict, item.reason, item.decided_at = removed[item.grant_id], reason, at
        ReviewItem.objects.bulk_update(unanswered, ["verdict", "reason", "decided_at"], batch_size=500)
        review.stage = REVIEW_LIFECYCLE.step("close", from_=review.stage)
        review.closed_at = at
        review.evidence_sha256 = hashlib.sha256(canonical(evidence_of(review))).hexdigest()
        review.version += 1
        review.save(update_fields=["stage", "closed_at", "evidence_sha256", "version"])
        counts = Counter(ReviewItem.objects.filter(review=review).values_list("verdict", flat=True))
        record(
            "review.closed", on=review, by=by, at=at, digest=review.evidence_sha256, reason=reason,
            kept=counts[Verdict.KEPT], removed=counts[Verdict.REMOVED], ended=counts[Verdict.ENDED],
            protected=counts[Verdict.PROTECTED], unanswered=len(unanswered),
        )  # fmt: skip
    cancel(CLOSE, key=str(review.pk), at=at)
    return review


def _is_over(grant: Grant, *, at: datetime) -> bool:
    return grant.withdrawn_at is not None or (grant.ends_at is not None and grant.ends_at <= at)


def _remove(
    items: Sequence[ReviewItem], *, reasons: Mapping[UUID, str], strict: bool, by: Actor, at: datetime
) -> dict[UUID, Verdict]:
    """Withdraw what the items are about, owners first, as everybody locks; says what became of each grant.

    The last owner's grant is protected, or when strict raises LastOwner.
    """
    became = {item.grant_id: Verdict.ENDED for item in items}
    lasting = [item for item in items if not _is_over(item.grant, at=at)]
    for item in (item for item in lasting if item.grant.role == OWNER):
        try:
            grant = withdraw_role(grant_id=item.grant_id, reason=reasons[item.grant_id], by=by, at=at)
        except LastOwner:
            if strict:
                raise
            became[item.grant_id] = Verdict.PROTECTED
        else:
            became[item.grant_id] = Verdict.REMOVED if grant.withdrawn_at == at else Verdict.ENDED
    ordinary = {item.grant_id: reasons[item.grant_id] for item in lasting if item.grant.role != OWNER}
    # Somebody else may have withdrawn one since we looked: it ended meanwhile.
    became.update({grant.pk: Verdict.REMOVED for grant in withdraw_roles(reasons=ordinary, by=by, at=at)})
    return became
