"""The volume detector: which window departs most from the brand's normal, and how rare that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from listening.detector import settings as fixed
from listening.detector.normal import doubt
from listening.detector.rarity import log_return_days, remember
from listening.detector.settings import Settings
from listening.detector.state import State

_NORMAL_975 = 1.959964


@dataclass(frozen=True, slots=True)
class Departure:
    """One window that speaks. `score` is the log return period in log days, 0 when nothing departs."""

    bins: int
    score: float


def judge(state: State, settings: Settings) -> Departure:
    """Compare the newest windows with what was expected of them, and let them pass into the brand's history."""
    ring = state.ring
    extra = doubt(state)
    loudest = Departure(bins=1, score=0.0)
    quiet_bins = max(1, fixed.EPISODE_ENDS_AFTER_MINUTES // state.bin_minutes)
    for scale in state.scales:
        if len(ring.volume) < scale.bins:
            continue
        observed = sum(ring.heard[-scale.bins :])
        expected = sum(ring.expected[-scale.bins :])
        z = 0.0
        enough = observed >= settings.least_mentions and observed - expected >= settings.least_mentions / 2
        if enough and observed >= settings.least_ratio * expected:
            z = deviance_sd(observed, expected, scale.dispersion + extra)
        if z > scale.opens_at:
            score = log_return_days(scale.episodes, z, opens_at=scale.opens_at)
            if score > loudest.score:
                loudest = Departure(bins=scale.bins, score=score)
        # History counts what is storm-sized; a low swell may alarm, but says little about how often storms come.
        counted = z if observed >= fixed.EPISODE_RATIO * expected else 0.0
        remember(scale.episodes, counted, opens_at=scale.opens_at, day_bins=state.day_bins, quiet_bins=quiet_bins)
    return loudest


def deviance_sd(observed: int, expected: float, dispersion: float) -> float:
    """How many standard deviations `observed` lies above `expected` under a negative binomial; 0 when not above.

    The signed root of twice the deviance, written so that it stays exact for counts of any size.
    """
    if observed <= expected:
        return 0.0
    k = 1.0 / dispersion
    deviance = observed * (math.log1p(k / expected) - math.log1p(k / observed)) - k * math.log(
        (observed + k) / (expected + k)
    )
    return math.sqrt(2.0 * max(deviance, 0.0))


def band(expected: float, dispersion: float) -> tuple[float, float]:
    """The range in which 19 of 20 normal counts fall: gamma quantiles by the cube-root approximation."""
    variance = expected + dispersion * expected * expected
    shape = expected * expected / variance
    scale = 1.0 / (9.0 * shape)
    spread = _NORMAL_975 * math.sqrt(scale)
    low = expected * max(1.0 - scale - spread, 0.0) ** 3
    high = expected * (1.0 - scale + spread) ** 3
    return low, max(high, expected)
