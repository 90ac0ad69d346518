"""Replay a brand's past: which alarms would have sounded, when, and how late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from listening.detector import settings as fixed
from listening.detector.counts import HEARD, Buckets, Event, MinuteCounts, checked, minute_of
from listening.detector.hour import Hour, Levels, pass_over, walk
from listening.detector.reading import severity_hint
from listening.detector.readings_of import reading_at
from listening.detector.settings import KINDS, Kind, Settings
from listening.detector.state import WINDOWS_OF, State, new_state

# A storm's onset is the minute in which the brand first stands at this many times its normal.
ONSET_RATIO: Final = 3.0
# Departures with less than an hour of calm between them are one.
_CALM_MINUTES: Final = 60
_PEAKS_FROM_SCORE: Final = 1.0
_DEFAULT: Final = Settings()


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of a replay. `at` is when it would have sounded; `late_minutes` counts from `onset`, which is when the
    brand came to stand at three times its normal without a break until the alarm, or None where it never did.
    """

    at: datetime
    kind: Kind
    score: float
    window_minutes: int
    observed: float
    expected: float
    severity_hint: int
    why: str
    onset: datetime | None
    late_minutes: float | None


@dataclass(frozen=True, slots=True)
class Peak:
    """The height of one departure of a kind, whether or not it alarmed: what calibration counts."""

    at: datetime
    kind: Kind
    score: float


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found: alarms and peaks in time order, over so many days that were judged."""

    alarms: list[Alarm]
    peaks: list[Peak]
    days: float


def replay(
    buckets: Buckets | Sequence[Buckets],
    settings: Settings = _DEFAULT,
    events: Sequence[Event] = (),
    *,
    zone: str = "UTC",
    bin_minutes: int = 1,
) -> Replay:
    """Run the detector over a brand's history from knowing nothing, as it would have run live.

    Several buckets in time order say that between them nobody listened. The same counts always give the same replay.
    Raises ValueError for what `advance` refuses.
    """
    spans = [buckets] if isinstance(buckets, Buckets) else list(buckets)
    batch = new_state(zone=zone, bin_minutes=bin_minutes)
    levels = Levels.of([settings])
    alarms: list[Alarm] = []
    peaks: dict[Kind, list[Peak]] = {kind: [] for kind in KINDS}
    bins = 0
    for span in spans:
        first = minute_of(span.start)
        if batch.next_minute is not None and first < batch.next_minute:
            raise ValueError("Buckets lie in time order and do not overlap.")
        if batch.next_minute not in {None, first}:
            pass_over(batch, first, levels, [events])
        for hour in walk(batch, first, checked(span)[np.newaxis], levels, [events]):
            bins += int(hour.valid[0, hour.first : hour.last].sum())
            _gather_peaks(hour, bin_minutes, peaks)
            for _, kind, i in alarms_of(hour):
                alarms.append(_alarm(batch, hour, kind, i))
    every = sorted((peak for found in peaks.values() for peak in found), key=lambda peak: peak.at)
    return Replay(alarms=alarms, peaks=every, days=bins * bin_minutes / fixed.MINUTES_A_DAY)


def alarms_of(hour: Hour) -> Iterator[tuple[int, Kind, int]]:
    """The alarms of an hour's newly judged bins in time order: brand, kind and bin."""
    sounding = [
        (i, brand, kind) for (brand, kind), bins in hour.standing.items() for i, alarms in bins.items() if alarms
    ]
    for i, brand, kind in sorted(sounding):
        yield brand, KINDS[kind], i


def heard_at(
    batch: State, first: int, minutes: MinuteCounts, levels: Levels, kinds: frozenset[Kind] = frozenset({"volume"})
) -> list[list[int]]:
    """The minutes since 1970 at whose end alarms of `kinds` sound, for each brand of a batch; the batch is changed."""
    heard: list[list[int]] = [[] for _ in range(batch.brands)]
    for hour in walk(batch, first, minutes, levels, [()] * batch.brands):
        for brand, kind, i in alarms_of(hour):
            if kind in kinds:
                heard[brand].append(hour.hour * 60 + (i + 1) * batch.bin_minutes - 1)
    return heard


def _alarm(batch: State, hour: Hour, kind: Kind, i: int) -> Alarm:
    reading = reading_at(batch, hour, 0, i)
    finding = next(each for each in reading.findings if each.kind == kind)
    onset = _onset(batch, hour, i)
    return Alarm(
        at=reading.at,
        kind=kind,
        score=finding.score,
        window_minutes=finding.window_minutes,
        observed=finding.observed,
        expected=finding.expected,
        severity_hint=severity_hint(reading)[0],
        why=finding.why,
        onset=onset,
        late_minutes=None if onset is None else (reading.at - onset) / timedelta(minutes=1),
    )


def _onset(batch: State, hour: Hour, i: int) -> datetime | None:
    """Go back from a bin while windows of five minutes stand at three times the normal, at most over the kept hours."""
    bins = max(1, fixed.VOLUME_WINDOWS[0] // batch.bin_minutes)
    end = batch.past_bins + i + 1
    counts = np.concatenate([[0], np.cumsum(batch.counts[0, HEARD, :end])])
    normal = np.concatenate([[0.0], np.cumsum(hour.expected[0, :end])])
    over = counts[bins:] - counts[:-bins] >= ONSET_RATIO * (normal[bins:] - normal[:-bins])
    if not over[-1]:
        return None
    calm = np.nonzero(~over)[0]
    first = int(calm[-1]) + 1 if calm.size else 0
    back = over.size - 1 - first
    minute = hour.hour * 60 + (i + 1 - back) * batch.bin_minutes - (batch.bin_minutes if bins == 1 else 1)
    return datetime.fromtimestamp(minute * 60, UTC)


def _gather_peaks(hour: Hour, bin_minutes: int, peaks: dict[Kind, list[Peak]]) -> None:
    for kind in KINDS:
        scores = hour.scores[0, WINDOWS_OF[kind], hour.first : hour.last].max(axis=0)
        found = peaks[kind]
        for i in np.nonzero(scores >= _PEAKS_FROM_SCORE)[0].tolist():
            minute = hour.hour * 60 + (hour.first + i + 1) * bin_minutes
            peak = Peak(at=datetime.fromtimestamp(minute * 60, UTC), kind=kind, score=float(scores[i]))
            if found and peak.at - found[-1].at < timedelta(minutes=_CALM_MINUTES):
                # The peak keeps its height and moves on, so that an hour of calm is counted from its end.
                found[-1] = Peak(at=peak.at, kind=kind, score=max(peak.score, found[-1].score))
            else:
                found.append(peak)
