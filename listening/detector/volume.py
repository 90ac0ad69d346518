"""How counts of mentions scatter around what is expected: a negative binomial."""

from __future__ import annotations

from typing import Final

import numpy as np

from listening.detector.state import Floats, Integers

_NORMAL_975: Final = 1.959964


def deviance_sd(observed: Integers, expected: Floats, dispersion: Floats) -> Floats:
    """How many standard deviations `observed` lies from `expected` under a negative binomial.

    The root of twice the deviance, written so that it stays exact for counts of any size.
    """
    k = 1.0 / dispersion
    seen = np.maximum(observed, 1e-12)
    deviance = seen * (np.log1p(k / expected) - np.log1p(k / seen)) - k * np.log((seen + k) / (expected + k))
    away: Floats = np.sqrt(2.0 * np.maximum(deviance, 0.0))
    return away


def band(expected: float, dispersion: float) -> tuple[float, float]:
    """The range in which 19 of 20 normal counts fall: gamma quantiles by the cube-root approximation."""
    low, high = bands(np.array([expected]), np.array([dispersion]))
    return float(low[0]), float(high[0])


def bands(expected: Floats, dispersion: Floats) -> tuple[Floats, Floats]:
    """As `band`, for arrays."""
    variance = expected + dispersion * expected * expected
    scale = variance / (9.0 * expected * expected)
    spread = _NORMAL_975 * np.sqrt(scale)
    low = expected * np.maximum(1.0 - scale - spread, 0.0) ** 3
    high = expected * (1.0 - scale + spread) ** 3
    return low, np.maximum(high, expected)
