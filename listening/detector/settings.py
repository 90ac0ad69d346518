"""What a brand may choose, and the constants that it may not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MINUTES_A_DAY: Final = 1440

# Windows in minutes: a sharp spike, a short build-up, a slow swell.
VOLUME_WINDOWS: Final = (5, 15, 360)
MOOD_WINDOWS: Final = (60, 360)
LONGEST_WINDOW: Final = 360

# A departure larger than this many standard deviations opens an episode.
EPISODE_OPENS_AT_FIRST: Final = 2.0
EPISODE_OPENS_AT_LONGER: Final = 1.6
EPISODE_RATIO: Final = 4.4
EPISODE_ENDS_AFTER_MINUTES: Final = 60

# What we believe about a brand's episodes before it has any: 1.2 in 8 days, each 1.7 above the opening on average.
PRIOR_EPISODES: Final = 1.2
PRIOR_EPISODE_DAYS: Final = 8.0
PRIOR_EXCESS: Final = 1.7
PRIOR_EXCESS_EPISODES: Final = 8.0
EPISODE_HALF_LIFE_DAYS: Final = 4.5

LEVEL_HALF_LIFE_DAYS: Final = 10.0
# Learning looks at counts up to this many standard deviations above normal, so that a storm does not become normal.
LEARN_UP_TO_SD: Final = 1.1
# ... but always at this many mentions, because clipping single mentions would teach a quiet brand that it is silent.
LEARN_UP_TO_AT_LEAST: Final = 3.0
HOUR_GAIN_LEAST: Final = 0.04
HOUR_STEP_MOST: Final = 0.7
HOUR_EFFECT_MOST: Final = 3.0

DISPERSION_HALF_LIFE_DAYS: Final = 45.0
DISPERSION_PRIOR: Final = 0.2
DISPERSION_FLOOR: Final = 0.05
DISPERSION_UP_TO_SD: Final = 4.0

# After this long off its level without a break, the brand has a new level.
NEW_LEVEL_AFTER_DAYS: Final = 4.0
WARM_AFTER_DAYS: Final = 1.0
SETTLED_AFTER_DAYS: Final = 7.0

# A score that must rise this much to alarm again while the last alarm still stands.
ALARM_AGAIN_RISE: Final = 2.0

NEGATIVE_SHARE_PRIOR: Final = 0.2
NEGATIVE_SHARE_PRIOR_MENTIONS: Final = 50.0
SHARE_DISPERSION_PRIOR: Final = 0.02
SHARE_DISPERSION_FLOOR: Final = 0.005

# One loud account is not a crisis: of a minute, at most this many mentions count for each author.
MOST_PER_AUTHOR: Final = 1.5

# Larger counts come from a broken counter; the cap keeps sums over any window inside 64 bits.
LARGEST_COUNT: Final = 10**15


@dataclass(frozen=True, slots=True)
class Settings:
    """What a brand chooses; it may change at any time without losing what was learned.

    `false_alarms_per_month` is the budget for each kind of alarm (volume, mood). The `least_*` values are absolute:
    beneath them nothing alarms however rare it is, which matters to quiet brands.
    """

    false_alarms_per_month: float = 1.0
    least_mentions: int = 15
    least_ratio: float = 2.5
    mood_least_mentions: int = 30
    mood_least_rise: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms_per_month <= 30:  # noqa: PLR2004 - more than one a day is no budget
            raise ValueError("false_alarms_per_month must lie above 0 and at most at 30.")
        if self.least_ratio <= 1 or not 0 < self.mood_least_rise < 1:
            raise ValueError("least_ratio must exceed 1 and mood_least_rise lie between 0 and 1.")
        if min(self.least_mentions, self.mood_least_mentions) < 0:
            raise ValueError("The least counts must not be negative.")

    @property
    def alarm_score(self) -> float:
        """The log return period, in log days, from which something is rare enough to alarm."""
        return math.log(30.0 / self.false_alarms_per_month)
