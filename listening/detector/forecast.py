"""What the next hours bring: the normal, and what is left of the present departure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from listening.detector import settings as fixed
from listening.detector.counts import HEARD, Event, expectations
from listening.detector.normal import effects, local_minutes
from listening.detector.state import State
from listening.detector.volume import bands

# A departure halves in about so long, give or take a factor that grows with the time ahead.
_HALF_LIFE_HOURS: Final = 3.0
_UNSURE_AN_HOUR: Final = 0.25
_MOST_UNSURE: Final = 1.5
_MOST_HOURS: Final = 72
_NOW_MINUTES: Final = 30


@dataclass(frozen=True, slots=True)
class Forecast:
    """The mentions that are expected in the hour that begins at `at`; 19 of 20 such hours lie from low to high."""

    at: datetime
    expected: float
    low: float
    high: float


def forecast(state: State, *, hours: int = 6, events: Sequence[Event] = ()) -> list[Forecast]:
    """The next clock hours after the one in which the state of one brand stands.

    What the last half hour has above or below normal fades with a half-life of three hours, and the band widens with
    the time ahead. A state that has heard nothing forecasts nothing. Raises ValueError for other than 1 to 72 hours.
    """
    if not 1 <= hours <= _MOST_HOURS:
        raise ValueError(f"Between 1 and {_MOST_HOURS} hours can be forecast.")
    if state.next_minute is None or float(state.hours_learned[0]) < fixed.JUDGED_AFTER_HOURS:
        return []
    now = state.next_minute // 60
    minutes = local_minutes(state.zones, now + hours, hours=hours + 1, bin_minutes=state.bin_minutes)
    rate = np.exp(state.level[:, np.newaxis] + effects(state, minutes)) * (state.bin_minutes / fixed.UNIT_MINUTES)
    planned = expectations(events, now * 60, rate.shape[1], state.bin_minutes)
    if planned is not None:
        rate = rate * planned[0]
    normal = rate.reshape(hours + 1, state.hour_bins).sum(axis=1)
    times = _times_normal(state)
    told = []
    for ahead in range(1, hours + 1):
        left = math.log(times) * 0.5 ** (ahead / _HALF_LIFE_HOURS)
        expected = float(normal[ahead]) * math.exp(left)
        # A storm may as well grow as fade: the larger the departure, the less is known of it.
        unsure = min(_UNSURE_AN_HOUR * abs(left) * math.sqrt(ahead), _MOST_UNSURE)
        dispersion = float(state.dispersion[0, fixed.VOLUME_WINDOWS.index(60)] + state.doubt[0])
        low, high = bands(np.array([max(expected, 1e-9)]), np.array([dispersion + math.expm1(unsure**2)]))
        told.append(
            Forecast(
                at=datetime.fromtimestamp((now + ahead) * 3600, UTC),
                expected=expected,
                low=float(low[0]),
                high=float(high[0]),
            )
        )
    return told


def _times_normal(state: State) -> float:
    """How many times normal the last half hour was, drawn towards 1 where little was heard."""
    assert state.next_minute is not None  # noqa: S101 - asked before
    hour = state.next_minute // 60
    kept = fixed.LONGEST_WINDOW // 60 + 1
    minutes = local_minutes(state.zones, hour, hours=kept, bin_minutes=state.bin_minutes)
    rate = np.exp(state.level[:, np.newaxis] + effects(state, minutes)) * (state.bin_minutes / fixed.UNIT_MINUTES)
    end = state.past_bins + state.next_minute % 60 // state.bin_minutes
    span = slice(max(end - max(1, _NOW_MINUTES // state.bin_minutes), 0), end)
    seen = state.seen[0, span]
    observed = float((state.counts[0, HEARD, span] * seen).sum())
    normal = float((rate[0, span] * seen).sum())
    return (observed + 3.0) / (normal + 3.0)
