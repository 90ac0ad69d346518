"""The figures of a crisis: how long each step took, and how high it rose. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from listening.queries import STEPS, Point, Step

MOST_POINTS = 320
SHORTEST_LEAD = timedelta(hours=2)
LONGEST_LEAD = timedelta(hours=24)
SHORTEST_TAIL = timedelta(minutes=30)
# A share of fewer mentions than this says nothing of the mood.
FEWEST_OF_A_MOOD = 20
# The share of negative mentions must have risen so much above normal before there is anything to recover from.
LEAST_RISE = 0.05
# So many readings in a row must say that half of it is over.
STEADY = 2


@dataclass(frozen=True, slots=True)
class Moments:
    """When what happened; None for what did not, or not yet."""

    known: datetime  # when the signal was raised, or when the incident was opened
    began: datetime | None = None  # where the storm began; None where nothing was heard
    acknowledged: datetime | None = None  # a page was taken, or the clock of it met
    decided: datetime | None = None  # it was activated, or stood down
    pause_started: datetime | None = None
    pause_effective: datetime | None = None
    first_words: datetime | None = None
    approval_asked: datetime | None = None
    approval_granted: datetime | None = None
    contained: datetime | None = None
    resolved: datetime | None = None

    @property
    def start(self) -> datetime:
        """Where the story begins."""
        return self.began if self.began is not None else self.known


def durations(moments: Moments) -> dict[str, float | None]:
    """Seconds from one moment to another; None where one of them is missing.

    `detect` runs from the beginning of the storm to the signal; `approve` from the last granted request to its last
    voice; `pause_settling` from the start of the first pause to where nothing could go out any more; everything else
    from when the crisis was known, `pause` to where nothing could go out any more.
    """
    known = moments.known
    return {
        "detect": _between(moments.began, known),
        "acknowledge": _between(known, moments.acknowledged),
        "decide": _between(known, moments.decided),
        "pause": _between(known, moments.pause_effective),
        "pause_settling": _between(moments.pause_started, moments.pause_effective),
        "first_words": _between(known, moments.first_words),
        "approve": _between(moments.approval_asked, moments.approval_granted),
        "contain": _between(known, moments.contained),
        "resolve": _between(known, moments.resolved),
    }


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time that the charts show."""

    start: datetime
    end: datetime
    step: Step


def window_of(moments: Moments, *, at: datetime) -> Window:
    """From a while before the storm to a while after its end, in steps that a chart can show.

    The lead is as long as the crisis was, within 2 to 24 hours, so that normal stands beside it.
    """
    ended = min(moments.resolved or at, at)
    length = max(ended - moments.start, timedelta(0))
    start = moments.start - min(max(length, SHORTEST_LEAD), LONGEST_LEAD)
    end = max(min(at, ended + max(length / 4, SHORTEST_TAIL)), moments.start + STEPS["5m"])
    steps: tuple[Step, ...] = ("5m", "1h")
    step: Step = next((step for step in steps if (end - start) / STEPS[step] <= MOST_POINTS), "1d")
    return Window(start, end, step)


def height(points: Sequence[Point]) -> dict[str, Any]:
    """How much was said in all, where it was highest, and how the mood recovered.

    `peak_times` is the peak against what was expected there.
    """
    peak = max(points, key=lambda point: point.volume, default=None)
    spoken = [point for point in points if point.volume]
    volume, negative = sum(p.volume for p in points), sum(p.negative for p in points)
    if peak is None or not spoken:
        return {
            "mentions": 0, "negative": 0, "peak_at": None, "peak_volume": None, "peak_expected": None,
            "peak_times": None, "worst_share": None, "worst_share_at": None, "normal_share": None,
            "recovery_half_life": None,
        }  # fmt: skip
    # A share of very few says nothing: only steps with a twentieth of the peak are asked for the worst mood.
    worst = max((p for p in spoken if p.volume >= peak.volume / 20), key=lambda p: p.negative / p.volume)
    known = [p.negative_share for p in points if p.negative_share is not None]
    normal = sum(known) / len(known) if known else None
    return {
        "mentions": volume,
        "negative": negative,
        "peak_at": peak.at,
        "peak_volume": peak.volume,
        "peak_expected": peak.expected,
        "peak_times": round(peak.volume / peak.expected, 1) if peak.expected else None,
        "worst_share": round(worst.negative / worst.volume, 4),
        "worst_share_at": worst.at,
        "normal_share": None if normal is None else round(normal, 4),
        "recovery_half_life": None if normal is None else half_life(points, worst, normal),
    }


def half_life(points: Sequence[Point], worst: Point, normal: float) -> float | None:
    """Seconds from the worst mood to where half of its rise above normal was over; None where it never was.

    From the worst step on, steps are read together until they hold twenty mentions: that is one reading. Half of the
    rise is over at the end of the first reading whose share of negative mentions lies at or below half-way, when the
    next one says so, too. A rise of less than five percentage points is none.
    """
    rise = worst.negative / worst.volume - normal
    if rise < LEAST_RISE:
        return None
    half_way = normal + rise / 2
    calm_since: datetime | None = None
    calm = 0
    for ended, share in _readings([point for point in points if point.at > worst.at]):
        if share > half_way:
            calm_since, calm = None, 0
            continue
        calm_since, calm = calm_since or ended, calm + 1
        if calm == STEADY:
            return (calm_since - worst.at).total_seconds()
    return None


def _readings(points: Sequence[Point]) -> Iterator[tuple[datetime, float]]:
    """(where it ends, share of negative mentions) of steps that hold enough together."""
    volume = negative = 0
    for point, after in pairwise(points):
        volume, negative = volume + point.volume, negative + point.negative
        if volume >= FEWEST_OF_A_MOOD:
            yield after.at, negative / volume
            volume = negative = 0
