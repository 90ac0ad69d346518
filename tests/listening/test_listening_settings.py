"""How a brand is watched, and what is expected of it: settings, calendar, and what they do to signals."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.wall import inside
from jobs.models import Job
from listening.models import ExpectedEvent, ListeningSettings, Source
from tests.cast import Person, events_of
from tests.conftest import North
from tests.listening.storms import detect, hear, quiet_days, storm, whole

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def path_of(source: Source) -> str:
    return f"listening-settings/{source.brand_id}"


def change(person: Person, source: Source, **changes: Any) -> Any:
    return person.patch(path_of(source), changes, If_Match=person.get(path_of(source)).etag)


def plan(person: Person, source: Source, now: datetime, **said: Any) -> Any:
    body = {"name": "launch", "starts_at": now - HOUR, "ends_at": now + HOUR, "brand": source.brand_id, **said}
    return person.post("expected-events", body)


# -- settings ---------------------------------------------------------------------------------------------------


def test_a_brand_is_watched_by_defaults_until_somebody_says_otherwise(dee: Person, source: Source) -> None:
    answer = dee.get(path_of(source))
    assert answer.status == 200
    body = answer.body
    assert body["brand"] == str(source.brand_id)
    assert (body["version"], body["false_alarms_per_month"], body["monitor_only"]) == (0, 1.0, False)
    assert body["quorum"] == {"1": 2, "2": 2, "3": 1, "4": 1}
    assert body["review_minutes"] == {"1": 5, "2": 15, "3": 30, "4": 60}
    assert (body["calibration"], body["watched_terms"], body["retention_days"]) == (None, [], 395)
    assert body["detector"]["muted"] == []
    assert body["detector"]["least_mentions"] >= 1
    with inside(source.agency_id):
        assert not ListeningSettings.objects.exists(), "to read them stores nothing"


def test_settings_are_changed_in_part_and_by_whom_has_seen_them(bo: Person, source: Source) -> None:
    assert bo.patch(path_of(source), {"monitor_only": True}).status == 428
    seen = bo.get(path_of(source)).etag
    answer = bo.patch(
        path_of(source),
        {"detector": {"least_mentions": 40, "muted": ["silence"]}, "review_minutes": {"1": 3}, "quorum": {"3": 2}},
        If_Match=seen,
    )
    assert (answer.status, answer.body["version"]) == (200, 1)
    assert answer.etag != seen
    assert answer.body["detector"]["least_mentions"] == 40
    assert answer.body["detector"]["muted"] == ["silence"]
    assert answer.body["review_minutes"] == {"1": 3, "2": 15, "3": 30, "4": 60}
    assert answer.body["quorum"] == {"1": 2, "2": 2, "3": 2, "4": 1}
    assert bo.patch(path_of(source), {"monitor_only": True}, If_Match=seen).status == 412
    assert bo.get(path_of(source)).body == answer.body
    with inside(source.agency_id):
        row = ListeningSettings.objects.get(brand_id=source.brand_id)
        assert Job.objects.filter(handler="listening.detect", args__brand_id=str(source.brand_id)).exists()
    name, who, facts = events_of(row)[-1]
    assert (name, who) == ("listening.changed", str(bo.actor))
    assert facts == {"changed": ["detector", "quorum", "review_minutes"], "monitor_only": False}


def test_null_brings_a_default_back(bo: Person, source: Source) -> None:
    default = bo.get(path_of(source)).body
    change(bo, source, detector={"least_mentions": 40, "least_ratio": 9.0}, quorum={"1": 5}, review_minutes={"4": 9})
    answer = change(bo, source, detector={"least_mentions": None}, quorum={"1": None}, review_minutes={"4": None})
    assert answer.status == 200
    assert answer.body["detector"] == {**default["detector"], "least_ratio": 9.0}
    assert (answer.body["quorum"], answer.body["review_minutes"]) == (default["quorum"], default["review_minutes"])


@pytest.mark.parametrize(
    "changes",
    [
        {"false_alarms_per_month": 0},
        {"false_alarms_per_month": 31},
        {"false_alarms_per_month": None},
        {"false_alarms_per_month": "1"},
        {"monitor_only": "yes"},
        {"detector": {"least_ratio": 1.0}},
        {"detector": {"least_mentions": 0}},
        {"detector": {"mood_least_rise": 1.5}},
        {"detector": {"muted": ["everything"]}},
        {"detector": {"alarm_score_shift": 5.0}},
        {"quorum": {"5": 1}},
        {"quorum": {"1": 0}},
        {"quorum": {"1": 11}},
        {"quorum": {}},
        {"review_minutes": {"1": 0}},
        {"review_minutes": {"1": 10_081}},
        {"retention_days": 29},
        {"retention_days": 1831},
        {"watched_terms": ["x" * 81]},
        {"calibration": {"shift": 1.0}},
        {"brand": "another"},
    ],
)
def test_what_lies_out_of_bounds_is_refused(bo: Person, source: Source, changes: dict[str, Any]) -> None:
    answer = change(bo, source, **changes)
    assert (answer.status, answer.code) == (400, "invalid"), answer.body
    assert [error["field"].split(".")[0] for error in answer.body["errors"]] == list(changes)
    assert bo.get(path_of(source)).body["version"] == 0


def test_who_may_not_change_sources_changes_no_settings(
    dee: Person, cy: Person, bo: Person, source: Source, borealis_source: Source
) -> None:
    seen = dee.get(path_of(source)).etag
    assert dee.patch(path_of(source), {"monitor_only": True}, If_Match=seen).status == 403
    assert cy.get(path_of(source)).status == 403
    assert bo.get(path_of(borealis_source)).status == 404
    assert bo.patch(path_of(borealis_source), {"monitor_only": True}, If_Match=seen).status == 404


def test_another_agency_sees_no_settings(eve: Person, source: Source) -> None:
    for path in (path_of(source), f"/v1/agencies/north/{path_of(source)}"):
        assert eve.get(path).status == 404
        assert eve.patch(path, {"monitor_only": True}, If_Match='"x"').status == 404


def test_a_brand_that_is_only_monitored_wakes_nobody(ana: Person, source: Source, now: datetime) -> None:
    end = whole(now)
    assert change(ana, source, monitor_only=True).status == 200
    hear(source, quiet_days(end, days=1))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=60))
    [signal] = detect(source, end)
    assert (signal.monitor_only, signal.page_id, signal.stage) == (True, None, "OPEN")
    [listed] = ana.get("signals?monitor_only=true").body["items"]
    assert listed["id"] == str(signal.pk)
    assert ana.get("signals?monitor_only=false").body["items"] == []
    assert ana.get("pages").body["items"] == []


# -- calendar ---------------------------------------------------------------------------------------------------


def test_what_is_expected_alarms_nobody(ana: Person, source: Source, borealis_source: Source, now: datetime) -> None:
    end = whole(now)
    assert plan(ana, source, now, factor=100.0).status == 201
    for each in (source, borealis_source):
        hear(each, quiet_days(end, days=2))
        hear(each, storm(end - timedelta(minutes=20), minutes=20, per_minute=30))
    assert detect(source, end) == []
    assert len(detect(borealis_source, end)) == 1


def test_an_event_for_which_nobody_comes_is_no_silence(ana: Person, source: Source, now: datetime) -> None:
    end = whole(now)
    assert plan(ana, source, now, factor=1000.0, starts_at=now - 8 * HOUR).status == 201
    hear(source, quiet_days(end, days=2))
    assert detect(source, end) == []


def test_a_cancelled_event_explains_nothing_any_more(ana: Person, source: Source, now: datetime) -> None:
    end = whole(now)
    event = plan(ana, source, now, factor=100.0)
    hear(source, quiet_days(end, days=2))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=30))
    assert detect(source, end) == []
    assert ana.post(f"expected-events/{event.body['id']}/cancel", If_Match=event.etag).status == 200
    assert len(detect(source, end)) == 1


def test_an_event_is_planned_moved_and_cancelled(bo: Person, source: Source, now: datetime) -> None:
    planned = plan(bo, source, now)
    assert (planned.status, planned.body["factor"], planned.body["version"]) == (201, 3.0, 1)
    path = f"expected-events/{planned.body['id']}"
    assert bo.get(path).body == planned.body
    assert bo.patch(path, {"factor": 5.0}).status == 428
    moved = bo.patch(path, {"factor": 5.0, "ends_at": now + 3 * HOUR}, If_Match=planned.etag)
    assert (moved.status, moved.body["factor"], moved.body["version"]) == (200, 5.0, 2)
    assert bo.patch(path, {"factor": 6.0}, If_Match=planned.etag).status == 412
    backwards = bo.patch(path, {"ends_at": now - 2 * HOUR}, If_Match=moved.etag)
    assert (backwards.status, [error["field"] for error in backwards.body["errors"]]) == (400, ["ends_at"])
    assert bo.post(f"{path}/cancel").status == 428
    cancelled = bo.post(f"{path}/cancel", If_Match=moved.etag)
    assert cancelled.status == 200
    assert cancelled.body["cancelled_at"] is not None
    again = bo.post(f"{path}/cancel", If_Match=cancelled.etag)
    assert (again.status, again.code) == (409, "event_over")
    with inside(source.agency_id):
        event = ExpectedEvent.objects.get(pk=planned.body["id"])
    assert [(name, who) for name, who, _ in events_of(event)] == [
        (f"expected_event.{verb}", str(bo.actor)) for verb in ("planned", "changed", "cancelled")
    ]
    assert [item["id"] for item in bo.get(f"expected-events?brand={source.brand_id}").body["items"]] == [str(event.pk)]


def test_what_is_over_is_not_changed(bo: Person, source: Source, now: datetime) -> None:
    planned = plan(bo, source, now, starts_at=now - 3 * HOUR, ends_at=now - HOUR)
    path = f"expected-events/{planned.body['id']}"
    for answer in (
        bo.patch(path, {"factor": 5.0}, If_Match=planned.etag),
        bo.post(f"{path}/cancel", If_Match=planned.etag),
    ):
        assert (answer.status, answer.code) == (409, "event_over")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"factor": 0.5}, "factor"),
        ({"factor": 1001}, "factor"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"colour": "red"}, "colour"),
        ({"brand": "01900000-0000-7000-8000-000000000000"}, "brand"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(
    bo: Person, source: Source, now: datetime, said: dict[str, Any], field: str
) -> None:
    answer = plan(bo, source, now, **said)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (400, [field])


def test_an_event_ends_after_it_starts(bo: Person, source: Source, now: datetime) -> None:
    answer = plan(bo, source, now, ends_at=now - HOUR)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (400, ["ends_at"])


def test_who_may_not_change_sources_plans_no_events(
    ana: Person, dee: Person, cy: Person, bo: Person, source: Source, borealis_source: Source, now: datetime
) -> None:
    planned = plan(ana, source, now)
    path = f"expected-events/{planned.body['id']}"
    assert plan(dee, source, now).status == 403
    assert dee.get(path).status == 200
    assert dee.patch(path, {"factor": 5.0}, If_Match=planned.etag).status == 403
    assert dee.post(f"{path}/cancel", If_Match=planned.etag).status == 403
    assert cy.get("expected-events").status == 403
    assert plan(bo, borealis_source, now).status == 400
    other = plan(ana, borealis_source, now)
    assert bo.get(f"expected-events/{other.body['id']}").status == 404
    assert [item["id"] for item in bo.get("expected-events").body["items"]] == [planned.body["id"]]


def test_another_agency_sees_no_events(eve: Person, ana: Person, source: Source, now: datetime) -> None:
    planned = plan(ana, source, now)
    path = f"expected-events/{planned.body['id']}"
    assert plan(eve, source, now).status == 400
    for each in (path, f"/v1/agencies/north/{path}"):
        assert eve.get(each).status == 404
        assert eve.patch(each, {"factor": 5.0}, If_Match='"x"').status == 404
        assert eve.post(f"{each}/cancel", If_Match='"x"').status == 404
    assert eve.get("expected-events").body["items"] == []


def test_a_list_of_events_is_the_same_few_queries_however_long(
    ana: Person, north: North, source: Source, borealis_source: Source, now: datetime
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ana.get("expected-events").status == 200
        return len(captured)

    plan(ana, source, now)
    before = queries()
    for each in (source, borealis_source, source):
        plan(ana, each, now)
    assert queries() == before
