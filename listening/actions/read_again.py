"""The second tier reads again what the first was in two minds about, in the background."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.actor import Actor
from core.wall import standing_agency
from jobs.actions import Wish
from ledger.actions import record
from listening.actions.mood import BY_PEOPLE, look_again
from listening.mood import Guarded, Mood
from listening.mood.onnx import Transformer, second_tier
from listening.partitions import first_id
from tenants.models import Brand

# What was said longer ago than this stays as it was read.
RECENT: Final = timedelta(hours=1)
AT_MOST: Final = 200
READ_AFTER: Final = timedelta(seconds=30)
# The two likeliest moods are at most so far apart.
CONTESTED_WITHIN: Final = 0.2

# The three shares add up to one, so that twice the largest and the smallest, less one, is the distance of the first
# two.
CONTESTED = """
SELECT id, text, language, md5(text), scorer FROM listening_mention
 WHERE brand_id = %s AND id >= %s AND text <> '' AND mood <> 'unknown' AND scorer <> %s AND scorer <> %s
   AND 2 * greatest(mood_negative, mood_neutral, mood_positive)
       + least(mood_negative, mood_neutral, mood_positive) - 1 < %s
 ORDER BY id DESC LIMIT %s
"""
# Only what nobody has edited, emptied or corrected meanwhile. In the order of ids, as all who lock several mentions.
LOCK = """
SELECT stored.id, stored.mood, stored.posted_at, stored.source_id, stored.language
  FROM listening_mention AS stored
  JOIN unnest(%s::uuid[], %s::text[], %s::text[]) AS read (id, digest, scorer)
    ON stored.id = read.id AND md5(stored.text) = read.digest AND stored.scorer = read.scorer
 WHERE stored.id = ANY(%s::uuid[]) ORDER BY stored.id FOR NO KEY UPDATE OF stored
"""
WRITE = """
UPDATE listening_mention AS stored
   SET mood = new.mood, mood_negative = new.negative, mood_neutral = new.neutral, mood_positive = new.positive,
       scorer = %s
  FROM unnest(%s::uuid[], %s::text[], %s::float4[], %s::float4[], %s::float4[])
       AS new (id, mood, negative, neutral, positive)
 WHERE stored.id = new.id AND stored.id = ANY(%s::uuid[])
"""
RECOUNT = """
UPDATE listening_bucket AS stored SET negative = stored.negative + new.changes
  FROM unnest(%s::timestamptz[], %s::uuid[], %s::text[], %s::int[]) AS new (minute, source_id, language, changes)
 WHERE stored.brand_id = %s AND stored.minute = new.minute AND stored.source_id = new.source_id
   AND stored.language = new.language
"""


def wish_second_reading(brand_id: UUID, *, at: datetime) -> list[Wish]:
    """The job that reads a brand's contested mentions again; none without a second tier. For `later_many`."""
    if not settings.MOOD_SECOND_TIER:
        return []
    brand = str(brand_id)
    return [
        Wish(
            "listening.read_again",
            key=brand,
            agency_id=standing_agency(),
            at=at + READ_AFTER,
            args={"brand_id": brand},
        )
    ]


@transaction.atomic
def read_again(*, brand_id: UUID, by: Actor, at: datetime) -> int:
    """Recent mentions whose two likeliest moods are close have the mood that the second tier sees, and their minutes
    are counted so; returns how many labels changed.

    What a person corrected stays. Raises NotFound (404) and SecondTierUnusable.
    """
    brand: Brand = Brand.objects.found(brand_id)
    if not settings.MOOD_SECOND_TIER:
        return 0
    tier: Transformer = second_tier(settings.MOOD_SECOND_TIER)
    reader = Guarded(tier)
    version = f"{reader.name}/{reader.version}"
    with connection.cursor() as cursor:
        asked: list[Any] = [brand.pk, first_id(at - RECENT), version, BY_PEOPLE, CONTESTED_WITHIN, AT_MOST]
        cursor.execute(CONTESTED, asked)
        contested = cursor.fetchall()
    moods = reader.score([row[1] for row in contested], languages=[row[2] for row in contested])
    read = {row[0]: mood for row, mood in zip(contested, moods, strict=True) if mood.label != "unknown"}
    with connection.cursor() as cursor:
        known = [row for row in contested if row[0] in read]
        ids = [row[0] for row in known]
        cursor.execute(LOCK, [ids, [row[3] for row in known], [row[4] for row in known], ids])
        locked = cursor.fetchall()
    if not locked:
        return 0
    _write(locked, read, version)
    _recount(brand.pk, locked, read)
    changed = sum(1 for row in locked if read[row[0]].label != row[1])
    record("mood.read_again", on=brand, by=by, at=at, mentions=len(locked), changed=changed, scorer=version)
    turned = [row[2] for row in locked if (read[row[0]].label == "negative") != (row[1] == "negative")]
    if turned:
        look_again(brand.pk, said_at=min(turned), at=at)
    return changed


def _write(locked: Sequence[tuple[Any, ...]], read: dict[UUID, Mood], version: str) -> None:
    ids = [row[0] for row in locked]
    moods = [read[mention_id] for mention_id in ids]
    columns = [
        ids,
        [mood.label for mood in moods],
        [mood.negative for mood in moods],
        [mood.neutral for mood in moods],
        [mood.positive for mood in moods],
    ]
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [version, *columns, ids])


def _recount(brand_id: UUID, locked: Sequence[tuple[Any, ...]], read: dict[UUID, Mood]) -> None:
    """Minutes in order: whoever counts several waits for others, and never in a circle."""
    changes: dict[tuple[datetime, str, UUID], int] = {}
    for mention_id, before, posted_at, source_id, language in locked:
        place = (posted_at.replace(second=0, microsecond=0), language, source_id)
        changes[place] = changes.get(place, 0) + (read[mention_id].label == "negative") - (before == "negative")
    moved = [(place, change) for place, change in sorted(changes.items()) if change]
    if not moved:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM listening_bucket WHERE brand_id = %s AND minute = ANY(%s::timestamptz[]) "
            "ORDER BY minute, language FOR NO KEY UPDATE",
            [brand_id, [minute for (minute, _, _), _ in moved]],
        )
        cursor.execute(
            RECOUNT,
            [
                [minute for (minute, _, _), _ in moved],
                [source_id for (_, _, source_id), _ in moved],
                [language for (_, language, _), _ in moved],
                [change for _, change in moved],
                brand_id,
            ],
        )
