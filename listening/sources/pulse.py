"""Questions about the rhythm of a source: when it last delivered, and how long it is usually quiet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from ledger.models import Event

LOOKS_BACK: Final = timedelta(days=14)
# Less than this tells nothing about how long a pause may be.
LEAST_MINUTES: Final = 50
LEAST_SPAN: Final = timedelta(days=3)

# The third-longest pause between minutes that held anything, how many such minutes there are, and since when.
PAUSES = """
WITH minutes AS (
    SELECT DISTINCT minute FROM listening_bucket
     WHERE brand_id = %(brand)s AND source_id = %(source)s AND minute >= %(start)s AND minute < %(end)s),
pauses AS (SELECT minute - lag(minute) OVER (ORDER BY minute) AS pause FROM minutes)
SELECT (SELECT pause FROM pauses WHERE pause IS NOT NULL ORDER BY pause DESC OFFSET 2 LIMIT 1),
       (SELECT count(*) FROM minutes), (SELECT min(minute) FROM minutes)
"""


def usual_pause(brand_id: UUID, source_id: UUID, *, before: datetime) -> timedelta | None:
    """The third-longest pause of the source in the two weeks before an instant; None when it is too young to tell.

    Nights are among the pauses; the one or two times that it was broken are not what is usual.
    """
    with connection.cursor() as cursor:
        cursor.execute(PAUSES, {"brand": brand_id, "source": source_id, "start": before - LOOKS_BACK, "end": before})
        pause, minutes, first = cursor.fetchone()
    if minutes < LEAST_MINUTES or before - first < LEAST_SPAN:
        return None
    found: timedelta | None = pause
    return found


def last_delivery(source_id: UUID, *, after: datetime | None) -> datetime | None:
    """When mentions of the source were last stored, if that was later than `after`, as the ledger has it."""
    told = Event.objects.filter(subject_id=source_id, name="mentions.ingested").order_by("-seq")
    at: datetime | None = told.values_list("at", flat=True).first()
    return at if at is not None and (after is None or at > after) else None
