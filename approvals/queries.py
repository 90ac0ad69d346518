"""Whether an approval can be relied upon: asked when it is spent, and again under the lock before anything goes out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from approvals.models import Approval, Decision
from approvals.payload import covers, digest_of
from approvals.states import ApprovalStage, Verdict
from tenants.states import SeatStage


def why_not(approval: Approval, *, account_id: UUID, text: str, digest: str, at: datetime) -> str | None:
    """None when people have agreed to exactly this text on this account, and all of them are still here; else a word.

    `approval` is freshly loaded inside the wall, `digest` is what the post was bound to when it was made. The words:
    `not_approved`, `text_changed`, `approver_gone`, `expired`. One query.
    """
    if not covers(approval.payload, account_id, text):
        return flaw(approval, digest=digest, at=at) or "text_changed"
    return flaw(approval, digest=digest, at=at)


def flaw(approval: Approval, *, digest: str, at: datetime) -> str | None:
    """Why an approval, granted or already spent, does not hold for the text with this digest; None when it holds.

    Nothing is taken from the row's word alone: the digest is computed again from the payload, and the voices are
    counted again, stage by stage, each for this digest, by another person, by no author, in a seat that is active.
    """
    if approval.stage not in (ApprovalStage.GRANTED, ApprovalStage.SPENT):
        return "not_approved"
    if digest != approval.digest or digest_of(approval.payload) != approval.digest:
        return "text_changed"
    if approval.expired(at):
        return "expired"
    voices = list(Decision.objects.filter(approval_id=approval.pk).select_related("seat"))
    if any(voice.seat.stage != SeatStage.ACTIVE for voice in voices):
        return "approver_gone"
    sound = all(
        voice.verdict == Verdict.APPROVE
        and voice.digest == approval.digest
        and voice.seat_id not in approval.author_seat_ids
        for voice in voices
    )
    counted = [voice.stage_index for voice in voices]
    agreed = all(counted.count(index) >= step["quorum"] for index, step in enumerate(approval.stages))
    distinct = len({voice.person_id for voice in voices}) == len(voices)
    return None if sound and agreed and distinct else "not_approved"
