"""Signing in, as far as it leaves a trace: when a seat was last seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from core.wall import inside
from tenants.models import Seat

NOTE_SEEN_EVERY = timedelta(hours=1)


def note_seen(*, agency_id: UUID, seat_id: UUID, at: datetime) -> None:
    """The person has used this seat; at most once an hour, and never moved back. No event: it is no news."""
    with inside(agency_id):
        stale = Q(last_seen_at=None) | Q(last_seen_at__lte=at - NOTE_SEEN_EVERY)
        Seat.objects.filter(stale, pk=seat_id).update(last_seen_at=at)
