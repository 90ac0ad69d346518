"""Whether an approval can be relied upon: asked when it is spent, and again under the lock before anything goes out.
And whether somebody can decide, by a link or without.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from approvals.models import Approval, Decision, DecisionLink
from approvals.payload import covers, digest_of
from approvals.states import ApprovalStage, Verdict
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.queries.holders import holds_role
from tenants.models import Seat
from tenants.queries import caller_in_office
from tenants.states import SeatStage

LINK_PARTS = 4  # csl_<agency>_<link>_<secret>


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


def can_decide(approval: Approval, caller: Caller) -> bool:
    """Whether this person's voice is wanted now: of the present stage's side and role, no author, not heard yet."""
    if approval.stage != ApprovalStage.PENDING or approval.expired(caller.at):
        return False
    step = approval.stages[approval.stage_index]
    return (
        caller.side == step["side"]
        and holds_role(seat_id=caller.seat_id, role=step["role"], brand_id=approval.brand_id, at=caller.at)
        and gate.allowed(caller, Need.APPROVALS_DECIDE, approval)
        and not Seat.objects.filter(pk__in=approval.author_seat_ids, user_id=caller.user_id).exists()
        and not Decision.objects.filter(approval_id=approval.pk, person_id=caller.user_id).exists()
    )


@dataclass(frozen=True, slots=True)
class OpenLink:
    """What a link opens now, and whom it was made for."""

    link: DecisionLink
    approval: Approval
    caller: Caller


def agency_in_link(token: str) -> UUID | None:
    """The agency whose wall a token must be looked up in; None for what is no token of a link."""
    return _parts_of(token)[0]


def _parts_of(token: str) -> tuple[UUID | None, UUID | None, str]:
    """Agency, link and secret of a token; no ids for what is none."""
    parts = token.split("_", LINK_PARTS - 1)
    if len(parts) != LINK_PARTS or parts[0] != "csl":
        return None, None, token
    try:
        return UUID(hex=parts[1]), UUID(hex=parts[2]), parts[3]
    except ValueError:
        return None, None, token


def link_of_token(token: str) -> DecisionLink | None:
    """The link that a token was made for, whatever became of it; inside the wall of the agency in the token."""
    _, link_id, secret = _parts_of(token)
    link: DecisionLink | None = DecisionLink.objects.filter(pk=link_id).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    # Compared even when there is no such link, so that both answers take the same time.
    right = hmac.compare_digest(digest, link.secret_sha256 if link else "0" * 64)
    return link if right else None


def opens(link: DecisionLink, approval: Approval, caller: Caller) -> bool:
    """Whether a link is good now for the person it was made for."""
    return not link.over(caller.at) and link.digest == approval.digest and can_decide(approval, caller)


def opened(token: str, *, at: datetime) -> OpenLink | None:
    """What a token opens; None whatever is wrong with it, its person or its approval. Changes nothing."""
    link = link_of_token(token)
    if link is None or (caller := caller_in_office(link.seat_id, at=at)) is None:
        return None
    approval: Approval = Approval.objects.select_related("brand__agency").get(pk=link.approval_id)
    return OpenLink(link, approval, caller) if opens(link, approval, caller) else None
