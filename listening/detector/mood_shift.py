"""The mood detector: the share of negative mentions against the brand's own beta-binomial normal."""

from __future__ import annotations

import math

from listening.detector import settings as fixed
from listening.detector.normal import doubt
from listening.detector.rarity import log_return_days, remember, sounds
from listening.detector.reading import MoodReading
from listening.detector.settings import Settings
from listening.detector.state import State

_NORMAL_975 = 1.959964


def judge_mood(state: State, settings: Settings) -> MoodReading | None:
    """Compare the newest share of negative mentions with its normal; None when there are too few mentions to say."""
    ring = state.ring
    normal = state.negative_share
    dispersion = state.share_dispersion + 0.1 * doubt(state)
    quiet_bins = max(1, fixed.EPISODE_ENDS_AFTER_MINUTES // state.bin_minutes)
    spoken: tuple[float, int, int, int] | None = None
    for scale in state.mood_scales:
        if len(ring.volume) < scale.bins:
            continue
        mentions, negative = sum(ring.heard[-scale.bins :]), sum(ring.heard_negative[-scale.bins :])
        enough = mentions >= settings.mood_least_mentions
        z = 0.0
        if enough and negative - normal * mentions >= settings.mood_least_rise * mentions:
            z = share_sd(negative, mentions, normal, dispersion)
        score = 0.0
        if z > scale.opens_at:
            score = max(log_return_days(scale.episodes, z, opens_at=scale.opens_at), 0.0)
        remember(scale.episodes, z, opens_at=scale.opens_at, day_bins=state.day_bins, quiet_bins=quiet_bins)
        if enough and (spoken is None or score > spoken[0]):
            spoken = (score, scale.bins, mentions, negative)
    if spoken is None:
        return None
    score, bins, mentions, negative = spoken
    alarm = sounds(
        state.mood_alarm, score, alarm_score=settings.alarm_score, at_bin=state.bins, day_bins=state.day_bins
    )
    scatter = _NORMAL_975 * math.sqrt(normal * (1.0 - normal) * (1.0 + (mentions - 1) * dispersion) / mentions)
    return MoodReading(
        window_minutes=bins * state.bin_minutes,
        mentions=mentions,
        negative=negative,
        share=negative / mentions,
        expected=normal,
        low=max(normal - scatter, 0.0),
        high=min(normal + scatter, 1.0),
        score=score,
        alarm=alarm,
    )


def share_sd(negative: int, mentions: int, normal: float, dispersion: float) -> float:
    """How many standard deviations the share lies above `normal`, counting dependent mentions as fewer ones."""
    share = negative / mentions
    if share <= normal:
        return 0.0
    independent = mentions / (1.0 + (mentions - 1) * dispersion)
    divergence = share * math.log(share / normal)
    if share < 1.0:
        divergence += (1.0 - share) * math.log((1.0 - share) / (1.0 - normal))
    return math.sqrt(2.0 * independent * max(divergence, 0.0))


def learn_mood(state: State, *, mentions: int, negative: int, learned: float) -> None:
    """Let one bin into the normal share. A storm counts no more than normal traffic would (`learned`), and its
    share is clipped, so that a week of anger does not become the brand's normal.
    """
    keep = math.exp(-math.log(2.0) / (fixed.LEVEL_HALF_LIFE_DAYS * state.day_bins))
    state.negative_sum *= keep
    state.mention_sum *= keep
    if mentions == 0:
        return
    normal = state.negative_share
    scatter = math.sqrt(normal * (1.0 - normal) * (1.0 / mentions + state.share_dispersion))
    # One bin of a quiet brand holds a handful of mentions: clipping their share would only teach a wrong normal.
    most = normal + fixed.LEARN_UP_TO_SD * scatter if mentions >= 10 else 1.0  # noqa: PLR2004
    state.negative_sum += min(negative / mentions, most) * learned
    state.mention_sum += learned


def learn_share_dispersion(state: State) -> None:
    """Let the newest hour into the over-dispersion of the share."""
    bins = state.mood_scales[0].bins
    mentions = sum(state.ring.heard[-bins:])
    if len(state.ring.volume) < bins or mentions < 10:  # noqa: PLR2004 - fewer say nothing about dispersion
        return
    normal = state.negative_share
    unit = normal * (1.0 - normal)
    sd = math.sqrt(mentions * unit * (1.0 + (mentions - 1) * state.share_dispersion))
    away = min(abs(sum(state.ring.heard_negative[-bins:]) - mentions * normal), fixed.DISPERSION_UP_TO_SD * sd)
    seen = (away * away - mentions * unit) / (mentions * (mentions - 1.0) * unit)
    gain = max(math.log(2.0) / (fixed.DISPERSION_HALF_LIFE_DAYS * state.day_bins), 1.0 / state.bins)
    weight = min(mentions, 100) / 100.0
    moved = state.share_dispersion + gain * weight * (seen - state.share_dispersion)
    state.share_dispersion = max(moved, fixed.SHARE_DISPERSION_FLOOR)
