"""How the share of negative mentions scatters around its normal: a beta-binomial."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from listening.detector.state import Floats, Integers

_NORMAL_975: Final = 1.959964


def share_sd(negative: Integers, mentions: Integers, normal: Floats, dispersion: Floats) -> Floats:
    """How many standard deviations a share lies above `normal`, counting dependent mentions as fewer ones."""
    share = negative / mentions
    independent = mentions / (1.0 + (mentions - 1.0) * dispersion)
    rest = np.maximum(1.0 - share, 1e-12)
    divergence = share * np.log(np.maximum(share, 1e-12) / normal) + rest * np.log(rest / (1.0 - normal))
    return np.where(share > normal, np.sqrt(2.0 * independent * np.maximum(divergence, 0.0)), 0.0)


def share_band(normal: float, mentions: int, dispersion: float) -> tuple[float, float]:
    """The range in which 19 of 20 normal shares of so many mentions fall."""
    scatter = _NORMAL_975 * math.sqrt(normal * (1.0 - normal) * (1.0 + (mentions - 1) * dispersion) / mentions)
    return max(normal - scatter, 0.0), min(normal + scatter, 1.0)
