"""What a calendar address shows."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from alerting.calendar import Shown, uid_of
from alerting.models import CalendarFeed, Rota
from alerting.queries.schedule import duties_of, schedule
from alerting.shifts import LONGEST_TURN, Span
from permissions import gate
from permissions.needs import Need
from tenants.models import Seat
from tenants.queries import caller_in_office

SHOWN_BACK: Final = timedelta(days=14)
SHOWN_AHEAD: Final = timedelta(days=120)


def feed_of(feed_id: UUID, secret: str, at: datetime) -> CalendarFeed | None:
    """The feed that a token opens now; None when it opens nothing, or its owner may read no rotas any more."""
    feed: CalendarFeed | None = CalendarFeed.objects.filter(pk=feed_id).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    # Compared even when there is no such feed, so that both answers take the same time.
    right = hmac.compare_digest(digest, feed.digest if feed else "0" * 64)
    if feed is None or not right or feed.revoked_at is not None:
        return None
    owner = caller_in_office(feed.seat_id, at=at)
    if owner is None or not gate.allowed(owner, Need.ROTAS_READ, None):
        return None
    return feed


def shown_by(feed: CalendarFeed, at: datetime) -> tuple[str, list[Shown]]:
    """(name of the calendar, stretches): a person's duty with the rotas' names, or a rota's with the people's."""
    # From midnight, so that a day long the same stretches make the same calendar.
    today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since, until = today - SHOWN_BACK, today + SHOWN_AHEAD
    # Turns are shown whole: one that was cut off at midnight would begin anew each day, and be another one.
    first, last = since - LONGEST_TURN, until + LONGEST_TURN

    def shows(span: Span) -> bool:
        return span.duty.seat is not None and span.ends_at > since and span.starts_at < until

    if feed.rota_id is None:
        rotas = dict(Rota.objects.values_list("pk", "name"))
        return "On call", [
            Shown(uid_of(rota, span.starts_at), span.starts_at, span.ends_at, f"On call: {rotas[rota]}")
            for rota, span in duties_of(feed.seat_id, first, last, by_turn=True)
            if shows(span)
        ]
    rota = Rota.objects.found(feed.rota_id)
    said = [span for span in schedule(rota.pk, first, last, by_turn=True) if shows(span)]
    seats = {span.duty.seat for span in said}
    names = dict(Seat.objects.filter(pk__in=seats).values_list("pk", "user__name"))
    return rota.name, [
        Shown(
            uid_of(rota.pk, span.starts_at), span.starts_at, span.ends_at,
            f"{names[span.duty.seat] if span.duty.seat else ''} ({rota.name})",
        )
        for span in said
    ]  # fmt: skip
