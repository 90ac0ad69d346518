"""Questions about what was said: counts by minute, the band around them, and what a departure is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection
from django.db.models import Count

from core.refusals import Invalid
from listening.detector.volume import band
from listening.models import Band, Bucket, Mention
from listening.terms import count_terms, top_terms

# The detector's bin. All instants below lie on the UTC clock.
BIN: Final = timedelta(minutes=5)
# What is older than this has settled: the detector learns it for good, and no alarm is raised for it any more.
SETTLES_AFTER: Final = timedelta(hours=2)
# As far back as a brand's normal is learned from.
HORIZON: Final = timedelta(days=35)

MOST_POINTS: Final = 2_000
MOST_TEXTS: Final = 2_000
MOST_TERMS: Final = 10
MOST_SAMPLES: Final = 5

Step = Literal["1m", "5m", "1h", "1d"]
STEPS: Final[dict[str, timedelta]] = {
    "1m": timedelta(minutes=1), "5m": BIN, "1h": timedelta(hours=1), "1d": timedelta(days=1),
}  # fmt: skip
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The width of the middle 95 % of a normal distribution, in standard deviations.
_BAND_SD: Final = 3.92


def start_of_bin(instant: datetime) -> datetime:
    """The start of the detector's bin that an instant lies in."""
    return start_of_step(instant, BIN)


def start_of_step(instant: datetime, step: timedelta) -> datetime:
    return EPOCH + (instant - EPOCH) // step * step


Minute = tuple[datetime, int, int, int, int]


def minutes_between(brand_id: UUID, start: datetime, end: datetime) -> list[Minute]:
    """(minute, volume, negative, reach, authors) of each minute from `start` until before `end` that held anything."""
    rows = Bucket.objects.filter(brand_id=brand_id, minute__gte=start, minute__lt=end).order_by("minute")
    return list(rows.values_list("minute", "volume", "negative", "reach", "authors"))


def first_minute(brand_id: UUID, *, since: datetime) -> datetime | None:
    """The first minute since an instant that held a mention of the brand."""
    rows = Bucket.objects.filter(brand_id=brand_id, minute__gte=since).order_by("minute")
    return rows.values_list("minute", flat=True).first()


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a series. `authors` sums the distinct authors of each minute: an upper bound over longer steps.

    `expected`, `low` and `high` are mentions: what the detector expected before it saw the step, and the range of 19
    of 20 normal ones. `negative_share` is the brand's normal share of negative ones. All four are None where the
    detector has not looked.
    """

    at: datetime
    volume: int
    negative: int
    reach: int
    authors: int
    expected: float | None
    low: float | None
    high: float | None
    negative_share: float | None


SERIES = """
SELECT date_bin(%s, minute, 'epoch') AS step, sum(volume)::int8, sum(negative)::int8, sum(reach)::int8,
       sum(authors)::int8
  FROM listening_bucket WHERE brand_id = %s AND minute >= %s AND minute < %s GROUP BY step
"""


def volume_series(brand_id: UUID, *, start: datetime, end: datetime, step: Step) -> list[Point]:
    """Volume and its expected band from `start` until before `end`, one point for each step, empty ones too.

    `start` is moved back to the beginning of its step. Raises Invalid (400) for more than 2 000 points.
    """
    width = STEPS[step]
    start = start_of_step(start, width)
    if start >= end:
        raise Invalid(errors=[{"field": "to", "code": "out_of_range", "detail": "This must lie after from."}])
    length = -((start - end) // width)
    if length > MOST_POINTS:
        detail = f"At most {MOST_POINTS} points; ask for a longer step or a shorter time."
        raise Invalid(errors=[{"field": "to", "code": "too_many_points", "detail": detail}])
    with connection.cursor() as cursor:
        asked: list[Any] = [width, brand_id, start, end]
        cursor.execute(SERIES, asked)
        counts = {row[0]: row[1:] for row in cursor.fetchall()}
    bands = _bands(brand_id, start, start + length * width, width)
    points = []
    for number in range(length):
        at = start + number * width
        volume, negative, reach, authors = counts.get(at, (0, 0, 0, 0))
        points.append(Point(at, volume, negative, reach, authors, *bands.get(at, (None, None, None, None))))
    return points


def _bands(brand_id: UUID, start: datetime, end: datetime, width: timedelta) -> dict[datetime, tuple[float, ...]]:
    """(expected, low, high, negative share) of each step: the bins' own, or what they come to in shorter or longer
    steps. Over-dispersion is taken to be shared by a whole step, so that the band of an hour is not too narrow.
    """
    rows = Band.objects.filter(brand_id=brand_id, starts_at__gte=start_of_bin(start), starts_at__lt=end)
    steps: dict[datetime, list[Band]] = {}
    for row in rows.order_by("starts_at"):
        for number in range(max(1, BIN // width)):
            steps.setdefault(start_of_step(row.starts_at + number * width, width), []).append(row)
    return {at: _joined(bins, width) for at, bins in steps.items()}


def _joined(bins: Sequence[Band], width: timedelta) -> tuple[float, ...]:
    if width == BIN:
        return bins[0].expected, bins[0].low, bins[0].high, bins[0].negative_share
    total = sum(bin_.expected for bin_ in bins)
    dispersion = sum(_dispersion(bin_) * bin_.expected for bin_ in bins) / total if total else 0.0
    # A step that is not yet whole is judged by what it will hold.
    expected = total * (width / BIN) / len(bins)
    low, high = band(expected, dispersion) if expected else (0.0, 0.0)
    share = sum(bin_.negative_share for bin_ in bins) / len(bins)
    return tuple(float(f"{value:.6g}") for value in (expected, low, high, share))


def _dispersion(bin_: Band) -> float:
    """The over-dispersion that the width of a stored band speaks of."""
    if not bin_.expected:
        return 0.0
    variance: float = ((bin_.high - bin_.low) / _BAND_SD) ** 2
    over: float = (variance - bin_.expected) / bin_.expected**2
    return max(over, 0.0)


def made_of(brand_id: UUID, *, start: datetime, end: datetime) -> dict[str, Any]:
    """What the mentions of a window are, as JSON values: terms that stand out, samples, languages, authors.

    Samples are ids of mentions: the first ones, then those with the most followers, negative ones before others.
    """
    window = Mention.objects.filter(brand_id=brand_id, posted_at__gte=start, posted_at__lt=end)
    before = Mention.objects.filter(brand_id=brand_id, posted_at__gte=start - HORIZON, posted_at__lt=start)
    now_texts = window.order_by("-posted_at", "-id").values_list("text", flat=True)[:MOST_TEXTS]
    normal_texts = before.order_by("-posted_at", "-id").values_list("text", flat=True)[:MOST_TEXTS]
    terms = top_terms(now_texts, count_terms(normal_texts), MOST_TERMS)
    first = window.order_by("posted_at", "id").values_list("pk", flat=True)[:2]
    loud = window.order_by("-author_followers", "-id")
    negative = loud.filter(mood="negative").values_list("pk", flat=True)[:MOST_SAMPLES]
    others = loud.exclude(mood="negative").values_list("pk", flat=True)[:MOST_SAMPLES]
    languages = window.values_list("language").annotate(count=Count("pk")).order_by("-count", "language")
    by_author = list(window.values_list("author_handle").annotate(count=Count("pk")).order_by("-count"))
    total = sum(count for _, count in by_author)
    # Those without a handle are each their own author, as in the buckets.
    named = [count for handle, count in by_author if handle]
    unnamed = total - sum(named)
    return {
        "terms": [
            {"term": term.term, "count": term.count, "expected": term.expected, "z": round(term.z, 1)} for term in terms
        ],
        "sample_mention_ids": _first_distinct([*first, *negative, *others], MOST_SAMPLES),
        "languages": dict(list(languages)[:12]),
        "authors": {
            "distinct": len(named) + unnamed,
            "share_of_loudest": round(max([*named, min(unnamed, 1)]) / total, 3) if total else 0.0,
        },
        "mentions": total,
    }


def _first_distinct(ids: Iterable[UUID], most: int) -> list[str]:
    return [str(found) for found in dict.fromkeys(ids)][:most]
