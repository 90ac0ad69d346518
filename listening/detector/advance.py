"""Feed counts to the detector and read what it says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from listening.detector.counts import Buckets, Event, MinuteCounts, checked, minute_of
from listening.detector.hour import Levels, pass_over, walk
from listening.detector.reading import Reading
from listening.detector.readings_of import readings_of
from listening.detector.settings import Settings
from listening.detector.state import State, stack, unstack

__all__ = ["Buckets", "MinuteCounts", "advance", "advance_many", "skip"]

_DEFAULT = Settings()


def advance(
    state: State, buckets: Buckets, settings: Settings = _DEFAULT, events: Sequence[Event] = ()
) -> tuple[State, list[Reading]]:
    """Return the state after `buckets`, and one reading for each bin that they complete.

    The given state is not changed. Bins lie on the UTC clock; a bin of which the detector has not seen every minute is
    neither judged nor learned, and the first clock hour of a new state is not judged.
    Raises ValueError when the buckets do not begin where the state ends (see `skip`) or are not counts.
    """
    (state,), (readings,) = advance_many([state], [buckets], [settings], [events])
    return state, readings


def advance_many(
    states: Sequence[State],
    buckets: Sequence[Buckets],
    settings: Sequence[Settings] | None = None,
    events: Sequence[Sequence[Event]] | None = None,
) -> tuple[list[State], list[list[Reading]]]:
    """As `advance`, for several brands whose buckets cover the same span, at little more than the cost of one.

    Raises ValueError when spans or bins differ, besides what `advance` refuses.
    """
    if not states:
        return [], []
    settings = [_DEFAULT] * len(states) if settings is None else settings
    events = [()] * len(states) if events is None else events
    if not len(states) == len(buckets) == len(settings) == len(events):
        raise ValueError("Each brand has one state, one span of buckets, one setting and one list of events.")
    counts = [checked(each) for each in buckets]
    if len({(each.start, each.volume.size) for each in buckets}) != 1:
        raise ValueError("Brands that advance together have buckets over the same span.")
    first = minute_of(buckets[0].start)
    batch = stack(states)
    if batch.next_minute is not None and first != batch.next_minute:
        raise ValueError(f"The buckets begin at minute {first}, but minute {batch.next_minute} comes next.")
    readings: list[list[Reading]] = [[] for _ in states]
    for hour in walk(batch, first, np.stack(counts), Levels.of(settings), events):
        for brand, said in enumerate(readings_of(batch, hour)):
            readings[brand] += said
    return unstack(batch), readings


def skip(state: State, *, to: datetime, events: Sequence[Event] = ()) -> State:
    """Return the state as it stands after minutes in which nobody listened: nothing is learned from them.

    Windows leave them out, open episodes end uncounted. `to` is the start of the next buckets and lies on a minute.
    Raises ValueError when it lies before what the state has seen.
    """
    minute = minute_of(to)
    if state.next_minute is not None and minute < state.next_minute:
        raise ValueError("Time does not run backwards: rebuild the state from the buckets instead.")
    state = state.copy()
    pass_over(state, minute, Levels.of([_DEFAULT]), [events])
    return state
