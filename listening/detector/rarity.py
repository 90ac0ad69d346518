"""How rare a departure is for this brand: episodes, return periods, and when an alarm may sound again."""

from __future__ import annotations

import math

from listening.detector import settings as fixed
from listening.detector.state import Episodes, LastAlarm


def remember(episodes: Episodes, z: float, *, opens_at: float, day_bins: int, quiet_bins: int) -> None:
    """Let one more bin with departure `z` (standard deviations) pass into the brand's own history.

    An episode counts when it has ended, so that a storm does not excuse itself while it lasts.
    """
    forget = math.exp(-math.log(2.0) / (fixed.EPISODE_HALF_LIFE_DAYS * day_bins))
    episodes.count *= forget
    episodes.excess *= forget
    episodes.days = episodes.days * forget + 1.0 / day_bins
    if z > opens_at:
        episodes.peak = max(episodes.peak, z) if episodes.open else z
        episodes.open = True
        episodes.quiet_bins = 0
    elif episodes.open:
        episodes.quiet_bins += 1
        if episodes.quiet_bins >= quiet_bins:
            episodes.count += 1.0
            episodes.excess += episodes.peak - opens_at
            close(episodes)


def close(episodes: Episodes) -> None:
    """End the open episode without counting it."""
    episodes.open = False
    episodes.peak = 0.0
    episodes.quiet_bins = 0


def log_return_days(episodes: Episodes, z: float, *, opens_at: float) -> float:
    """The log of the days between two departures as large as `z`, from the brand's episodes and a prior."""
    rate = (fixed.PRIOR_EPISODES + episodes.count) / (fixed.PRIOR_EPISODE_DAYS + episodes.days)
    mean_excess = (fixed.PRIOR_EXCESS * fixed.PRIOR_EXCESS_EPISODES + episodes.excess) / (
        fixed.PRIOR_EXCESS_EPISODES + episodes.count
    )
    return (z - opens_at) / mean_excess - math.log(rate)


def sounds(last: LastAlarm, score: float, *, alarm_score: float, at_bin: int, day_bins: int) -> bool:
    """Whether `score` alarms now; if so it becomes the last alarm.

    While the last alarm stands (a day, or longer if the score never fell beneath the alarm score), only a score that
    has risen clearly above it sounds again.
    """
    if score < alarm_score:
        last.left = True
        return False
    first = last.bin < 0
    over = last.left and at_bin - last.bin >= day_bins
    if not (first or over or score >= last.score + fixed.ALARM_AGAIN_RISE):
        last.left = False
        return False
    last.bin = at_bin
    last.score = score
    last.left = False
    return True
