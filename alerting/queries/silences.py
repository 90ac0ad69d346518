"""Which silence covers a page, what a silence has swallowed, and how long one may be."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from alerting.models import Page, Silence
from core.actor import Actor
from permissions.queries.holders import seats_with_role

# By the highest role that the author holds where the silence is; everybody else, and every key, has the last.
LONGEST = {"owner": timedelta(hours=72), "admin": timedelta(hours=72), "crisis_lead": timedelta(hours=24)}
LONGEST_OTHERWISE = timedelta(hours=8)


def silence_for(
    *, brand_id: UUID | None, cause_kind: str, topic: str | None, severity: int, at: datetime
) -> Silence | None:
    """The silence that swallows a page raised at `at`: of several the one that ends last; None when people are woken.

    Severity 1 has none. No row is locked: whoever raises a page may hold the ledger's head, for which somebody waits
    who is ending the silence.
    """
    if severity < 2:  # noqa: PLR2004 - 1 is the gravest
        return None
    covering: Silence | None = (
        Silence.objects.all()
        .live()
        .filter(
            Q(brand_id=None) | Q(brand_id=brand_id),
            Q(cause_kinds=[]) | Q(cause_kinds__contains=[cause_kind]),
            Q(topics=[]) | Q(topics__contains=[topic]) if topic is not None else Q(topics=[]),
            starts_at__lte=at,
            ends_at__gt=at,
            gravest__lte=severity,
        )
        .order_by("-ends_at", "pk")
        .first()
    )
    return covering


def still_covers(silence: Silence, *, severity: int, at: datetime) -> bool:
    """Whether a page that the silence has swallowed may go on sleeping when it is as grave as this."""
    live = silence.ended_at is None and silence.starts_at <= at < silence.ends_at
    return live and severity >= silence.gravest


def swallowed_by(silence_id: UUID) -> QuerySet[Page]:
    """The pages that a silence kept from waking anybody, also those that were woken by hand since."""
    found: QuerySet[Page] = Page.objects.filter(silence_id=silence_id)
    return found


def with_swallowed(silences: QuerySet[Silence]) -> QuerySet[Any]:
    """The silences, each with how many pages it swallowed as `swallowed_pages`; in the same query."""
    counted = Page.objects.filter(silence_id=OuterRef("pk")).order_by().values("silence_id").annotate(many=Count("pk"))
    return silences.annotate(swallowed_pages=Coalesce(Subquery(counted.values("many")), 0))


def longest_silence(*, by: Actor, brand_id: UUID | None, at: datetime) -> timedelta:
    """How long a silence over a brand, or for None over the whole agency, may be when this actor makes it."""
    held = [
        length
        for role, length in LONGEST.items()
        if by.kind == "seat" and by.seat_id in seats_with_role(role=role, brand_id=brand_id, at=at)
    ]
    return max([*held, LONGEST_OTHERWISE])
