"""The brand's normal volume: a level, an effect of the local hour, and how far counts usually scatter."""

from __future__ import annotations

import math

from listening.detector import settings as fixed
from listening.detector.rarity import close
from listening.detector.settings import Settings
from listening.detector.state import Ring, State

_LOG_LEAST = math.log(1e-3)
_LOG_MOST = math.log(1e17)


def hour_effect(state: State, local_minute: int) -> float:
    """The log effect of the time of day, interpolated between the middles of the hours."""
    position = (local_minute - 30) / 60.0
    before = math.floor(position)
    share = position - before
    return state.hours[before % 24] * (1.0 - share) + state.hours[(before + 1) % 24] * share


def doubt(state: State) -> float:
    """The extra relative variance of a normal that was learned from little: large at first, gone within weeks."""
    return 1.0 / (1.0 + 8.0 * state.age_days)


def learn(state: State, *, mentions: int, effect: float, local_minute: int) -> float:
    """Let one bin's mentions into the level and the hour effect; returns them as learned (clipped)."""
    expected = math.exp(state.level + effect)
    dispersion = state.scales[0].dispersion
    warm = state.level_bins >= state.day_bins
    if state.level_bins < state.hour_bins:
        learned = float(mentions)
    else:
        sd = math.sqrt(expected + dispersion * expected * expected)
        reach = fixed.LEARN_UP_TO_SD if warm else fixed.DISPERSION_UP_TO_SD
        learned = min(float(mentions), max(expected + reach * sd, fixed.LEARN_UP_TO_AT_LEAST))
    _learn_hour(state, learned, expected, local_minute)
    if warm:
        forget = math.log(2.0) / (fixed.LEVEL_HALF_LIFE_DAYS * state.day_bins)
        state.level += max(forget, 1.0 / state.level_bins) * (learned - expected) / (expected + 1.0)
    else:
        state.first_day_sum += learned
        state.first_day_weight += math.exp(effect)
        state.level = math.log((state.first_day_sum + 0.5) / (state.first_day_weight + 0.5))
    state.level = min(max(state.level, _LOG_LEAST), _LOG_MOST)
    state.level_bins += 1
    return learned


def _learn_hour(state: State, learned: float, expected: float, local_minute: int) -> None:
    """Add to the running hour; when the local hour turns, move that hour's effect towards what was seen.

    The local hour may come twice or not at all where clocks change; a repeated hour simply closes after two.
    """
    hour = local_minute // 60
    if hour != state.hour:
        if state.hour >= 0 and state.hour_expected > 0:
            seen = state.hours_seen[state.hour]
            step = math.log((state.hour_sum + 0.5) / (state.hour_expected + 0.5))
            step = min(max(step, -fixed.HOUR_STEP_MOST), fixed.HOUR_STEP_MOST)
            moved = state.hours[state.hour] + max(1.0 / (seen + 5), fixed.HOUR_GAIN_LEAST) * step
            state.hours[state.hour] = min(max(moved, -fixed.HOUR_EFFECT_MOST), fixed.HOUR_EFFECT_MOST)
            state.hours_seen[state.hour] = seen + 1
        state.hour, state.hour_sum, state.hour_expected = hour, 0.0, 0.0
    state.hour_sum += learned
    state.hour_expected += expected


def learn_dispersion(state: State) -> None:
    """Let the newest window of each scale into its over-dispersion, as a ratio of moving moments."""
    forget = math.log(2.0) / (fixed.DISPERSION_HALF_LIFE_DAYS * state.day_bins)
    gain = max(forget, 1.0 / state.bins)
    ring = state.ring
    for scale in state.scales:
        if len(ring.volume) < scale.bins:
            continue
        expected = sum(ring.expected[-scale.bins :])
        dispersion = scale.dispersion
        most = expected + fixed.DISPERSION_UP_TO_SD * math.sqrt(expected + dispersion * expected * expected)
        count = min(float(sum(ring.heard[-scale.bins :])), most)
        # Each scale's moments are kept relative to the level, so that a new level does not drown what was learned.
        square = math.exp(2.0 * state.level) * scale.bins * scale.bins + 1.0
        scale.spread += gain * (((count - expected) ** 2 - expected) / square - scale.spread)
        scale.weight += gain * (expected * expected / square - scale.weight)
        scale.weight = max(scale.weight, 1e-9)
        scale.spread = max(scale.spread, -scale.weight)


def watch_level(state: State, settings: Settings) -> None:
    """Accept a new level when the brand has been off its old one for days without a break.

    Clipped learning would otherwise take weeks to follow a brand that has grown for good, and it would stay deaf
    beneath the old level as long after a source was lost.
    """
    if len(state.ring.volume) < fixed.LONGEST_WINDOW // state.bin_minutes:
        return
    observed, expected = sum(state.ring.heard), sum(state.ring.expected)
    above = observed >= max(settings.least_mentions, settings.least_ratio * expected)
    below = expected >= max(settings.least_mentions, settings.least_ratio * observed)
    state.bins_above = state.bins_above + 1 if above else 0
    state.bins_below = state.bins_below + 1 if below else 0
    if max(state.bins_above, state.bins_below) < fixed.NEW_LEVEL_AFTER_DAYS * state.day_bins:
        return
    state.level += math.log((observed + 0.5) / (expected + 0.5))
    state.level = min(max(state.level, _LOG_LEAST), _LOG_MOST)
    state.level_bins = state.day_bins
    state.bins_above = state.bins_below = 0
    state.ring = Ring()
    for scale in state.scales:
        close(scale.episodes)
