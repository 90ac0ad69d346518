"""Made-up brands whose storms are known to the minute, for measuring how soon and how often the detector alarms.

The same seed always makes the same counts. Nothing here was fitted to a detector or to a recorded series: a brand has a
daily and weekly rhythm, days that differ, a drift over quarters of an hour, scatter beyond chance, and now and then
something small that is no storm: without storms the expected rate stays under two and a half times normal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Shape = Literal["step", "ramp", "growth"]
SHAPES: Final[tuple[Shape, ...]] = ("step", "ramp", "growth")

START: Final = datetime(2026, 3, 2, tzinfo=UTC)
# The onset of a storm is the minute in which its expected rate first reaches this many times the normal rate.
ONSET_RATIO: Final = 3.0
_MINUTES_A_DAY: Final = 1440
_SMALL_A_DAY: Final = 0.5
_QUIET_UP_TO: Final = 2.5


@dataclass(frozen=True, slots=True)
class MadeUpBrand:
    """What a brand's public is like: `hourly` mentions on average; the other values are its rhythm and scatter."""

    seed: int
    hourly: float
    day_swing: float
    peak_hour: float
    weekend: float
    day_scatter: float
    drift: float
    scatter: float


@dataclass(frozen=True, slots=True)
class MadeUpStorm:
    """A storm that begins at minute `begin`, reaches `peak` times normal after `rise` minutes, and stays so for `stay`
    before it decays by half every `half_life` minutes.
    """

    shape: Shape
    begin: int
    peak: float
    rise: int
    stay: int
    half_life: float

    def times_normal(self, minutes: int) -> NDArray[np.float64]:
        """The rate of each minute as a multiple of the normal one."""
        at = np.arange(minutes, dtype=np.float64) - self.begin + 0.5
        part = np.clip(at / max(self.rise, 1), 0.0, 1.0)
        match self.shape:
            case "step":
                rising = np.where(at > 0, self.peak, 1.0)
            case "ramp":
                rising = 1.0 + (self.peak - 1.0) * part
            case "growth":
                rising = self.peak**part
        since = np.maximum(at - self.rise - self.stay, 0.0)
        return 1.0 + np.where(at > 0, rising - 1.0, 0.0) * 0.5 ** (since / self.half_life)

    def onset(self, minutes: int) -> int:
        """The minute in which the storm first reaches three times normal."""
        return int(np.argmax(self.times_normal(minutes) >= ONSET_RATIO))


def brands(seed: int, number: int = 200, *, least: float = 1.0, most: float = 10_000.0) -> list[MadeUpBrand]:
    """Brands with average volumes spaced evenly on a log scale from `least` to `most` mentions an hour."""
    draw = np.random.default_rng([seed, 1])
    return [
        MadeUpBrand(
            seed=int(draw.integers(2**31)),
            hourly=float(hourly),
            day_swing=float(draw.uniform(0.2, 0.8)),
            peak_hour=float(draw.uniform(0.0, 24.0)),
            weekend=float(draw.uniform(0.5, 1.1)),
            day_scatter=float(draw.uniform(0.05, 0.2)),
            drift=float(draw.uniform(0.05, 0.3)),
            scatter=float(draw.uniform(0.02, 0.2)),
        )
        for hourly in np.geomspace(least, most, number)
    ]


def storm(seed: int, begin: int) -> MadeUpStorm:
    """A storm of any of the shapes, from five to thirty times normal, that begins at minute `begin`."""
    draw = np.random.default_rng([seed, 2])
    shape = SHAPES[int(draw.integers(len(SHAPES)))]
    return MadeUpStorm(
        shape=shape,
        begin=begin,
        peak=float(np.exp(draw.uniform(math.log(5.0), math.log(30.0)))),
        rise=0 if shape == "step" else int(np.exp(draw.uniform(math.log(5.0), math.log(60.0)))),
        stay=int(draw.integers(20, 120)),
        half_life=float(draw.uniform(30.0, 120.0)),
    )


def rate(brand: MadeUpBrand, minutes: int) -> NDArray[np.float64]:
    """The expected mentions of each minute from `START` on, without storms."""
    draw = np.random.default_rng([brand.seed, 3])
    at = np.arange(minutes)
    hour = at % _MINUTES_A_DAY / 60.0
    swing = brand.day_swing * np.cos((hour - brand.peak_hour) / 24.0 * 2.0 * math.pi)
    swing += 0.3 * brand.day_swing * np.cos((hour - brand.peak_hour) / 12.0 * 2.0 * math.pi)
    day = at // _MINUTES_A_DAY
    rates = np.exp(swing) * np.where(day % 7 >= 5, brand.weekend, 1.0)  # noqa: PLR2004 - Saturday and Sunday
    rates *= brand.hourly / 60.0 / float(np.exp(swing).mean())
    off = np.exp(draw.normal(0.0, brand.day_scatter, minutes // _MINUTES_A_DAY + 1))[day]
    drift = np.zeros(minutes // 15 + 1)
    for quarter, push in enumerate(draw.normal(0.0, brand.drift * math.sqrt(1 - 0.9**2), drift.size).tolist()):
        drift[quarter] = 0.9 * drift[quarter - 1] + push if quarter else push
    off *= np.exp(np.repeat(drift, 15)[:minutes])
    for _ in range(int(draw.poisson(_SMALL_A_DAY * minutes / _MINUTES_A_DAY))):
        begin, length = int(draw.integers(0, minutes)), int(draw.integers(10, 90))
        off[begin : begin + length] *= draw.uniform(1.2, 2.0)
    return rates * np.minimum(off, _QUIET_UP_TO)


def counts(brand: MadeUpBrand, minutes: int, storms: tuple[MadeUpStorm, ...] = ()) -> NDArray[np.int64]:
    """The mentions of each minute from `START` on, with storms."""
    draw = np.random.default_rng([brand.seed, 4])
    rates = rate(brand, minutes)
    for each in storms:
        rates *= each.times_normal(minutes)
    return draw.poisson(rates * draw.gamma(1.0 / brand.scatter, brand.scatter, minutes)).astype(np.int64)
