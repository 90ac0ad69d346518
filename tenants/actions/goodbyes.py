"""Ending a seat, with everything that could be reached through it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.db import transaction

from core.actor import Actor
from core.refusals import Invalid
from ledger.actions import record
from permissions.actions.grants import refuse_last_owner
from permissions.revocation import line, undo_everything
from tenants.models import Seat
from tenants.states import SEAT_LIFECYCLE, SeatStage

REASONS = ("left", "moved", "compromised", "expired")


@transaction.atomic
def revoke_seat(*, seat_id: UUID, reason: str, by: Actor, at: datetime) -> Seat:
    """End a seat at once and undo everything the person could reach through it; repeating changes nothing.

    `reason` is one of left, moved, compromised, expired. Every registered line runs in this transaction; the counts
    of what each ended are kept on the seat and in the ledger.
    """
    if reason not in REASONS:
        raise Invalid("There is no such reason.", reason=reason, known=list(REASONS))
    if Seat.objects.found(seat_id).stage != SeatStage.ENDED:
        refuse_last_owner({seat_id}, at=at)
    seat: Seat = Seat.objects.locked(seat_id)
    if seat.stage == SeatStage.ENDED:
        return seat
    seat.stage = SEAT_LIFECYCLE.step("revoke", from_=seat.stage)
    seat.auth_epoch += 1
    seat.ended_at, seat.end_reason = at, reason
    seat.ended_counts = undo_everything(seat_id=seat.pk, by=by, at=at)
    seat.save(update_fields=["stage", "auth_epoch", "ended_at", "end_reason", "ended_counts"])
    record("seat.revoked", on=seat, by=by, at=at, reason=reason, ended=seat.ended_counts)
    return seat


@line("sessions")
def end_sessions(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """Sessions belong to the person. Each request asks for a live seat, so other agencies' work may go on."""
    user_id = Seat.objects.found(seat_id).user_id
    sessions = list(UserSession.objects.filter(user_id=user_id))
    for session in sessions:
        session.end()
    return len(sessions)
