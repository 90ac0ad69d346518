"""Seats that nobody uses: a warning first, then the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from core.actor import Actor
from ledger.actions import record
from permissions.actions.grants import LastOwner
from tenants.actions.goodbyes import revoke_seat
from tenants.models import Seat

WARN_AFTER = timedelta(days=75)
END_AFTER = timedelta(days=90)
MOST_AT_ONCE = 200  # seats a round; the others wait for the next


@transaction.atomic
def watch_idle_seats(*, by: Actor, at: datetime) -> tuple[int, int]:
    """Warn people who have not been here for 75 days, and end the seats of those who have not for 90.

    Nobody's seat ends sooner than 15 days after their warning, however late that came. The last owner is only warned.
    A suspended seat is left alone: somebody closed it on purpose. Returns how many were warned and how many ended.
    """
    seats = Seat.objects.all().active().annotate(idle_since=Coalesce("last_seen_at", "created_at"))
    unwarned = Q(idle_warned_at=None) | Q(idle_warned_at__lt=F("idle_since"))
    to_warn = seats.filter(unwarned, idle_since__lte=at - WARN_AFTER).order_by("pk")[:MOST_AT_ONCE]
    to_end = seats.filter(
        idle_since__lte=at - END_AFTER,
        idle_warned_at__gte=F("idle_since"),
        idle_warned_at__lte=at - (END_AFTER - WARN_AFTER),
    ).order_by("pk")[:MOST_AT_ONCE]
    ended = [seat_id for seat_id in list(to_end.values_list("pk", flat=True)) if _end(seat_id, by=by, at=at)]
    warned = [seat_id for seat_id in list(to_warn.values_list("pk", flat=True)) if _warn(seat_id, by=by, at=at)]
    return len(warned), len(ended)


def _end(seat_id: UUID, *, by: Actor, at: datetime) -> bool:
    try:
        with transaction.atomic():
            revoke_seat(seat_id=seat_id, reason="expired", by=by, at=at)
    except LastOwner:
        return False
    return True


def _warn(seat_id: UUID, *, by: Actor, at: datetime) -> bool:
    seat: Seat = Seat.objects.locked(seat_id)
    idle_since = seat.last_seen_at or seat.created_at
    if idle_since > at - WARN_AFTER:
        return False  # they came back while we looked
    seat.idle_warned_at = at
    seat.save(update_fields=["idle_warned_at"])
    ends_at = max(idle_since + END_AFTER, at + (END_AFTER - WARN_AFTER))
    record("seat.idle_warned", on=seat, by=by, at=at, idle_since=idle_since, ends_at=ends_at)
    return True
