"""Who is on call."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from alerting.models import Rota
from alerting.queries.schedule import drawings, working
from alerting.shifts import Duty, who

__all__ = ["duties_at", "duty_at", "on_call", "working"]

INSTANT = timedelta(microseconds=1)


def duties_at(rotas: list[Rota], at: datetime) -> list[Duty]:
    """Who answers for each of the rotas at an instant, and why."""
    drawn = drawings([rota.pk for rota in rotas], at, at + INSTANT)
    return [who(drawn[rota.pk], at) for rota in rotas]


def duty_at(rota: Rota, at: datetime) -> Duty:
    return duties_at([rota], at)[0]


def on_call(rota: Rota, at: datetime) -> UUID | None:
    """The seat that answers for a rota at an instant, None when nobody does.

    An override comes before the rotations. Whoever is away or has no seat any more is passed over for the next.
    """
    return duty_at(rota, at).seat
