"""What the detector remembers of brands: constant in size, JSON-able, versioned.

Every field has the brand as its first axis, so that many brands are judged at once; the state of one brand is a batch
of one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from listening.detector import settings as fixed
from listening.detector.counts import ROWS
from listening.detector.settings import KINDS, Kind

STATE_VERSION: Final = 2

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Every window that has a past of its own, and the kind it speaks for.
WINDOWS: Final[tuple[tuple[Kind, int], ...]] = (
    *(("volume", minutes) for minutes in fixed.VOLUME_WINDOWS),
    *(("mood", minutes) for minutes in fixed.MOOD_WINDOWS),
    ("velocity", fixed.VELOCITY_WINDOW),
    ("influence", fixed.INFLUENCE_WINDOW),
    *(("watched", minutes) for minutes in fixed.WATCHED_WINDOWS),
    *(("silence", minutes) for minutes in fixed.SILENCE_WINDOWS),
)
WINDOWS_OF: Final = {
    kind: slice(
        next(i for i, window in enumerate(WINDOWS) if window[0] == kind),
        1 + max(i for i, window in enumerate(WINDOWS) if window[0] == kind),
    )
    for kind in KINDS
}

# What the hours look like before we know the brand: quiet at four in the morning, half the swing of a typical brand.
FIRST_HOURS: Final = (
    -0.2, -0.3, -0.4, -0.5, -0.5, -0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2,
    0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.2, 0.1, 0.0,
)  # fmt: skip


class UnknownStateVersion(ValueError):
    """The stored state was written by another version of the detector and must be rebuilt from the buckets."""


@dataclass(slots=True, eq=False)
class State:
    """Everything that the detector carries from one call to the next. Treat it as opaque.

    `zones` are the brands' IANA time zones, `next_minute` the minute since 1970 that must come next for all of them.
    Changing the zone or the bin means starting over from the buckets. Parameters are those with which the present
    clock hour is judged; `counts` holds the six hours before it and what has been heard of it.
    """

    bin_minutes: int
    next_minute: int | None
    zones: list[str]
    hours_learned: Floats
    level: Floats
    first_day_sum: Floats
    first_day_weight: Floats
    hours: Floats
    hours_seen: Floats
    weekdays: Floats
    weekdays_seen: Floats
    spread: Floats
    weight: Floats
    past_count: Floats
    past_excess: Floats
    past_days: Floats
    past_peak: Floats
    hours_above: Floats
    hours_below: Floats
    negative_sum: Floats
    watched_sum: Floats
    mention_sum: Floats
    share_dispersion: Floats
    alarm_minute: Integers
    alarm_score: Floats
    alarm_stands: Integers
    counts: Integers
    seen: Integers
    pending: Integers
    pending_minutes: Integers

    @property
    def zone(self) -> str:
        """The time zone of the one brand that this is the state of."""
        (zone,) = self.zones
        return zone

    @property
    def brands(self) -> int:
        """How many brands this is the state of."""
        return len(self.zones)

    @property
    def hour_bins(self) -> int:
        """Bins in an hour."""
        return 60 // self.bin_minutes

    @property
    def past_bins(self) -> int:
        """Bins that are kept from before the present clock hour."""
        return fixed.LONGEST_WINDOW // self.bin_minutes

    @property
    def dispersion(self) -> Floats:
        """Over-dispersion of each volume window: (brands, windows)."""
        return np.maximum(self.spread / self.weight, fixed.DISPERSION_FLOOR)

    @property
    def age_days(self) -> Floats:
        """How long the present level has been learned from, in days."""
        return self.hours_learned / fixed.HOURS_A_DAY

    @property
    def negative_share(self) -> Floats:
        """The brands' normal share of negative mentions."""
        prior = fixed.NEGATIVE_SHARE_PRIOR_MENTIONS
        return (self.negative_sum + fixed.NEGATIVE_SHARE_PRIOR * prior) / (self.mention_sum + prior)

    @property
    def watched_share(self) -> Floats:
        """The brands' normal share of mentions that hold a watched term."""
        prior = fixed.WATCHED_SHARE_PRIOR_MENTIONS
        return (self.watched_sum + fixed.WATCHED_SHARE_PRIOR * prior) / (self.mention_sum + prior)

    @property
    def doubt(self) -> Floats:
        """The extra relative variance of a normal that was learned from little: large at first, gone within weeks."""
        return 1.0 / (1.0 + fixed.DOUBT_FADES_A_DAY * self.age_days)

    def copy(self) -> State:
        """A state that shares nothing mutable with this one."""
        return State(**{name: _copied(getattr(self, name)) for name in _FIELDS})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in _FIELDS)

    # It is mutable.
    __hash__ = None  # type: ignore[assignment]


_FIELDS: Final = tuple(field.name for field in dataclasses.fields(State))
_ALIKE: Final = ("bin_minutes", "next_minute")


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray | list) else value


def _same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else bool(one == other)


def new_state(*, zone: str, bin_minutes: int = 5) -> State:
    """The state of a brand about which nothing is known. `zone` is its IANA time zone.

    `bin_minutes` divides an hour; bins of one minute hear a few minutes sooner than bins of five.
    Raises ValueError for another bin and ZoneInfoNotFoundError for an unknown zone.
    """
    if bin_minutes not in {1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60}:
        raise ValueError("bin_minutes must divide an hour.")
    ZoneInfo(zone)
    volume, windows, kinds = len(fixed.VOLUME_WINDOWS), len(WINDOWS), len(KINDS)
    kept = (fixed.LONGEST_WINDOW + 60) // bin_minutes
    return State(
        bin_minutes=bin_minutes,
        next_minute=None,
        zones=[zone],
        hours_learned=np.zeros(1),
        level=np.zeros(1),
        first_day_sum=np.zeros(1),
        first_day_weight=np.zeros(1),
        hours=np.array([FIRST_HOURS]),
        hours_seen=np.zeros((1, 24)),
        weekdays=np.zeros((1, 7)),
        weekdays_seen=np.zeros((1, 7)),
        spread=np.full((1, volume), fixed.DISPERSION_PRIOR),
        weight=np.ones((1, volume)),
        past_count=np.zeros((1, windows)),
        past_excess=np.zeros((1, windows)),
        past_days=np.zeros((1, windows)),
        past_peak=np.zeros((1, windows)),
        hours_above=np.zeros(1),
        hours_below=np.zeros(1),
        negative_sum=np.zeros(1),
        watched_sum=np.zeros(1),
        mention_sum=np.zeros(1),
        share_dispersion=np.full(1, fixed.SHARE_DISPERSION_PRIOR),
        alarm_minute=np.full((1, kinds), -1, dtype=np.int64),
        alarm_score=np.zeros((1, kinds)),
        alarm_stands=np.zeros((1, kinds), dtype=np.int64),
        counts=np.zeros((1, ROWS, kept), dtype=np.int64),
        seen=np.zeros((1, kept), dtype=np.int64),
        pending=np.zeros((1, ROWS), dtype=np.int64),
        pending_minutes=np.zeros(1, dtype=np.int64),
    )


def stack(states: Sequence[State]) -> State:
    """Brands that stand at the same minute as one batch. Raises ValueError when they do not."""
    first = states[0]
    if any((one.bin_minutes, one.next_minute) != (first.bin_minutes, first.next_minute) for one in states):
        raise ValueError("Brands in one batch have the same bins and stand at the same minute.")
    values: dict[str, Any] = {name: getattr(first, name) for name in _ALIKE}
    values["zones"] = [zone for one in states for zone in one.zones]
    for name in _FIELDS:
        if name not in values:
            values[name] = np.concatenate([getattr(one, name) for one in states])
    return State(**values)


def unstack(batch: State) -> list[State]:
    """The states of the brands of a batch, in order; they share nothing with it."""
    return [
        State(
            **{
                name: getattr(batch, name) if name in _ALIKE else _copied(getattr(batch, name)[i : i + 1])
                for name in _FIELDS
            }
        )
        for i in range(batch.brands)
    ]


def state_to_dict(state: State) -> dict[str, Any]:
    """The state of one brand as plain JSON values, with its version. Floats survive JSON exactly."""
    if state.brands != 1:
        raise ValueError("A batch is stored brand by brand: see unstack.")
    stored: dict[str, Any] = {"version": STATE_VERSION}
    for name in _FIELDS:
        value = getattr(state, name)
        stored[name] = value[0].tolist() if isinstance(value, np.ndarray) else value
    stored["zones"] = state.zones[:]
    return stored


def state_from_dict(stored: dict[str, Any]) -> State:
    """The state that `state_to_dict` wrote. Raises `UnknownStateVersion` for any other version."""
    version = stored.get("version")
    if version != STATE_VERSION:
        raise UnknownStateVersion(f"The detector state has version {version!r}; this code reads {STATE_VERSION}.")
    model = new_state(zone="UTC", bin_minutes=stored["bin_minutes"])
    values: dict[str, Any] = {}
    for name in _FIELDS:
        like = getattr(model, name)
        values[name] = np.array([stored[name]], dtype=like.dtype) if isinstance(like, np.ndarray) else stored[name]
    return State(**{**values, "zones": list(stored["zones"])})
