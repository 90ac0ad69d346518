"""Who is on call."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from alerting.models import Rota, RotaOverride
from alerting.shifts import turn
from tenants.models import Seat


def working(seat_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the seats that are staff of the agency and active, in the order given, each once."""
    wanted = list(dict.fromkeys(seat_ids))
    found = set(Seat.objects.all().active().filter(pk__in=wanted, side="staff").values_list("pk", flat=True))
    return [seat for seat in wanted if seat in found]


def override_at(rota: Rota, at: datetime) -> RotaOverride | None:
    """The override that counts at an instant: of several, the one made last."""
    found: RotaOverride | None = (
        RotaOverride.objects.all().covering(at).filter(rota_id=rota.pk).order_by("-created_at", "-pk").first()
    )
    return found


def on_call(rota: Rota, at: datetime) -> UUID | None:
    """The seat that answers for a rota at an instant, None when nobody does.

    An override comes before the turns. Whoever has no seat any more is passed over for the next in order.
    """
    override = override_at(rota, at)
    number = turn(starts_at=rota.starts_at, time_zone=rota.time_zone, shift_hours=rota.shift_hours, at=at)
    in_order = [override.seat_id] if override else []
    if number is not None and rota.members:
        here = number % len(rota.members)
        in_order += rota.members[here:] + rota.members[:here]
    return next(iter(working(in_order)), None)
