"""Quiet days and storms, counted straight into buckets: for the detector it does not matter who counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
from django.db.models import F

from core.actor import Actor
from core.wall import inside
from listening.actions import detect_signals, relearn_normal
from listening.models import Bucket, DetectorState, Signal, Source
from listening.queries import start_of_bin

DETECTOR = Actor.rule("detector")
MINUTE = timedelta(minutes=1)


def quiet_days(end: datetime, *, days: int = 3, per_minute: float = 3.0, seed: int = 1) -> dict[datetime, int]:
    """Mentions a minute on ordinary days that end at `end`, a whole minute."""
    drawn = np.random.default_rng(seed).poisson(per_minute, days * 1440)
    return {end - (number + 1) * MINUTE: int(count) for number, count in enumerate(drawn)}


def storm(start: datetime, *, minutes: int, per_minute: int) -> dict[datetime, int]:
    return {start + number * MINUTE: per_minute for number in range(minutes)}


def hear(source: Source, counts: Mapping[datetime, int], *, negative: float = 0.2) -> None:
    """Add to the buckets of the source's brand: every mention by a person of its own with ten followers."""
    with inside(source.agency_id):
        rows = Bucket.objects.filter(source_id=source.pk, language="en", minute__in=list(counts))
        known = set(rows.values_list("minute", flat=True))
        for minute in known:
            rows.filter(minute=minute).update(
                volume=F("volume") + counts[minute],
                negative=F("negative") + int(counts[minute] * negative),
                reach=F("reach") + counts[minute] * 10,
                authors=F("authors") + counts[minute],
            )
        Bucket.objects.bulk_create(
            Bucket(
                brand_id=source.brand_id,
                source_id=source.pk,
                language="en",
                minute=minute,
                volume=count,
                negative=int(count * negative),
                reach=count * 10,
                authors=count,
            )
            for minute, count in counts.items()
            if count and minute not in known
        )


def detect(source: Source, at: datetime) -> list[Signal]:
    with inside(source.agency_id):
        return detect_signals(brand_id=source.brand_id, by=DETECTOR, at=at)


def relearn(source: Source, at: datetime) -> list[Signal]:
    with inside(source.agency_id):
        return relearn_normal(brand_id=source.brand_id, by=DETECTOR, at=at)


def signals_of(source: Source) -> list[Signal]:
    with inside(source.agency_id):
        return list(Signal.objects.filter(brand_id=source.brand_id).order_by("raised_at", "pk"))


def memory_of(source: Source) -> DetectorState:
    with inside(source.agency_id):
        memory: DetectorState = DetectorState.objects.get(brand_id=source.brand_id)
        return memory


def whole(instant: datetime) -> datetime:
    """The bin's beginning, so that counts of tests lie where the detector's bins lie."""
    return start_of_bin(instant)
