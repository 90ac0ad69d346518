"""Changing, suspending and resuming a seat."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from ledger.actions import record
from permissions.actions.grants import refuse_last_owner
from tenants.actions.agencies import check_time_zone
from tenants.models import Seat
from tenants.states import SEAT_LIFECYCLE, SeatStage


@transaction.atomic
def change_seat(*, seat_id: UUID, by: Actor, at: datetime, **wanted: Any) -> Seat:
    """Change the language and time zone in which a person is spoken to."""
    seat: Seat = Seat.objects.locked(seat_id)
    check_time_zone(wanted.get("time_zone", seat.time_zone))
    changed = sorted(name for name, value in wanted.items() if getattr(seat, name) != value)
    if changed:
        for name in changed:
            setattr(seat, name, wanted[name])
        seat.version += 1
        seat.save(update_fields=[*changed, "version"])
        record("seat.changed", on=seat, by=by, at=at, fields=changed)
    return seat


@transaction.atomic
def suspend_seat(*, seat_id: UUID, reason: str, by: Actor, at: datetime) -> Seat:
    """Close a seat for a while: nothing opens it until somebody resumes it. What the person holds is kept.

    Their keys end for good, because nobody watches over them meanwhile. Raises LastOwner.
    """
    if Seat.objects.found(seat_id).stage == SeatStage.ACTIVE:
        refuse_last_owner({seat_id}, at=at)
    seat: Seat = Seat.objects.locked(seat_id)
    seat.stage = SEAT_LIFECYCLE.step("suspend", from_=seat.stage)
    seat.suspended_at = at
    seat.auth_epoch += 1
    seat.version += 1
    seat.save(update_fields=["stage", "suspended_at", "auth_epoch", "version"])
    record("seat.suspended", on=seat, by=by, at=at, reason=reason)
    return seat


@transaction.atomic
def resume_seat(*, seat_id: UUID, reason: str, by: Actor, at: datetime) -> Seat:
    """Open a suspended seat again, to those who sign in from now on."""
    seat: Seat = Seat.objects.locked(seat_id)
    seat.stage = SEAT_LIFECYCLE.step("resume", from_=seat.stage)
    seat.suspended_at, seat.signed_in_after, seat.last_seen_at = None, at, at
    seat.version += 1
    seat.save(update_fields=["stage", "suspended_at", "signed_in_after", "last_seen_at", "version"])
    record("seat.resumed", on=seat, by=by, at=at, reason=reason)
    return seat
