"""One story over several brands: found, told to those who may see all of it, and closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from alerting.actions import queue_letter
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from core.wall import standing_agency
from jobs.actions import later
from ledger.actions import record
from listening.models import Contagion, ContagionStory, ContagionWarning, Story
from listening.queries import seats_that_see, stories_of
from listening.stories import PERMUTATIONS, SAME_STORY
from permissions.needs import Need

FIND: Final = "listening.find_contagions"
LETTER: Final = "listening.contagion"
# What nobody has told for so long does not spread.
FRESH: Final = timedelta(hours=48)
# A story that hardly anybody tells is nobody's contagion.
TOLD_BY: Final = 3
COMPARED: Final = 1_000  # stories, the newest
_SOON: Final = timedelta(seconds=5)


class ContagionClosed(Refusal):
    code = "contagion_closed"
    title = "This contagion is closed."


def look_for_contagion(*, at: datetime) -> None:
    """A story of some brand has news: soon after, all brands of the agency are compared, once for all news till then.

    Inside the caller's transaction.
    """
    agency = standing_agency()
    later(FIND, key=str(agency), agency_id=agency, at=at + _SOON)


@transaction.atomic
def find_contagions(*, by: Actor, at: datetime) -> list[Contagion]:
    """Raise a contagion where stories of different brands are the same, let open ones grow, and close silent ones.

    Two stories are the same when their sketches resemble each other as much as those of one brand's story must. What
    is played in drills spreads nowhere.
    Returns what was raised.
    """
    # One run of an agency at a time: two would raise the same thing twice.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{FIND}:{standing_agency()}"])
    stories = list(
        Story.objects.filter(merged_into=None, last_at__gte=at - FRESH, mentions__gte=TOLD_BY, brand__drill_of=None)
        .exclude(sketch=[])
        .order_by("-last_at", "-id")[:COMPARED]
    )
    raised = [new for group in _shared(stories) if (new := _follow(group, by=by, at=at)) is not None]
    for silent in Contagion.objects.all().open().filter(seen_at__lt=at - FRESH).order_by("pk"):
        _close(silent, reason="", by=by, at=at)
    return raised


def _shared(stories: Sequence[Story]) -> list[list[Story]]:
    """Groups of stories of at least two brands in which each resembles one of another brand."""
    if len(stories) < 2:  # noqa: PLR2004
        return []
    sketches = np.array([story.sketch for story in stories], dtype=np.uint64)
    numbers = {brand: number for number, brand in enumerate({story.brand_id for story in stories})}
    brands = np.array([numbers[story.brand_id] for story in stories])
    group = list(range(len(stories)))

    def top(place: int) -> int:
        while group[place] != place:
            place = group[place]
        return place

    for place in range(1, len(stories)):
        alike = (sketches[:place] == sketches[place]).sum(axis=1) >= SAME_STORY * PERMUTATIONS
        for other in np.flatnonzero(alike & (brands[:place] != brands[place])):
            low, high = sorted((top(int(other)), top(place)))
            group[high] = low
    found: dict[int, list[Story]] = {}
    for place, story in enumerate(stories):
        found.setdefault(top(place), []).append(story)
    return [told for told in found.values() if len(told) > 1]


def _follow(stories: Sequence[Story], *, by: Actor, at: datetime) -> Contagion | None:
    """The contagion that these stories are grows, or is raised; returns it when it is new."""
    parts = ContagionStory.objects.filter(story__in=[story.pk for story in stories])
    known = list(Contagion.objects.filter(pk__in=parts.values("contagion_id")).order_by("raised_at", "pk"))
    still = [one for one in known if one.closed_at is None]
    if still:
        first, *others = still
        for other in others:
            # A story connects what looked like two: the older one goes on, and knows the brands of both.
            stories = [*stories, *stories_of(other)]
            _close(other, reason="It goes on in another contagion.", by=by, at=at)
        _grow(first, stories, by=by, at=at)
        return None
    ended = {part.story_id for part in parts.filter(contagion__in=[one.pk for one in known if one.reason])}
    if all(story.pk in ended for story in stories):
        return None
    leading = max(stories, key=lambda story: (story.mentions, story.pk))
    contagion = Contagion(
        id=uuid7(), title=leading.title, raised_at=at, seen_at=max(story.last_at for story in stories)
    )
    contagion.save(force_insert=True)
    brands = _join(contagion, stories, at)
    record("contagion.raised", on=contagion, by=by, at=at, brand_ids=sorted(brands, key=str), stories=len(stories))
    _warn(contagion, brands, at)
    return contagion


def _grow(contagion: Contagion, stories: Sequence[Story], *, by: Actor, at: datetime) -> None:
    before = set(ContagionStory.objects.filter(contagion=contagion).values_list("brand_id", flat=True))
    after = _join(contagion, stories, at)
    # Time passes without a version: whoever is closing it has seen what it is.
    contagion.seen_at = max([contagion.seen_at, *(story.last_at for story in stories)])
    contagion.version += after > before
    contagion.save(update_fields=["seen_at", "version"])
    if after > before:
        record("contagion.spread", on=contagion, by=by, at=at, brand_ids=sorted(after - before, key=str))


def _join(contagion: Contagion, stories: Sequence[Story], at: datetime) -> set[UUID]:
    """Note the stories that are part of it; returns all of its brands."""
    ContagionStory.objects.bulk_create(
        [
            ContagionStory(contagion=contagion, brand_id=story.brand_id, story=story, joined_at=at)
            for story in {story.pk: story for story in stories}.values()
        ],
        ignore_conflicts=True,
    )
    return set(ContagionStory.objects.filter(contagion=contagion).values_list("brand_id", flat=True))


def _warn(contagion: Contagion, brands: set[UUID], at: datetime) -> None:
    """Write to everybody who may see every brand of it; whether they still may is asked again when it is posted."""
    warnings = [
        ContagionWarning(id=uuid7(), contagion=contagion, seat_id=seat_id, warned_at=at)
        for seat_id in seats_that_see(brands, need=Need.SIGNALS_READ, at=at)
    ]
    ContagionWarning.objects.bulk_create(warnings)
    for warning in warnings:
        queue_letter(kind=LETTER, thing_id=warning.pk, at=at)


@transaction.atomic
def close_contagion(*, contagion_id: UUID, reason: str, by: Actor, at: datetime) -> Contagion:
    """It is no contagion, or a matter of the past: the same stories do not raise it again."""
    contagion: Contagion = Contagion.objects.locked(contagion_id)
    if contagion.closed_at is not None:
        raise ContagionClosed(closed_at=contagion.closed_at)
    _close(contagion, reason=reason, by=by, at=at)
    return contagion


def _close(contagion: Contagion, *, reason: str, by: Actor, at: datetime) -> None:
    contagion.closed_at, contagion.reason = at, reason
    contagion.version += 1
    contagion.save(update_fields=["closed_at", "reason", "version"])
    record("contagion.closed", on=contagion, by=by, at=at, reason=reason)
