"""What the detector's readings mean for a signal: pure, beside the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from listening.detector import Finding, Forecast, Reading, explain, severity_hint
from listening.detector.volume import band
from listening.queries import BIN, over_dispersion, start_of_bin
from listening.states import SignalKind

# From the hint of 1 (hardly) to 10 (gravest) to the severity of pages and incidents, 1 the worst.
SEVERITIES: Final = ((9, 1), (7, 2), (4, 3), (1, 4))
MOST_CHART_POINTS: Final = 48
# One account that says more than this share of everything, or copies that are more than it, are no crowd.
NOT_A_CROWD: Final = 0.5
_ORDER: Final = {kind.value: place for place, kind in enumerate(SignalKind)}
# What is not said by a crowd counts for so much less.
WITHOUT_A_CROWD: Final = 2


def leading(reading: Reading) -> Finding:
    """The finding that a reading is told by: the first in the order of kinds, of which people know volume best."""
    return min(reading.findings, key=lambda found: _ORDER[found.kind])


def first_kind(kinds: Iterable[str]) -> str:
    """The kind by which several are called."""
    return min(kinds, key=lambda kind: _ORDER[kind])


def window_of(reading: Reading) -> tuple[datetime, datetime]:
    """The window that speaks, from and until."""
    minutes = leading(reading).window_minutes if reading.findings else reading.window_minutes
    return reading.at - timedelta(minutes=minutes), reading.at


def observed(found: Finding) -> tuple[float, float]:
    """(observed, expected): mentions in the window, followers, or shares."""
    return round(found.observed, 4), round(found.expected, 4)


def hint_of(reading: Reading) -> int:
    """How grave it looks, 1 to 10."""
    return severity_hint(reading)[0]


def gravity_of(reading: Reading) -> tuple[int, float]:
    """What readings of a storm are compared by: the hint, then how rare the rarest departure is."""
    return hint_of(reading), round(max((found.score for found in reading.findings), default=0.0), 6)


def severity_of(hint: int) -> int:
    """The severity, 1 (the worst) to 4, that a hint of 1 to 10 comes to."""
    return next(severity for least, severity in SEVERITIES if hint >= least)


def headline(brand_name: str, reading: Reading) -> str:
    """One line for whoever is woken. Numbers only: nothing that anybody wrote."""
    found = leading(reading)
    span = _span(found.window_minutes)
    if found.kind == "mood" and reading.mood is not None:
        mood = reading.mood
        share = f"{mood.share:.0%} of {mood.mentions} mentions in {_span(mood.window_minutes)} are negative"
        return f"{brand_name}: {share}, {mood.expected:.0%} are normal"
    if found.kind == "volume":
        times = reading.window_observed / max(reading.window_expected, 1.0)
        span = _span(reading.window_minutes)
        return f"{brand_name}: {reading.window_observed} mentions in {span}, {times:.1f} times normal"
    return f"{brand_name}: {found.why}"


def crowd_of(made_of: dict[str, Any], copied: float) -> dict[str, Any]:
    """Whether many people speak, as JSON values: one loud account, or copies of one text, are no crisis by themselves.

    `copied` is the share of near-duplicates among the mentions, without reposts.
    """
    loudest = made_of["authors"]["share_of_loudest"]
    one_account = made_of["mentions"] > 1 and loudest > NOT_A_CROWD
    return {
        "organic": not one_account and copied <= NOT_A_CROWD,
        "share_of_loudest": loudest,
        "share_of_copies": round(copied, 3),
    }


@dataclass(frozen=True, slots=True)
class Five:
    """Five minutes on a chart. `whole` is false while they last."""

    starts_at: datetime
    observed: int
    expected: float
    low: float
    high: float
    negative_share: float
    whole: bool


def fives(readings: Sequence[Reading]) -> list[Five]:
    """Readings of single minutes as five minutes each. Over-dispersion is shared by all five."""
    found = []
    for starts_at, together in groupby(readings, key=lambda reading: start_of_bin(begin_of(reading))):
        bins = list(together)
        expected = sum(each.expected for each in bins)
        spread = sum(over_dispersion(each.expected, each.low, each.high) * each.expected for each in bins)
        low, high = band(expected, spread / expected) if expected else (0.0, 0.0)
        minutes = sum(each.bin_minutes for each in bins)
        found.append(
            Five(
                starts_at=starts_at,
                observed=sum(each.observed for each in bins),
                expected=expected,
                low=low,
                high=high,
                negative_share=bins[-1].negative_share_normal,
                whole=timedelta(minutes=minutes) == BIN,
            )
        )
    return found


def begin_of(reading: Reading) -> datetime:
    return reading.at - timedelta(minutes=reading.bin_minutes)


def explanation(
    worst: Reading,
    recent: Sequence[Reading],
    made_of: dict[str, Any],
    copied: float,
    *,
    findings: Sequence[Finding] = (),
    ahead: Sequence[Forecast] = (),
) -> dict[str, Any]:
    """All that a person needs to judge a signal, as JSON values: facts and sentences of the worst bin, its band, what
    the mentions are, who says them, the recent minutes as points of a chart, and the next hours with their band.

    `findings` are those of the window's facts, beside the reading's own.
    """
    return {
        **explain(worst),
        "score": gravity_of(worst)[1],
        "kinds": [
            {
                "kind": found.kind,
                "score": round(found.score, 3),
                "window_minutes": found.window_minutes,
                "observed": round(found.observed, 4),
                "expected": round(found.expected, 4),
                "low": round(found.low, 4),
                "high": round(found.high, 4),
                "why": found.why,
            }
            for found in sorted([*worst.findings, *findings], key=lambda found: -found.score)
        ],
        "band": {
            "observed": worst.observed,
            "expected": round(worst.expected, 2),
            "low": round(worst.low, 2),
            "high": round(worst.high, 2),
            "minutes": worst.bin_minutes,
        },
        **made_of,
        "crowd": crowd_of(made_of, copied),
        "chart": [
            {
                "at": five.starts_at.isoformat().replace("+00:00", "Z"),
                "observed": five.observed,
                "expected": round(five.expected, 2),
                "low": round(five.low, 2),
                "high": round(five.high, 2),
            }
            for five in fives(recent)[-MOST_CHART_POINTS:]
        ],
        "forecast": [
            {
                "at": hour.at.isoformat().replace("+00:00", "Z"),
                "expected": round(hour.expected, 2),
                "low": round(hour.low, 2),
                "high": round(hour.high, 2),
            }
            for hour in ahead
        ],
    }


def _span(minutes: int) -> str:
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
