"""How much was said, step by step, beside what was expected."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from listening.models import Source
from tests.cast import Answer, Person
from tests.listening.mentions import NOON, deliver, mention
from tests.listening.storms import detect, hear, quiet_days, storm, whole

pytestmark = pytest.mark.django_db


def ask(person: Person, source: Source, start: datetime, end: datetime, **more: Any) -> Answer:
    asked = {"brand": source.brand_id, "from": start.isoformat(), "to": end.isoformat(), **more}
    return person.get(f"volumes?{urlencode(asked)}")


def test_every_step_has_a_point_even_an_empty_one(bo: Person, source: Source) -> None:
    deliver(bo, source, [mention(n, posted_at=(NOON + timedelta(seconds=20 * n)).isoformat()) for n in range(6)])
    answer = ask(bo, source, NOON - timedelta(minutes=1), NOON + timedelta(minutes=3), step="1m")
    assert answer.status == 200
    assert (answer.body["brand"], answer.body["step"]) == (str(source.brand_id), "1m")
    assert [(p["at"][11:16], p["volume"], p["authors"], p["reach"]) for p in answer.body["points"]] == [
        ("11:59", 0, 0, 0),
        ("12:00", 3, 3, 303),
        ("12:01", 3, 3, 312),
        ("12:02", 0, 0, 0),
    ]
    assert all(p["expected"] is None for p in answer.body["points"]), "the detector has not looked"


@pytest.mark.parametrize(("step", "points"), [("1m", 1440), ("5m", 288), ("1h", 24), ("1d", 1)])
def test_every_step_sums_the_same_day(bo: Person, source: Source, now: datetime, step: str, points: int) -> None:
    end = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = quiet_days(end, days=2)
    hear(source, days)
    detect(source, end + timedelta(hours=2))
    yesterday = end - timedelta(days=1)
    series = ask(bo, source, yesterday, end, step=step).body["points"]
    assert len(series) == points
    assert sum(p["volume"] for p in series) == sum(count for minute, count in days.items() if minute >= yesterday)
    assert sum(p["expected"] for p in series) == pytest.approx(3 * 1440, rel=0.1)
    for point in series:
        assert point["low"] <= point["expected"] <= point["high"]
        assert 0 < point["negative_share"] < 0.5
    inside_band = sum(p["low"] <= p["volume"] <= p["high"] for p in series) / points
    assert inside_band > 0.85


def test_a_storm_stands_out_of_its_band(bo: Person, ana: Person, source: Source, now: datetime) -> None:
    end = whole(now)
    hear(source, quiet_days(end, days=2))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=60))
    assert detect(source, end)
    for step in ("1m", "5m"):
        last = ask(bo, source, end - timedelta(minutes=10), end, step=step).body["points"][-1]
        assert last["volume"] > 3 * last["high"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"step": "2m"}, "step"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2020-01-01T00:00:00Z"}, "to"),
        ({"from": "2025-01-01T00:00:00Z", "step": "1m"}, "to"),
        ({"zoom": "1"}, "zoom"),
        ({"brand": "0190b0a0-0000-7000-8000-000000000000"}, "brand"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    bo: Person, source: Source, more: dict[str, Any], field: str
) -> None:
    answer = ask(bo, source, NOON, NOON + timedelta(hours=1), **more)
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (400, [field])


def test_everything_must_be_asked_for(bo: Person) -> None:
    answer = bo.get("volumes")
    assert sorted(e["field"] for e in answer.body["errors"]) == ["brand", "from", "to"]


def test_volumes_are_for_those_who_see_the_brand(
    bo: Person, cy: Person, eve: Person, source: Source, borealis_source: Source
) -> None:
    hour = NOON, NOON + timedelta(hours=1)
    assert ask(cy, source, *hour).status == 403
    assert ask(bo, borealis_source, *hour).status == 400
    assert ask(eve, source, *hour).status == 400
    assert eve.get("/v1/agencies/north/volumes").status == 404
