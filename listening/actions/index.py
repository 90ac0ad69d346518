"""Writing down which words were said when, day by day once a day has settled, and taking them back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from core.wall import standing_agency
from listening.partitions import first_id
from listening.search import LONGEST_TERM, WORDS_OF_TEXT

# Longer than `count.LIVE_FOR`, by as much as a delivery can last.
SETTLED_AFTER: Final = timedelta(hours=12)
MOST_DAYS: Final = 20

# The day is held first and read after: whoever adds to it meanwhile waits, and then calls it dirty again.
TAKE = """
UPDATE listening_searchday SET dirty = false
 WHERE id IN (SELECT id FROM listening_searchday WHERE dirty AND ends <= %s ORDER BY day DESC LIMIT %s
                 FOR UPDATE SKIP LOCKED)
RETURNING brand_id, day, starts, ends
"""
EMPTY = "DELETE FROM listening_term WHERE brand_id = %s AND day = %s RETURNING term"
WRITE = f"""
INSERT INTO listening_term (id, agency_id, brand_id, day, term, mention_ids)
SELECT gen_random_uuid(), %s, %s, %s, word, array_agg(id ORDER BY id)
  FROM listening_mention CROSS JOIN LATERAL unnest(tsvector_to_array({WORDS_OF_TEXT})) AS word
 WHERE brand_id = %s AND id >= %s AND id < %s AND length(word) <= {LONGEST_TERM}
 GROUP BY word
"""  # noqa: S608 - our own words
LEARN = """
INSERT INTO listening_word (id, agency_id, brand_id, term)
SELECT gen_random_uuid(), %s, %s, term FROM listening_term AS said
 WHERE brand_id = %s AND day = %s
   AND NOT EXISTS (
       SELECT 1 FROM listening_word AS known WHERE known.brand_id = said.brand_id AND known.term = said.term)
 ORDER BY term
    ON CONFLICT (brand_id, term) DO NOTHING
"""
# Until the day is indexed again, a search reads its mentions themselves.
FORGET = """
WITH touched AS (
    UPDATE listening_searchday AS known SET dirty = true
      FROM unnest(%s::uuid[]) AS gone (id)
     WHERE gone.id >= known.starts AND gone.id < known.ends AND known.brand_id = ANY(%s::uuid[])
    RETURNING known.brand_id, known.day)
DELETE FROM listening_term AS said USING touched
 WHERE said.brand_id = touched.brand_id AND said.day = touched.day
RETURNING said.brand_id, said.term
"""
# Of the words of a day that was indexed before: those that no mention of any day holds now.
UNLEARN = """
DELETE FROM listening_word AS known
 WHERE brand_id = %s AND term = ANY(%s)
   AND NOT EXISTS (SELECT 1 FROM listening_term AS said WHERE said.brand_id = known.brand_id AND said.term = known.term)
"""


@transaction.atomic
def index_words(*, at: datetime, most: int = MOST_DAYS) -> int:
    """Write down the words of days that have settled, newest first; returns how many days."""
    agency = standing_agency()
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [first_id(at - SETTLED_AFTER), most])
        days = cursor.fetchall()
        for brand_id, day, starts, ends in sorted(days):
            cursor.execute(EMPTY, [brand_id, day])
            before = [term for (term,) in cursor.fetchall()]
            cursor.execute(WRITE, [agency, brand_id, day, brand_id, starts, ends])
            cursor.execute(LEARN, [agency, brand_id, brand_id, day])
            if before:
                cursor.execute(UNLEARN, [brand_id, before])
    return len(days)


def forget_words(brand_ids: Collection[UUID], mention_ids: Collection[UUID]) -> None:
    """Take back what was written down of the days of these mentions; the days are indexed again later."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [sorted(mention_ids), list(brand_ids)])
        forgotten: dict[UUID, set[str]] = {}
        for brand_id, term in cursor.fetchall():
            forgotten.setdefault(brand_id, set()).add(term)
        for brand_id, terms in forgotten.items():
            cursor.execute(UNLEARN, [brand_id, list(terms)])
