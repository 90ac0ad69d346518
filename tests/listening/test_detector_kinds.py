"""Each kind of departure is heard, planned things are not, history keeps its budget, and the next hours are told."""

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from listening.detector import (
    KINDS,
    Buckets,
    Event,
    Facts,
    Reading,
    Replay,
    Settings,
    State,
    Usual,
    advance,
    advance_many,
    calibrate,
    explain,
    forecast,
    judge_facts,
    learn_facts,
    new_state,
    replay,
    severity_hint,
    usual_from_dict,
    usual_to_dict,
)
from listening.detector.replay import Peak
from listening.detector.synthetic import SHAPES, START, MadeUpStorm, brands, counts, rate, storm

DAY = 1440


def buckets(volume: Any, *, start: datetime = START, **columns: Any) -> Buckets:
    mentions = np.asarray(volume, dtype=np.int64)
    given_columns = {name: np.asarray(values, dtype=np.int64) for name, values in columns.items()}
    plain = {"negative": mentions // 8, "reach": mentions * 500, "authors": mentions}
    return Buckets(start, mentions, **{**plain, **given_columns})


def constant(days: float, a_minute: int = 4) -> np.ndarray:
    return np.random.default_rng(2).poisson(a_minute, round(days * DAY)).astype(np.int64)


def learned(days: int = 10, *, bin_minutes: int = 1, loudest: int = 2000) -> tuple[State, datetime]:
    volume = constant(days)
    whole = buckets(volume, loudest=np.where(volume > 0, loudest, 0), watched=np.zeros(volume.size))
    return advance(new_state(zone="UTC", bin_minutes=bin_minutes), whole)[0], START + timedelta(days=days)


def heard(readings: list[Reading]) -> list[str]:
    return [found.kind for reading in readings for found in reading.findings if found.alarm]


def test_an_ordinary_day_raises_nothing_of_any_kind() -> None:
    state, end = learned()
    _, readings = advance(state, buckets(constant(1), start=end))
    assert heard(readings) == []
    assert len(readings) == DAY


def test_silence_is_heard_where_the_brand_usually_talks() -> None:
    state, end = learned()
    _, readings = advance(state, buckets(np.zeros(600), start=end))
    # An hour of silence, and then one of many hours.
    assert 1 <= len(heard(readings)) <= 3
    assert set(heard(readings)) == {"silence"}
    first = next(reading for reading in readings if reading.alarm)
    assert first.at - end <= timedelta(minutes=70)
    assert "a source may be lost" in explain(first)["sentences"][-1]
    muted = advance(state, buckets(np.zeros(600), start=end), Settings(muted=frozenset({"silence"})))[1]
    assert heard(muted) == []


def test_an_author_far_above_the_usual_is_heard() -> None:
    state, end = learned()
    volume = constant(0.1)
    loudest = np.full(volume.size, 2000)
    loudest[60] = 5_000_000
    _, readings = advance(state, buckets(volume, start=end, loudest=loudest))
    assert heard(readings) == ["influence"]
    told = next(reading for reading in readings if reading.alarm)
    assert told.loudest == 5_000_000
    assert told.at == end + timedelta(minutes=61)
    used_to_it, later = learned(loudest=5_000_000)
    assert heard(advance(used_to_it, buckets(volume, start=later, loudest=loudest))[1]) == []


def test_watched_terms_are_heard_though_the_volume_is_ordinary() -> None:
    state, end = learned()
    volume = np.maximum(constant(0.1), 2)
    watched = np.where(np.arange(volume.size) >= 60, 2, 0)
    _, readings = advance(state, buckets(volume, start=end, watched=watched))
    assert set(heard(readings)) == {"watched"}
    assert len(heard(readings)) <= 2
    first = next(reading for reading in readings if reading.alarm)
    assert first.at - (end + timedelta(hours=1)) <= timedelta(minutes=15)
    assert first.window_watched >= 1


def test_growth_is_measured_and_very_fast_growth_alarms() -> None:
    state, end = learned()
    volume = np.full(120, 4)
    volume[90:] = 400
    _, readings = advance(state, buckets(volume, start=end))
    assert {"volume", "velocity"} <= set(heard(readings))
    quiet, growing = readings[80], readings[95]
    assert abs(quiet.velocity) < 0.2
    assert growing.velocity > 5
    assert growing.acceleration > 0


def test_a_departure_stands_until_it_has_fallen_beneath_the_leave_level() -> None:
    state, end = learned()
    volume = np.full(300, 4)
    volume[60:120] = 60
    _, readings = advance(state, buckets(volume, start=end))
    stands = [i for i, reading in enumerate(readings) if any(found.kind == "volume" for found in reading.findings)]
    assert stands == list(range(stands[0], stands[-1] + 1))
    assert sum(reading.volume_alarm for reading in readings) <= 3
    assert Settings().leave_score_of("volume") < Settings().alarm_score_of("volume")


def test_an_expected_launch_is_no_alarm_unless_it_exceeds_what_is_expected() -> None:
    state, end = learned()
    volume = np.full(300, 4)
    volume[60:180] = 40
    launch = Event(end + timedelta(hours=1), end + timedelta(hours=3), times=10.0)
    assert "volume" in heard(advance(state, buckets(volume, start=end))[1])
    after, readings = advance(state, buckets(volume, start=end), Settings(), [launch])
    assert heard(readings) == []
    assert readings[100].expected > 8 * readings[30].expected
    # Nothing was learned from it.
    plain = advance(state, buckets(np.full(300, 4), start=end), Settings(), [launch])[0]
    assert after.level == pytest.approx(plain.level, abs=0.01)
    volume[100:180] = 400
    assert "volume" in heard(advance(state, buckets(volume, start=end), Settings(), [launch])[1])
    mute = Event(launch.start, launch.end)
    assert heard(advance(state, buckets(volume, start=end), Settings(), [mute])[1]) == []


def test_events_that_make_no_sense_are_refused() -> None:
    for start, end, times in (
        (START, START, 2.0),
        (START, START + timedelta(hours=1), 0.0),
        (START.replace(tzinfo=None), START, 2.0),
    ):
        with pytest.raises(ValueError, match="event"):
            Event(start, end, times)


def test_many_brands_at_once_are_judged_as_each_by_itself() -> None:
    made_up = brands(4, 6, least=20, most=5000)
    each_storm = MadeUpStorm("growth", 2 * DAY + 300, 15.0, 20, 60, 60.0)
    whole = [buckets(counts(brand, 3 * DAY, (each_storm,))) for brand in made_up]
    zones = ["UTC", "Asia/Tashkent", "America/New_York", "Asia/Kolkata", "Europe/London", "UTC"]
    states = [new_state(zone=zone, bin_minutes=1) for zone in zones]
    chosen = [Settings(false_alarms_per_month=1 + i) for i in range(6)]
    together_states, together = advance_many(states, whole, chosen)
    for i in range(6):
        state, alone = advance(states[i], whole[i], chosen[i])
        assert [(r.at, r.observed, r.volume_alarm) for r in alone] == [
            (r.at, r.observed, r.volume_alarm) for r in together[i]
        ]
        np.testing.assert_allclose([r.score for r in alone], [r.score for r in together[i]], atol=1e-6)
        np.testing.assert_allclose(state.level, together_states[i].level, atol=1e-9)
    with pytest.raises(ValueError, match="same span"):
        advance_many(states[:2], [whole[0], buckets(np.ones(3))])
    assert advance_many([], []) == ([], [])


@hypothesis_settings(max_examples=15, deadline=None, database=None, derandomize=True)
@given(
    cuts=st.lists(st.integers(0, 900), max_size=6).map(sorted),
    seed=st.integers(0, 99),
    bin_minutes=st.sampled_from([1, 5]),
)
def test_cuts_and_events_and_settings_do_not_disturb_each_other(cuts: list[int], seed: int, bin_minutes: int) -> None:
    draw = np.random.default_rng(seed)
    volume = draw.poisson(5, 900)
    volume[draw.integers(900)] += 300
    loudest, watched = draw.integers(0, 10**6, 900), draw.binomial(volume, 0.1)
    launch = Event(START + timedelta(minutes=333), START + timedelta(minutes=500), 3.0)
    once = advance(
        new_state(zone="UTC", bin_minutes=bin_minutes),
        buckets(volume, loudest=loudest, watched=watched),
        Settings(),
        [launch],
    )
    state, readings = new_state(zone="UTC", bin_minutes=bin_minutes), []
    for begin, end in zip([0, *cuts], [*cuts, 900], strict=True):
        part = buckets(
            volume[begin:end],
            start=START + timedelta(minutes=begin),
            loudest=loudest[begin:end],
            watched=watched[begin:end],
        )
        state, more = advance(state, part, Settings(), [launch])
        readings += more
    assert (state, readings) == once


def test_the_severity_hint_tells_its_parts() -> None:
    state, end = learned()
    volume = np.full(120, 4)
    volume[90:] = 80
    watched = np.where(np.arange(120) >= 90, 40, 0)
    loudest = np.where(np.arange(120) >= 90, 3_000_000, 500)
    grave = buckets(volume, start=end, watched=watched, loudest=loudest, negative=volume // 2)
    worst = advance(state, grave)[1][-1]
    hint, parts = severity_hint(worst)
    assert hint == round(1 + sum(part.points for part in parts))
    assert sum(part.most for part in parts) == 9
    points = {part.name: part.points for part in parts}
    assert min(points[name] for name in ("size", "negative", "influence", "watched")) > 0
    assert all(part.why for part in parts)
    mild = advance(state, buckets(volume, start=end, negative=volume * 0))[1][-1]
    assert severity_hint(mild)[0] < hint
    assert json.loads(json.dumps(explain(worst))) == explain(worst)


def usual_of(days: int = 20) -> Usual:
    usual = Usual()
    for _ in range(days):
        calm = Facts(DAY, 400, 350, {"mastodon": 300, "bluesky": 100}, {"en": 380, "de": 20}, {"GB": 200}, copied=30)
        usual = learn_facts(usual, calm, days=1.0)
    return usual


def test_spread_to_new_places_is_found() -> None:
    facts = Facts(60, 300, 250, {"mastodon": 200, "bluesky": 100}, {"en": 100, "de": 20, "tr": 100, "fr": 80}, {}, 20)
    (found,) = judge_facts(usual_of(), facts)
    assert (found.kind, found.alarm) == ("spread", True)
    assert found.observed == pytest.approx(0.6, abs=0.01)
    assert found.observed > found.high >= found.expected
    same = Facts(60, 300, 250, {"mastodon": 220, "bluesky": 80}, {"en": 290, "de": 10}, {"GB": 100}, 20)
    assert judge_facts(usual_of(), same) == []
    assert judge_facts(Usual(), facts) == []


def test_coordinated_copies_are_found_and_one_loud_account_is_not() -> None:
    kinds = [found.kind for found in judge_facts(usual_of(), Facts(60, 200, 150, copied=140))]
    assert kinds == ["copies"]
    assert judge_facts(usual_of(), Facts(60, 200, 3, copied=190)) == []
    assert judge_facts(usual_of(), Facts(60, 20, 20, copied=19)) == []


def test_what_is_usual_is_small_forgets_and_is_stored() -> None:
    usual = usual_of()
    for day in range(60):
        places = {f"l{day}-{i}": 1 for i in range(50)}
        usual = learn_facts(usual, Facts(DAY, 50, 50, {}, places, {}), days=1.0)
    assert len(usual.places["language"]) <= 48
    assert usual.places["network"]["mastodon"] < 200
    stored = json.loads(json.dumps(usual_to_dict(usual)))
    assert usual_from_dict(stored) == usual
    assert usual_from_dict({"version": 0}) == Usual()
    storm_places = learn_facts(usual_of(), Facts(60, 100_000, 90_000, {"new": 100_000}), days=0.1)
    assert storm_places.places["network"]["new"] < 0.3 * sum(storm_places.places["network"].values())
    with pytest.raises(ValueError, match="more mentions"):
        Facts(60, 1, 1, {"a": 2})
    with pytest.raises(ValueError, match="time order"):
        learn_facts(usual, Facts(60, 1, 1), days=-1)


def test_a_forecast_follows_the_day_and_lets_a_storm_fade() -> None:
    brand = brands(9, 3, least=600, most=600)[0]
    state, _ = advance(new_state(zone="UTC"), buckets(counts(brand, 14 * DAY)))
    calm = forecast(state, hours=24)
    assert [each.at for each in calm] == [START + timedelta(days=14, hours=1 + i) for i in range(24)]
    assert all(0 <= each.low < each.expected < each.high for each in calm)
    truth = rate(brand, 15 * DAY)[14 * DAY :].reshape(24, 60).sum(axis=1)
    assert np.corrcoef(truth[1:], [each.expected for each in calm][:23])[0, 1] > 0.5
    stormy, _ = advance(state, buckets(np.full(60, 150), start=START + timedelta(days=14)))
    after = forecast(stormy, hours=12)
    ratios = [one.expected / two.expected for one, two in zip(after, calm[1:], strict=False)]
    assert ratios[0] > 3
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] < 1.5
    assert forecast(new_state(zone="UTC")) == []
    with pytest.raises(ValueError, match="72"):
        forecast(state, hours=0)


def test_a_replay_tells_which_when_and_how_late() -> None:
    brand = brands(3, 3, least=300, most=300)[1]
    one = MadeUpStorm("step", 10 * DAY + 300, 12.0, 0, 120, 60.0)
    volume = counts(brand, 12 * DAY, (one,))
    found = replay(buckets(volume))
    assert found == replay(buckets(volume))
    first = next(alarm for alarm in found.alarms if alarm.kind == "volume" and alarm.at > START + timedelta(days=10))
    begun = START + timedelta(minutes=one.begin)
    assert first.onset is not None
    assert abs(first.onset - begun) <= timedelta(minutes=5)
    assert begun < first.at <= begun + timedelta(minutes=6)
    assert first.late_minutes == (first.at - first.onset) / timedelta(minutes=1)
    assert 1 <= first.severity_hint <= 10
    assert found.days == pytest.approx(12 - 1 / 24)
    assert max(peak.score for peak in found.peaks if peak.kind == "volume") >= first.score
    halves = [buckets(volume[: 5 * DAY]), buckets(volume[6 * DAY :], start=START + timedelta(days=6))]
    assert first.at in {alarm.at for alarm in replay(halves).alarms}
    assert replay(halves).days == pytest.approx(11 - 1 / 24)
    with pytest.raises(ValueError, match="overlap"):
        replay([halves[1], halves[0]])


def history(scores: list[float], days: float) -> Replay:
    peaks = [
        Peak(START + timedelta(days=days * (i + 0.5) / len(scores)), "volume", each) for i, each in enumerate(scores)
    ]
    return Replay([], peaks, days)


def test_calibration_keeps_the_budget_and_stays_within_bounds() -> None:
    noisy = history([3.6, 4.1, 4.4, 4.6, 5.0, 5.2, 3.9, 4.8, 3.7, 4.0, 4.2, 4.9], 90)
    found = calibrate(noisy, Settings())
    assert found.shift > 0
    assert found.expected_false_a_month <= 1
    assert found.settings.alarm_score == pytest.approx(Settings().alarm_score + found.shift)
    loud = calibrate(history([9.0] * 60, 90), Settings())
    assert loud.shift == 2.5
    assert "no higher score" in loud.why
    quiet = calibrate(history([2.0], 90), Settings())
    assert quiet.shift == -0.5
    assert calibrate(noisy, found.settings).shift == found.shift


def test_calibration_believes_people_and_is_honest_about_little_history() -> None:
    noisy = history([3.6, 4.1, 4.4, 4.6, 5.0, 5.2], 60)
    true = [(peak.at, False) for peak in noisy.peaks]
    wrong = [(peak.at, True) for peak in noisy.peaks]
    assert (
        calibrate(noisy, Settings(), true).shift
        <= calibrate(noisy, Settings()).shift
        <= calibrate(noisy, Settings(), wrong).shift
    )
    assert calibrate(noisy, Settings(), true).false == 0
    short = calibrate(history([2.0], 5), Settings())
    assert (short.shift, short.confident) == (0.0, False)
    assert "Only 5 days" in short.why


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Settings(alarm_score_shift=float("nan"))
    with pytest.raises(ValueError, match="kinds"):
        Settings(muted=frozenset({"noise"}))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="reach"):
        Settings(influential_reach=0)
    assert all(Settings().alarm_score_of(kind) >= Settings().alarm_score for kind in KINDS)


def test_made_up_storms_begin_where_they_say() -> None:
    for seed in range(12):
        one = storm(seed, 100)
        times = one.times_normal(1000)
        assert one.shape in SHAPES
        assert times[:100].tolist() == [1.0] * 100
        assert times.max() == pytest.approx(one.peak, rel=0.1)
        assert times[one.onset(1000)] >= 3 > times[one.onset(1000) - 1]
    brand = brands(1, 5)[2]
    assert (counts(brand, 500) == counts(brand, 500)).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hourly", [60, 600, 6000])
def test_storms_of_every_shape_are_heard_soon(shape: Any, hourly: int) -> None:
    one = MadeUpStorm(shape, 12 * DAY + 400, 15.0, 0 if shape == "step" else 20, 90, 60.0)
    made_up = brands(17, 4, least=hourly, most=hourly)
    minutes = 12 * DAY + 700
    states = [new_state(zone="UTC", bin_minutes=1)] * 4
    _, readings = advance_many(states, [buckets(counts(brand, minutes, (one,))) for brand in made_up])
    late = []
    for each in readings:
        alarms = [reading.at for reading in each if reading.volume_alarm]
        during = [at for at in alarms if at > START + timedelta(minutes=one.begin)]
        late.append((during[0] - START) / timedelta(minutes=1) - one.onset(minutes))
        assert len(alarms) - len(during) <= 2
    assert float(np.median(late)) <= (15 if hourly < 600 else 8)
