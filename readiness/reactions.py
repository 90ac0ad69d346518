"""What people have agreed to takes effect: a message is ready for the fast lane, a plan is in force.
And whoever comes is asked to acknowledge the policies of their place.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from ledger.models import Event
from ledger.subscriptions import on
from readiness.actions import (
    ABOUT_DRAFT,
    ABOUT_MESSAGE,
    approve_message,
    ask_newcomer,
    publish_draft,
    send_draft_back,
)


@on("approval.granted", reaction="readiness.approve_message")
def message_was_agreed_to(event: Event, at: datetime) -> None:
    if event.facts["about_kind"] == ABOUT_MESSAGE:
        approve_message(
            message_id=UUID(event.facts["about_id"]),
            approval_id=event.subject_id,
            by=Actor.rule("readiness.approve_message"),
            at=at,
        )


@on("approval.granted", reaction="readiness.publish_plan")
def plan_was_signed_off(event: Event, at: datetime) -> None:
    if event.facts["about_kind"] == ABOUT_DRAFT:
        publish_draft(
            draft_id=UUID(event.facts["about_id"]),
            approval_id=event.subject_id,
            by=Actor.rule("readiness.publish_plan"),
            at=at,
        )


@on("approval.rejected", "approval.voided", "approval.changes_requested", reaction="readiness.send_plan_back")
def plan_was_not_signed_off(event: Event, at: datetime) -> None:
    if event.facts["about_kind"] == ABOUT_DRAFT:
        send_draft_back(
            draft_id=UUID(event.facts["about_id"]),
            approval_id=event.subject_id,
            by=Actor.rule("readiness.send_plan_back"),
            at=at,
        )


@on("role.granted", "seat.created", reaction="readiness.ask_newcomer")
def somebody_came(event: Event, at: datetime) -> None:
    seat_id = event.subject_id if event.name == "seat.created" else UUID(event.facts["seat_id"])
    ask_newcomer(seat_id=seat_id, by=Actor.rule("readiness.ask_newcomer"), at=at)
