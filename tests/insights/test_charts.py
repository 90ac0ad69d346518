"""Charts and figures: pure functions."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.states import ClockKind
from insights.charts import WIDTH, count_in_short, mood_chart, nice_ceiling, spread, volume_chart
from insights.clock_chart import clock_chart, kept
from insights.numbers import MOST_POINTS, Moments, durations, height, window_of
from insights.words import CLOCKS, seconds_in_words
from listening.queries import STEPS, Point

NOON = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night in which Berlin loses an hour
STEP = timedelta(minutes=5)
SIGNS = {"clock-met", "clock-late", "clock-missed", "clock-open"}


def point(place: int, volume: int = 10, *, band: bool = True) -> dict[str, Any]:
    return {
        "at": NOON + place * STEP,
        "volume": volume,
        "negative": volume // 2,
        "expected": 10.0 if band else None,
        "low": 4.0 if band else None,
        "high": 17.0 if band else None,
        "negative_share": 0.2 if band else None,
    }


@pytest.mark.parametrize("draw", [volume_chart, mood_chart])
@pytest.mark.parametrize(
    "points",
    [
        [point(0)],
        [point(n, 0) for n in range(5)],
        [point(n, n * 100, band=n % 3 > 0) for n in range(40)],
        [point(n, band=False) for n in range(300)],
    ],
    ids=["one", "silence", "gaps", "no band"],
)
def test_every_chart_is_well_formed_and_stays_in_its_frame(draw: Any, points: list[dict[str, Any]]) -> None:
    marks = [{"at": NOON + n * timedelta(seconds=5), "label": "<b>&", "number": n} for n in range(30)]
    svg = str(draw(points, marks, width=STEP, zone=ZoneInfo("Europe/Berlin")))
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    assert "NaN" not in svg
    _, _, width, height_ = map(float, root.attrib["viewBox"].split())
    for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 <= float(circle.attrib["cx"]) <= width
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= float(text.attrib["y"]) <= height_


def test_no_points_make_no_chart() -> None:
    assert volume_chart([], [], width=STEP, zone=ZoneInfo("UTC")) == ""
    assert mood_chart([], [], width=STEP, zone=ZoneInfo("UTC")) == ""


@given(st.floats(min_value=0, max_value=1e9))
def test_the_top_of_an_axis_is_round_and_not_far_above(value: float) -> None:
    top = nice_ceiling(value)
    assert top >= value
    assert top <= max(4, value * 2.01)
    assert (top / 4).is_integer()


@given(st.lists(st.floats(min_value=52, max_value=942), max_size=35).map(sorted))
def test_numbers_of_marks_never_cover_each_other(places: list[float]) -> None:
    moved = spread(places, gap=21, low=52, high=946)
    assert all(right - left >= 21 - 1e-6 for left, right in pairwise(moved))
    assert all(52 - 1e-6 <= place <= 946 + 1e-6 for place in moved)


def test_moments_that_did_not_happen_have_no_duration() -> None:
    found = durations(Moments(began=NOON, known=NOON + STEP, activated=NOON + 3 * STEP))
    assert (found["detect"], found["decide"], found["first_words"]) == (300.0, 600.0, None)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=90)))
def test_a_window_always_fits_the_chart(length: timedelta) -> None:
    moments = Moments(began=NOON, known=NOON, resolved=NOON + length)
    window = window_of(moments, at=NOON + length + timedelta(days=1))
    assert window.start < NOON <= window.end
    assert (window.end - window.start) / STEPS[window.step] <= MOST_POINTS + 1


def test_the_worst_mood_is_not_that_of_a_handful() -> None:
    def heard(place: int, volume: int, negative: int) -> Point:
        return Point(NOON + place * STEP, volume, negative, 0, 0, 10.0, 4.0, 17.0, 0.25)

    found = height([heard(0, 2, 2), heard(1, 100, 60), heard(2, 50, 35)])
    assert (found["worst_share"], found["peak_volume"], found["peak_times"]) == (0.7, 100, 10.0)
    assert found["normal_share"] == 0.25


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (42.4, "42 s"), (61, "1 min 01 s"), (600, "10 min"), (7500, "2 h 05 min"), (200_000, "2 d 7 h")],
)
def test_lengths_of_time_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert seconds_in_words(seconds) == said


def clock(kind: str, *, minutes: int = 60, taken: float | None, state: str) -> dict[str, Any]:
    met = None if taken is None else NOON + timedelta(minutes=taken)
    due = NOON + timedelta(minutes=minutes)
    return {"kind": kind, "minutes": minutes, "started_at": NOON, "due_at": due, "met_at": met, "state": state}


def test_each_clock_has_a_sign_by_how_it_ended() -> None:
    clocks = [
        clock("acknowledge", minutes=15, taken=3, state="met"),
        clock("update", taken=30, state="met"),
        clock("update", taken=90, state="met_late"),
        clock("update", taken=None, state="breached"),
        clock("internal_update", taken=None, state="running"),
    ]
    svg = str(clock_chart(clocks, at=NOON + timedelta(minutes=20)))
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    signs = [sign.attrib["class"] for sign in root if sign.attrib.get("class") in SIGNS]
    assert signs == ["clock-met", "clock-met", "clock-late", "clock-missed", "clock-open"]
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"met in 3 min", "1 of 3 in time", "still open after 20 min"} <= set(texts)
    assert kept(clocks) == (2, 4)


def test_a_clock_that_took_for_ever_stays_in_the_frame() -> None:
    svg = str(clock_chart([clock("first_words", minutes=1, taken=100_000, state="met_late")], at=NOON))
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    lines = list(root.iter("{http://www.w3.org/2000/svg}line"))
    assert lines
    assert all(0 <= float(line.attrib["x2"]) <= WIDTH for line in lines)
    assert clock_chart([], at=NOON) == ""


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (800, "800"), (12_000, "12,000"), (240_000, "240k"), (1_500_000, "1.5M")]
)
def test_large_numbers_are_short_at_an_axis(value: float, said: str) -> None:
    assert count_in_short(value) == said


def test_every_kind_of_clock_has_words() -> None:
    assert set(CLOCKS) == set(ClockKind)
