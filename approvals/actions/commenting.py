"""Talking beside an approval."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from approvals.actions.deciding import HumansDecide
from approvals.models import Approval, Comment
from core.ids import uuid7
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need


@transaction.atomic
def add_comment(*, approval_id: UUID, text: str, shared_with_client: bool, caller: Caller, at: datetime) -> Comment:
    """Write into an approval's thread, whatever has become of it; what a client writes is always shared.

    The ledger tells that somebody wrote, never what. Raises NotFound, HumansDecide and NotAllowed (403).
    """
    if caller.actor.kind != "seat":
        raise HumansDecide
    approval: Approval = Approval.objects.found(approval_id)
    gate.require(caller, Need.APPROVALS_COMMENT, approval)
    comment = Comment(
        id=uuid7(),
        approval=approval,
        author_seat_id=caller.seat_id,
        text=text,
        shared_with_client=shared_with_client or caller.side == "client",
        at=at,
    )
    comment.save(force_insert=True)
    record(
        "approval.commented",
        on=comment,
        by=caller.actor,
        at=at,
        approval_id=approval.pk,
        shared_with_client=comment.shared_with_client,
    )
    return comment
