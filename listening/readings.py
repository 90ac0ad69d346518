"""What a detector's reading means for a signal of one kind: pure, beside the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from listening.detector import Reading, explain, severity_hint
from listening.states import SignalKind

# From the hint of 1 (hardly) to 10 (gravest) to the severity of pages and incidents, 1 the worst.
SEVERITIES: Final = ((9, 1), (7, 2), (4, 3), (1, 4))
MOST_CHART_POINTS: Final = 48


def departs(reading: Reading, kind: SignalKind, alarm_score: float) -> bool:
    """Whether the reading is rare enough to alarm, be it for the first time or still."""
    if kind == SignalKind.VOLUME:
        return reading.volume_alarm or reading.score >= alarm_score
    return reading.mood is not None and (reading.mood.alarm or reading.mood.score >= alarm_score)


def alarms_for(reading: Reading, kind: SignalKind) -> bool:
    """Whether the reading asks for attention of its own."""
    return reading.volume_alarm if kind == SignalKind.VOLUME else reading.mood is not None and reading.mood.alarm


def window_of(reading: Reading, kind: SignalKind) -> tuple[datetime, datetime]:
    """The window that speaks, from and until."""
    minutes = reading.window_minutes
    if kind == SignalKind.MOOD and reading.mood is not None:
        minutes = reading.mood.window_minutes
    return reading.at - timedelta(minutes=minutes), reading.at


def observed(reading: Reading, kind: SignalKind) -> tuple[float, float]:
    """(observed, expected): mentions in the window, or the share of negative ones."""
    if kind == SignalKind.MOOD and reading.mood is not None:
        return round(reading.mood.share, 4), round(reading.mood.expected, 4)
    return float(reading.window_observed), round(reading.window_expected, 2)


def hint_of(reading: Reading) -> int:
    """How grave it looks, 1 to 10."""
    return severity_hint(reading)[0]


def gravity_of(reading: Reading, kind: SignalKind) -> tuple[int, float]:
    """What readings of a storm are compared by: the hint, then how rare the departure of this kind is."""
    score = reading.score if kind == SignalKind.VOLUME or reading.mood is None else reading.mood.score
    return hint_of(reading), round(score, 6)


def severity_of(hint: int) -> int:
    """The severity, 1 (the worst) to 4, that a hint of 1 to 10 comes to."""
    return next(severity for least, severity in SEVERITIES if hint >= least)


def headline(brand_name: str, reading: Reading, kind: SignalKind) -> str:
    """One line for whoever is woken. Numbers only: nothing that anybody wrote."""
    start, end = window_of(reading, kind)
    minutes = (end - start) // timedelta(minutes=1)
    span = f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
    if kind == SignalKind.MOOD and reading.mood is not None:
        mood = reading.mood
        share = f"{mood.share:.0%} of {mood.mentions} mentions in {span} are negative"
        return f"{brand_name}: {share}, {mood.expected:.0%} are normal"
    times = reading.window_observed / max(reading.window_expected, 1.0)
    return f"{brand_name}: {reading.window_observed} mentions in {span}, {times:.1f} times normal"


def explanation(worst: Reading, recent: Sequence[Reading], kind: SignalKind, made_of: dict[str, Any]) -> dict[str, Any]:
    """All that a person needs to judge a signal, as JSON values: facts and sentences of the worst bin, its band, what
    the mentions are, and the recent bins as points of a chart.
    """
    return {
        **explain(worst),
        "score": gravity_of(worst, kind)[1],
        "band": {
            "observed": worst.observed,
            "expected": round(worst.expected, 2),
            "low": round(worst.low, 2),
            "high": round(worst.high, 2),
            "minutes": worst.bin_minutes,
        },
        **made_of,
        "chart": [
            {
                "at": (reading.at - timedelta(minutes=reading.bin_minutes)).isoformat().replace("+00:00", "Z"),
                "observed": reading.observed,
                "expected": round(reading.expected, 2),
                "low": round(reading.low, 2),
                "high": round(reading.high, 2),
            }
            for reading in recent[-MOST_CHART_POINTS:]
        ],
    }
