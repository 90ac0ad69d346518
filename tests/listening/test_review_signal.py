"""What people make of a signal: watch, handle individually, dismiss. Each ends or takes its page."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import ProgrammingError, connection
from django.test.utils import CaptureQueriesContext

from alerting.models import Page
from core.ids import uuid7
from core.wall import inside
from listening.models import Signal, Source
from tests.cast import Person, events_of, send
from tests.listening.storms import detect, hear, quiet_days, storm, whole

pytestmark = pytest.mark.django_db
REASON = {"reason": "we are looking into it"}


@pytest.fixture
def signal(ana: Person, source: Source, now: datetime) -> Signal:
    end = whole(now)
    hear(source, quiet_days(end, days=1))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=30))
    [raised] = detect(source, now)
    return raised


def page_of(signal: Signal) -> Page:
    with inside(signal.agency_id):
        page: Page = Page.objects.get(pk=signal.page_id)
        return page


def stored(signal: Signal) -> Signal:
    with inside(signal.agency_id):
        found: Signal = Signal.objects.get(pk=signal.pk)
        return found


@pytest.mark.parametrize(
    ("verb", "stage", "event", "page_stage"),
    [
        ("watch", "WATCHING", "signal.watched", "ACKNOWLEDGED"),
        ("handle", "HANDLED", "signal.handled", "RESOLVED"),
        ("dismiss", "DISMISSED", "signal.dismissed", "RESOLVED"),
    ],
)
def test_a_review_moves_the_signal_and_settles_its_page(
    dee: Person, signal: Signal, verb: str, stage: str, event: str, page_stage: str
) -> None:
    seen = dee.get(f"signals/{signal.pk}")
    answer = dee.post(f"signals/{signal.pk}/{verb}", REASON, If_Match=seen.etag)
    assert answer.status == 200
    assert (answer.body["stage"], answer.body["reason"], answer.body["version"]) == (stage, REASON["reason"], 2)
    assert answer.etag != seen.etag
    row = stored(signal)
    assert (row.stage, row.reason, row.version) == (stage, REASON["reason"], 2)
    assert row.reviewed_at is not None
    assert events_of(signal)[1:] == [(event, str(dee.actor), REASON)]
    assert page_of(signal).stage == page_stage


def test_a_watched_signal_can_still_be_decided(dee: Person, signal: Signal) -> None:
    first = dee.post(f"signals/{signal.pk}/watch", REASON, If_Match=dee.get(f"signals/{signal.pk}").etag)
    second = dee.post(f"signals/{signal.pk}/dismiss", REASON, If_Match=first.etag)
    assert (second.status, second.body["stage"]) == (200, "DISMISSED")
    assert page_of(signal).stage == "RESOLVED"


@pytest.mark.parametrize("verb", ["watch", "handle", "dismiss"])
def test_what_is_decided_is_not_decided_again(dee: Person, signal: Signal, verb: str) -> None:
    decided = dee.post(f"signals/{signal.pk}/dismiss", REASON, If_Match=dee.get(f"signals/{signal.pk}").etag)
    answer = dee.post(f"signals/{signal.pk}/{verb}", REASON, If_Match=decided.etag)
    assert (answer.status, answer.code) == (409, "cannot_move")
    assert [name for name, _, _ in events_of(signal)] == ["signal.raised", "signal.dismissed"]


def test_a_page_that_was_taken_already_is_no_obstacle(dee: Person, lea: Person, signal: Signal) -> None:
    assert dee.post(f"pages/{signal.page_id}/acknowledge").status == 200
    answer = lea.post(f"signals/{signal.pk}/watch", REASON, If_Match=lea.get(f"signals/{signal.pk}").etag)
    assert answer.status == 200
    assert page_of(signal).acknowledged_by_id == dee.seat.pk


def test_the_reviewer_must_have_seen_what_they_decide_on(dee: Person, signal: Signal) -> None:
    assert dee.post(f"signals/{signal.pk}/dismiss", REASON).status == 428
    old = dee.get(f"signals/{signal.pk}").etag
    dee.post(f"signals/{signal.pk}/watch", REASON, If_Match=old)
    assert dee.post(f"signals/{signal.pk}/dismiss", REASON, If_Match=old).status == 412
    assert stored(signal).stage == "WATCHING"


def test_a_reason_must_be_given(dee: Person, signal: Signal) -> None:
    answer = dee.post(f"signals/{signal.pk}/dismiss", {}, If_Match=dee.get(f"signals/{signal.pk}").etag)
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (400, ["reason"])


def test_signals_are_listed_newest_first_and_narrowed(dee: Person, bo: Person, signal: Signal) -> None:
    listed = dee.get("signals")
    assert [item["id"] for item in listed.body["items"]] == [str(signal.pk)]
    assert dee.get(f"signals?brand={signal.brand_id}&stage=OPEN&kind=volume").body["items"]
    assert dee.get("signals?stage=DISMISSED").body["items"] == []
    assert dee.get(f"signals?brand={uuid7()}").body["items"] == []
    assert dee.get("signals?mood=bad").status == 400
    assert bo.get("signals").body["items"], "the manager of the brand sees it"


def test_a_list_of_signals_is_the_same_few_queries_however_long(
    dee: Person, signal: Signal, borealis_source: Source, now: datetime
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert dee.get("signals").status == 200
        return len(captured)

    before = queries()
    end = whole(now)
    hear(borealis_source, quiet_days(end, days=1))
    hear(borealis_source, storm(end - timedelta(minutes=20), minutes=20, per_minute=30))
    assert detect(borealis_source, now)
    assert queries() == before


def test_nobody_without_the_need_reviews(cy: Person, signal: Signal) -> None:
    assert cy.get("signals").status == 403
    assert cy.post(f"signals/{signal.pk}/dismiss", REASON).status == 403
    assert send("GET", "/v1/agencies/north/signals").status == 401


def test_a_manager_of_another_brand_does_not_see_the_signal(
    bo: Person, ana: Person, borealis_source: Source, now: datetime
) -> None:
    end = whole(now)
    hear(borealis_source, quiet_days(end, days=1))
    hear(borealis_source, storm(end - timedelta(minutes=20), minutes=20, per_minute=30))
    [signal] = detect(borealis_source, now)
    assert bo.get(f"signals/{signal.pk}").status == 404
    assert bo.get("signals").body["items"] == []


def test_another_agency_does_not_see_the_signal(eve: Person, signal: Signal) -> None:
    for path in ("", "/watch", "/handle", "/dismiss", "/activate"):
        url = f"/v1/agencies/north/signals/{signal.pk}{path}"
        assert (eve.post(url, REASON) if path else eve.get(url)).status == 404
        own = f"signals/{signal.pk}{path}"
        assert (eve.post(own, REASON, If_Match='"x"') if path else eve.get(own)).status == 404
    assert stored(signal).stage == "OPEN"


def test_the_database_refuses_a_move_that_no_verb_makes(signal: Signal) -> None:
    with pytest.raises(ProgrammingError, match="Invalid transition"), inside(signal.agency_id):
        Signal.objects.filter(pk=signal.pk).update(stage="HANDLED")
        Signal.objects.filter(pk=signal.pk).update(stage="OPEN")
