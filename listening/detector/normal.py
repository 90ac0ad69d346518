"""A brand's normal: a level, effects of the local hour and the day of the week, and how far counts usually scatter."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from listening.detector import settings as fixed
from listening.detector.counts import HEARD, NEGATIVE, VOLUME, WATCHED
from listening.detector.state import Floats, Integers, State

_LOG_LEAST: Final = math.log(1e-3)
_LOG_MOST: Final = math.log(1e17)
_WEEK: Final = 7 * fixed.MINUTES_A_DAY
# 1970 began on a Thursday; weeks begin on Monday.
_FIRST_MINUTE: Final = 3 * fixed.MINUTES_A_DAY
_KEEP_HOUR: Final = math.exp(-math.log(2.0) / (fixed.LEVEL_HALF_LIFE_DAYS * fixed.HOURS_A_DAY))
_ENOUGH_FOR_A_SHARE: Final = 10


@lru_cache(maxsize=4096)
def _offset(zone: str, hour: int) -> int:
    """Minutes by which the zone's clocks are ahead of UTC in the middle of a UTC hour since 1970."""
    offset = datetime.fromtimestamp(hour * 3600 + 1800, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None  # noqa: S101 - an aware datetime has one
    return round(offset.total_seconds() / 60)


def local_minutes(zones: list[str], hour: int, *, hours: int, bin_minutes: int) -> Integers:
    """The local minute of the week in the middle of each bin of `hours` UTC hours, the last of which is `hour`."""
    inside = np.arange(0, 60, bin_minutes) + bin_minutes // 2
    rows: dict[str, Integers] = {}
    for zone in zones:
        if zone not in rows:
            starts = [60 * each + _offset(zone, each) for each in range(hour - hours + 1, hour + 1)]
            rows[zone] = ((np.array(starts)[:, np.newaxis] + inside).ravel() + _FIRST_MINUTE) % _WEEK
    return np.stack([rows[zone] for zone in zones])


def _knots(minutes: Integers) -> tuple[Integers, Floats]:
    """The local hour whose middle comes before each minute, and the share of the hour after it."""
    position = (minutes % fixed.MINUTES_A_DAY - 30) / 60.0
    before = np.floor(position)
    return before.astype(np.int64) % 24, position - before


def effects(state: State, minutes: Integers) -> Floats:
    """The log effect of the time of day, between the middles of the hours, and, once known, of the day of the week."""
    before, share = _knots(minutes)
    hours = np.take_along_axis(state.hours, before, 1) * (1.0 - share)
    hours += np.take_along_axis(state.hours, (before + 1) % 24, 1) * share
    return hours + _weekday_effect(state, minutes)


def _weekday_effect(state: State, minutes: Integers) -> Floats:
    known = (state.age_days / 7.0 - fixed.WEEKDAY_FROM_WEEKS) / (fixed.WEEKDAY_FULL_WEEKS - fixed.WEEKDAY_FROM_WEEKS)
    trust = np.clip(known, 0.0, 1.0)[:, np.newaxis]
    return trust * np.take_along_axis(state.weekdays, minutes // fixed.MINUTES_A_DAY, 1)


def learn(state: State, expected: Floats, minutes: Integers, heard_of: Floats) -> None:
    """Let the clock hour that has ended into the normal.

    `expected` is the mentions of each kept bin as they were expected, `minutes` their local minutes; `heard_of` is 1
    for each bin of the hour that may be learned from. A brand of which no such bin exists learns nothing.
    """
    past = state.past_bins
    unit = fixed.UNIT_MINUTES // state.bin_minutes if fixed.UNIT_MINUTES % state.bin_minutes == 0 else 1
    shape = (state.brands, state.hour_bins // unit, unit)
    counts = (state.counts[:, HEARD, past:] * heard_of).reshape(shape).sum(axis=2)
    normal = (expected[:, past:] * heard_of).reshape(shape).sum(axis=2)
    warm = state.hours_learned >= fixed.HOURS_A_DAY
    reach = np.where(warm, fixed.LEARN_UP_TO_SD, fixed.DISPERSION_UP_TO_SD)[:, np.newaxis]
    sd = np.sqrt(normal + state.dispersion[:, :1] * normal * normal)
    at_least = fixed.LEARN_UP_TO_AT_LEAST * max(unit * state.bin_minutes / fixed.UNIT_MINUTES, 1.0)
    most = np.where(
        (state.hours_learned >= fixed.JUDGED_AFTER_HOURS)[:, np.newaxis],
        np.maximum(normal + reach * sd, at_least),
        np.float64(np.inf),
    )
    learned, hoped = np.minimum(counts, most).sum(axis=1), normal.sum(axis=1)
    share = heard_of.mean(axis=1)
    judged = (state.hours_learned >= fixed.JUDGED_AFTER_HOURS) & (share > 0)
    _learn_dispersion(state, expected, heard_of, unit, judged)
    _learn_shares(state, learned, heard_of)
    _learn_level(state, learned, hoped, share, warm)
    _learn_hours(state, learned, hoped, minutes[:, past:], np.where(judged, share, 0.0))
    state.hours_learned += share


def _learn_level(state: State, learned: Floats, hoped: Floats, share: Floats, warm: np.ndarray) -> None:
    state.first_day_sum += np.where(warm, 0.0, learned)
    state.first_day_weight += np.where(warm, 0.0, hoped * np.exp(-state.level))
    first = np.log((state.first_day_sum + 0.5) / (state.first_day_weight + 0.5))
    forget = math.log(2.0) / (fixed.LEVEL_HALF_LIFE_DAYS * fixed.HOURS_A_DAY)
    gain = np.maximum(forget, 1.0 / np.maximum(state.hours_learned, 1.0))
    units = 60.0 / fixed.UNIT_MINUTES
    moved = state.level + share * gain * (learned - hoped) / (hoped + units * np.maximum(share, 1e-9))
    level = np.where(warm, moved, first)
    state.level = np.where(share > 0, np.clip(level, _LOG_LEAST, _LOG_MOST), state.level)


def _learn_hours(state: State, learned: Floats, hoped: Floats, minutes: Integers, share: Floats) -> None:
    """Move the effects of the local hour and weekday towards what was seen."""
    brands = np.arange(state.brands)
    middle = (minutes[:, :1] - minutes[:, :1] % state.bin_minutes + 30) % _WEEK
    before, after_share = (each[:, 0] for each in _knots(middle))
    ratio = np.log((learned + 0.5) / (hoped + 0.5))
    step = np.clip(ratio, -fixed.HOUR_STEP_MOST, fixed.HOUR_STEP_MOST)
    for knot, weight in ((before, share * (1.0 - after_share)), ((before + 1) % 24, share * after_share)):
        gain = np.maximum(1.0 / (state.hours_seen[brands, knot] + fixed.HOUR_PRIOR_DAYS), fixed.HOUR_GAIN_LEAST)
        moved = state.hours[brands, knot] + weight * gain * step
        state.hours[brands, knot] = np.clip(moved, -fixed.EFFECT_MOST, fixed.EFFECT_MOST)
        state.hours_seen[brands, knot] += weight
    day = middle[:, 0] // fixed.MINUTES_A_DAY
    off = ratio + _weekday_effect(state, middle)[:, 0]
    gain = share / (np.minimum(state.weekdays_seen[brands, day], 4 * fixed.HOURS_A_DAY) + fixed.HOURS_A_DAY)
    step = np.clip(off - state.weekdays[brands, day], -fixed.HOUR_STEP_MOST, fixed.HOUR_STEP_MOST)
    state.weekdays[brands, day] += gain * step
    state.weekdays_seen[brands, day] += share


def _learn_dispersion(state: State, expected: Floats, heard_of: Floats, unit: int, judged: np.ndarray) -> None:
    """Let the windows that ended in this hour into the over-dispersion of each, as a ratio of moving moments."""
    past = state.past_bins
    ends = np.arange(past + unit, past + state.hour_bins + 1, unit)
    zero = np.zeros((state.brands, 1))
    mentions = np.concatenate([zero, np.cumsum(state.counts[:, HEARD] * state.seen, axis=1)], axis=1)
    normal = np.concatenate([zero, np.cumsum(expected * state.seen, axis=1)], axis=1)
    whole = np.concatenate([zero, np.cumsum(state.seen, axis=1)], axis=1)
    usable = heard_of[:, unit - 1 :: unit]
    forget = math.log(2.0) / (fixed.DISPERSION_HALF_LIFE_DAYS * fixed.HOURS_A_DAY)
    gain = np.maximum(forget, 1.0 / (state.hours_learned + 2.0 * fixed.HOURS_A_DAY))
    rate = np.exp(state.level)[:, np.newaxis]
    for i, minutes in enumerate(fixed.VOLUME_WINDOWS):
        bins = max(1, minutes // state.bin_minutes)
        observed = mentions[:, ends] - mentions[:, ends - bins]
        hoped = normal[:, ends] - normal[:, ends - bins]
        used = usable * (whole[:, ends] - whole[:, ends - bins] >= bins)
        dispersion = state.dispersion[:, i : i + 1]
        most = hoped + fixed.DISPERSION_UP_TO_SD * np.sqrt(hoped + dispersion * hoped * hoped)
        # The moments are kept relative to the level, so that a new level does not drown what was learned.
        square = (rate * minutes / fixed.UNIT_MINUTES) ** 2 + 1.0
        off = (np.minimum(observed, most) - hoped) ** 2 - hoped
        number = used.sum(axis=1)
        moving = judged & (number > 0)
        per = np.maximum(number, 1.0)
        spread = (off / square * used).sum(axis=1) / per
        weight = (hoped * hoped / square * used).sum(axis=1) / per
        state.spread[:, i] += np.where(moving, gain * (spread - state.spread[:, i]), 0.0)
        state.weight[:, i] += np.where(moving, gain * (weight - state.weight[:, i]), 0.0)
    state.weight = np.maximum(state.weight, 1e-9)
    state.spread = np.maximum(state.spread, -state.weight)


def _learn_shares(state: State, learned: Floats, heard_of: Floats) -> None:
    """Let the hour into the shares of negative and of watched mentions, and into the scatter of the former.

    A storm counts no more than normal traffic would (`learned`), and shares are clipped, so that a week of anger does
    not become normal. Of a handful of mentions the share is not clipped: it would only teach a wrong normal.
    """
    hour = (state.counts[:, :, state.past_bins :] * heard_of[:, np.newaxis, :]).sum(axis=2)
    mentions, volume = hour[:, HEARD], np.maximum(hour[:, VOLUME], 1.0)
    enough = mentions >= _ENOUGH_FOR_A_SHARE
    several = np.maximum(mentions, _ENOUGH_FOR_A_SHARE)
    normal = state.negative_share
    unit = normal * (1.0 - normal)
    share = hour[:, NEGATIVE] / volume
    clipped = normal + fixed.LEARN_UP_TO_SD * np.sqrt(unit * (1.0 / several + state.share_dispersion))
    watched = hour[:, WATCHED] / volume
    rare = np.maximum(2.0 * state.watched_share, 2.0 / several)
    sd = np.sqrt(several * unit * (1.0 + (several - 1.0) * state.share_dispersion))
    away = np.minimum(np.abs((share - normal) * several), fixed.DISPERSION_UP_TO_SD * sd)
    seen = (away * away - several * unit) / (several * (several - 1.0) * unit)
    forget = math.log(2.0) / (fixed.DISPERSION_HALF_LIFE_DAYS * fixed.HOURS_A_DAY)
    gain = np.maximum(forget, 1.0 / (state.hours_learned + fixed.HOURS_A_DAY)) * np.minimum(several, 100.0) / 100.0
    moved = np.maximum(state.share_dispersion + gain * (seen - state.share_dispersion), fixed.SHARE_DISPERSION_FLOOR)
    any_heard = heard_of.any(axis=1)
    keep = np.where(any_heard, _KEEP_HOUR, 1.0)
    state.negative_sum = keep * state.negative_sum + learned * np.where(enough, np.minimum(share, clipped), share)
    state.watched_sum = keep * state.watched_sum + learned * np.where(enough, np.minimum(watched, rare), watched)
    state.mention_sum = keep * state.mention_sum + learned
    state.share_dispersion = np.where(enough, moved, state.share_dispersion)


def watch_level(state: State, expected: Floats, heard_of: Floats) -> None:
    """Accept a new level when a brand has been off its old one for days without a break.

    Clipped learning would otherwise take weeks to follow a brand that has grown for good, and it would stay deaf
    beneath the old level as long after a source was lost.
    """
    six = slice(state.hour_bins, None)
    counted = (state.seen[:, six].mean(axis=1) > 0.99) & heard_of.all(axis=1)  # noqa: PLR2004 - every bin
    observed = (state.counts[:, HEARD, six] * state.seen[:, six]).sum(axis=1).astype(np.float64)
    normal = (expected[:, six] * state.seen[:, six]).sum(axis=1)
    above = counted & (observed >= np.maximum(15.0, fixed.NEW_LEVEL_RATIO * normal))
    below = counted & (normal >= np.maximum(15.0, fixed.NEW_LEVEL_RATIO * observed))
    state.hours_above = np.where(above, state.hours_above + 1.0, 0.0)
    state.hours_below = np.where(below, state.hours_below + 1.0, 0.0)
    new = np.maximum(state.hours_above, state.hours_below) >= fixed.NEW_LEVEL_AFTER_DAYS * fixed.HOURS_A_DAY
    if not new.any():
        return
    level = np.clip(state.level + np.log((observed + 0.5) / (normal + 0.5)), _LOG_LEAST, _LOG_MOST)
    state.level = np.where(new, level, state.level)
    state.hours_learned = np.where(new, float(fixed.HOURS_A_DAY), state.hours_learned)
    state.hours_above = np.where(new, 0.0, state.hours_above)
    state.hours_below = np.where(new, 0.0, state.hours_below)
    state.seen[new], state.counts[new] = 0, 0
    state.past_peak[new] = 0.0
