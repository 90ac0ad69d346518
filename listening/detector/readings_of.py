"""From judged hours to readings: the window that speaks, its band, and what stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from listening.detector import settings as fixed
from listening.detector.counts import AUTHORS, HEARD, NEGATIVE, REACH, VOLUME, WATCHED
from listening.detector.hour import Hour
from listening.detector.mood_shift import share_band
from listening.detector.reading import Confidence, Finding, MoodReading, Reading, finding_why
from listening.detector.settings import KINDS, Kind
from listening.detector.state import WINDOWS, WINDOWS_OF, State
from listening.detector.volume import band, bands
from listening.detector.windows import HEARD_NEGATIVE

_LEAST_FOR_A_SHARE = 30


@dataclass(frozen=True, slots=True)
class _Spoken:
    """The volume windows that speak, as plain lists by brand and bin."""

    window: list[list[int]]
    score: list[list[float]]
    expected: list[list[float]]
    sums: dict[int, list[list[int]]]


@dataclass(frozen=True, slots=True)
class _Said:
    """A judged hour with all that its readings need as plain lists."""

    batch: State
    hour: Hour
    volume: _Spoken
    columns: dict[str, Any]
    mood: dict[str, Any]

    @classmethod
    def of(cls, batch: State, hour: Hour) -> _Said:
        now = slice(batch.past_bins, None)
        low, high = bands(hour.expected[:, now], (batch.dispersion[:, 0] + batch.doubt)[:, np.newaxis])
        shown = {
            "observed": batch.counts[:, VOLUME, now],
            "expected": hour.expected[:, now],
            "low": low,
            "high": high,
            **_growth(hour),
        }
        return cls(
            batch=batch,
            hour=hour,
            volume=_volume_spoken(hour),
            columns={name: values.tolist() for name, values in shown.items()},
            mood=_mood_of(batch, hour),
        )

    def reading(self, brand: int, i: int) -> Reading:
        """What is said of bin `i` of the hour."""
        batch, hour, columns, volume = self.batch, self.hour, self.columns, self.volume
        standing = {kind: hour.standing[brand, k][i] for k, kind in enumerate(KINDS) if hour.stands(brand, k, i)}
        return Reading(
            at=datetime.fromtimestamp(hour.hour * 3600 + (i + 1) * batch.bin_minutes * 60, UTC),
            bin_minutes=batch.bin_minutes,
            observed=columns["observed"][brand][i],
            expected=columns["expected"][brand][i],
            low=columns["low"][brand][i],
            high=columns["high"][brand][i],
            window_minutes=volume.window[brand][i],
            window_observed=volume.sums[VOLUME][brand][i],
            window_expected=volume.expected[brand][i],
            window_negative=volume.sums[NEGATIVE][brand][i],
            window_reach=volume.sums[REACH][brand][i],
            window_authors=volume.sums[AUTHORS][brand][i],
            score=volume.score[brand][i],
            volume_alarm=standing.get("volume", False),
            mood=self._mood(brand, i, alarm=standing.get("mood", False)),
            negative_share_normal=self.mood["normal"][brand],
            confidence=_confidence(float(batch.age_days[brand])),
            window_watched=volume.sums[WATCHED][brand][i],
            loudest=columns["loudest"][brand][i],
            velocity=columns["velocity"][brand][i],
            acceleration=columns["acceleration"][brand][i],
            findings=tuple(self._finding(brand, i, kind, alarm=alarm) for kind, alarm in standing.items()),
        )

    def _mood(self, brand: int, i: int, *, alarm: bool) -> MoodReading | None:
        mood = self.mood
        mentions, negative = mood["mentions"][brand][i], mood["negative"][brand][i]
        score = mood["score"][brand][i]
        if mentions < _LEAST_FOR_A_SHARE and score <= 0:
            return None
        normal = mood["normal"][brand]
        low, high = share_band(normal, max(mentions, 1), mood["dispersion"][brand])
        return MoodReading(
            window_minutes=fixed.MOOD_WINDOWS[mood["window"][brand][i]],
            mentions=mentions,
            negative=negative,
            share=negative / max(mentions, 1),
            expected=normal,
            low=low,
            high=high,
            score=score,
            alarm=alarm,
        )

    def _finding(self, brand: int, i: int, kind: Kind, *, alarm: bool) -> Finding:
        scores = self.hour.scores[brand, WINDOWS_OF[kind], i]
        minutes = WINDOWS[WINDOWS_OF[kind]][int(scores.argmax())][1]
        seen, normal, low, high = self._against(brand, i, kind, minutes)
        return Finding(
            kind=kind,
            score=float(scores.max()),
            alarm=alarm,
            window_minutes=minutes,
            observed=round(seen, 4),
            expected=round(normal, 4),
            low=round(low, 4),
            high=round(high, 4),
            why=finding_why(kind, minutes, seen, normal),
        )

    def _against(self, brand: int, i: int, kind: Kind, minutes: int) -> tuple[float, float, float, float]:
        """What was seen in the window, what is normal, and the range in which 19 of 20 normal windows fall."""
        batch, sums = self.batch, self.hour.sums

        def observed(row: int, span: int) -> float:
            return float(sums.observed(row, span)[brand, i])

        hoped = sums.least_hoped(minutes) if kind == "silence" else sums.hoped(minutes)
        normal = float(hoped[brand, i])
        if kind == "influence":
            loudest = float(sums.loudest_of(minutes)[brand, i])
            return loudest, 0.0, 0.0, loudest
        if kind == "mood":
            mentions = max(int(observed(HEARD, minutes)), 1)
            share = self.mood["normal"][brand]
            return (
                observed(HEARD_NEGATIVE, minutes) / mentions,
                share,
                *share_band(share, mentions, self.mood["dispersion"][brand]),
            )
        seen, spread = observed(VOLUME, minutes), fixed.WATCHED_DISPERSION
        if kind == "watched":
            seen, normal = observed(WATCHED, minutes), normal * float(batch.watched_share[brand])
        else:
            spread = float(batch.dispersion[brand, fixed.VOLUME_WINDOWS.index(minutes)])
        if kind == "velocity":
            normal = max(observed(VOLUME, 2 * minutes) - seen, normal)
        return seen, normal, *band(normal, spread + float(batch.doubt[brand]))


def readings_of(batch: State, hour: Hour) -> list[list[Reading]]:
    """The readings of the bins that were judged, for each brand of the batch in time order."""
    if not hour.valid[:, hour.first : hour.last].any():
        return [[] for _ in range(batch.brands)]
    said = _Said.of(batch, hour)
    return [
        [said.reading(brand, i) for i in range(hour.first, hour.last) if hour.valid[brand, i]]
        for brand in range(batch.brands)
    ]


def reading_at(batch: State, hour: Hour, brand: int, i: int) -> Reading:
    """The reading of one bin of one brand."""
    return _Said.of(batch, hour).reading(brand, i)


def _volume_spoken(hour: Hour) -> _Spoken:
    """Of the volume windows the one with the rarest departure, or the bin itself when nothing departs."""
    windows = WINDOWS_OF["volume"]
    scores = hour.scores[:, windows]
    best, score = scores.argmax(axis=1), scores.max(axis=1)
    size = hour.sums.bin_minutes
    lengths = [max(size, minutes) for _, minutes in WINDOWS[windows]]
    choice = np.where(score > 0, best + 1, 0)[np.newaxis]
    spans = [size, *lengths]

    def chosen(values: Sequence[Any]) -> Any:
        return np.take_along_axis(np.stack(values), choice, 0)[0]

    return _Spoken(
        window=np.array(spans)[choice[0]].tolist(),
        score=score.tolist(),
        expected=chosen([hour.sums.hoped(span) for span in spans]).tolist(),
        sums={
            row: chosen([hour.sums.observed(row, span) for span in spans]).tolist()
            for row in (VOLUME, NEGATIVE, REACH, AUTHORS, WATCHED)
        },
    )


def _growth(hour: Hour) -> dict[str, Any]:
    span = max(fixed.VELOCITY_WINDOW, hour.sums.bin_minutes)
    one, two, three = (hour.sums.observed(VOLUME, times * span) for times in (1, 2, 3))
    now, before = (2 * one - two) / span**2, (2 * two - one - three) / span**2
    return {
        "velocity": now,
        "acceleration": (now - before) / span,
        "loudest": hour.sums.loudest_of(fixed.INFLUENCE_WINDOW),
    }


def _mood_of(batch: State, hour: Hour) -> dict[str, Any]:
    """Of the mood windows with enough mentions the one with the rarest share, by brand and bin."""
    mentions = np.stack([hour.sums.observed(HEARD, minutes) for minutes in fixed.MOOD_WINDOWS])
    negative = np.stack([hour.sums.observed(HEARD_NEGATIVE, minutes) for minutes in fixed.MOOD_WINDOWS])
    score = np.moveaxis(hour.scores[:, WINDOWS_OF["mood"]], 1, 0)
    best = np.where(mentions >= _LEAST_FOR_A_SHARE, score, -1.0).argmax(axis=0)[np.newaxis]
    return {
        "window": best[0].tolist(),
        "mentions": np.take_along_axis(mentions, best, 0)[0].tolist(),
        "negative": np.take_along_axis(negative, best, 0)[0].tolist(),
        "score": np.take_along_axis(score, best, 0)[0].tolist(),
        "normal": batch.negative_share.tolist(),
        "dispersion": (batch.share_dispersion + 0.1 * batch.doubt).tolist(),
    }


def _confidence(age_days: float) -> Confidence:
    if age_days < fixed.WARM_AFTER_DAYS:
        return "warming up"
    return "learning" if age_days < fixed.SETTLED_AFTER_DAYS else "settled"
