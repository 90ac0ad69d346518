"""Letting go of what is older than a brand keeps it; counts stay longer, since they are about nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from core.failpoints import failpoint
from listening.actions.ingest import KEPT_FOR
from listening.partitions import drop_partitions, first_id, make_partitions

# The longest that a brand may keep mentions, and as long as every brand's counts are kept.
LONGEST: Final = timedelta(days=1830)
# Days of brands that one run lets go of.
MOST_DAYS: Final = 100
# Some days into the next month: it is there before anybody delivers into it.
AHEAD: Final = timedelta(days=35)

OLD_DAYS = """
SELECT days.id, days.brand_id, days.day, days.starts, days.ends
  FROM listening_searchday AS days
  LEFT JOIN listening_listeningsettings AS said ON said.brand_id = days.brand_id
 WHERE days.ends <= (rpad(lpad(to_hex((extract(epoch FROM
       %s::timestamptz - coalesce(said.retention_days, %s) * interval '1 day') * 1000)::bigint), 12, '0'), 32, '0')
       )::uuid
 ORDER BY days.day LIMIT %s FOR UPDATE OF days SKIP LOCKED
"""
# An erased mention carries its key itself.
FORGET_KEYS = """
DELETE FROM listening_mentionkey WHERE id IN (
       SELECT CASE WHEN external_id LIKE 'erased:%%' AND erased_at IS NOT NULL THEN substr(external_id, 8)
              ELSE encode(substring(sha256(convert_to(source_id || ':' || external_id, 'UTF8')) FOR 16), 'hex')
              END::uuid
         FROM listening_mention WHERE brand_id = %s AND id >= %s AND id < %s)
"""
FORGET: Final = (
    "DELETE FROM listening_storymention WHERE brand_id = %s AND mention_id >= %s AND mention_id < %s",
    "DELETE FROM listening_moodcorrection WHERE brand_id = %s AND mention_id >= %s AND mention_id < %s",
    "DELETE FROM listening_mention WHERE brand_id = %s AND id >= %s AND id < %s",
)
FORGET_TERMS = "DELETE FROM listening_term WHERE brand_id = %s AND day = %s RETURNING term"
UNLEARN = """
DELETE FROM listening_word AS known
 WHERE brand_id = %s AND term = ANY(%s)
   AND NOT EXISTS (SELECT 1 FROM listening_term AS said WHERE said.brand_id = known.brand_id AND said.term = known.term)
"""
FORGET_DAY = "DELETE FROM listening_searchday WHERE id = %s"
FORGET_COUNTS = "DELETE FROM listening_bucket WHERE minute < %s"


@transaction.atomic
def purge_mentions(*, at: datetime, most: int = MOST_DAYS) -> bool:
    """Delete mentions, keys and words of whole days that are older than their brand keeps them, the oldest first.

    Says whether there may be more. Counts that are older than five years go too.
    """
    with connection.cursor() as cursor:
        cursor.execute(OLD_DAYS, [at, KEPT_FOR.days, most])
        days = cursor.fetchall()
        for row_id, brand_id, day, starts, ends in days:
            cursor.execute(FORGET_KEYS, [brand_id, starts, ends])
            for statement in FORGET:
                cursor.execute(statement, [brand_id, starts, ends])
            cursor.execute(FORGET_TERMS, [brand_id, day])
            cursor.execute(UNLEARN, [brand_id, [term for (term,) in cursor.fetchall()]])
            cursor.execute(FORGET_DAY, [row_id])
        cursor.execute(FORGET_COUNTS, [at - LONGEST])
    failpoint("listening.while_purging")
    return len(days) == most


@transaction.atomic
def tend_partitions(*, at: datetime) -> list[str]:
    """Make the next month's partition, and drop those in which nothing can be left; returns the dropped ones."""
    make_partitions([at, at + AHEAD])
    return drop_partitions(before=first_id(at - LONGEST - AHEAD))
