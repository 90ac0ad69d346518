"""When the detector is to look at a brand: as soon as a minute is over, and again when it changes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from core.wall import standing_agency
from jobs.actions import Wish, later_many
from listening.models import DetectorState
from listening.queries import DEAF_AFTER, MINUTE, SETTLES_AFTER, start_of_minute

# Deliveries are made while the clock runs on: what is nearly settled counts as settled.
NEARLY: Final = timedelta(minutes=10)
# A minute is judged a moment after it is over, when its last mentions are in.
GRACE: Final = timedelta(seconds=5)
QUIET_FOR: Final = timedelta(minutes=10)


def looks(brand_id: UUID, minutes: Collection[datetime], *, at: datetime) -> list[Wish]:
    """The jobs that follow when some minutes of a brand have changed: now for what is over, later for what is not.

    A job that waits already is the same job: a storm makes one a minute, and not one for each delivery.
    """
    first = start_of_minute(min(minutes))
    brand = str(brand_id)

    def wish(handler: str, *, key: str, due: datetime) -> Wish:
        return Wish(handler, key=key, agency_id=standing_agency(), at=due, args={"brand_id": brand})

    wishes = []
    if first < at - SETTLES_AFTER + NEARLY:
        wishes.append(wish("listening.relearn", key=brand, due=at))
    elif first + MINUTE <= at:
        wishes.append(wish("listening.detect", key=brand, due=at))
    wishes += [
        wish("listening.detect", key=f"{brand}@{start.isoformat()}", due=start + MINUTE + GRACE)
        for start in sorted({start_of_minute(minute) for minute in minutes})
        if start + MINUTE > at
    ]
    return wishes


def look_at_quiet_brands(*, at: datetime) -> int:
    """Have the detector look at brands that were heard of in the last days and not in the last minutes."""
    quiet = DetectorState.objects.filter(evaluated_to__lt=at - QUIET_FOR, evaluated_to__gte=at - DEAF_AFTER)
    return later_many(
        [
            Wish("listening.detect", key=str(brand), agency_id=standing_agency(), at=at, args={"brand_id": str(brand)})
            for brand in quiet.order_by("brand_id").values_list("brand_id", flat=True)
        ]
    )
