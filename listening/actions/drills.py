"""What a drill's twin hears: an ordinary past, then the mentions of the scenario, through the ordinary way in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import transaction

from core.actor import Actor
from core.wall import standing_agency
from jobs.actions import cancel, later
from ledger.actions import records_held_back
from listening.actions.ingest import ingest_mentions
from listening.actions.sources import add_source, end_source
from listening.ingest import Author, Item
from listening.models import Bucket, DetectorState, ListeningSettings, Signal, Source
from listening.queries import MINUTE, start_of_minute
from listening.states import UNDECIDED
from listening.watching import REVIEW_MINUTES
from readiness.drill_plan import faster
from readiness.models import Drill
from readiness.queries.drills import wall_time
from readiness.scenarios import OWN, Said, minutes_of, said_in, usual_per_minute
from readiness.states import DrillStage
from tenants.states import SANDBOX

FEED: Final = "listening.feed_drill"
NAME: Final = "drill"
ORDINARY_DAYS: Final = 3  # so long a past is made up, in which the detector learns what is normal
ORDINARY_NEGATIVE: Final = 0.15
EVERY: Final = timedelta(minutes=1)
# A feeder that was away takes up what it missed in parts.
MOST_AT_ONCE: Final = 5_000


@transaction.atomic
def set_drill_up(*, drill_id: UUID, by: Actor, at: datetime) -> Source | None:
    """The twin has a source and an ordinary past, is watched as its brand is, and is fed from the first minute on.

    Changes nothing when it is set up already, or the drill is over; returns the source where there is one.
    """
    drill: Drill = Drill.objects.locked(drill_id)
    known: Source | None = Source.objects.filter(brand_id=drill.twin_id, name=NAME).first()
    if known is not None or drill.stage != DrillStage.RUNNING or drill.twin_id is None or drill.started_at is None:
        return known
    with records_held_back():
        _watch_alike(drill, drill.twin_id)
        source = add_source(brand_id=drill.twin_id, kind="push", name=NAME, network=SANDBOX, by=by, at=at)
        _make_up_past(drill, source)
    _feed_later(drill, minute=0, at=drill.started_at + EVERY)
    return source


def _watch_alike(drill: Drill, twin_id: UUID) -> None:
    """The brand's own terms, quorum and deadlines, the latter on the drill's clock. That the twin falls silent is no
    news: the scenario is over then.
    """
    own: ListeningSettings | None = ListeningSettings.objects.filter(brand_id=drill.brand_id).first()
    wanted = REVIEW_MINUTES | {int(key): int(value) for key, value in (own.review_minutes if own else {}).items()}
    ListeningSettings(
        brand_id=twin_id,
        detector={"muted": ["silence"]},
        watched_terms=own.watched_terms if own else [],
        quorum=own.quorum if own else {},
        review_minutes={str(severity): faster(minutes, drill.speed) for severity, minutes in wanted.items()},
    ).save(force_insert=True)


def _make_up_past(drill: Drill, source: Source) -> None:
    """Count ordinary days straight into buckets: for the detector it does not matter who counted."""
    end = start_of_minute(drill.started_at or source.created_at)
    draw = np.random.default_rng(drill.scenario["seed"])
    usual = usual_per_minute(drill.scenario) * drill.speed
    volumes = draw.poisson(usual, ORDINARY_DAYS * 1440)
    negatives = draw.binomial(volumes, ORDINARY_NEGATIVE)
    Bucket.objects.bulk_create(
        [
            Bucket(
                brand_id=source.brand_id,
                source_id=source.pk,
                language="en",
                minute=end - (number + 1) * MINUTE,
                volume=volume,
                negative=negative,
                reach=volume * 300,
                authors=volume,
            )
            for number, (volume, negative) in enumerate(zip(volumes.tolist(), negatives.tolist(), strict=True))
            if volume
        ],
        batch_size=1_000,
    )


@transaction.atomic
def feed_drill(*, drill_id: UUID, minute: int, by: Actor, at: datetime) -> int:
    """What the scenario says of the minutes of the drill that are over is heard of the twin, from `minute` on; returns
    how many mentions that were. The next turn comes a minute later, until nothing is left to be said.
    """
    drill: Drill = Drill.objects.select_related("brand").get(pk=drill_id)
    source: Source | None = Source.objects.filter(brand_id=drill.twin_id, name=NAME, ended_at=None).first()
    if drill.stage != DrillStage.RUNNING or source is None or drill.started_at is None:
        return 0
    last = minutes_of(drill.scenario)
    over = min(last, int((at - drill.started_at) / wall_time(drill, 1)))
    items: list[Item] = []
    while minute < over and len(items) < MOST_AT_ONCE:
        items += _items(drill, minute)
        minute += 1
    if items:
        ingest_mentions(source_id=source.pk, items=items, by=by, at=at)
    if minute < last:
        _feed_later(drill, minute=minute, at=at if minute < over else at + EVERY)
    return len(items)


def _feed_later(drill: Drill, *, minute: int, at: datetime) -> None:
    key = str(drill.pk)
    later(FEED, key=key, agency_id=standing_agency(), at=at, args={"drill_id": key, "minute": minute})


def _items(drill: Drill, minute: int) -> list[Item]:
    """The mentions of a minute of the drill, spread over the time that it takes on the wall's clock."""
    assert drill.started_at is not None  # noqa: S101 - it is running
    said = said_in(drill.scenario, minute, brand=drill.brand.name)
    start, length = drill.started_at + wall_time(drill, minute), wall_time(drill, 1)
    language = None if drill.scenario["type"] == OWN else "en"
    return [
        _item(drill, minute, one, start + length * ((place + 0.5) / len(said)), language)
        for place, one in enumerate(said)
    ]


def _item(drill: Drill, minute: int, one: Said, posted_at: datetime, language: str | None) -> Item:
    return Item(
        external_id=f"drill-{drill.pk}-{minute}-{one.number}",
        posted_at=posted_at,
        text=one.text,
        author=Author(handle=one.handle, name=one.handle, followers=one.followers),
        language=language,
    )


@transaction.atomic
def clear_drill_away(*, drill_id: UUID, by: Actor, at: datetime) -> int:
    """The drill is over: the twin hears nothing any more, and nobody is to decide about its signals. Returns how many
    sources ended.
    """
    drill: Drill = Drill.objects.found(drill_id)
    if drill.twin_id is None:
        return 0
    sources: Any = Source.objects.filter(brand_id=drill.twin_id, ended_at=None).order_by("pk")
    ended = [end_source(source_id=source.pk, reason="The drill is over.", by=by, at=at) for source in sources]
    cancel(FEED, key=str(drill.pk), at=at)
    for signal in Signal.objects.filter(brand_id=drill.twin_id, stage__in=UNDECIDED).order_by("pk"):
        cancel("listening.review_due", key=f"{signal.pk}@{signal.review_due_at.isoformat()}", at=at)
    DetectorState.objects.filter(brand_id=drill.twin_id).update(evaluated_to=None)
    return len(ended)
