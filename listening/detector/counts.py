"""Per-minute counts of one brand, and what is expected of a span of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from listening.detector.settings import LARGEST_COUNT, MOST_PER_AUTHOR

MinuteCounts = NDArray[np.int64]

# Rows of the detector's own array of counts.
VOLUME: Final = 0
NEGATIVE: Final = 1
REACH: Final = 2
AUTHORS: Final = 3
LOUDEST: Final = 4
WATCHED: Final = 5
HEARD: Final = 6
ROWS: Final = 7


@dataclass(frozen=True, slots=True)
class Buckets:
    """Per-minute counts of one brand over consecutive minutes, the first of which begins at `start`.

    `volume` mentions, `negative` those of them that scored negative, `reach` the sum of followers, `authors` distinct
    authors within the minute (a mention whose author is unknown counts as one), `loudest` the largest follower count
    of one author, `watched` the mentions that hold a watched term. The last two may be left out, which says zero. All
    have the same length; a minute without mentions is a zero, not an omission.
    """

    start: datetime
    volume: MinuteCounts
    negative: MinuteCounts
    reach: MinuteCounts
    authors: MinuteCounts
    loudest: MinuteCounts | None = None
    watched: MinuteCounts | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A span in which something is expected: `times` the normal volume, or, when None, nothing is to alarm.

    Only a departure that exceeds the expectation too alarms, and what is muted counts in no later window either.
    Nothing is learned from such a span.
    """

    start: datetime
    end: datetime
    times: float | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.end <= self.start:
            raise ValueError("An event begins before it ends, at timezone-aware instants.")
        if self.times is not None and not 0 < self.times <= 1e6:  # noqa: PLR2004 - beyond that lies a typing error
            raise ValueError("An event expects more than 0 and at most a million times the normal.")


def minute_of(instant: datetime) -> int:
    """The minute since 1970 that begins at `instant`. Raises ValueError when none does."""
    if instant.tzinfo is None or instant.second or instant.microsecond:
        raise ValueError("An instant must be timezone-aware and lie on a whole minute.")
    return int(instant.timestamp()) // 60


def checked(buckets: Buckets) -> MinuteCounts:
    """The counts as rows of one array, with what is heard of the volume; refuses what cannot be counts."""
    none = np.zeros_like(buckets.volume)
    columns = [
        buckets.volume,
        buckets.negative,
        buckets.reach,
        buckets.authors,
        none if buckets.loudest is None else buckets.loudest,
        none if buckets.watched is None else buckets.watched,
    ]
    if any(column.ndim != 1 or column.dtype != np.int64 for column in columns):
        raise ValueError("Counts must be one-dimensional arrays of int64.")
    if len({column.size for column in columns}) != 1:
        raise ValueError("The counts must have the same length.")
    minutes = np.stack(columns)
    if minutes.size and minutes.min() < 0:
        raise ValueError("A count must not be negative.")
    if (minutes[NEGATIVE] > minutes[VOLUME]).any():
        raise ValueError("There cannot be more negative mentions than mentions.")
    if (minutes[WATCHED] > minutes[VOLUME]).any():
        raise ValueError("There cannot be more mentions of watched terms than mentions.")
    if ((minutes[VOLUME] > 0) & (minutes[AUTHORS] == 0)).any():
        raise ValueError("Mentions have authors; count each mention whose author is unknown as an author of its own.")
    minutes = np.minimum(minutes, LARGEST_COUNT)
    most = np.ceil(minutes[AUTHORS] * MOST_PER_AUTHOR).astype(np.int64)
    return np.concatenate([minutes, np.minimum(minutes[VOLUME], most)[np.newaxis]])


def expectations(
    events: Sequence[Event], first_minute: int, bins: int, bin_minutes: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """For each bin: how many times the normal is expected, and whether alarms are mute; None where nothing is planned.

    Events that overlap: the largest expectation counts. A bin belongs to an event when any of it does.
    """
    times, mute = np.ones(bins), np.zeros(bins, dtype=bool)
    planned = np.zeros(bins, dtype=bool)
    for event in events:
        begin = (event.start.timestamp() / 60 - first_minute) / bin_minutes
        end = (event.end.timestamp() / 60 - first_minute) / bin_minutes
        if end <= 0 or begin >= bins:
            continue
        span = slice(max(int(np.floor(begin)), 0), min(int(np.ceil(end)), bins))
        if event.times is None:
            mute[span] = True
        else:
            times[span] = np.where(planned[span], np.maximum(times[span], event.times), event.times)
            planned[span] = True
    return (times, mute) if mute.any() or planned.any() else None
