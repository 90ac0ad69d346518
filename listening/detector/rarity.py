"""How rare a departure is for this brand: episodes, return periods, and when an alarm may sound again."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from listening.detector import settings as fixed
from listening.detector.state import WINDOWS_OF, Floats, State

_KEEP_DAY: Final = math.exp(-math.log(2.0) / fixed.EPISODE_HALF_LIFE_DAYS)


def scores(state: State, departures: Floats) -> Floats:
    """The log of the days between two departures as large as these, from the brand's own episodes and a prior.

    `departures` are standard deviations, (brands, windows, bins); what opens no episode scores 0, as does what is
    more frequent than daily.
    """
    rate = (fixed.PRIOR_EPISODES + state.past_count) / (fixed.PRIOR_EPISODE_DAYS + state.past_days)
    mean_excess = (fixed.PRIOR_EXCESS * fixed.PRIOR_EXCESS_EPISODES + state.past_excess) / (
        fixed.PRIOR_EXCESS_EPISODES + state.past_count
    )
    excess = departures - fixed.EPISODE_OPENS_AT
    days = excess / mean_excess[:, :, np.newaxis] - np.log(rate)[:, :, np.newaxis]
    return np.where(excess > 0, np.maximum(days, 0.0), 0.0)


def remember(state: State, peaks: Floats, share: Floats) -> None:
    """Let a clock hour pass into the brands' own history: `peaks` is each window's largest departure within it.

    An episode ends with the first hour in which nothing departs, and counts when it has ended, so that a storm does
    not excuse itself while it lasts. `share` is how much of the hour was judged.
    """
    keep = (_KEEP_DAY ** (share / fixed.HOURS_A_DAY))[:, np.newaxis]
    state.past_count *= keep
    state.past_excess *= keep
    state.past_days = state.past_days * keep + share[:, np.newaxis] / fixed.HOURS_A_DAY
    judged = (share > 0)[:, np.newaxis]
    departs = judged & (peaks > fixed.EPISODE_OPENS_AT)
    ended = judged & ~departs & (state.past_peak > 0)
    # A brand of which loud authors speak all the time has one episode an hour, not one that never ends.
    ended[:, WINDOWS_OF["influence"]] |= departs[:, WINDOWS_OF["influence"]]
    state.past_peak = np.where(departs, np.maximum(state.past_peak, peaks), state.past_peak)
    state.past_count += ended
    state.past_excess += np.where(ended, state.past_peak - fixed.EPISODE_OPENS_AT, 0.0)
    state.past_peak = np.where(ended, 0.0, state.past_peak)


def sound(
    state: State, brand: int, kind: int, heard: list[tuple[int, float]], *, enter: float, leave: float
) -> list[tuple[int, bool]]:
    """Follow the scores of one kind over (minute, score) in time order.

    Returns each minute at which a departure stands, and whether it alarms there.
    A departure that has alarmed stands until its score falls beneath the leave level. While the last alarm is younger
    than the cool-down, or stands, only a score that has clearly risen above it sounds again, and not within the hour.
    """
    stands = bool(state.alarm_stands[brand, kind])
    last, loudest = int(state.alarm_minute[brand, kind]), float(state.alarm_score[brand, kind])
    standing = []
    for minute, score in heard:
        if score < leave:
            stands = False
            continue
        if score < enter and not stands:
            continue
        over = not stands and (last < 0 or minute - last >= fixed.COOL_DOWN_MINUTES)
        recent = last >= 0 and minute - last < fixed.ALARM_AGAIN_MINUTES
        worse = not recent and score >= loudest + fixed.ALARM_AGAIN_RISE
        stands = True
        alarms = score >= enter and (over or worse)
        if alarms:
            last, loudest = minute, score
        elif recent:
            # How high it rises within the hour is what the alarm was about.
            loudest = max(loudest, score)
        standing.append((minute, alarms))
    state.alarm_stands[brand, kind] = int(stands)
    state.alarm_minute[brand, kind], state.alarm_score[brand, kind] = last, loudest
    return standing
