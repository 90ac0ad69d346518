"""Feed counts to the detector: minutes are gathered into bins, each whole bin is judged and then learned from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from listening.detector import settings as fixed
from listening.detector.mood_shift import judge_mood, learn_mood, learn_share_dispersion
from listening.detector.normal import doubt, hour_effect, learn, learn_dispersion, watch_level
from listening.detector.rarity import close, sounds
from listening.detector.reading import Confidence, Reading
from listening.detector.settings import Settings
from listening.detector.state import Counts, MoodScale, Ring, Scale, State
from listening.detector.volume import band, judge

MinuteCounts = NDArray[np.int64]

# What the hours look like before we know the brand: quiet at four in the morning, half the swing of a typical brand.
_FIRST_HOURS: Final = (
    -0.2, -0.3, -0.4, -0.5, -0.5, -0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2,
    0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.2, 0.1, 0.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Buckets:
    """Per-minute counts of one brand over consecutive minutes, the first of which begins at `start`.

    `volume` mentions, `negative` those of them that scored negative, `reach` the sum of followers, `authors` distinct
    authors within the minute (a mention whose author is unknown counts as one). All have the same length; a minute
    without mentions is a zero, not an omission.
    """

    start: datetime
    volume: MinuteCounts
    negative: MinuteCounts
    reach: MinuteCounts
    authors: MinuteCounts


def new_state(*, zone: str, bin_minutes: int = 5) -> State:
    """The state of a brand about which nothing is known. `zone` is its IANA time zone.

    `bin_minutes` divides an hour; one minute hears a few minutes sooner at five times the cost.
    Raises ValueError for another bin and ZoneInfoNotFoundError for an unknown zone.
    """
    if bin_minutes not in {1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60}:
        raise ValueError("bin_minutes must divide an hour.")
    ZoneInfo(zone)
    volume = sorted({max(1, minutes // bin_minutes) for minutes in fixed.VOLUME_WINDOWS})
    mood = sorted({minutes // bin_minutes for minutes in fixed.MOOD_WINDOWS})
    opens = fixed.EPISODE_OPENS_AT_LONGER
    return State(
        zone=zone,
        bin_minutes=bin_minutes,
        scales=[
            Scale(bins=bins, opens_at=fixed.EPISODE_OPENS_AT_FIRST if i == 0 else opens)
            for i, bins in enumerate(volume)
        ],
        mood_scales=[MoodScale(bins=bins, opens_at=fixed.EPISODE_OPENS_AT_FIRST) for bins in mood],
        hours=list(_FIRST_HOURS),
    )


def advance(state: State, buckets: Buckets, settings: Settings = Settings()) -> tuple[State, list[Reading]]:  # noqa: B008 - immutable
    """Return the state after `buckets`, and one reading for each bin that they complete.

    The given state is not changed. Bins lie on the UTC clock; a bin of which the detector has not seen every minute is
    neither judged nor learned, and neither is the first hour of a new state judged.
    Raises ValueError when the buckets do not begin where the state ends (see `skip`) or are not counts.
    """
    minutes = _checked(buckets)
    first = _minute(buckets.start)
    if state.next_minute is not None and first != state.next_minute:
        raise ValueError(f"The buckets begin at minute {first}, but minute {state.next_minute} comes next.")
    state = state.copy()
    zone = ZoneInfo(state.zone)
    readings = []
    for at_minute, counts in _bins(state, first, minutes):
        reading = _step(state, at_minute, counts, zone, settings)
        if reading is not None:
            readings.append(reading)
    return state, readings


def skip(state: State, *, to: datetime) -> State:
    """Return the state as it stands after minutes in which nobody listened: nothing is learned from them.

    Windows begin anew, open episodes end uncounted. `to` is the start of the next buckets and lies on a minute.
    Raises ValueError when it lies before what the state has seen.
    """
    minute = _minute(to)
    if state.next_minute is not None and minute < state.next_minute:
        raise ValueError("Time does not run backwards: rebuild the state from the buckets instead.")
    state = state.copy()
    state.next_minute = minute
    state.pending, state.pending_minutes = [0] * len(state.pending), 0
    state.ring = Ring()
    state.bins_above = state.bins_below = 0
    for episodes in [scale.episodes for scale in state.scales] + [scale.episodes for scale in state.mood_scales]:
        close(episodes)
    return state


def _minute(instant: datetime) -> int:
    if instant.tzinfo is None or instant.second or instant.microsecond:
        raise ValueError("An instant must be timezone-aware and lie on a whole minute.")
    return int(instant.timestamp()) // 60


def _checked(buckets: Buckets) -> MinuteCounts:
    """The four counts and what is heard of the volume as rows of one array; refuses what cannot be counts."""
    columns = [buckets.volume, buckets.negative, buckets.reach, buckets.authors]
    if any(column.ndim != 1 or column.dtype != np.int64 for column in columns):
        raise ValueError("Counts must be one-dimensional arrays of int64.")
    if len({column.size for column in columns}) != 1:
        raise ValueError("The four counts must have the same length.")
    minutes = np.stack(columns)
    if minutes.size and minutes.min() < 0:
        raise ValueError("A count must not be negative.")
    if (minutes[1] > minutes[0]).any():
        raise ValueError("There cannot be more negative mentions than mentions.")
    if ((minutes[0] > 0) & (minutes[3] == 0)).any():
        raise ValueError("Mentions have authors; count each mention whose author is unknown as an author of its own.")
    minutes = np.minimum(minutes, fixed.LARGEST_COUNT)
    most = np.ceil(minutes[3] * fixed.MOST_PER_AUTHOR).astype(np.int64)
    return np.concatenate([minutes, np.minimum(minutes[0], most)[np.newaxis]])


def _bins(state: State, first: int, minutes: MinuteCounts) -> list[tuple[int, Counts]]:
    """Gather minutes into bins: (first minute, sums) of each bin that is now whole; the rest waits in the state."""
    size, length = state.bin_minutes, minutes.shape[1]
    head = min(length, -first % size)
    whole = (length - head) // size
    edge = head + whole * size
    bins: list[tuple[int, Counts]] = []
    if head:
        state.pending = [
            waiting + more for waiting, more in zip(state.pending, minutes[:, :head].sum(axis=1).tolist(), strict=True)
        ]
        state.pending_minutes += head
        if (first + head) % size == 0:
            if state.pending_minutes == size:
                bins.append((first + head - size, Counts(*state.pending)))
            state.pending, state.pending_minutes = [0] * len(minutes), 0
    if whole:
        sums = minutes[:, head:edge].reshape(len(minutes), whole, size).sum(axis=2).T.tolist()
        bins.extend((first + head + i * size, Counts(*each)) for i, each in enumerate(sums))
    if edge < length:
        state.pending = minutes[:, edge:].sum(axis=1).tolist()
        state.pending_minutes = length - edge
    state.next_minute = first + length
    return bins


def _step(state: State, at_minute: int, counts: Counts, zone: ZoneInfo, settings: Settings) -> Reading | None:
    """Judge one bin by what came before it, then learn from it."""
    middle = datetime.fromtimestamp(at_minute * 60 + state.bin_minutes * 30, zone)
    local_minute = middle.hour * 60 + middle.minute
    effect = hour_effect(state, local_minute)
    reading = None
    if state.level_bins >= state.hour_bins:
        reading = _judge(state, at_minute, counts, effect, settings)
    learned = learn(state, mentions=counts.heard, effect=effect, local_minute=local_minute)
    learn_mood(state, mentions=counts.heard, negative=counts.heard_negative, learned=learned)
    state.bins += 1
    if state.bins > state.day_bins:
        learn_dispersion(state)
        learn_share_dispersion(state)
    return reading


def _judge(state: State, at_minute: int, counts: Counts, effect: float, settings: Settings) -> Reading:
    expected = math.exp(state.level + effect)
    low, high = band(expected, state.scales[0].dispersion + doubt(state))
    state.ring.push(counts, expected, keep=fixed.LONGEST_WINDOW // state.bin_minutes)
    ring = state.ring
    departure = judge(state, settings)
    window = slice(-departure.bins, None)
    alarm = sounds(
        state.volume_alarm,
        departure.score,
        alarm_score=settings.alarm_score,
        at_bin=state.bins,
        day_bins=state.day_bins,
    )
    reading = Reading(
        at=datetime.fromtimestamp((at_minute + state.bin_minutes) * 60, UTC),
        bin_minutes=state.bin_minutes,
        observed=counts.volume,
        expected=expected,
        low=low,
        high=high,
        window_minutes=departure.bins * state.bin_minutes,
        window_observed=sum(ring.volume[window]),
        window_expected=sum(ring.expected[window]),
        window_negative=sum(ring.negative[window]),
        window_reach=sum(ring.reach[window]),
        window_authors=sum(ring.authors[window]),
        score=departure.score,
        volume_alarm=alarm,
        mood=judge_mood(state, settings),
        negative_share_normal=state.negative_share,
        confidence=_confidence(state),
    )
    watch_level(state, settings)
    return reading


def _confidence(state: State) -> Confidence:
    if state.age_days < fixed.WARM_AFTER_DAYS:
        return "warming up"
    return "learning" if state.age_days < fixed.SETTLED_AFTER_DAYS else "settled"
