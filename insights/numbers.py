"""The figures of a crisis: how long each step took, and how high it rose. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from listening.queries import STEPS, Point, Step

MOST_POINTS = 320
SHORTEST_LEAD = timedelta(hours=2)
LONGEST_LEAD = timedelta(hours=24)
SHORTEST_TAIL = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Moments:
    """When what happened; None for what did not, or not yet."""

    began: datetime  # where the storm began, or when the incident was opened
    known: datetime  # when the signal was raised, or when the incident was opened
    acknowledged: datetime | None = None
    activated: datetime | None = None
    pause_started: datetime | None = None
    pause_effective: datetime | None = None
    first_words: datetime | None = None
    approval_asked: datetime | None = None
    approval_granted: datetime | None = None
    contained: datetime | None = None
    resolved: datetime | None = None


def durations(moments: Moments) -> dict[str, float | None]:
    """Seconds from one moment to another; None where one of them is missing.

    `detect` runs from the beginning of the storm to the signal; `pause` from its start to where nothing could go out
    any more; `approve` from the request to the last voice; everything else from when the crisis was known.
    """
    known = moments.known
    return {
        "detect": _between(moments.began, known),
        "acknowledge": _between(known, moments.acknowledged),
        "decide": _between(known, moments.activated),
        "pause": _between(moments.pause_started, moments.pause_effective),
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
    length = max(ended - moments.began, timedelta(0))
    start = moments.began - min(max(length, SHORTEST_LEAD), LONGEST_LEAD)
    end = max(min(at, ended + max(length / 4, SHORTEST_TAIL)), moments.began + STEPS["5m"])
    steps: tuple[Step, ...] = ("5m", "1h")
    step: Step = next((step for step in steps if (end - start) / STEPS[step] <= MOST_POINTS), "1d")
    return Window(start, end, step)


def height(points: Sequence[Point]) -> dict[str, Any]:
    """How much was said in all, and where it was highest: `times` is the peak against what was expected there."""
    peak = max(points, key=lambda point: point.volume, default=None)
    spoken = [point for point in points if point.volume]
    volume, negative = sum(p.volume for p in points), sum(p.negative for p in points)
    if peak is None or not spoken:
        return {
            "mentions": 0, "negative": 0, "peak_at": None, "peak_volume": None, "peak_expected": None,
            "peak_times": None, "worst_share": None, "worst_share_at": None, "normal_share": None,
        }  # fmt: skip
    # A share of very few says nothing: only steps with a twentieth of the peak are asked for the worst mood.
    worst = max((p for p in spoken if p.volume >= peak.volume / 20), key=lambda p: p.negative / p.volume)
    normal = [p.negative_share for p in points if p.negative_share is not None]
    return {
        "mentions": volume,
        "negative": negative,
        "peak_at": peak.at,
        "peak_volume": peak.volume,
        "peak_expected": peak.expected,
        "peak_times": round(peak.volume / peak.expected, 1) if peak.expected else None,
        "worst_share": round(worst.negative / worst.volume, 4),
        "worst_share_at": worst.at,
        "normal_share": round(sum(normal) / len(normal), 4) if normal else None,
    }
