"""Counting mentions in their minutes: each one in the minute, source and language that it was first stored with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from core.wall import standing_agency
from listening.actions.store import Row
from listening.models import Source
from listening.partitions import EPOCH, first_id

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
A_DAY: Final = 1440
A_MINUTE: Final = 60_000_000  # in microseconds

# A day that ended so long ago may have been indexed for the search; one that ended later is not (`actions.index`).
LIVE_FOR: Final = timedelta(hours=10)

# Each day that holds mentions is known to the search, and what comes late is still to be indexed. A day that nobody
# indexes yet is told once, without waiting for anybody.
# Rows in order: two deliveries wait for each other and never in a circle. `fresh` tells whether this batch is all that
# the row holds; where others were before it, authors are counted anew.
COUNT = """
WITH days AS (
       INSERT INTO listening_searchday (id, agency_id, brand_id, day, starts, ends, dirty)
       SELECT gen_random_uuid(), %s, %s, new.day, new.starts, new.ends, true
         FROM unnest(%s::date[], %s::uuid[], %s::uuid[], %s::bool[]) AS new (day, starts, ends, live)
        WHERE NOT live OR NOT EXISTS (
              SELECT 1 FROM listening_searchday AS there
               WHERE there.brand_id = %s AND there.day = new.day AND there.dirty)
        ORDER BY new.day
           ON CONFLICT (brand_id, day) DO UPDATE SET dirty = true),
     counted AS (
       INSERT INTO listening_bucket AS stored
              (id, agency_id, brand_id, source_id, minute, language, volume, negative, reach, authors, loudest, watched)
       SELECT gen_random_uuid(), %s, %s, %s, to_timestamp(new.minute * 60), new.language, new.volume, new.negative,
              new.reach, new.authors, new.loudest, new.watched
         FROM unnest(%s::int[], %s::text[], %s::int[], %s::int[], %s::int8[], %s::int[], %s::int8[], %s::int[])
              AS new (minute, language, volume, negative, reach, authors, loudest, watched)
        ORDER BY new.minute, new.language
           ON CONFLICT (brand_id, minute, source_id, language) DO UPDATE
              SET volume = stored.volume + excluded.volume, negative = stored.negative + excluded.negative,
                  reach = stored.reach + excluded.reach, loudest = greatest(stored.loudest, excluded.loudest),
                  watched = stored.watched + excluded.watched
       RETURNING minute, language, xmax = 0 AS fresh)
SELECT (extract(epoch FROM minute) / 60)::int, language FROM counted WHERE NOT fresh
"""
# The buckets are locked by now, so that whoever else wrote into these minutes has committed and is seen. Whoever was
# redacted stays counted, and is not told from others any more: the number never falls.
COUNT_AUTHORS = """
UPDATE listening_bucket AS stored SET authors = counted.authors
  FROM (SELECT touched.minute, touched.language, distinct_ones.authors
          FROM unnest(%s::timestamptz[], %s::text[], %s::uuid[], %s::uuid[]) AS touched (minute, language, low, high)
         CROSS JOIN LATERAL (
               SELECT count(DISTINCT coalesce(nullif(author_handle, ''), external_id)) AS authors
                 FROM listening_mention
                WHERE brand_id = %s AND id >= touched.low AND id < touched.high AND source_id = %s
                  AND language = touched.language AND deleted_at IS NULL AND erased_at IS NULL) AS distinct_ones
       ) AS counted
 WHERE stored.brand_id = %s AND stored.source_id = %s AND stored.minute = counted.minute
   AND stored.language = counted.language AND stored.authors < counted.authors
"""


@dataclass(slots=True)
class Tally:
    """What a batch adds to one minute in one language; an edit adds neither volume nor reach nor authors."""

    volume: int = 0
    negative: int = 0
    reach: int = 0
    loudest: int = 0
    watched: int = 0
    authors: set[str] = field(default_factory=set)


Tallies = dict[tuple[int, str], Tally]  # by minutes since 1970, and language


def tally(tallies: Tallies, rows: Iterable[Row]) -> None:
    """Add mentions that were stored."""
    for row in rows:
        place = (row.microsecond // A_MINUTE, row.mood.language[:12])
        one = tallies.get(place)
        if one is None:
            one = tallies[place] = Tally()
        author = row.item.author
        one.volume += 1
        one.reach += author.followers
        one.authors.add(author.handle or row.item.external_id)
        if row.mood.label == "negative":
            one.negative += 1
        if row.watched:
            one.watched += 1
        one.loudest = max(one.loudest, author.followers)


def minute_at(number: int) -> datetime:
    """The instant that so many minutes since 1970 come to."""
    return EPOCH + number * MINUTE


def day_at(number: int) -> datetime:
    """The beginning of the day that so many days since 1970 come to."""
    return EPOCH + number * DAY


def count(source: Source, tallies: Tallies, *, at: datetime) -> None:
    """Add a batch to its minutes; where others were there before, count the minute's authors anew."""
    if not tallies:
        return
    places = sorted(tallies)
    sums = [tallies[place] for place in places]
    days = [day_at(number) for number in sorted({number // A_DAY for number, _ in places})]
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT,
            [
                standing_agency(), source.brand_id, [day.date() for day in days], [first_id(day) for day in days],
                [first_id(day + DAY) for day in days], [day + DAY + LIVE_FOR > at for day in days], source.brand_id,
                standing_agency(), source.brand_id, source.pk, [number for number, _ in places],
                [language for _, language in places], [one.volume for one in sums], [one.negative for one in sums],
                [one.reach for one in sums], [len(one.authors) for one in sums], [one.loudest for one in sums],
                [one.watched for one in sums],
            ],
        )  # fmt: skip
        joined = [place for place in cursor.fetchall() if tallies[place].volume]
        if joined:
            starts = [minute_at(number) for number, _ in joined]
            low, high = [first_id(at) for at in starts], [first_id(at + MINUTE) for at in starts]
            whose = [source.brand_id, source.pk]
            cursor.execute(COUNT_AUTHORS, [starts, [language for _, language in joined], low, high, *whose, *whose])
