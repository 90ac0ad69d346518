"""The evaluation scores as the benchmark does, looks at nothing that comes later, and names what it cannot read."""

import json
import math
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from listening.detector import Settings
from listening.detector.evaluation import (
    PROFILES,
    Outcome,
    Series,
    Unreadable,
    alarms_in,
    false_alarms_per_day,
    leave_one_out,
    median_delay,
    outcome,
    read_directory,
    score,
    sigmoid,
)
from listening.detector.synthetic import MadeUpStorm, brands, counts

START = datetime(2026, 3, 2, tzinfo=UTC)


def series(values: list[int] | np.ndarray, windows: list[tuple[int, int]], width: float = 5.0) -> Series:
    rows = np.asarray(values, dtype=np.int64)
    first = START.timestamp() / 60
    return Series("made-up.csv", first + width * np.arange(rows.size), rows, width, windows)


def stormy(seed: int, days: int = 12, *, width: int = 5) -> tuple[np.ndarray, int]:
    """Counts by bins of `width` minutes with a storm on the last day but one, and the bin in which it begins."""
    begin = (days - 2) * 1440 + 600
    one = MadeUpStorm(shape="ramp", begin=begin, peak=20.0, rise=15, stay=60, half_life=60.0)
    brand = brands(seed, 5, least=200, most=2000)[2]
    return counts(brand, days * 1440, (one,)).reshape(-1, width).sum(axis=1), begin // width


def write(directory: Path, name: str, values: np.ndarray, *, width: float = 5.0) -> None:
    lines = [f"{START + timedelta(minutes=width * i):%Y-%m-%d %H:%M:%S},{value}" for i, value in enumerate(values)]
    (directory / name).write_text("timestamp,value\n" + "\n".join(lines) + "\n")


def label(directory: Path, **windows: tuple[int, int]) -> None:
    stored = {
        f"{name}.csv": [[f"{START + timedelta(minutes=5 * first)}", f"{START + timedelta(minutes=5 * last)}"]]
        for name, (first, last) in windows.items()
    }
    (directory / "labels.json").write_text(json.dumps(stored))


def test_the_sigmoid_earns_early_and_costs_far_behind() -> None:
    assert sigmoid(0.0) == 0.0
    assert sigmoid(-1.0) == pytest.approx(0.98661430)
    assert sigmoid(1.0) == pytest.approx(-0.98661430)
    assert sigmoid(3.0) == pytest.approx(-1.0, abs=1e-6)
    assert sigmoid(3.1) == -1.0


def test_nothing_found_scores_zero_and_all_found_at_once_scores_a_hundred() -> None:
    one = series([0] * 2000, [(1000, 1099), (1500, 1599)])
    assert score([outcome(one, [])]) == pytest.approx({"standard": 0.0, "low_fp": 0.0, "low_fn": 0.0})
    perfect = outcome(one, [1000, 1500])
    assert score([perfect]) == pytest.approx({"standard": 100.0, "low_fp": 100.0, "low_fn": 100.0})
    assert perfect.delays == [0.0, 0.0]


def test_a_hand_computed_case() -> None:
    # One of two windows is found in its middle; one alarm lies before all windows, one a window behind the first.
    one = series([0] * 2000, [(1000, 1099), (1500, 1599)])
    judged = outcome(one, [900, 1050, 1060, 1099 + 99])
    place = (2 / (1 + math.exp(5 * -0.5)) - 1) / (2 / (1 + math.exp(-5.0)) - 1)
    wrong = -1.0 + (2 / (1 + math.exp(5.0)) - 1)
    assert judged.found == pytest.approx([place])
    assert judged.false_places == pytest.approx([-1.0, wrong + 1.0])
    assert judged.missed == 1
    for name, (false_alarm, missed) in {"standard": (0.11, 1), "low_fp": (0.22, 1), "low_fn": (0.11, 2)}.items():
        raw = place - missed + false_alarm * wrong
        assert score([judged])[name] == pytest.approx(100 * (raw + 2 * missed) / (2 + 2 * missed))
    assert median_delay([judged]) == 250.0
    assert false_alarms_per_day([judged]) == pytest.approx(2 / ((2000 - 1 - 300) * 5 / 1440))


def test_alarms_on_probation_count_for_nothing() -> None:
    long, short = series([0] * 10_000, [(5000, 5100)]), series([0] * 1000, [(500, 600)])
    assert (long.probation, short.probation) == (750, 150)
    assert outcome(long, [0, 749]).false_places == []
    assert len(outcome(long, [750]).false_places) == 1


def test_the_first_alarm_of_a_window_earns_and_later_ones_cost_nothing() -> None:
    one = series([0] * 2000, [(1000, 1099)])
    assert outcome(one, [1040, 1020, 1090]) == outcome(one, [1020])


def test_scores_are_normalised_over_the_whole_directory() -> None:
    one = series([0] * 2000, [(1000, 1099)])
    both = [outcome(one, [1000]), outcome(series([0] * 2000, []), [500])]
    assert score(both)["standard"] == pytest.approx(100 - 100 * 0.11 / 2)
    with pytest.raises(Unreadable, match="nothing to score"):
        score(both[1:])


def test_profiles_are_the_benchmarks() -> None:
    assert {name: (each.false_alarm, each.missed) for name, each in PROFILES.items()} == {
        "standard": (0.11, 1.0),
        "low_fp": (0.22, 1.0),
        "low_fn": (0.11, 2.0),
    }


@pytest.mark.parametrize("width", [1, 5, 15])
def test_a_storm_is_heard_whatever_the_bins(width: int) -> None:
    values, begin = stormy(3, width=width)
    alarms = alarms_in(series(values, [], float(width)), [Settings()])[0]
    assert [row for row in alarms if begin <= row <= begin + 30 // width + 1]
    assert len(alarms) <= 3


def test_what_comes_later_changes_nothing() -> None:
    values, begin = stormy(5)
    whole = alarms_in(series(values, []), [Settings()])[0]
    for end in (begin + 1, begin + 4, begin + 20):
        assert alarms_in(series(values[:end], []), [Settings()])[0] == [row for row in whole if row < end]


def test_wavering_timestamps_change_nothing_and_gaps_are_passed_over() -> None:
    values, begin = stormy(7)
    plain = series(values, [])
    draw = np.random.default_rng(1)
    wavering = Series("w", plain.minutes + draw.uniform(-2.0, 2.0, values.size), plain.values, 5.0, [])
    assert alarms_in(wavering, [Settings()]) == alarms_in(plain, [Settings()])
    keep = np.ones(values.size, dtype=bool)
    keep[1000:1300] = False
    gap = Series("g", plain.minutes[keep], plain.values[keep], 5.0, [])
    assert [row for row in alarms_in(gap, [Settings()])[0] if begin - 300 <= row <= begin - 300 + 8]
    assert not [row for row in alarms_in(gap, [Settings()])[0] if row < begin - 300]


def test_a_directory_is_read_with_its_labels(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", np.arange(100))
    write(tmp_path, "b.csv", np.arange(50))
    label(tmp_path, a=(10, 20), elsewhere=(1, 2))
    first, second = read_directory(tmp_path)
    assert (first.name, first.windows, first.width) == ("a.csv", [(10, 20)], 5.0)
    assert (second.windows, second.values.tolist()) == ([], list(range(50)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "header"),
        ("time,count\n1,2\n", "header"),
        ("timestamp,value\n", "fewer than two rows"),
        ("timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:05:00,many\n", "line 3"),
        ("timestamp,value\n2026-03-02 00:00:00,1\nyesterday,1\n", "line 3"),
        ("timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:05:00\n", "line 3"),
        ("timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:05:00,-1\n", "is no count"),
        ("timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:05:00,nan\n", "is no count"),
        ("timestamp,value\n2026-03-02 00:00:00,1\n2026-03-02 00:00:00,1\n", "same timestamp"),
        ("timestamp,value\n2026-03-02 00:00:00,1\n2026-03-03 00:00:00,1\n", "minutes apart"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(content)
    label(tmp_path)
    with pytest.raises(Unreadable, match=said) as told:
        read_directory(tmp_path)
    assert "bad.csv" in str(told.value)


@pytest.mark.parametrize(
    "labels", [None, "{", "[]", '{"a.csv": [["yesterday", "today"]]}', '{"a.csv": [[1]]}', '{"a.csv": 5}']
)
def test_labels_that_cannot_be_read_are_named(tmp_path: Path, labels: str | None) -> None:
    write(tmp_path, "a.csv", np.arange(10))
    if labels is not None:
        (tmp_path / "labels.json").write_text(labels)
    with pytest.raises(Unreadable, match=r"labels\.json"):
        read_directory(tmp_path)


def test_leaving_one_out_chooses_on_the_others() -> None:
    made = []
    for seed in (3, 5):
        values, begin = stormy(seed, days=8)
        made.append(series(values, [(begin - 10, begin + 60)]))
    left = leave_one_out(made)
    assert [each.outcome.windows for each in left] == [1, 1]
    assert all(not each.outcome.missed for each in left)
    assert left[0].default == outcome(made[0], alarms_in(made[0], [Settings()])[0])
    with pytest.raises(Unreadable, match="at least two"):
        leave_one_out(made[:1])


def test_the_command_prints_one_json_object(tmp_path: Path) -> None:
    values, begin = stormy(3)
    write(tmp_path, "a.csv", values)
    write(tmp_path, "quiet.csv", values[: begin - 5])
    label(tmp_path, a=(begin - 12, begin + 60))
    out, err = StringIO(), StringIO()
    call_command("evaluate_detection", str(tmp_path), "--json", stdout=out, stderr=err)
    told = json.loads(out.getvalue())
    assert set(told["score"]) == {"standard", "low_fp", "low_fn"}
    assert told["score"]["standard"] > 80
    assert 60 <= told["delay_minutes_median"] <= 90
    assert told["false_alarms_per_day"] < 0.1
    assert told["files"]["a.csv"]["found"] == 1
    assert "quiet.csv has no labelled window" in err.getvalue()


def test_the_command_prints_tables_and_refuses_plainly(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 5)):
        values, begin = stormy(seed, days=8)
        write(tmp_path, f"{name}.csv", values)
    label(tmp_path, a=(begin - 10, begin + 60), b=(begin - 10, begin + 60))
    out = StringIO()
    call_command("evaluate_detection", str(tmp_path), "--leave-one-out", stdout=out)
    assert "chosen on the others" in out.getvalue()
    assert "b.csv: alarm score" in out.getvalue()
    with pytest.raises(CommandError, match="is not a directory"):
        call_command("evaluate_detection", str(tmp_path / "nowhere"))
    (tmp_path / "labels.json").write_text("{}")
    with pytest.raises(CommandError, match="nothing to score"):
        call_command("evaluate_detection", str(tmp_path), stderr=StringIO())


def test_an_outcome_without_windows_misses_none() -> None:
    assert Outcome("x", 0, [], [], [], 1.0).missed == 0
