"""Forgetting: text, author and address of mentions are emptied wherever they stand; what was counted stays counted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from core.actor import Actor
from core.failpoints import failpoint
from core.ids import uuid7
from core.wall import standing_agency
from jobs.actions import later
from ledger.actions import record
from listening.actions.index import forget_words
from listening.models import Erasure
from listening.partitions import first_id

# Days of brands that one run looks through.
MOST_DAYS: Final = 200

# What the source calls it may hold its author's name; its key stands in for it and is known when it comes again.
ERASE = """
UPDATE listening_mention
   SET text = '', author_handle = '', author_name = '', author_followers = 0, url = '', in_reply_to = '',
       clipped = false, erased_at = %s,
       external_id = 'erased:' || encode(substring(
           sha256(convert_to(source_id || ':' || external_id, 'UTF8')) FOR 16), 'hex')
 WHERE id = ANY(%s::uuid[]) AND erased_at IS NULL
RETURNING id, brand_id
"""
FORGET_CORRECTIONS = """
UPDATE listening_moodcorrection SET text = '' WHERE brand_id = ANY(%s::uuid[]) AND mention_id = ANY(%s::uuid[])
"""
NEXT_DAYS = """
SELECT day FROM listening_searchday
 WHERE (%s::uuid IS NULL OR brand_id = %s) AND (%s::uuid IS NULL OR starts < %s) ORDER BY day DESC LIMIT %s
"""
SAID_BY = """
SELECT m.id FROM listening_searchday AS days
 CROSS JOIN LATERAL (
       SELECT id FROM listening_mention
        WHERE brand_id = days.brand_id AND id >= days.starts AND id < days.ends AND lower(author_handle) = ANY(%s)
          AND (%s = '' OR network = %s) AND erased_at IS NULL) AS m
 WHERE (%s::uuid IS NULL OR days.brand_id = %s) AND days.day >= %s AND (%s::uuid IS NULL OR days.starts < %s)
"""


@transaction.atomic
def erase_mentions(*, mention_ids: Collection[UUID], by: Actor, at: datetime) -> Erasure:
    """Empty these mentions for good; delivered again they stay empty."""
    erasure = Erasure(id=uuid7(), requested_at=at, finished_at=at)
    erasure.erased = _erase(mention_ids, at=at)
    erasure.save(force_insert=True)
    record("mentions.erased", on=erasure, by=by, at=at, mentions=erasure.erased, by_author=False)
    return erasure


@transaction.atomic
def erase_author(*, brand_id: UUID | None, handle: str, network: str, by: Actor, at: datetime) -> Erasure:
    """Begin to empty everything that an author said about a brand, or about every brand of the agency.

    A job goes through the days, newest first. What the author says from now on is stored like anybody's words.
    """
    erasure = Erasure(id=uuid7(), brand_id=brand_id, network=network, handle=handle, requested_at=at)
    erasure.save(force_insert=True)
    record("mentions.erasure_requested", on=erasure, by=by, at=at)
    _later(erasure, at=at)
    return erasure


@transaction.atomic
def continue_erasure(*, erasure_id: UUID, by: Actor, at: datetime) -> Erasure:
    """Empty what the author said on the next days; the last run forgets the author's name."""
    erasure: Erasure = Erasure.objects.locked(erasure_id)
    if erasure.finished_at is not None:
        return erasure
    whose = [erasure.brand_id, erasure.brand_id]
    reached = [erasure.reached, erasure.reached]
    with connection.cursor() as cursor:
        cursor.execute(NEXT_DAYS, [*whose, *reached, MOST_DAYS])
        days = [day for (day,) in cursor.fetchall()]
        if days:
            name = str(erasure.handle).removeprefix("@").lower()
            asked: list[Any] = [[name, f"@{name}"], erasure.network, erasure.network]
            cursor.execute(SAID_BY, [*asked, *whose, days[-1], *reached])
            erasure.erased += _erase([row[0] for row in cursor.fetchall()], at=at)
            erasure.reached = first_id(datetime.combine(days[-1], time.min, UTC))
    failpoint("listening.while_erasing")
    if len(days) < MOST_DAYS:
        erasure.handle, erasure.finished_at = None, at
    erasure.save(update_fields=["handle", "erased", "reached", "finished_at"])
    if erasure.finished_at is None:
        _later(erasure, at=at)
    else:
        record("mentions.erased", on=erasure, by=by, at=at, mentions=erasure.erased, by_author=True)
    return erasure


def _later(erasure: Erasure, *, at: datetime) -> None:
    args = {"erasure_id": str(erasure.pk)}
    later("listening.erase", key=str(erasure.pk), agency_id=standing_agency(), at=at, args=args)


def _erase(mention_ids: Collection[UUID], *, at: datetime) -> int:
    """Empty mentions and what was written down of them; returns how many were not empty yet."""
    if not mention_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(ERASE, [at, sorted(mention_ids)])
        rows = cursor.fetchall()
        if rows:
            ids, brands = [row[0] for row in rows], list({row[1] for row in rows})
            cursor.execute(FORGET_CORRECTIONS, [brands, ids])
            forget_words(brands, ids)
    return len(rows)
