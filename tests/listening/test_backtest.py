"""Backtests replay a brand's past under other settings; calibration moves its threshold by what people decided."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.wall import inside
from listening.actions.backtest import calibrate_brand
from listening.models import Backtest, ListeningSettings, Signal, Source
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North
from tests.listening.storms import DETECTOR, detect, hear, quiet_days, storm, whole

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def ask(person: Person, source: Source, **said: Any) -> Any:
    return person.post("detectors/backtest", {"brand": source.brand_id, **said})


def ran(person: Person, asked: Any) -> Any:
    assert asked.status == 202, asked.body
    assert run_due_jobs("listening.backtest") == 1
    answer = person.get(f"backtests/{asked.body['id']}")
    assert answer.status == 200
    return answer.body


def test_a_backtest_finds_the_storm_of_the_past(bo: Person, source: Source, now: datetime) -> None:
    end = whole(now)
    begins = end - 2 * DAY
    hear(source, quiet_days(end, days=8))
    hear(source, storm(begins, minutes=60, per_minute=60))
    asked = ask(bo, source, **{"from": end - 4 * DAY, "to": end})
    assert (asked.body["result"], asked.body["finished_at"]) == (None, None)
    body = ran(bo, asked)
    assert body["finished_at"] is not None
    assert body["problem"] == ""
    for side in ("given", "present"):
        told = body["result"][side]
        assert told["days"] == pytest.approx(4, abs=0.1)
        [alarm] = [one for one in told["alarms"] if one["kind"] == "volume"]
        at = datetime.fromisoformat(alarm["at"])
        assert begins <= at <= begins + timedelta(minutes=10)
        assert 0 <= alarm["late_minutes"] <= 10
        assert 1 <= alarm["severity_hint"] <= 10
        assert told["alarms_in_all"] == len(told["alarms"])
        assert told["alarms_a_month"] == pytest.approx(told["alarms_in_all"] * 7.5, rel=0.05)
    with inside(source.agency_id):
        backtest = Backtest.objects.get(pk=body["id"])
        assert not Signal.objects.exists(), "a backtest wakes nobody"
    assert [(name, who) for name, who, _ in events_of(backtest)] == [("backtest.asked", str(bo.actor))]


def test_other_settings_hear_other_things(bo: Person, source: Source, now: datetime) -> None:
    end = whole(now)
    hear(source, quiet_days(end, days=8))
    hear(source, storm(end - 2 * DAY, minutes=60, per_minute=60))
    settings = {"false_alarms_per_month": 0.5, "least_mentions": 1_000_000, "muted": ["velocity"], "least_ratio": None}
    body = ran(bo, ask(bo, source, settings=settings))
    assert body["settings"] == settings
    assert [one for one in body["result"]["given"]["alarms"] if one["kind"] in {"volume", "velocity"}] == []
    assert [one for one in body["result"]["present"]["alarms"] if one["kind"] == "volume"]


@pytest.mark.parametrize(
    ("verb", "body", "kind"),
    [("dismiss", {"false_alarm": True}, "false_alarms"), ("activate", {}, "activated")],
)
def test_a_backtest_says_which_reviewed_signals_it_meets(
    lea: Person, source: Source, now: datetime, verb: str, body: dict[str, Any], kind: str
) -> None:
    end = whole(now)
    hear(source, quiet_days(end, days=4))
    hear(source, storm(end - timedelta(minutes=30), minutes=30, per_minute=30))
    [signal] = detect(source, end)
    said: dict[str, Any] = {"reason": "we know", **body}
    if verb == "activate":
        said |= {"severity": 2, "kind": "outcry", "title": "A storm", "pause": False}
    else:
        with inside(source.agency_id):
            Signal.objects.filter(pk=signal.pk).update(severity_hint=4)
    answer = lea.post(f"signals/{signal.pk}/{verb}", said, If_Match=lea.get(f"signals/{signal.pk}").etag)
    assert answer.status == 200, answer.body
    result = ran(lea, ask(lea, source))["result"]
    assert result["present"][kind] == {"signals": 1, "met": 1}
    other = "activated" if kind == "false_alarms" else "false_alarms"
    assert result["present"][other] == {"signals": 0, "met": 0}


def test_a_brand_of_which_nothing_was_heard_has_no_result_to_speak_of(bo: Person, source: Source) -> None:
    body = ran(bo, ask(bo, source))
    assert body["problem"] == "Nothing was heard of the brand in this time."
    assert body["result"]["given"]["alarms_a_month"] is None
    assert body["result"]["given"]["alarms"] == []


def test_the_last_90_days_are_the_default_and_the_future_is_left_out(bo: Person, source: Source, now: datetime) -> None:
    asked = ask(bo, source, to=now + DAY).body
    starts, ends = (datetime.fromisoformat(asked[name]) for name in ("starts_at", "ends_at"))
    assert ends - starts == 90 * DAY
    assert now - timedelta(minutes=1) <= ends <= now + timedelta(minutes=5)


def test_windows_and_settings_that_make_no_sense_are_refused(bo: Person, source: Source, now: datetime) -> None:
    for said, field in (
        ({"from": now, "to": now - DAY}, "to"),
        ({"from": now - 401 * DAY}, "from"),
        ({"settings": {"false_alarms_per_month": 0}}, "settings.false_alarms_per_month"),
        ({"settings": {"least_mentions": 0}}, "settings.least_mentions"),
        ({"settings": {"wrong": 1}}, "settings.wrong"),
    ):
        answer = ask(bo, source, **said)
        assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (400, [field]), answer.body
    assert bo.get("backtests").body["items"] == []


def test_who_may_not_change_sources_asks_for_no_backtest(
    dee: Person, cy: Person, bo: Person, north: North, source: Source, borealis_source: Source
) -> None:
    assert ask(dee, source).status == 403
    assert ask(cy, source).status == 403
    assert ask(bo, borealis_source).status == 400
    made = ask(bo, source).body["id"]
    assert dee.get(f"backtests/{made}").status == 200
    assert cy.get("backtests").status == 403
    assert cy.get(f"backtests/{made}").status == 403


def test_another_agency_sees_no_backtest(eve: Person, bo: Person, source: Source) -> None:
    made = ask(bo, source).body["id"]
    assert ask(eve, source).status == 400
    for path in (f"backtests/{made}", "backtests"):
        assert eve.get(f"/v1/agencies/north/{path}").status == 404
    assert eve.post("/v1/agencies/north/detectors/backtest", {"brand": source.brand_id}).status == 404
    assert eve.get(f"backtests/{made}").status == 404
    assert eve.get("backtests").body["items"] == []


def test_a_list_of_backtests_is_the_same_few_queries_however_long(
    ana: Person, source: Source, borealis_source: Source
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ana.get("backtests").status == 200
        return len(captured)

    ask(ana, source)
    before = queries()
    for _ in range(3):
        ask(ana, borealis_source)
    assert queries() == before
    [only] = ana.get(f"backtests?brand={source.brand_id}").body["items"]
    assert "result" not in only


def reviewed(source: Source, begins: datetime, *, false_alarm: bool) -> None:
    with inside(source.agency_id):
        Signal.objects.create(
            brand_id=source.brand_id, kind="volume", kinds=["volume"], stage="OPEN", severity_hint=4, starts_at=begins,
            alarmed_at=begins + timedelta(minutes=5), seen_at=begins + timedelta(minutes=30), raised_at=begins,
            review_due_at=begins, explanation={}, reviewed_at=begins + timedelta(hours=1),
        )  # fmt: skip
        Signal.objects.filter(stage="OPEN").update(stage="DISMISSED", false_alarm=false_alarm)


def test_false_alarms_raise_the_threshold_of_their_brand(ana: Person, source: Source, now: datetime) -> None:
    end = whole(now)
    hear(source, quiet_days(end, days=30))
    for number in range(6):
        begins = end - (3 + 4 * number) * DAY
        hear(source, storm(begins, minutes=30, per_minute=20))
        reviewed(source, begins, false_alarm=True)
    with inside(source.agency_id):
        assert calibrate_brand(brand_id=source.brand_id, by=DETECTOR, at=now) is not None
        row = ListeningSettings.objects.get(brand_id=source.brand_id)
        assert row.calibration["shift"] > 0
        assert row.calibration["why"]
        assert calibrate_brand(brand_id=source.brand_id, by=DETECTOR, at=now) is None, "nothing more has been learned"
    name, who, facts = events_of(row)[-1]
    assert (name, who, facts["reviewed"]) == ("listening.calibrated", "rule:detector", 6)
    shown = ana.get(f"listening-settings/{source.brand_id}").body["calibration"]
    assert shown["shift"] == row.calibration["shift"]


def test_a_brand_of_which_nobody_decided_anything_is_not_calibrated(ana: Person, source: Source, now: datetime) -> None:
    hear(source, quiet_days(whole(now), days=2))
    with inside(source.agency_id):
        assert calibrate_brand(brand_id=source.brand_id, by=DETECTOR, at=now) is None
        assert not ListeningSettings.objects.exists()


def test_dismissed_without_a_word_of_false_alarm_teaches_nothing(ana: Person, source: Source, now: datetime) -> None:
    end = whole(now)
    hear(source, quiet_days(end, days=2))
    reviewed(source, end - DAY, false_alarm=False)
    with inside(source.agency_id):
        assert calibrate_brand(brand_id=source.brand_id, by=DETECTOR, at=now) is None
