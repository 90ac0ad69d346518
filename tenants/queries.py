"""Questions about who somebody is, asked at sign-in and by jobs that ask again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from permissions.gate import Caller
from tenants.models import Seat


def caller_for(seat: Seat, *, at: datetime) -> Caller:
    """The person in this seat, acting themselves."""
    return Caller(
        actor=Actor.seat(seat.pk), agency_id=UUID(str(seat.agency_id)), seat_id=seat.pk, user_id=seat.user_id,
        side="client" if seat.side == "client" else "staff", at=at,
    )  # fmt: skip


def caller_in_office(seat_id: UUID | None, *, at: datetime) -> Caller | None:
    """The person behind a seat if the seat is still active, else None; inside the wall."""
    seat: Seat | None = Seat.objects.all().active().filter(pk=seat_id).first()
    return None if seat is None else caller_for(seat, at=at)
