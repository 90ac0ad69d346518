"""Score the detector on labelled series with the scoring function of the Numenta Anomaly Benchmark.

The first 15 % of a series (at most 750 rows) is for learning and is not scored. Of the alarms within a labelled window
the earliest earns up to 1 by a sigmoid of its place in it; a window without one costs 1, or 2 where missing weighs
more; each other alarm costs up to 0.11, or 0.22 where false alarms weigh more, by the same sigmoid of how far it lies
behind the last window. Scores are normalised between a detector that never alarms (0) and a perfect one (100).
"""

from __future__ import annotations

import csv
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from listening.detector.counts import HEARD, ROWS, VOLUME, MinuteCounts
from listening.detector.hour import Levels, pass_over
from listening.detector.replay import heard_at
from listening.detector.settings import Settings
from listening.detector.state import new_state, stack

PROBATION_SHARE: Final = 0.15
PROBATION_ROWS: Final = 750
_BINS: Final = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
_MINUTES_A_DAY: Final = 1440.0
_FAR_BEHIND: Final = 3.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What a false alarm and a missed window cost."""

    false_alarm: float
    missed: float


PROFILES: Final = {
    "standard": Profile(0.11, 1.0),
    "low_fp": Profile(0.22, 1.0),
    "low_fn": Profile(0.11, 2.0),
}


class Unreadable(ValueError):
    """A series or its labels cannot be read; says which and why."""


@dataclass(frozen=True, slots=True)
class Series:
    """Counts in time order: `minutes` since 1970 of each row, its `values`, the usual distance of rows in minutes, and
    the labelled `windows` as first and last row.
    """

    name: str
    minutes: NDArray[np.float64]
    values: NDArray[np.int64]
    width: float
    windows: list[tuple[int, int]]

    @property
    def probation(self) -> int:
        """How many rows are for learning only."""
        return min(int(PROBATION_SHARE * self.values.size), PROBATION_ROWS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One series under one setting: the earned places of the windows that were found, and the cost of false alarms.

    `delays` are minutes from the start of each found window to its first alarm; `false_places` the sigmoid of each
    false alarm, from 0 (just behind a window) to -1.
    """

    name: str
    windows: int
    found: list[float]
    false_places: list[float]
    delays: list[float]
    days: float

    @property
    def missed(self) -> int:
        """Windows without an alarm."""
        return self.windows - len(self.found)


def read_directory(directory: Path) -> list[Series]:
    """All series (`*.csv` with the columns timestamp and value) of a directory with the windows of its `labels.json`.

    A series that is not labelled has no windows. Raises Unreadable.
    """
    if not directory.is_dir():
        raise Unreadable(f"{directory} is not a directory.")
    files = sorted(directory.glob("*.csv"))
    if not files:
        raise Unreadable(f"{directory} holds no .csv files.")
    labels = _read_labels(directory / "labels.json")
    return [_read_series(path, labels.get(path.name, [])) for path in files]


def _read_labels(path: Path) -> dict[str, list[tuple[float, float]]]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise Unreadable(f"{path} is missing.") from missing
    except (UnicodeDecodeError, json.JSONDecodeError) as broken:
        raise Unreadable(f"{path} is not JSON: {broken}.") from broken
    try:
        return {
            Path(name).name: sorted((_minute_of(start), _minute_of(end)) for start, end in windows)
            for name, windows in stored.items()
        }
    except (AttributeError, TypeError, ValueError) as broken:
        raise Unreadable(f"{path} must map each file to pairs of timestamps: {broken}.") from broken


def _minute_of(text: str) -> float:
    instant = datetime.fromisoformat(text.strip())
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.timestamp() / 60


def _read_series(path: Path, windows: Sequence[tuple[float, float]]) -> Series:
    rows: list[tuple[float, int]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"timestamp", "value"} <= set(reader.fieldnames or ()):
                raise Unreadable(f"{path} must begin with a header that names timestamp and value.")
            for row in reader:
                try:
                    value = float(row["value"])
                    if not 0 <= value < math.inf:
                        raise ValueError(f"{value} is no count")  # noqa: TRY301 - told with its line below
                    rows.append((_minute_of(row["timestamp"]), round(value)))
                except (AttributeError, TypeError, ValueError) as broken:
                    raise Unreadable(f"{path}, line {reader.line_num}: {broken}.") from broken
    except (UnicodeDecodeError, csv.Error) as broken:
        raise Unreadable(f"{path} is no readable CSV: {broken}.") from broken
    if len(rows) < 2:  # noqa: PLR2004 - a distance needs two
        raise Unreadable(f"{path} holds fewer than two rows.")
    rows.sort()
    minutes = np.array([minute for minute, _ in rows])
    steps = np.diff(minutes)
    if not (steps > 0).any():
        raise Unreadable(f"{path}: all rows have the same timestamp.")
    width = float(np.median(steps[steps > 0]))
    if width > max(_BINS):
        raise Unreadable(f"{path}: rows lie {width:.0f} minutes apart; the detector needs at least one in an hour.")
    found = [
        (int(np.searchsorted(minutes, start - 1e-6)), int(np.searchsorted(minutes, end + 1e-6, side="right")) - 1)
        for start, end in windows
    ]
    return Series(
        name=path.name,
        minutes=minutes,
        values=np.array([value for _, value in rows], dtype=np.int64),
        width=width,
        windows=[(first, last) for first, last in found if last >= first],
    )


def alarms_in(series: Series, settings: Sequence[Settings]) -> list[list[int]]:
    """The rows at which the volume alarms, in time order, under each setting. What comes later plays no part in it.

    Rows are gathered into the narrowest bins of the detector that hold one each; bins without rows were not heard.
    """
    size = next(minutes for minutes in _BINS if minutes >= 0.9 * series.width)
    # Rows lie in the middle of their bins, so that timestamps that waver a little do not fall into another one.
    phase = _phase(series.minutes, size) if series.width > 0.9 * size else size / 2
    bins = np.floor((series.minutes - phase + size / 2) / size).astype(np.int64)
    batch = stack([new_state(zone="UTC", bin_minutes=size)] * len(settings))
    levels = Levels.of(settings)
    alarms: list[list[int]] = [[] for _ in settings]
    cuts = np.nonzero(np.diff(bins) > 1)[0] + 1
    for rows in np.split(np.arange(bins.size), cuts):
        first = int(bins[rows[0]])
        counts = np.bincount(bins[rows] - first, weights=series.values[rows]).astype(np.int64)
        if batch.next_minute not in {None, first * size}:
            pass_over(batch, first * size, levels, [()] * len(settings))
        minutes = np.repeat(_as_minutes(counts, size)[np.newaxis], len(settings), axis=0)
        for brand, heard in enumerate(heard_at(batch, first * size, minutes, levels)):
            alarms[brand] += [int(np.searchsorted(bins, minute // size, side="right")) - 1 for minute in heard]
    return alarms


def _phase(minutes: NDArray[np.float64], size: int) -> float:
    """Where in their bins rows lie on average, around the clock."""
    angles = minutes / size * 2.0 * math.pi
    mean = math.atan2(float(np.sin(angles).mean()), float(np.cos(angles).mean()))
    return mean / (2.0 * math.pi) * size


def _as_minutes(counts: NDArray[np.int64], size: int) -> MinuteCounts:
    """Counts of bins as the detector's rows of minutes; each mention counts as an author of its own."""
    minutes = np.zeros((ROWS, counts.size * size), dtype=np.int64)
    for row in (VOLUME, HEARD):
        minutes[row, ::size] = counts
    return minutes


def outcome(series: Series, alarms: Sequence[int]) -> Outcome:
    """Judge the alarms of one series against its windows."""
    found: dict[int, int] = {}
    false_places = []
    for row in sorted(alarms):
        if row < series.probation:
            continue
        inside = [window for window, (first, last) in enumerate(series.windows) if first <= row <= last]
        if inside:
            found.setdefault(inside[0], row)
            continue
        before = [window for window in series.windows if window[1] < row]
        if not before:
            false_places.append(-1.0)
            continue
        first, last = max(before, key=lambda window: window[1])
        false_places.append(sigmoid((row - last) / max(last - first, 1)))
    places = [
        sigmoid(-(series.windows[window][1] - row + 1) / (series.windows[window][1] - series.windows[window][0] + 1))
        / sigmoid(-1.0)
        for window, row in found.items()
    ]
    judged = series.minutes[-1] - series.minutes[series.probation] if series.probation < series.values.size else 0.0
    return Outcome(
        name=series.name,
        windows=len(series.windows),
        found=places,
        false_places=false_places,
        delays=[
            float(series.minutes[row] - series.minutes[series.windows[window][0]]) for window, row in found.items()
        ],
        days=float(judged) / _MINUTES_A_DAY,
    )


def sigmoid(place: float) -> float:
    """From nearly 1 at the start of a window (-1) over 0 at its end to -1 far behind it."""
    return -1.0 if place > _FAR_BEHIND else 2.0 / (1.0 + math.exp(5.0 * place)) - 1.0


def score(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The normalised score under each profile over several series. Raises Unreadable when none has a window."""
    windows = sum(each.windows for each in outcomes)
    if windows == 0:
        raise Unreadable("No series has a labelled window, so there is nothing to score.")
    earned = sum(sum(each.found) for each in outcomes)
    missed = sum(each.missed for each in outcomes)
    wrong = sum(sum(each.false_places) for each in outcomes)
    return {
        name: 100.0
        * (earned - profile.missed * missed + profile.false_alarm * wrong + profile.missed * windows)
        / (windows * (1.0 + profile.missed))
        for name, profile in PROFILES.items()
    }


def median_delay(outcomes: Sequence[Outcome]) -> float | None:
    """The median of minutes from the start of a found window to its first alarm; None when none was found."""
    delays = [delay for each in outcomes for delay in each.delays]
    return statistics.median(delays) if delays else None


def false_alarms_per_day(outcomes: Sequence[Outcome]) -> float:
    """Alarms outside the windows for each judged day of a series."""
    days = sum(each.days for each in outcomes)
    return sum(len(each.false_places) for each in outcomes) / days if days else 0.0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One series scored with what was chosen on the others, beside its score under the default."""

    name: str
    chosen: Settings
    outcome: Outcome
    default: Outcome


def leave_one_out(series: Sequence[Series]) -> list[LeftOut]:
    """For each series choose the alarm score and least ratio that do best on all the others, and score it with them.

    Raises Unreadable when fewer than two series have windows.
    """
    if sum(bool(each.windows) for each in series) < 2:  # noqa: PLR2004 - one to score and one to choose on
        raise Unreadable("Leaving one out needs at least two series with windows.")
    plain = Settings()
    shifts, ratios = [step / 10 for step in range(-10, 11, 2)], [3.0, 3.5, 4.0, 4.5, 5.0]
    choices = [replace(plain, alarm_score_shift=shift, least_ratio=ratio) for shift in shifts for ratio in ratios]
    table = [[outcome(each, alarms) for alarms in alarms_in(each, [plain, *choices])] for each in series]
    left = []
    for i, each in enumerate(series):
        others = [row for j, row in enumerate(table) if j != i]
        merits = [_merit([row[1 + choice] for row in others]) for choice in range(len(choices))]
        # A choice is as good as its neighbours are: the single best one owes too much to luck.
        smooth = _smoothed(np.array(merits).reshape(len(shifts), len(ratios))).ravel()
        best = int(smooth.argmax())
        left.append(LeftOut(name=each.name, chosen=choices[best], outcome=table[i][1 + best], default=table[i][0]))
    return left


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value replaced by the mean of itself and of its neighbours, edges repeated."""
    padded = np.pad(values, 1, mode="edge")
    around: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).mean(axis=(2, 3))
    return around


def _merit(outcomes: Sequence[Outcome]) -> float:
    return statistics.fmean(score(outcomes).values()) if any(each.windows for each in outcomes) else 0.0
