"""What the detector remembers of one brand: constant in size, JSON-able, versioned."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, NamedTuple

from listening.detector import settings as fixed

STATE_VERSION: Final = 1


class UnknownStateVersion(ValueError):
    """The stored state was written by another version of the detector and must be rebuilt from the buckets."""


@dataclass(slots=True)
class Episodes:
    """The brand's own past departures on one window, forgetting with a half-life of days."""

    count: float = 0.0
    excess: float = 0.0
    days: float = 0.0
    open: bool = False
    peak: float = 0.0
    quiet_bins: int = 0


@dataclass(slots=True)
class Scale:
    """One window of the volume detector. Over-dispersion is spread / weight."""

    bins: int
    opens_at: float
    spread: float = fixed.DISPERSION_PRIOR
    weight: float = 1.0
    episodes: Episodes = field(default_factory=Episodes)

    @property
    def dispersion(self) -> float:
        return max(self.spread / self.weight, fixed.DISPERSION_FLOOR)


@dataclass(slots=True)
class MoodScale:
    """One window of the mood detector."""

    bins: int
    opens_at: float
    episodes: Episodes = field(default_factory=Episodes)


@dataclass(slots=True)
class LastAlarm:
    """When this kind last alarmed, how high, and whether the score has fallen beneath the alarm score since."""

    bin: int = -1
    score: float = 0.0
    left: bool = True


@dataclass(slots=True)
class Ring:
    """The last bins, oldest first, at most the longest window.

    `heard` and `heard_negative` leave out what one account says too often; `expected` is the mentions that were
    expected to be heard at the time.
    """

    volume: list[int] = field(default_factory=list)
    negative: list[int] = field(default_factory=list)
    reach: list[int] = field(default_factory=list)
    authors: list[int] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    heard_negative: list[int] = field(default_factory=list)
    expected: list[float] = field(default_factory=list)

    def columns(self) -> tuple[list[Any], ...]:
        return (
            self.volume,
            self.negative,
            self.reach,
            self.authors,
            self.heard,
            self.heard_negative,
            self.expected,
        )

    def copy(self) -> Ring:
        return Ring(*(column[:] for column in self.columns()))

    def push(self, counts: Counts, expected: float, *, keep: int) -> None:
        values = (
            counts.volume,
            counts.negative,
            counts.reach,
            counts.authors,
            counts.heard,
            counts.heard_negative,
            expected,
        )
        for column, value in zip(self.columns(), values, strict=True):
            column.append(value)
            if len(column) > keep:
                del column[0]


class Counts(NamedTuple):
    """The sums of one bin. `heard` is the part of the volume that counts, at most 1.5 a minute for each author."""

    volume: int
    negative: int
    reach: int
    authors: int
    heard: int

    @property
    def heard_negative(self) -> int:
        return self.negative * self.heard // self.volume if self.volume else 0


@dataclass(slots=True)
class State:
    """Everything that the detector carries from one call to the next for one brand.

    Treat it as opaque. `zone` is the brand's IANA time zone, `next_minute` the minute since 1970 that must come next,
    `bins` the number of bins learned from. Changing the zone or the bin means starting over from the buckets.
    """

    zone: str
    bin_minutes: int
    scales: list[Scale]
    mood_scales: list[MoodScale]
    hours: list[float]
    next_minute: int | None = None
    pending: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])
    pending_minutes: int = 0
    bins: int = 0
    level: float = 0.0
    level_bins: int = 0
    first_day_sum: float = 0.0
    first_day_weight: float = 0.0
    hours_seen: list[int] = field(default_factory=lambda: [0] * 24)
    hour: int = -1
    hour_sum: float = 0.0
    hour_expected: float = 0.0
    bins_above: int = 0
    bins_below: int = 0
    negative_sum: float = 0.0
    mention_sum: float = 0.0
    share_dispersion: float = fixed.SHARE_DISPERSION_PRIOR
    ring: Ring = field(default_factory=Ring)
    volume_alarm: LastAlarm = field(default_factory=LastAlarm)
    mood_alarm: LastAlarm = field(default_factory=LastAlarm)

    @property
    def day_bins(self) -> int:
        return fixed.MINUTES_A_DAY // self.bin_minutes

    @property
    def hour_bins(self) -> int:
        return 60 // self.bin_minutes

    @property
    def age_days(self) -> float:
        """How long the present level has been learned from, in days."""
        return self.level_bins / self.day_bins

    @property
    def negative_share(self) -> float:
        """The brand's normal share of negative mentions."""
        prior = fixed.NEGATIVE_SHARE_PRIOR_MENTIONS
        return (self.negative_sum + fixed.NEGATIVE_SHARE_PRIOR * prior) / (self.mention_sum + prior)

    def copy(self) -> State:
        """A state that shares nothing mutable with this one."""
        return replace(
            self,
            scales=[replace(scale, episodes=replace(scale.episodes)) for scale in self.scales],
            mood_scales=[replace(scale, episodes=replace(scale.episodes)) for scale in self.mood_scales],
            hours=self.hours[:],
            pending=self.pending[:],
            hours_seen=self.hours_seen[:],
            ring=self.ring.copy(),
            volume_alarm=replace(self.volume_alarm),
            mood_alarm=replace(self.mood_alarm),
        )


def state_to_dict(state: State) -> dict[str, Any]:
    """The state as plain JSON values, with its version. Floats survive JSON exactly."""
    return {"version": STATE_VERSION, **asdict(state)}


def state_from_dict(stored: dict[str, Any]) -> State:
    """The state that `state_to_dict` wrote. Raises `UnknownStateVersion` for any other version."""
    values = dict(stored)
    version = values.pop("version", None)
    if version != STATE_VERSION:
        raise UnknownStateVersion(f"The detector state has version {version!r}; this code reads {STATE_VERSION}.")
    return State(
        **{
            **values,
            "scales": [Scale(**{**scale, "episodes": Episodes(**scale["episodes"])}) for scale in values["scales"]],
            "mood_scales": [
                MoodScale(**{**scale, "episodes": Episodes(**scale["episodes"])}) for scale in values["mood_scales"]
            ],
            "ring": Ring(**values["ring"]),
            "volume_alarm": LastAlarm(**values["volume_alarm"]),
            "mood_alarm": LastAlarm(**values["mood_alarm"]),
        }
    )
