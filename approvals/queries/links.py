"""What a link opens, and for whom."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from approvals.models import Approval, DecisionLink
from approvals.queries.voters import can_decide, voice_of
from permissions.gate import Caller
from tenants.queries import caller_in_office

LINK_PARTS = 4  # csl_<agency>_<link>_<secret>


@dataclass(frozen=True, slots=True)
class OpenLink:
    """What a link opens now, whom it was made for, and the place of the step in which their voice counts."""

    link: DecisionLink
    approval: Approval
    caller: Caller
    place: int


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
    if not opens(link, approval, caller) or (wanted := voice_of(approval, caller)) is None:
        return None
    return OpenLink(link, approval, caller, wanted.place)
