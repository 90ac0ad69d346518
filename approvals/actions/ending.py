"""Voiding an agreement, and using it once; what becomes of a leaver's voices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals.actions.deciding import ApprovalExpired, hold_approval, what
from approvals.actions.links import void_links
from approvals.actions.steps import close_steps, stop_deadlines
from approvals.models import Approval, Bypass, Decision
from approvals.queries import flaw
from approvals.states import APPROVAL_LIFECYCLE, ApprovalStage, Verdict
from core.actor import Actor
from core.refusals import Refusal
from ledger.actions import record
from permissions.revocation import counted, line


class ApprovalNotGranted(Refusal):
    """Facts `stage` and `reason`: not_approved, text_changed or approver_gone."""

    code = "approval_not_granted"
    title = "People have not agreed to this."


class ApprovalSpent(Refusal):
    """An approval is good for one use. Facts `spent_at` and `spent_on`."""

    code = "approval_spent"
    title = "This approval has been used."


@transaction.atomic
def void_approval(*, approval_id: UUID, reason: str, by: Actor, at: datetime) -> Approval:
    """Take a request, or an agreement that was not used, out of the world; what was used stays used (CannotMove)."""
    return _void(hold_approval(approval_id), reason=reason, by=by, at=at)


def _void(approval: Approval, *, reason: str, by: Actor, at: datetime) -> Approval:
    approval.stage = APPROVAL_LIFECYCLE.step("void", from_=approval.stage)
    approval.version += 1
    approval.save(update_fields=["stage", "version"])
    closed = close_steps(approval, at=at)
    void_links(Q(approval_id=approval.pk), at=at)
    record("approval.voided", on=approval, by=by, at=at, reason=reason, **what(approval))
    stop_deadlines(closed, at=at)
    return approval


@transaction.atomic
def spend_approval(*, approval_id: UUID, on: UUID, by: Actor, at: datetime) -> Approval:
    """Use an agreement, once, on the thing with the id `on`. It is checked again, voice by voice, before it counts.

    Raises ApprovalSpent, ApprovalExpired, or ApprovalNotGranted with the reason.
    """
    approval = hold_approval(approval_id)
    if approval.stage == ApprovalStage.SPENT:
        raise ApprovalSpent(spent_at=approval.spent_at, spent_on=approval.spent_on)
    reason = flaw(approval, digest=approval.digest, at=at)
    if reason == "expired":
        raise ApprovalExpired(expired_at=approval.expires_at)
    if reason is not None:
        raise ApprovalNotGranted(stage=approval.stage, reason=reason)
    approval.stage = APPROVAL_LIFECYCLE.step("spend", from_=approval.stage)
    approval.spent_at, approval.spent_on = at, on
    approval.version += 1
    approval.save(update_fields=["stage", "spent_at", "spent_on", "version"])
    record("approval.spent", on=approval, by=by, at=at, spent_on=on, **what(approval))
    return approval


LIVE = [ApprovalStage.PENDING, ApprovalStage.GRANTED]


def approvals_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    """Live requests and agreements that rest on a leaver's voice, and requests about a leaver's words."""
    gone = set(seat_ids)
    agreed = Decision.objects.filter(verdict=Verdict.APPROVE, approval__stage__in=LIVE)
    left = Counter(counted(agreed.filter(seat_id__in=gone), "seat_id"))
    left.update(counted(agreed.filter(on_behalf_of_id__in=gone), "on_behalf_of_id"))
    bypassed = Bypass.objects.filter(second_at__isnull=False, approval__stage__in=LIVE)
    left.update(counted(bypassed.filter(first_seat_id__in=gone), "first_seat_id"))
    left.update(counted(bypassed.filter(second_seat_id__in=gone), "second_seat_id"))
    written = Approval.objects.filter(stage=ApprovalStage.PENDING, author_seat_ids__overlap=list(gone))
    for authors in written.values_list("author_seat_ids", flat=True):
        left.update(gone & set(authors))
    return left


@line(
    "unpublished approvals",
    left=approvals_left,
    covers={
        "approvals.Decision.seat",
        "approvals.Decision.on_behalf_of",
        "approvals.Bypass.first_seat",
        "approvals.Bypass.second_seat",
        "approvals.Approval.author_seat_ids",
    },
)
def void_approvals_of(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Void what a leaver agreed to and nobody has used, and what they wrote and nobody has agreed to yet.

    What somebody said on their behalf, and what they bypassed, counts like their own voice. What was spent and is not
    out yet is stopped by the release gate, which asks `why_not` again. All rows are locked before the first event is
    recorded, because from then on this transaction holds the ledger's head.
    """
    voices = Q(seat_id=seat_id) | Q(on_behalf_of_id=seat_id)
    agreed = Decision.objects.filter(voices, verdict=Verdict.APPROVE).values("approval_id")
    two = Q(first_seat_id=seat_id) | Q(second_seat_id=seat_id)
    bypassed = Bypass.objects.filter(two, second_at__isnull=False).values("approval_id")
    written = Q(stage=ApprovalStage.PENDING, author_seat_ids__contains=[seat_id])
    theirs = Q(pk__in=agreed) | Q(pk__in=bypassed) | written
    live = Approval.objects.all().live().filter(theirs).select_for_update(of=("self",), no_key=True).order_by("pk")
    held = list(live)
    for approval in held:
        _void(approval, reason="a person who stood for it has left", by=by, at=at)
    return len(held)
