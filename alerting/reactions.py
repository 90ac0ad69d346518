"""News from below that somebody must hear of."""

from __future__ import annotations

from datetime import datetime

from alerting.actions import queue_invitation_letter
from ledger.models import Event
from ledger.subscriptions import on


@on("invitation.sent", reaction="alerting.post_invitation", queue="alerts")
def post_invitation(event: Event, at: datetime) -> None:
    queue_invitation_letter(invitation_id=event.subject_id, at=at)
