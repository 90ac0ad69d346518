"""Emptying what was said: of mentions that are gone at their network. What was counted stays counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from core.wall import standing_agency
from listening.actions.index import forget_words
from listening.ingest import Gone
from listening.models import Source
from listening.partitions import mention_id

# The followers stay: the minute's reach was counted from them, and they name nobody.
REDACT = """
UPDATE listening_mention
   SET text = '', author_handle = '', author_name = '', url = '', in_reply_to = '', clipped = false,
       deleted_at = %s
 WHERE id = ANY(%s::uuid[]) AND deleted_at IS NULL AND erased_at IS NULL
RETURNING id
"""
FORGET_CORRECTIONS = (
    "UPDATE listening_moodcorrection SET text = '' WHERE brand_id = %s AND mention_id = ANY(%s::uuid[])"
)
# A key without a mention: a deletion came before the mention itself, which is stored redacted should it still come.
REMEMBER = """
INSERT INTO listening_mentionkey (id, agency_id, mention_id)
SELECT key, %s, mention_id FROM unnest(%s::uuid[], %s::uuid[]) AS gone (key, mention_id) ORDER BY key
    ON CONFLICT (id) DO NOTHING
RETURNING id
"""


def redact(source: Source, mention_ids: Sequence[UUID], *, at: datetime) -> set[UUID]:
    """Empty text and author of mentions that are gone; returns those that were not empty yet."""
    if not mention_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(REDACT, [at, sorted(mention_ids)])
        emptied = {row[0] for row in cursor.fetchall()}
        if emptied:
            cursor.execute(FORGET_CORRECTIONS, [source.brand_id, list(emptied)])
            forget_words([source.brand_id], emptied)
    return emptied


def remember_gone(gone: Mapping[UUID, Gone], *, at: datetime) -> set[UUID]:
    """Keep in mind what was deleted before it was delivered, by key; returns the keys that nobody knew."""
    if not gone:
        return set()
    keys = list(gone)
    ids = [mention_id(gone[key].deleted_at or at, key) for key in keys]
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER, [standing_agency(), keys, ids])
        return {row[0] for row in cursor.fetchall()}
