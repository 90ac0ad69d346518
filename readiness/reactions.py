"""When people have agreed to a message, it is ready for the fast lane."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from ledger.models import Event
from ledger.subscriptions import on
from readiness.actions import ABOUT_MESSAGE, approve_message


@on("approval.granted", reaction="readiness.approve_message")
def message_was_agreed_to(event: Event, at: datetime) -> None:
    if event.facts["about_kind"] == ABOUT_MESSAGE:
        approve_message(
            message_id=UUID(event.facts["about_id"]),
            approval_id=event.subject_id,
            by=Actor.rule("readiness.approve_message"),
            at=at,
        )
