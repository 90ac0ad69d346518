"""News from below that somebody must hear of."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alerting.actions import queue_invitation_letter, queue_letter
from ledger.models import Event
from ledger.subscriptions import on


@on("invitation.sent", reaction="alerting.post_invitation", queue="alerts")
def post_invitation(event: Event, at: datetime) -> None:
    queue_invitation_letter(invitation_id=event.subject_id, at=at)


@on("approval.link_sent", reaction="alerting.post_decision_link", queue="alerts")
def post_decision_link(event: Event, at: datetime) -> None:
    queue_letter(kind="approvals.decision_link", thing_id=UUID(event.facts["link_id"]), at=at)
