"""What a brand may choose, and the constants that it may not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

Kind = Literal["volume", "mood", "velocity", "influence", "watched", "silence"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

MINUTES_A_DAY: Final = 1440
HOURS_A_DAY: Final = 24

# Windows in minutes: a spike, a short build-up, an hour, a slow swell.
VOLUME_WINDOWS: Final = (5, 15, 60, 360)
MOOD_WINDOWS: Final = (60, 360)
VELOCITY_WINDOW: Final = 15
INFLUENCE_WINDOW: Final = 15
WATCHED_WINDOWS: Final = (15, 360)
SILENCE_WINDOWS: Final = (60, 360)
LONGEST_WINDOW: Final = 360
# Counts are learned from in units of this length, so that one-minute and five-minute bins teach the same.
UNIT_MINUTES: Final = 5

# A departure larger than this many standard deviations opens an episode, if it is also storm-sized.
EPISODE_OPENS_AT: Final = 1.8
EPISODE_RATIO: Final = 4.0

# What we believe about a brand's episodes before it has any: one in 25 days, as large as this on average.
PRIOR_EPISODES: Final = 0.32
PRIOR_EPISODE_DAYS: Final = 8.0
PRIOR_EXCESS: Final = 1.7
PRIOR_EXCESS_EPISODES: Final = 8.0
EPISODE_HALF_LIFE_DAYS: Final = 5.0

LEVEL_HALF_LIFE_DAYS: Final = 10.0
# Learning looks at counts up to this many standard deviations above normal, so that a storm does not become normal.
LEARN_UP_TO_SD: Final = 1.1
# ... but always at this many mentions, because clipping single mentions would teach a quiet brand that it is silent.
LEARN_UP_TO_AT_LEAST: Final = 3.0
# How many days the first guess of the hours' effects weighs.
HOUR_PRIOR_DAYS: Final = 4.0
HOUR_GAIN_LEAST: Final = 0.04
HOUR_STEP_MOST: Final = 0.7
EFFECT_MOST: Final = 3.0
# The day of the week counts after this many weeks, and fully after that many.
WEEKDAY_FROM_WEEKS: Final = 4.0
WEEKDAY_FULL_WEEKS: Final = 8.0

DISPERSION_HALF_LIFE_DAYS: Final = 45.0
DISPERSION_PRIOR: Final = 0.2
DISPERSION_FLOOR: Final = 0.05
DISPERSION_UP_TO_SD: Final = 4.0

# After this long off its level without a break, the brand has a new level.
NEW_LEVEL_AFTER_DAYS: Final = 4.0
NEW_LEVEL_RATIO: Final = 2.5
# The extra relative variance of a normal that was learned from little is 1 / (1 + this * days).
DOUBT_FADES_A_DAY: Final = 4.0
# A brand of which less than this has been learned is not judged.
JUDGED_AFTER_HOURS: Final = 0.5
WARM_AFTER_DAYS: Final = 1.0
SETTLED_AFTER_DAYS: Final = 7.0

# While the last alarm is younger than this, only a score that has risen so much sounds again.
COOL_DOWN_MINUTES: Final = 1440
ALARM_AGAIN_RISE: Final = 2.0
ALARM_AGAIN_MINUTES: Final = 60
# A departure ends when its score has fallen so far beneath the level at which it alarms.
LEAVE_BENEATH: Final = 1.0

NEGATIVE_SHARE_PRIOR: Final = 0.2
NEGATIVE_SHARE_PRIOR_MENTIONS: Final = 50.0
SHARE_DISPERSION_PRIOR: Final = 0.02
SHARE_DISPERSION_FLOOR: Final = 0.005
WATCHED_SHARE_PRIOR: Final = 0.01
WATCHED_SHARE_PRIOR_MENTIONS: Final = 50.0
WATCHED_DISPERSION: Final = 0.5
# Silence: less than this part of what was expected, where at least so many mentions were expected.
SILENCE_RATIO: Final = 0.1
SILENCE_EXPECTED_LEAST: Final = 30.0
VELOCITY_RATIO: Final = 3.0

# One loud account is not a crisis: of a minute, at most this many mentions count for each author.
MOST_PER_AUTHOR: Final = 1.5

# Larger counts come from a broken counter; the cap keeps sums over any window inside 64 bits.
LARGEST_COUNT: Final = 10**15

# The budget is for the volume; the other kinds share one more such budget, so that they are heard of less often.
OTHER_KINDS_BUDGET: Final = 1.0 / (len(KINDS) - 1)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a brand chooses; it may change at any time without losing what was learned.

    `false_alarms_per_month` is the budget for alarms of volume; the other kinds together have as much again.
    `alarm_score_shift` is what calibration found to add to the alarm score, in log days. The `least` values are
    absolute: beneath them nothing alarms however rare it is, which matters to quiet brands. `influential_reach` is the
    follower count from which one author is worth hearing of. Kinds in `muted` are measured and never alarm.
    """

    false_alarms_per_month: float = 1.0
    alarm_score_shift: float = 0.0
    least_mentions: int = 13
    least_ratio: float = EPISODE_RATIO
    mood_least_mentions: int = 30
    mood_least_rise: float = 0.15
    influential_reach: int = 100_000
    watched_least: int = 5
    muted: frozenset[Kind] = frozenset()

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms_per_month <= 30:  # noqa: PLR2004 - more than one a day is no budget
            raise ValueError("false_alarms_per_month must lie above 0 and at most at 30.")
        if self.least_ratio <= 1 or not 0 < self.mood_least_rise < 1:
            raise ValueError("least_ratio must exceed 1 and mood_least_rise lie between 0 and 1.")
        if min(self.least_mentions, self.mood_least_mentions, self.watched_least) < 0 or self.influential_reach < 1:
            raise ValueError("The least counts must not be negative, and an influential reach must be positive.")
        if not math.isfinite(self.alarm_score_shift):
            raise ValueError("alarm_score_shift must be a finite number.")
        if not self.muted <= set(KINDS):
            raise ValueError(f"muted holds kinds, which are {', '.join(KINDS)}.")

    @property
    def alarm_score(self) -> float:
        """The log return period, in log days, from which the volume is rare enough to alarm."""
        return math.log(30.0 / self.false_alarms_per_month) + self.alarm_score_shift

    def alarm_score_of(self, kind: Kind) -> float:
        """The log return period, in log days, from which a departure of this kind is rare enough to alarm."""
        return self.alarm_score if kind == "volume" else self.alarm_score - math.log(OTHER_KINDS_BUDGET)

    def leave_score_of(self, kind: Kind) -> float:
        """The score beneath which a departure that alarmed is over."""
        return self.alarm_score_of(kind) - LEAVE_BENEATH
