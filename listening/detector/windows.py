"""How far each sliding window of a brand departs from its normal, in standard deviations, for every kind of alarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from listening.detector import settings as fixed
from listening.detector.counts import HEARD, LOUDEST, NEGATIVE, ROWS, VOLUME, WATCHED
from listening.detector.mood_shift import share_sd
from listening.detector.settings import Settings
from listening.detector.state import WINDOWS, WINDOWS_OF, Floats, Integers, State
from listening.detector.volume import deviance_sd

Truths = NDArray[np.bool_]

# The row of prefix sums that holds the negative ones of the mentions that are heard.
HEARD_NEGATIVE: Final = ROWS
_HISTORY_LEAST: Final = 8
_HISTORY: Final = Settings()


@dataclass(frozen=True, slots=True)
class Limits:
    """What the brands' settings ask for at least, each of shape (brands, 1)."""

    mentions: Floats
    ratio: Floats
    mood_mentions: Floats
    mood_rise: Floats
    reach: Floats
    watched: Floats

    @classmethod
    def of(cls, settings: list[Settings]) -> Limits:
        """The limits of brands, one setting each."""
        return cls(
            *(
                np.array(values, dtype=np.float64)[:, np.newaxis]
                for values in zip(
                    *(
                        (
                            each.least_mentions,
                            each.least_ratio,
                            each.mood_least_mentions,
                            each.mood_least_rise,
                            each.influential_reach,
                            each.watched_least,
                        )
                        for each in settings
                    ),
                    strict=True,
                )
            )
        )


@dataclass(frozen=True, slots=True)
class Sums:
    """Prefix sums over the kept bins: of each row of counts (brands, rows, bins + 1), of expectations, and of bins.

    `least` is what is expected at the least: an event for which nobody comes is no silence.
    """

    counts: Integers
    expected: Floats
    least: Floats
    seen: Integers
    loudest: Integers
    bin_minutes: int
    past_bins: int

    @classmethod
    def of(cls, state: State, expected: Floats, heard: Integers, *, usual: Floats) -> Sums:
        """Sums over what a state keeps, with what was expected of each bin, and what is usual whatever is planned.

        `heard` is 0 for bins to be left out.
        """
        counts = state.counts * heard[:, np.newaxis, :]
        negative = counts[:, NEGATIVE] * counts[:, HEARD] // np.maximum(counts[:, VOLUME], 1)
        rows = np.concatenate([counts, negative[:, np.newaxis]], axis=1)
        return cls(
            counts=_prefix(rows),
            expected=_prefix(expected * heard),
            least=_prefix(np.minimum(expected, usual) * heard),
            seen=_prefix(heard),
            loudest=counts[:, LOUDEST],
            bin_minutes=state.bin_minutes,
            past_bins=state.past_bins,
        )

    def _ends(self, minutes: int) -> tuple[slice, slice]:
        bins = max(1, minutes // self.bin_minutes)
        first, last = self.past_bins + 1, self.counts.shape[2]
        return slice(first, last), slice(first - bins, last - bins)

    def observed(self, row: int, minutes: int) -> Integers:
        """What was counted in the window that ends with each bin of the hour."""
        end, begin = self._ends(minutes)
        return self.counts[:, row, end] - self.counts[:, row, begin]

    def hoped(self, minutes: int) -> Floats:
        """The mentions that were expected in the window that ends with each bin of the hour."""
        end, begin = self._ends(minutes)
        return np.maximum(self.expected[:, end] - self.expected[:, begin], 1e-9)

    def least_hoped(self, minutes: int) -> Floats:
        """The mentions that were expected at the least in the window that ends with each bin of the hour."""
        end, begin = self._ends(minutes)
        return np.maximum(self.least[:, end] - self.least[:, begin], 1e-9)

    def whole(self, minutes: int) -> Truths:
        """Whether every bin of the window was listened to."""
        end, begin = self._ends(minutes)
        return self.seen[:, end] - self.seen[:, begin] >= max(1, minutes // self.bin_minutes)

    def loudest_of(self, minutes: int) -> Integers:
        """The largest follower count of one author in the window."""
        bins = max(1, minutes // self.bin_minutes)
        loudest: Integers = sliding_window_view(self.loudest[:, self.past_bins + 1 - bins :], bins, axis=1).max(axis=2)
        return loudest


def _prefix(values: np.ndarray) -> np.ndarray:
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1), dtype=values.dtype)
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums


def departures(state: State, sums: Sums, limits: Limits) -> tuple[Floats, Floats]:
    """Standard deviations by which each window departs: (brands, windows, bins of the hour), and what history counts.

    The first is 0 where the brand's settings ask for more; the second does not depend on settings, so that these may
    change without losing what was learned.
    """
    spoken = np.zeros((state.brands, len(WINDOWS), state.hour_bins))
    counted = np.zeros_like(spoken)
    for part in (_volume, _mood, _velocity, _influence, _watched, _silence):
        part(state, sums, limits, spoken, counted)
    return spoken, counted


def _volume(state: State, sums: Sums, limits: Limits, spoken: Floats, counted: Floats) -> None:
    dispersion = state.dispersion + state.doubt[:, np.newaxis]
    # A normal that is hardly known must be exceeded by more.
    ratio = limits.ratio * (1.0 + state.doubt[:, np.newaxis])
    for i, minutes in enumerate(fixed.VOLUME_WINDOWS):
        observed, hoped = sums.observed(HEARD, minutes), sums.hoped(minutes)
        above = observed - hoped
        storm = (above >= _HISTORY_LEAST) & (observed >= fixed.EPISODE_RATIO * hoped)
        wanted = (observed >= limits.mentions) & (2.0 * above >= limits.mentions) & (observed >= ratio * hoped)
        z = _deviance_where(storm | wanted, observed, hoped, dispersion[:, i])
        spoken[:, i], counted[:, i] = np.where(wanted, z, 0.0), np.where(storm, z, 0.0)


def _mood(state: State, sums: Sums, limits: Limits, spoken: Floats, counted: Floats) -> None:
    normal = state.negative_share[:, np.newaxis]
    dispersion = (state.share_dispersion + 0.1 * state.doubt)[:, np.newaxis]
    for i, minutes in enumerate(fixed.MOOD_WINDOWS, WINDOWS_OF["mood"].start):
        mentions, negative = sums.observed(HEARD, minutes), sums.observed(HEARD_NEGATIVE, minutes)
        rise = negative - normal * mentions
        storm = (mentions >= _HISTORY.mood_least_mentions) & (rise >= _HISTORY.mood_least_rise * mentions)
        wanted = (mentions >= np.maximum(limits.mood_mentions, 1.0)) & (rise >= limits.mood_rise * mentions)
        brand, at = np.nonzero(storm | wanted)
        z = np.zeros_like(rise)
        z[brand, at] = share_sd(negative[brand, at], mentions[brand, at], normal[brand, 0], dispersion[brand, 0])
        spoken[:, i], counted[:, i] = np.where(wanted, z, 0.0), np.where(storm, z, 0.0)


def _velocity(state: State, sums: Sums, limits: Limits, spoken: Floats, counted: Floats) -> None:
    """Growth: a quarter of an hour against both the one before it and the normal."""
    i, minutes = WINDOWS_OF["velocity"].start, max(fixed.VELOCITY_WINDOW, sums.bin_minutes)
    now, twice = sums.observed(HEARD, minutes), sums.observed(HEARD, 2 * minutes)
    before = np.maximum(twice - now, sums.hoped(minutes))
    storm = (now - before >= 2 * _HISTORY_LEAST) & (now >= fixed.VELOCITY_RATIO * before) & sums.whole(2 * minutes)
    wanted = storm & (now - before >= limits.mentions)
    window = fixed.VOLUME_WINDOWS.index(fixed.VELOCITY_WINDOW)
    z = _deviance_where(storm, now, before, state.dispersion[:, window] + state.doubt)
    spoken[:, i], counted[:, i] = np.where(wanted, z, 0.0), z


def _influence(state: State, sums: Sums, limits: Limits, spoken: Floats, counted: Floats) -> None:
    """Each factor e above the influential reach counts like an average excess."""
    del state
    i = WINDOWS_OF["influence"].start
    loudest = sums.loudest_of(fixed.INFLUENCE_WINDOW).astype(np.float64)
    for out, reach in ((spoken, limits.reach), (counted, np.float64(_HISTORY.influential_reach))):
        excess = fixed.PRIOR_EXCESS * np.log(np.maximum(loudest, 1.0) / reach)
        out[:, i] = np.where(loudest > reach, fixed.EPISODE_OPENS_AT + excess, 0.0)


def _watched(state: State, sums: Sums, limits: Limits, spoken: Floats, counted: Floats) -> None:
    share = state.watched_share[:, np.newaxis]
    for i, minutes in enumerate(fixed.WATCHED_WINDOWS, WINDOWS_OF["watched"].start):
        observed, hoped = sums.observed(WATCHED, minutes), share * sums.hoped(minutes)
        storm = (observed >= _HISTORY.watched_least) & (observed >= fixed.EPISODE_RATIO * hoped)
        wanted = (observed >= np.maximum(limits.watched, 1.0)) & (observed >= fixed.EPISODE_RATIO * hoped)
        z = _deviance_where(storm | wanted, observed, hoped, fixed.WATCHED_DISPERSION + state.doubt)
        spoken[:, i], counted[:, i] = np.where(wanted, z, 0.0), np.where(storm, z, 0.0)


def _silence(state: State, sums: Sums, limits: Limits, spoken: Floats, counted: Floats) -> None:
    """A brand that normally talks falls silent: its audience, or a source, is lost."""
    del limits
    for i, minutes in enumerate(fixed.SILENCE_WINDOWS, WINDOWS_OF["silence"].start):
        observed, hoped = sums.observed(VOLUME, minutes), sums.least_hoped(minutes)
        silent = (hoped >= fixed.SILENCE_EXPECTED_LEAST) & (observed <= fixed.SILENCE_RATIO * hoped)
        window = fixed.VOLUME_WINDOWS.index(minutes)
        dispersion = state.dispersion[:, window] + state.doubt
        z = _deviance_where(silent & sums.whole(minutes), observed, hoped, dispersion)
        spoken[:, i] = counted[:, i] = z


def _deviance_where(where: Truths, observed: Integers, hoped: Floats, dispersion: Floats) -> Floats:
    z = np.zeros_like(hoped)
    brand, at = np.nonzero(where)
    if brand.size:
        z[brand, at] = deviance_sd(observed[brand, at], hoped[brand, at], dispersion[brand])
    return z
