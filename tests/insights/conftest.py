"""A crisis with everything in it: what was said, a signal, a pause, words, a review."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from alerting.actions import acknowledge_page, raise_page
from core.ids import uuid7
from core.wall import inside
from incidents.actions import activate_incident, open_incident
from incidents.models import Incident
from listening.models import Band, Bucket, Signal
from listening.queries import start_of_bin
from readiness.models import PlanVersion
from tests.cast import Person
from tests.conftest import North
from tests.incidents.conftest import assessed, crisis, message, plan

__all__ = ["assessed", "crisis", "message", "plan"]

NORMAL = 20


def hear(north: North, start: datetime, end: datetime, storm_at: datetime) -> None:
    """Buckets of every fifth minute and the band around them; from `storm_at` on ten times as much, mostly angry."""
    step = timedelta(minutes=5)
    source_id = uuid7()
    at = start_of_bin(start)
    buckets, bands = [], []
    while at < end:
        stormy = at >= start_of_bin(storm_at)
        volume = NORMAL * 10 if stormy else NORMAL
        negative = volume * 7 // 10 if stormy else NORMAL // 5
        buckets.append(
            Bucket(
                brand_id=north.aurora.pk,
                minute=at,
                source_id=source_id,
                language="en",
                volume=volume,
                negative=negative,
                reach=1000,
                authors=volume,
            )
        )
        bands.append(
            Band(
                brand_id=north.aurora.pk, starts_at=at, minutes=5, expected=NORMAL, low=10, high=32, negative_share=0.2
            )
        )
        at += step
    Bucket.objects.bulk_create(buckets)
    Band.objects.bulk_create(bands)


@pytest.fixture
def storm(north: North, lea: Person, dee: Person, plan: PlanVersion) -> Incident:
    """Half an hour ago it began; a signal was raised and acknowledged, and Lea activated the crisis just now."""
    now = timezone.now()
    began = now - timedelta(minutes=30)
    with inside(north.agency.pk):
        hear(north, now - timedelta(hours=3), now, began)
        signal = Signal(
            brand_id=north.aurora.pk,
            kind="volume",
            severity_hint=8,
            starts_at=began,
            alarmed_at=began + timedelta(minutes=5),
            seen_at=now,
            raised_at=began + timedelta(minutes=6),
            review_due_at=now,
            explanation={},
        )
        signal.save()
        page = raise_page(
            brand_id=north.aurora.pk,
            cause_kind="listening.signal",
            cause_id=signal.pk,
            severity=2,
            headline="Far more mentions than normal",
            by=dee.actor,
            at=began + timedelta(minutes=6),
        )
        acknowledge_page(page_id=page.pk, by=dee.actor, at=began + timedelta(minutes=8))
        incident = open_incident(
            brand_id=north.aurora.pk,
            title="A bad joke",
            kind="insensitive_post",
            severity=2,
            cause_kind="listening.signal",
            cause_id=UUID(str(signal.pk)),
            by=lea.actor,
            at=began + timedelta(minutes=10),
        )
        return activate_incident(
            incident_id=incident.pk, severity=2, pause=True, by=lea.actor, at=began + timedelta(minutes=12)
        )
