"""What the detector says of one bin, and what that means in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from listening.detector.settings import Kind

Confidence = Literal["warming up", "learning", "settled"]
FindingKind = Kind | Literal["spread", "copies"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of departure that stands, with the window that speaks.

    `observed` and `expected` are mentions, or followers for influence, or shares from 0 to 1 for mood and copies, or
    places for spread. `alarm` is true once, when the departure begins to stand or has clearly grown.
    """

    kind: FindingKind
    score: float
    alarm: bool
    window_minutes: int
    observed: float
    expected: float
    low: float
    high: float
    why: str


@dataclass(frozen=True, slots=True)
class MoodReading:
    """The share of negative mentions in the window that speaks, against the brand's normal share.

    `low`..`high` is the range in which 19 of 20 normal windows of this size fall; `score` as in `Reading`.
    """

    window_minutes: int
    mentions: int
    negative: int
    share: float
    expected: float
    low: float
    high: float
    score: float
    alarm: bool

    @property
    def return_days(self) -> float:
        """Once in how many days this brand sees such a share, by its own past."""
        return math.exp(min(self.score, _SCORE_SHOWN))


@dataclass(frozen=True, slots=True)
class Reading:
    """One bin. `at` is its end in UTC, the first instant at which the reading can be known.

    `observed`, `expected`, `low` and `high` are mentions in the bin itself, for a chart: 19 of 20 normal bins lie
    between low and high. The `window_*` fields describe the window that speaks: the one with the rarest departure, or
    the bin itself when nothing departs. `window_authors` sums distinct authors per minute, an upper bound of distinct
    authors. `score` is the log of the return period in days (0 for anything ordinary); an alarm follows from it.
    """

    at: datetime
    bin_minutes: int
    observed: int
    expected: float
    low: float
    high: float
    window_minutes: int
    window_observed: int
    window_expected: float
    window_negative: int
    window_reach: int
    window_authors: int
    score: float
    volume_alarm: bool
    mood: MoodReading | None
    negative_share_normal: float
    confidence: Confidence
    window_watched: int = 0
    loudest: int = 0
    velocity: float = 0.0
    acceleration: float = 0.0
    findings: tuple[Finding, ...] = ()

    @property
    def alarm(self) -> bool:
        """Whether this bin raises anything, be it volume, mood or another kind."""
        return any(finding.alarm for finding in self.findings)

    @property
    def scale(self) -> str:
        """The window that speaks, as people say it: "5 min", "15 min", "6 h"."""
        return _spoken(self.window_minutes)

    @property
    def return_days(self) -> float:
        """Once in how many days this brand sees such a departure, by its own past."""
        return math.exp(min(self.score, _SCORE_SHOWN))

    @property
    def chance(self) -> float:
        """The chance of at least one such departure within a day on which nothing is wrong."""
        return -math.expm1(-1.0 / self.return_days)

    @property
    def negative_share(self) -> float:
        """The share of negative mentions in the window that speaks; 0 when it is empty."""
        return self.window_negative / self.window_observed if self.window_observed else 0.0


@dataclass(frozen=True, slots=True)
class SeverityPart:
    """How one aspect adds to the severity hint: `points` out of `most`, from `value`, and why in words."""

    name: str
    value: float
    points: float
    most: float
    why: str


# Rarity beyond about 20 000 years says nothing more; a finite number keeps JSON and people happy.
_SCORE_SHOWN: Final = 16.0


def severity_hint(reading: Reading, findings: Sequence[Finding] = ()) -> tuple[int, list[SeverityPart]]:
    """How grave the reading looks, 1 (hardly) to 10 (gravest), and the parts that make it up.

    The points of the parts sum to at most nine and are added to one. Size is full at 32 times normal, rarity at once
    in a year, negative share at 60 points above the brand's normal, reach at ten million followers (from a thousand),
    people at ten thousand authors (from ten), velocity when the normal volume is added every minute, influence at ten
    million followers of one author (from ten thousand), watched terms at half of all mentions. Spread takes the finding
    of `findings`, which are those of the same window that the caller's facts gave. It is a hint: it knows nothing of
    topic, contract or law.
    """
    mood = reading.mood
    normal = max(reading.window_expected, 1.0)
    ratio = reading.window_observed / normal
    score = max([reading.score, mood.score if mood else 0.0, *(found.score for found in reading.findings)])
    share = max(reading.negative_share, mood.share if mood and mood.score > 0 else 0.0)
    above = share - reading.negative_share_normal if reading.window_observed else 0.0
    watched = reading.window_watched / reading.window_observed if reading.window_observed else 0.0
    faster = reading.velocity / max(reading.expected / reading.bin_minutes, 1.0 / 60.0)
    spread = max((found.observed - found.expected for found in findings if found.kind == "spread"), default=0.0)
    reach, people, loudest = reading.window_reach, reading.window_authors, reading.loudest
    parts = [
        _part("size", ratio, math.log2(max(ratio, 1.0)) / 5.0, 2.0, f"{ratio:.1f} times normal"),
        _part("rarity", math.exp(min(score, _SCORE_SHOWN)), score / math.log(365.0), 1.75, f"once in {_rare(score)}"),
        _part("negative", share, above / 0.6, 1.75, f"{share:.0%} negative"),
        _part("reach", reach, _decades(reach, 1e3, 4.0), 1.0, f"{reach:,} followers in all"),
        _part("people", people, _decades(people, 10.0, 3.0), 0.75, f"at most {people:,} authors"),
        _part("velocity", reading.velocity, faster, 0.5, f"{reading.velocity:+.1f} mentions a minute each minute"),
        _part("influence", loudest, _decades(loudest, 1e4, 3.0), 0.5, f"one author with {loudest:,} followers"),
        _part("watched", watched, 2.0 * watched, 0.5, f"{reading.window_watched} mentions hold a watched term"),
        _part("spread", spread, spread / 0.6, 0.25, f"{max(spread, 0.0):.0%} more from places where few are usual"),
    ]
    return round(1.0 + sum(part.points for part in parts)), parts


def _part(name: str, value: float, fullness: float, most: float, why: str) -> SeverityPart:
    points = most * min(max(fullness, 0.0), 1.0)
    return SeverityPart(name=name, value=round(float(value), 3), points=round(points, 2), most=most, why=why)


def _decades(value: float, least: float, decades: float) -> float:
    return math.log10(max(value, 1.0) / least) / decades


def _rare(score: float) -> str:
    return _days(math.exp(min(score, _SCORE_SHOWN)))


def explain(reading: Reading) -> dict[str, Any]:
    """The plain facts behind a reading as JSON values, with one sentence for each thing that stands out."""
    severity, parts = severity_hint(reading)
    times = reading.window_observed / max(reading.window_expected, 1.0)
    facts: dict[str, Any] = {
        "at": reading.at.isoformat().replace("+00:00", "Z"),
        "confidence": reading.confidence,
        "volume": {
            "alarm": reading.volume_alarm,
            "window_minutes": reading.window_minutes,
            "observed": reading.window_observed,
            "expected": round(reading.window_expected, 2),
            "times_normal": round(times, 2),
            "return_days": round(reading.return_days, 1),
            "chance_per_day": float(f"{reading.chance:.3g}"),
            "authors_at_most": reading.window_authors,
            "reach": reading.window_reach,
            "negative_share": round(reading.negative_share, 3),
            "negative_share_normal": round(reading.negative_share_normal, 3),
        },
        "mood": None,
        "severity_hint": severity,
        "severity_parts": [
            {"name": part.name, "value": part.value, "points": part.points, "most": part.most, "why": part.why}
            for part in parts
        ],
        "sentences": _sentences(reading, times),
    }
    if reading.mood is not None:
        mood = reading.mood
        facts["mood"] = {
            "alarm": mood.alarm,
            "window_minutes": mood.window_minutes,
            "mentions": mood.mentions,
            "negative": mood.negative,
            "share": round(mood.share, 3),
            "expected": round(mood.expected, 3),
            "usual_range": [round(mood.low, 3), round(mood.high, 3)],
            "return_days": round(mood.return_days, 1),
        }
    return facts


def _sentences(reading: Reading, times: float) -> list[str]:
    sentences = []
    if reading.score > 0:
        sentences.append(
            f"{reading.window_observed} mentions in {reading.scale}, where {reading.window_expected:.1f} are usual: "
            f"{times:.1f} times normal, about once in {_days(reading.return_days)} for this brand."
        )
    else:
        sentences.append(f"{reading.observed} mentions in {_spoken(reading.bin_minutes)}: within the brand's normal.")
    mood = reading.mood
    if mood is not None and mood.score > 0:
        sentences.append(
            f"{mood.share:.0%} of {mood.mentions} mentions in {_spoken(mood.window_minutes)} are negative, where "
            f"{mood.expected:.0%} are usual: about once in {_days(mood.return_days)} for this brand."
        )
    sentences += [found.why for found in reading.findings if found.kind not in {"volume", "mood"}]
    if reading.confidence != "settled":
        sentences.append(
            "The brand has been heard for less than a day, so its normal is a guess."
            if reading.confidence == "warming up"
            else "The brand has been heard for less than a week, so its normal is still forming."
        )
    return sentences


def _days(days: float) -> str:
    if days >= 730:  # noqa: PLR2004 - two years
        return f"{days / 365:.0f} years" if days < 365_000 else "more than a thousand years"  # noqa: PLR2004
    return f"{days:.0f} days" if days >= 1.5 else "a day"  # noqa: PLR2004


def _spoken(minutes: int) -> str:
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


_WHY: Final[dict[FindingKind, str]] = {
    "volume": "{observed:.0f} mentions in {span}, where {expected:.1f} are usual.",
    "mood": "{observed:.0%} of the mentions in {span} are negative, where {expected:.0%} are usual.",
    "velocity": "{observed:.0f} mentions in {span}, after {expected:.1f} in the same time before: it grows fast.",
    "influence": "An author with {observed:,.0f} followers spoke within {span}.",
    "watched": "{observed:.0f} mentions in {span} hold a watched term, where {expected:.1f} are usual.",
    "silence": "{observed:.0f} mentions in {span}, where {expected:.0f} are usual: a source may be lost.",
    "spread": "{observed:.0%} of the mentions in {span} come from places where {expected:.0%} are usual.",
    "copies": "{observed:.0%} of the mentions in {span} are copies of each other, where {expected:.0%} are usual.",
}


def finding_why(kind: FindingKind, minutes: int, observed: float, expected: float) -> str:
    """One sentence that says what departs from what."""
    return _WHY[kind].format(span=_spoken(minutes), observed=observed, expected=expected)
