"""Walk brands through clock hours: each bin is judged by what came before its hour, then the hour is learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from listening.detector import settings as fixed
from listening.detector.counts import LOUDEST, ROWS, Event, MinuteCounts, expectations
from listening.detector.normal import effects, learn, local_minutes, watch_level
from listening.detector.rarity import remember, scores, sound
from listening.detector.settings import KINDS, Settings
from listening.detector.state import WINDOWS_OF, Floats, Integers, State
from listening.detector.windows import Limits, Sums, Truths, departures

_KEPT_HOURS: Final = fixed.LONGEST_WINDOW // 60 + 1


@dataclass(frozen=True, slots=True)
class Levels:
    """What each brand asks for: limits, and by kind the scores at which an alarm begins and ends, (brands, kinds)."""

    limits: Limits
    enter: Floats
    leave: Floats

    @classmethod
    def of(cls, settings: Sequence[Settings]) -> Levels:
        """The levels of brands, one setting each; a muted kind never alarms."""
        enter = [[np.inf if kind in each.muted else each.alarm_score_of(kind) for kind in KINDS] for each in settings]
        leave = [[np.inf if kind in each.muted else each.leave_score_of(kind) for kind in KINDS] for each in settings]
        return cls(Limits.of(list(settings)), np.array(enter), np.array(leave))


@dataclass(frozen=True, slots=True)
class Hour:
    """Bins `first` until `last` of one clock hour, judged, for all brands of a batch.

    `expected` is the mentions of each kept bin, `scores` (brands, windows, bins of the hour); `valid` says which bins
    were judged. `standing` holds by (brand, kind) each bin at which a departure stands, and whether it alarms there.
    """

    hour: int
    first: int
    last: int
    minutes: Integers
    expected: Floats
    sums: Sums
    scores: Floats
    counted: Floats
    plain: Floats
    valid: Truths
    standing: dict[tuple[int, int], dict[int, bool]] = field(default_factory=dict)

    def stands(self, brand: int, kind: int, bin_: int) -> bool:
        """Whether a departure of a kind stands at a bin."""
        return bin_ in self.standing.get((brand, kind), ())


def walk(
    batch: State, first: int, minutes: MinuteCounts, levels: Levels, events: Sequence[Sequence[Event]]
) -> Iterator[Hour]:
    """Let counts (brands, rows, minutes) from minute `first` on into the batch; yields each hour as far as it goes.

    The batch is changed. Every part of an hour is computed over the whole hour, so that it does not matter how the
    minutes are cut.
    """
    size = batch.bin_minutes
    at_minute, bins, whole = _bins(batch, first, minutes)
    batch.next_minute = first + minutes.shape[2]
    done = 0
    while done < bins.shape[2]:
        hour, begin = at_minute // 60, at_minute % 60 // size
        end = min(batch.hour_bins, begin + bins.shape[2] - done)
        kept = slice(batch.past_bins + begin, batch.past_bins + end)
        taken = slice(done, done + end - begin)
        batch.seen[:, kept] = whole[:, taken]
        batch.counts[:, :, kept] = bins[:, :, taken] * whole[:, np.newaxis, taken]
        judged = _judge(batch, hour, range(begin, end), levels, events)
        _alarm(batch, judged, levels)
        yield judged
        if end == batch.hour_bins:
            close_hour(batch, judged)
        at_minute += (end - begin) * size
        done += end - begin


def pass_over(batch: State, to_minute: int, levels: Levels, events: Sequence[Sequence[Event]]) -> None:
    """Let time pass in which nobody listened: what had been heard of the present hour is learned, and nothing else."""
    size = batch.bin_minutes
    if batch.next_minute is None or to_minute // size != batch.next_minute // size:
        batch.pending[:], batch.pending_minutes[:] = 0, 0
    if batch.next_minute is not None:
        hour, until = batch.next_minute // 60, to_minute // 60
        # After the kept hours nothing is left that could be learned or judged from.
        for each in range(hour, min(until, hour + _KEPT_HOURS + 1)):
            close_hour(batch, _judge(batch, each, range(0), levels, events))
    batch.next_minute = to_minute
    batch.past_peak[:] = 0.0
    batch.alarm_stands[:] = 0


def close_hour(batch: State, judged: Hour) -> None:
    """Learn from the clock hour that has ended, and make room for the next."""
    heard_of = batch.seen[:, batch.past_bins :] * judged.plain
    old = batch.hours_learned >= fixed.JUDGED_AFTER_HOURS
    share = np.where(old, heard_of.mean(axis=1), 0.0)
    remember(batch, (judged.counted * heard_of[:, np.newaxis, :]).max(axis=2), share)
    learn(batch, judged.expected, judged.minutes, heard_of)
    watch_level(batch, judged.expected, heard_of)
    past = batch.past_bins
    batch.counts = np.concatenate([batch.counts[:, :, -past:], np.zeros_like(batch.counts[:, :, past:])], axis=2)
    batch.seen = np.concatenate([batch.seen[:, -past:], np.zeros_like(batch.seen[:, past:])], axis=1)


def _judge(batch: State, hour: int, span: range, levels: Levels, events: Sequence[Sequence[Event]]) -> Hour:
    minutes = local_minutes(batch.zones, hour, hours=_KEPT_HOURS, bin_minutes=batch.bin_minutes)
    expected = np.exp(batch.level[:, np.newaxis] + effects(batch, minutes)) * (batch.bin_minutes / fixed.UNIT_MINUTES)
    usual = expected.copy()
    heard, plain = _planned(batch, hour, expected, events)
    sums = Sums.of(batch, expected, heard, usual=usual)
    spoken, counted = departures(batch, sums, levels.limits)
    valid = (batch.hours_learned >= fixed.JUDGED_AFTER_HOURS)[:, np.newaxis] & (batch.seen[:, batch.past_bins :] > 0)
    found = scores(batch, spoken) * (valid & (heard[:, batch.past_bins :] > 0))[:, np.newaxis, :]
    return Hour(
        hour=hour, first=span.start, last=span.stop, minutes=minutes, expected=expected, sums=sums, scores=found,
        counted=counted, plain=plain, valid=valid,
    )  # fmt: skip


def _planned(batch: State, hour: int, expected: Floats, events: Sequence[Sequence[Event]]) -> tuple[Integers, Floats]:
    """Raise what is expected where events say so.

    Returns 1 for each kept bin that was listened to and is not mute, and 1 for each bin of the hour without a plan.
    """
    plain = np.ones((batch.brands, batch.hour_bins))
    if not any(events):
        return batch.seen, plain
    heard = batch.seen.copy()
    for brand, planned in enumerate(events):
        found = expectations(planned, (hour - _KEPT_HOURS + 1) * 60, expected.shape[1], batch.bin_minutes)
        if found is not None:
            times, mute = found
            expected[brand] *= times
            heard[brand] *= ~mute
            plain[brand] = (~mute & (times == 1.0))[batch.past_bins :]
    return heard, plain


def _alarm(batch: State, judged: Hour, levels: Levels) -> None:
    """Let the newly judged bins sound; notes in `judged` where departures stand."""
    new = slice(judged.first, judged.last)
    loudest = np.stack([judged.scores[:, WINDOWS_OF[kind], new].max(axis=1) for kind in KINDS], axis=1)
    concerns = (loudest.max(axis=2) >= levels.leave) | (batch.alarm_stands > 0)
    first_minute = judged.hour * 60
    for brand, kind in zip(*(each.tolist() for each in np.nonzero(concerns)), strict=True):
        heard = [
            (first_minute + bin_ * batch.bin_minutes, score)
            for bin_, score, valid in zip(
                range(judged.first, judged.last),
                loudest[brand, kind].tolist(),
                judged.valid[brand, new].tolist(),
                strict=True,
            )
            if valid
        ]
        standing = sound(batch, brand, kind, heard, enter=levels.enter[brand, kind], leave=levels.leave[brand, kind])
        if standing:
            judged.standing[brand, kind] = {
                (minute - first_minute) // batch.bin_minutes: alarms for minute, alarms in standing
            }


def _bins(batch: State, first: int, minutes: MinuteCounts) -> tuple[int, MinuteCounts, MinuteCounts]:
    """Gather minutes into bins: the first bin's minute, the bins that have ended, and whether they were whole."""
    size, brands = batch.bin_minutes, batch.brands
    if size == 1:
        return first, minutes, np.ones((brands, minutes.shape[2]), dtype=np.int64)
    lead = first % size
    ahead = np.zeros((brands, ROWS, lead), dtype=np.int64)
    if lead:
        ahead[:, :, 0] = batch.pending
    joined = np.concatenate([ahead, minutes], axis=2)
    number = joined.shape[2] // size
    heard = np.concatenate([np.zeros(lead, dtype=np.int64), np.ones(minutes.shape[2], dtype=np.int64)])
    listened = np.repeat(heard[np.newaxis], brands, axis=0)
    if lead:
        listened[:, 0] = batch.pending_minutes
    bins = joined[:, :, : number * size].reshape(brands, ROWS, number, size)
    sums = bins.sum(axis=3)
    sums[:, LOUDEST] = bins[:, LOUDEST].max(axis=2)
    rest = joined[:, :, number * size :]
    batch.pending = rest.sum(axis=2)
    batch.pending[:, LOUDEST] = rest[:, LOUDEST].max(axis=1, initial=0)
    batch.pending_minutes = listened[:, number * size :].sum(axis=1)
    whole = listened[:, : number * size].reshape(brands, number, size).sum(axis=2) == size
    return first - lead, sums, whole.astype(np.int64)
