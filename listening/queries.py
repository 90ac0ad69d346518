"""Questions about what was said: counts by minute, the band around them, and what a departure is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, Max, OuterRef, QuerySet, Sum

from core.refusals import Invalid
from listening.detector import Usual
from listening.detector.volume import band
from listening.models import Band, Bucket, Contagion, ContagionStory, Mention, Signal, Source, Story, StoryMention
from listening.mood.language import UNKNOWN
from listening.partitions import first_id
from listening.terms import count_terms, top_terms
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.queries.holders import seats_with_need
from tenants.queries import caller_in_office

# The bin of bands and charts; the detector looks by the minute. All instants below lie on the UTC clock.
BIN: Final = timedelta(minutes=5)
MINUTE: Final = timedelta(minutes=1)
# What is older than this has settled: the detector learns it for good, and no alarm is raised for it any more.
SETTLES_AFTER: Final = timedelta(hours=2)
USUAL_DAYS: Final = timedelta(days=10)
# A brand of which nothing was heard for so long was not listened to: the silence teaches nothing.
DEAF_AFTER: Final = timedelta(days=2)
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
    """The start of the five minutes that an instant lies in."""
    return start_of_step(instant, BIN)


def start_of_minute(instant: datetime) -> datetime:
    return start_of_step(instant, MINUTE)


def start_of_step(instant: datetime, step: timedelta) -> datetime:
    return EPOCH + (instant - EPOCH) // step * step


def usual_of(brand_id: UUID, *, before: datetime) -> Usual:
    """By which languages and networks the brand's mentions came in the ten days before an instant."""
    rows = Bucket.objects.filter(brand_id=brand_id, minute__gte=before - USUAL_DAYS, minute__lt=before)
    counted = list(rows.values_list("source_id", "language").annotate(count=Sum("volume")))
    networks = dict(Source.objects.filter(brand_id=brand_id).values_list("id", "network"))
    places: dict[str, dict[str, float]] = {"language": {}, "network": {}}
    for source_id, language, count in counted:
        for kind, place in (("language", language), ("network", networks.get(source_id, ""))):
            if place and place != UNKNOWN:
                places[kind][place] = places[kind].get(place, 0.0) + count
    return Usual(places=places, mentions=float(sum(count for _, _, count in counted)))


# The minute; volume, negative, reach, authors, loudest, watched.
Minute = tuple[datetime, int, int, int, int, int, int]


def minutes_between(brand_id: UUID, start: datetime, end: datetime) -> list[Minute]:
    """Each minute from `start` until before `end` that held anything, over all sources and languages of the brand."""
    rows = Bucket.objects.filter(brand_id=brand_id, minute__gte=start, minute__lt=end).order_by("minute")
    said = rows.values("minute").annotate(
        all=Sum("volume"), bad=Sum("negative"), far=Sum("reach"), who=Sum("authors"), loud=Max("loudest"),
        words=Sum("watched"),
    )  # fmt: skip
    return list(said.values_list("minute", "all", "bad", "far", "who", "loud", "words"))


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
    dispersion = (
        sum(over_dispersion(bin_.expected, bin_.low, bin_.high) * bin_.expected for bin_ in bins) / total
        if total
        else 0.0
    )
    # A step that is not yet whole is judged by what it will hold.
    expected = total * (width / BIN) / len(bins)
    low, high = band(expected, dispersion) if expected else (0.0, 0.0)
    share = sum(bin_.negative_share for bin_ in bins) / len(bins)
    return tuple(float(f"{value:.6g}") for value in (expected, low, high, share))


def over_dispersion(expected: float, low: float, high: float) -> float:
    """The over-dispersion that the width of a band speaks of."""
    if not expected:
        return 0.0
    variance: float = ((high - low) / _BAND_SD) ** 2
    over: float = (variance - expected) / expected**2
    return max(over, 0.0)


@dataclass(frozen=True, slots=True)
class Said:
    """What is needed of a mention to tell what a window is made of."""

    id: UUID
    posted_at: datetime
    text: str
    author: str
    followers: int
    negative: bool
    language: str
    country: str
    network: str
    source_id: UUID
    repost: bool


def said_between(brand_id: UUID, start: datetime, end: datetime) -> list[Said]:
    """The newest two thousand mentions of a window, oldest first, without those that are gone."""
    rows = _window(brand_id, start, end).filter(deleted_at=None, erased_at=None).order_by("-id")
    found = rows.values_list(
        "id", "posted_at", "text", "author_handle", "author_followers", "mood", "language", "country", "network",
        "source_id", "kind",
    )[:MOST_TEXTS]  # fmt: skip
    return [
        Said(
            id=row[0], posted_at=row[1], text=row[2], author=row[3], followers=row[4], negative=row[5] == "negative",
            language=row[6], country=row[7], network=row[8], source_id=row[9], repost=row[10] == "repost",
        )
        for row in reversed(found)
    ]  # fmt: skip


def normal_terms(brand_id: UUID, *, before: datetime) -> Counter[str]:
    """The terms of the brand's newest two thousand mentions before an instant."""
    rows = _window(brand_id, before - HORIZON, before).order_by("-id")
    return count_terms(rows.values_list("text", flat=True)[:MOST_TEXTS])


def _window(brand_id: UUID, start: datetime, end: datetime) -> Any:
    # The ids are what the partitions and the index know; the time is what was said.
    return Mention.objects.filter(
        brand_id=brand_id, id__gte=first_id(start), id__lt=first_id(end), posted_at__gte=start, posted_at__lt=end
    )


def made_of(brand_id: UUID, *, start: datetime, end: datetime, told: Sequence[UUID] = ()) -> dict[str, Any]:
    """What the mentions of a window are, as JSON values: terms that stand out, first, typical and loudest mentions,
    negative ones, and how they spread over networks, languages, countries and authors.

    Mentions are told by their ids: what somebody said, and who, is read where it can be erased. `told` are the ids of
    the mentions nearest to the centre of the story, if it has one.
    """
    window = _window(brand_id, start, end)
    said = said_between(brand_id, start, end)
    terms = top_terms((one.text for one in said), normal_terms(brand_id, before=start), MOST_TERMS)
    first = [one.id for one in sorted(said, key=lambda one: one.id)[:MOST_SAMPLES]]
    loud = sorted(said, key=lambda one: (-one.followers, one.id))
    angry = [one.id for one in loud if one.negative][:MOST_SAMPLES]
    loudest = [one.id for one in loud][:MOST_SAMPLES]
    by_author = window.values_list("author_handle").annotate(count=Count("pk")).order_by("-count")
    counted = dict(by_author)
    unnamed = counted.pop("", 0)
    total = sum(counted.values()) + unnamed
    return {
        "terms": [
            {"term": term.term, "count": term.count, "expected": term.expected, "z": round(term.z, 1)} for term in terms
        ],
        "sample_mention_ids": _first_distinct([*first[:2], *told, *angry, *loudest], MOST_SAMPLES),
        "first_mention_ids": _first_distinct(first, MOST_SAMPLES),
        "representative_mention_ids": _first_distinct([*told, *angry], MOST_SAMPLES),
        "loudest_mention_ids": _first_distinct(loudest, MOST_SAMPLES),
        "languages": spread_of(window, "language"),
        "networks": spread_of(window, "network"),
        "countries": spread_of(window, "country"),
        # Those without a handle are each their own author, as in the buckets.
        "authors": {
            "distinct": len(counted) + unnamed,
            "share_of_loudest": round(max([*counted.values(), min(unnamed, 1)]) / total, 3) if total else 0.0,
        },
        "mentions": total,
    }


def mentions_of_story(story: Story) -> Any:
    """The mentions that tell a story."""
    told = StoryMention.objects.filter(story=story).values("mention_id")
    return Mention.objects.filter(brand_id=story.brand_id, id__in=told)


def mentions_of_signal(signal: Signal) -> Any:
    """What a signal is about: the mentions of its story, or all of the brand in its time when it has none."""
    if signal.story is not None:
        return mentions_of_story(signal.story)
    return _window(signal.brand_id, signal.starts_at, signal.seen_at)


def stories_of(contagion: Contagion) -> list[Story]:
    """The stories that a contagion is made of."""
    return list(Story.objects.filter(pk__in=ContagionStory.objects.filter(contagion=contagion).values("story_id")))


def open_signals_of(story_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The undecided signal of each story that has one."""
    signals = Signal.objects.all().undecided().filter(story__in=story_ids)
    return dict(signals.values_list("story_id", "pk"))


def contagions_seen_by(caller: Caller, *, need: Need) -> QuerySet[Contagion]:
    """The contagions on all of whose brands the caller holds a need."""
    parts = ContagionStory.objects.filter(contagion_id=OuterRef("pk"))
    open_parts = gate.visible(ContagionStory.objects.all(), to=caller, need=need)
    return Contagion.objects.filter(Exists(parts)).exclude(Exists(parts.exclude(pk__in=open_parts.values("pk"))))


def sees_contagion(seat_id: UUID, contagion_id: UUID, *, at: datetime) -> bool:
    """Whether a person is in office and may see every brand of a contagion at this moment."""
    caller = caller_in_office(seat_id, at=at)
    return caller is not None and contagions_seen_by(caller, need=Need.SIGNALS_READ).filter(pk=contagion_id).exists()


def seats_that_see(brand_ids: Iterable[UUID], *, need: Need, at: datetime) -> list[UUID]:
    """The seats to which some role gives a need on each of the brands. Deny rules are for who asks again."""
    first, *others = (seats_with_need(need=need, brand_id=brand, at=at) for brand in brand_ids)
    return [seat for seat in first if all(seat in seats for seats in others)]


def spread_of(window: Any, column: str) -> dict[str, int]:
    """How many mentions of a window each value of a column has, the twelve commonest; what is not known is left out."""
    rows = window.exclude(**{column: ""}).values_list(column).annotate(count=Count("pk")).order_by("-count", column)
    return dict(rows[:12])


def _first_distinct(ids: Iterable[UUID], most: int) -> list[str]:
    return [str(found) for found in dict.fromkeys(ids)][:most]
