"""The figures of an incident, read from what is stored; `insights.numbers` says what each of them means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Min, Q

from alerting.models import Page
from approvals.models import Approval
from incidents.models import Clock, Incident, StatementVersion
from incidents.queries import first_words_out
from incidents.states import ClockKind
from insights.numbers import Moments, durations, height, window_of
from ledger.models import Event
from listening.models import Signal
from listening.queries import Point, volume_series
from publishing.models import Pause


def signal_of(incident: Incident) -> Signal | None:
    """The first signal of the crisis: the one that it came from, or one that was reviewed into it."""
    about = Q(incident=incident)
    if incident.cause_id is not None:
        about |= Q(pk=incident.cause_id)
    found: Signal | None = Signal.objects.filter(about).order_by("raised_at", "pk").first()
    return found


def last_granted(incident: Incident) -> Approval | None:
    """The newest request about words of this incident that was made in it and granted."""
    asked = StatementVersion.objects.filter(statement__incident=incident, approval__isnull=False)
    granted = Approval.objects.filter(pk__in=asked.values("approval_id"), granted_at__isnull=False)
    found: Approval | None = (
        granted.filter(requested_at__gte=incident.opened_at).order_by("-requested_at", "-pk").first()
    )
    return found


def moments_of(incident: Incident) -> Moments:
    """When what happened; a constant number of queries."""
    signal = signal_of(incident)
    about = Q(incident=incident)
    if incident.cause_id is not None:
        about |= Q(cause_id=incident.cause_id)
    taken = Page.objects.filter(about).aggregate(first=Min("acknowledged_at"))["first"]
    met = Clock.objects.filter(incident=incident, kind=ClockKind.ACKNOWLEDGE).aggregate(first=Min("met_at"))["first"]
    pauses = Pause.objects.filter(incident=incident)
    pause: Pause | None = pauses.order_by("started_at", "pk").first()
    approval = last_granted(incident)
    return Moments(
        began=min(signal.starts_at, signal.raised_at) if signal else None,
        known=signal.raised_at if signal else incident.opened_at,
        acknowledged=_first(taken, met),
        decided=_first(incident.activated_at, incident.stood_down_at),
        pause_started=pause.started_at if pause else None,
        pause_effective=pause.effective_at if pause else None,
        first_words=first_words_out(incident.pk),
        approval_asked=approval.requested_at if approval else None,
        approval_granted=approval.granted_at if approval else None,
        contained=incident.contained_at,
        resolved=incident.resolved_at,
    )


def _first(*instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)


def numbers_of(incident: Incident, moments: Moments, points: Sequence[Point]) -> dict[str, Any]:
    """Every figure of the incident: `points` are the series of the window that it is looked at in."""
    counted = {"posts_held": sum(held_by_pause(incident).values()), "conversations_answered": None}
    return durations(moments) | height(points) | counted


def held_by_pause(incident: Incident) -> Mapping[UUID, int]:
    """How many posts each lifted pause of the incident held back."""
    pauses = Pause.objects.filter(incident=incident).values("pk")
    lifted = Event.objects.filter(name="pause.lifted", subject_id__in=pauses)
    return {pause: facts["held"] for pause, facts in lifted.values_list("subject_id", "facts")}


def measured(incident: Incident, *, at: datetime) -> dict[str, Any]:
    """The figures as they stand, as JSON values, for who writes them down."""
    moments = moments_of(incident)
    window = window_of(moments, at=at)
    points = volume_series(incident.brand_id, start=window.start, end=window.end, step=window.step)
    return {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in numbers_of(incident, moments, points).items()
    }
