"""The detector hears storms soon, leaves ordinary days alone, and does not care how its counts are cut."""

import json
import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisisapi.story.mentions import normal_counts, storm_counts, storm_shape
from listening.detector import (
    Buckets,
    Reading,
    Settings,
    State,
    advance,
    advance_many,
    explain,
    new_state,
    severity_hint,
    skip,
    state_from_dict,
    state_to_dict,
)
from listening.detector.advance import MinuteCounts
from listening.detector.state import UnknownStateVersion

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 1440


def buckets(start: datetime, volume: Any, *, negative: float = 0.12, authors: MinuteCounts | None = None) -> Buckets:
    """Counts with a fixed share of negative mentions, one author and 500 followers for each mention."""
    volume = np.asarray(volume, dtype=np.int64)
    negatives = np.random.default_rng(5).binomial(np.minimum(volume, 10**9), negative).astype(np.int64)
    return Buckets(start, volume, negatives, volume * 500, volume if authors is None else authors)


def part_of(whole: Buckets, begin: int, end: int) -> Buckets:
    return Buckets(
        whole.start + timedelta(minutes=begin),
        whole.volume[begin:end],
        whole.negative[begin:end],
        whole.reach[begin:end],
        whole.authors[begin:end],
    )


def in_parts(state: State, whole: Buckets, cuts: list[int]) -> tuple[State, list[Reading]]:
    readings = []
    for begin, end in zip([0, *cuts], [*cuts, whole.volume.size], strict=True):
        state, more = advance(state, part_of(whole, begin, end))
        readings += more
    return state, readings


def alarms(readings: list[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.alarm]


def learned_state(*, seed: int = 1, days: int = 14, zone: str = "Europe/London") -> tuple[State, datetime]:
    volume = normal_counts(seed, "Nimbus", MONDAY, days * DAY, 5700, zone=zone)
    return advance(new_state(zone=zone), buckets(MONDAY, volume))[0], MONDAY + timedelta(days=days)


@pytest.mark.parametrize("seed", range(6))
def test_three_quiet_weeks_raise_nothing(seed: int) -> None:
    zone = ["Europe/London", "America/New_York", "Asia/Tashkent", "Australia/Sydney"][seed % 4]
    start = MONDAY + timedelta(days=seed, hours=5 * seed, minutes=seed)
    volume = normal_counts(seed, "Nimbus", start, 21 * DAY, 5700, zone=zone)
    _, readings = advance(new_state(zone=zone), buckets(start, volume))
    assert [(reading.at, reading.scale, reading.score) for reading in alarms(readings)] == []
    assert len(readings) >= 21 * 288 - 14


@pytest.mark.parametrize("per_day", [240, 50_000])
def test_false_alarms_stay_within_the_budget(per_day: int) -> None:
    days, brands = 30, 8
    quiet = [buckets(MONDAY, normal_counts(seed, "Quiet", MONDAY, days * DAY, per_day)) for seed in range(brands)]
    _, readings = advance_many([new_state(zone="UTC")] * brands, quiet)
    raised = sum(len(alarms(each)) for each in readings)
    # One a month was allowed to each; over many brands that is a mean, so half of it leaves room for chance.
    assert raised <= brands / 2


@pytest.mark.parametrize("peak_factor", [8, 15, 30])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_storm_is_heard_within_minutes_of_three_times_normal(seed: int, peak_factor: int) -> None:
    state, end = learned_state(seed=seed)
    quiet = 13 * 60 + 7 * seed
    minutes = 180
    volume = normal_counts(seed + 50, "Nimbus", end, quiet + minutes, 5700, zone="Europe/London")
    volume[quiet:] += storm_counts(
        seed, "Nimbus", end + timedelta(minutes=quiet), minutes, peak_factor, per_day=5700, zone="Europe/London"
    )
    _, readings = advance(state, buckets(end, volume))
    # The storm adds twice the normal, so that the brand stands at three times its normal.
    three_times = int(np.argmax(storm_shape(minutes) * (peak_factor - 1) >= 2))
    heard = [reading.at for reading in readings if reading.volume_alarm]
    assert heard
    assert heard[0] >= end + timedelta(minutes=quiet)
    assert heard[0] - (end + timedelta(minutes=quiet + three_times)) <= timedelta(minutes=16)
    # One storm is one alarm, and further ones only as it turns out much worse.
    assert len(heard) <= 6


def test_the_usual_delay_is_under_ten_minutes() -> None:
    delays = []
    for seed in range(8):
        state, end = learned_state(seed=seed)
        quiet = 11 * 60 + 13 * seed
        volume = normal_counts(seed + 90, "Nimbus", end, quiet + 180, 5700, zone="Europe/London")
        storm = storm_counts(
            seed, "Nimbus", end + timedelta(minutes=quiet), 180, 15, per_day=5700, zone="Europe/London"
        )
        volume[quiet:] += storm
        _, readings = advance(state, buckets(end, volume))
        onset = end + timedelta(minutes=quiet + int(np.argmax(storm_shape(180) * 14 >= 2)))
        first = next(reading.at for reading in readings if reading.volume_alarm)
        delays.append((first - onset) / timedelta(minutes=1))
    assert float(np.median(delays)) <= 10


def test_a_mood_shift_is_heard_though_the_volume_is_ordinary() -> None:
    state, end = learned_state(days=14)
    volume = normal_counts(4, "Nimbus", end, DAY, 5700, zone="Europe/London")
    calm, angry = buckets(end, volume[:720]), buckets(end + timedelta(hours=12), volume[720:], negative=0.6)
    state, before = advance(state, calm)
    _, after = advance(state, angry)
    assert alarms(before) == []
    first = next(reading for reading in after if reading.alarm)
    assert first.mood is not None
    assert first.mood.alarm
    assert not first.volume_alarm
    assert first.at - (end + timedelta(hours=12)) <= timedelta(hours=1)
    assert first.mood.share > first.mood.high > first.mood.expected
    assert sum(reading.mood is not None and reading.mood.alarm for reading in after) <= 4


def test_minute_by_minute_gives_the_same_readings_and_state_as_one_chunk() -> None:
    start = MONDAY + timedelta(minutes=3)
    whole = buckets(start, normal_counts(9, "Nimbus", start, 2 * DAY, 5700))
    once = advance(new_state(zone="Europe/London"), whole)
    assert in_parts(new_state(zone="Europe/London"), whole, list(range(1, 2 * DAY))) == once


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    offset=st.integers(0, 59),
    bin_minutes=st.sampled_from([1, 2, 5, 15]),
    cuts=st.lists(st.integers(0, 2000), max_size=12).map(sorted),
    spikes=st.lists(st.tuples(st.integers(0, 1999), st.integers(1, 10**12)), max_size=6),
)
def test_cuts_do_not_matter_even_with_the_state_stored_between_them(
    seed: int, offset: int, bin_minutes: int, cuts: list[int], spikes: list[tuple[int, int]]
) -> None:
    start = MONDAY + timedelta(minutes=offset)
    volume = np.random.default_rng(seed).poisson(3.0, 2000).astype(np.int64)
    for at, height in spikes:
        volume[at] += height
    whole = buckets(start, volume)
    fresh = new_state(zone="America/New_York", bin_minutes=bin_minutes)
    once_state, once = advance(fresh, whole)
    state, readings = fresh, []
    for begin, end in zip([0, *cuts], [*cuts, 2000], strict=True):
        state, more = advance(state, part_of(whole, begin, end))
        state = state_from_dict(json.loads(json.dumps(state_to_dict(state))))
        readings += more
    assert readings == once
    assert state == once_state
    assert all(
        math.isfinite(value) for reading in readings for value in (reading.score, reading.expected, reading.high)
    )


def test_nothing_is_known_before_it_happens() -> None:
    whole = buckets(MONDAY, normal_counts(2, "Nimbus", MONDAY, 3 * DAY, 5700))
    _, readings = advance(new_state(zone="UTC"), whole)
    _, before = advance(new_state(zone="UTC"), part_of(whole, 0, 2 * DAY + 7))
    assert before == readings[: len(before)]
    assert all(reading.at <= MONDAY + timedelta(minutes=2 * DAY + 7) for reading in before)


def test_the_given_state_is_not_changed() -> None:
    state, end = learned_state(days=2)
    stored = state_to_dict(state)
    advance(state, buckets(end, np.full(500, 90)))
    skip(state, to=end + timedelta(days=1))
    assert state_to_dict(state) == stored


def test_a_state_of_another_version_is_refused() -> None:
    stored = state_to_dict(new_state(zone="UTC"))
    with pytest.raises(UnknownStateVersion):
        state_from_dict({**stored, "version": 99})
    with pytest.raises(UnknownStateVersion):
        state_from_dict({})


def test_the_state_does_not_grow() -> None:
    state, end = learned_state(days=3)
    size = len(json.dumps(state_to_dict(state)))
    state, _ = advance(state, buckets(end, normal_counts(1, "Nimbus", end, 20 * DAY, 5700)))
    assert len(json.dumps(state_to_dict(state))) < size * 1.2 < 20_000


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/London", datetime(2026, 3, 16, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 10, 13, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 2, 23, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 3, 23, tzinfo=UTC)),
    ],
)
def test_days_on_which_clocks_change_are_ordinary_days(zone: str, start: datetime, seed: int) -> None:
    volume = normal_counts(seed, "Nimbus", start, 21 * DAY, 5700, zone=zone)
    _, readings = advance(new_state(zone=zone), buckets(start, volume))
    assert [(reading.at, reading.score) for reading in alarms(readings)] == []
    # One bin every five minutes of real time, though a day has 23 or 25 hours.
    assert {later.at - earlier.at for earlier, later in pairwise(readings)} == {timedelta(minutes=5)}


def test_the_normal_follows_local_time_over_a_clock_change() -> None:
    start = datetime(2026, 3, 9, tzinfo=UTC)  # clocks go forward in London on 29 March at one
    zone = "Europe/London"
    minute_of_day = np.arange(20 * DAY) % DAY
    volume = np.where((minute_of_day >= 9 * 60) & (minute_of_day < 17 * 60), 20, 2)
    state, _ = advance(new_state(zone=zone), buckets(start, volume))
    _, readings = advance(state, buckets(start + timedelta(days=20), np.full(2 * DAY, 2)))
    expected = {reading.at: reading.expected for reading in readings}
    eight_thirty = datetime(2026, 3, 30, 8, 30, tzinfo=UTC)  # half past nine on the wall
    assert expected[eight_thirty] > 4 * expected[eight_thirty - timedelta(hours=2)]


def test_silence_is_no_alarm() -> None:
    _, readings = advance(new_state(zone="UTC"), buckets(MONDAY, np.zeros(14 * DAY)))
    assert alarms(readings) == []
    assert max(reading.expected for reading in readings) < 0.2


def test_a_constant_brand_is_no_alarm_and_is_known_exactly() -> None:
    _, readings = advance(new_state(zone="UTC"), buckets(MONDAY, np.full(14 * DAY, 7)))
    assert alarms(readings) == []
    assert readings[-1].expected == pytest.approx(35, rel=0.05)
    assert readings[-1].low < 35 < readings[-1].high


def test_a_quiet_brand_needs_an_absolute_minimum() -> None:
    volume = np.zeros(14 * DAY)
    volume[10 * DAY : 10 * DAY + 12] = 1  # twelve mentions in twelve minutes, after ten days of none
    assert alarms(advance(new_state(zone="UTC"), buckets(MONDAY, volume))[1]) == []
    volume[10 * DAY : 10 * DAY + 12] = 3
    assert 1 <= len(alarms(advance(new_state(zone="UTC"), buckets(MONDAY, volume))[1])) <= 2


def test_one_loud_account_is_not_a_crisis() -> None:
    state, end = learned_state(days=10)
    volume = np.full(10, 4)
    volume[5] = 500
    authors = np.full(10, 4)
    authors[5] = 1
    assert alarms(advance(state, buckets(end, volume, authors=authors))[1]) == []
    authors[5] = 400
    assert len(alarms(advance(state, buckets(end, volume, authors=authors))[1])) == 1


def test_huge_counts_stay_finite() -> None:
    state, end = learned_state(days=3)
    volume = np.full(DAY, np.iinfo(np.int64).max)
    whole = Buckets(end, volume, volume, volume, volume)
    state, readings = advance(state, whole)
    assert readings[0].alarm
    for reading in readings:
        json.dumps(explain(reading), allow_nan=False)
        assert severity_hint(reading)[0] <= 10
    json.dumps(state_to_dict(state), allow_nan=False)


def test_one_storm_alarms_once_and_a_lasting_new_level_becomes_normal() -> None:
    state, end = learned_state(days=14)
    volume = normal_counts(8, "Nimbus", end, 14 * DAY, 57_000, zone="Europe/London")
    _, readings = advance(state, buckets(end, volume))
    raised = [reading.at - end for reading in readings if reading.volume_alarm]
    assert raised
    assert raised[0] <= timedelta(minutes=15)
    assert all(after <= timedelta(days=4) for after in raised)
    assert len(raised) <= 3
    later = [reading for reading in readings if reading.at > end + timedelta(days=6)]
    assert 0.6 < sum(reading.observed for reading in later) / sum(reading.expected for reading in later) < 1.6


def test_a_smaller_budget_raises_the_bar() -> None:
    assert Settings().alarm_score == pytest.approx(math.log(30))
    assert Settings(false_alarms_per_month=0.1).alarm_score > Settings(false_alarms_per_month=5).alarm_score
    for wrong in (0, -1, 31):
        with pytest.raises(ValueError, match="false_alarms_per_month"):
            Settings(false_alarms_per_month=wrong)


def test_confidence_is_honest_about_a_new_brand() -> None:
    volume = normal_counts(1, "Nimbus", MONDAY, 9 * DAY, 5700)
    _, readings = advance(new_state(zone="UTC"), buckets(MONDAY, volume))
    said = {reading.confidence: reading.at for reading in reversed(readings)}
    assert list(reversed(said)) == ["warming up", "learning", "settled"]
    assert readings[0].at == MONDAY + timedelta(minutes=65)
    assert said["learning"] - MONDAY == timedelta(days=1, minutes=5)
    assert any("guess" in sentence for sentence in explain(readings[0])["sentences"])
    # The less is known, the wider the band.
    assert readings[5].high / readings[5].expected > readings[-1].high / readings[-1].expected


def test_buckets_that_do_not_follow_are_refused() -> None:
    state, end = learned_state(days=1)
    for wrong in (end - timedelta(minutes=1), end + timedelta(minutes=1)):
        with pytest.raises(ValueError, match="comes next"):
            advance(state, buckets(wrong, np.ones(5)))
    with pytest.raises(ValueError, match="whole minute"):
        advance(state, buckets(end + timedelta(seconds=1), np.ones(5)))
    with pytest.raises(ValueError, match="timezone-aware"):
        advance(state, buckets(end.replace(tzinfo=None), np.ones(5)))


def test_things_that_are_no_counts_are_refused() -> None:
    ones, none = np.ones(5, dtype=np.int64), np.zeros(5, dtype=np.int64)
    fresh = new_state(zone="UTC")
    with pytest.raises(ValueError, match="negative mentions"):
        advance(fresh, Buckets(MONDAY, none, ones, none, none))
    with pytest.raises(ValueError, match="not be negative"):
        advance(fresh, Buckets(MONDAY, ones, none, none, -ones))
    with pytest.raises(ValueError, match="have authors"):
        advance(fresh, Buckets(MONDAY, ones, none, none, none))
    with pytest.raises(ValueError, match="same length"):
        advance(fresh, Buckets(MONDAY, ones, none[:4], none, none))
    with pytest.raises(ValueError, match="int64"):
        advance(fresh, Buckets(MONDAY, ones.astype(np.float64), none, none, none))
    with pytest.raises(ValueError, match="divide an hour"):
        new_state(zone="UTC", bin_minutes=7)


def test_a_gap_in_listening_teaches_nothing_and_raises_nothing() -> None:
    state, end = learned_state(days=14)
    back = end + timedelta(hours=9, minutes=2)
    resumed = skip(state, to=back)
    assert resumed.level == state.level
    _, readings = advance(resumed, buckets(back, normal_counts(6, "Nimbus", back, DAY, 5700, zone="Europe/London")))
    assert alarms(readings) == []
    # The bin in which listening began again is not whole, hence not judged.
    assert readings[0].at == end + timedelta(hours=9, minutes=10)
    with pytest.raises(ValueError, match="backwards"):
        skip(state, to=end - timedelta(minutes=5))


def test_the_explanation_tells_plain_facts() -> None:
    state, end = learned_state(days=14)
    volume = normal_counts(6, "Nimbus", end, 15 * 60, 5700, zone="Europe/London")
    volume[14 * 60 :] += 60
    _, readings = advance(state, buckets(end, volume, negative=0.7))
    first = next(reading for reading in readings if reading.volume_alarm)
    facts = explain(first)
    assert facts["at"].endswith("Z")
    assert facts["confidence"] == "settled"
    assert facts["volume"]["alarm"] is True
    assert facts["volume"]["times_normal"] > 3
    assert facts["volume"]["observed"] == first.window_observed
    assert 0 < facts["volume"]["chance_per_day"] < 1 / 30
    assert "times normal" in facts["sentences"][0]
    assert json.loads(json.dumps(facts)) == facts
    severity, parts = severity_hint(first)
    assert facts["severity_hint"] == severity
    assert severity == round(1 + sum(part.points for part in parts))
    assert [part.name for part in parts] == [
        "size", "rarity", "negative", "reach", "people", "velocity", "influence", "watched", "spread"
    ]  # fmt: skip


def test_a_graver_storm_gets_a_graver_hint() -> None:
    state, end = learned_state(days=14)
    hints = []
    for factor, negative in ((1, 0.1), (6, 0.3), (60, 0.8)):
        volume = normal_counts(6, "Nimbus", end, 14 * 60, 5700, zone="Europe/London")
        volume[13 * 60 :] *= factor
        _, readings = advance(state, buckets(end, volume, negative=negative))
        hints.append(max(severity_hint(reading)[0] for reading in readings[-6:]))
    assert hints[0] <= 3 < hints[1] < hints[2] <= 10
