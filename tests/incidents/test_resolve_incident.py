"""The way out of a crisis and its guards, and the way back in."""

from __future__ import annotations

import pytest

from core.wall import inside
from incidents.models import Clock, Incident
from incidents.states import Stage
from jobs.models import Job
from tests.cast import Person, events_of
from tests.conftest import North
from tests.incidents.stage import approved, draft, lift, release, reread, settle, submit
from tests.publishing.stage import behave, ring

pytestmark = pytest.mark.django_db


@pytest.fixture
def contained(crisis: Incident, lea: Person) -> Incident:
    assert lea.post(f"incidents/{crisis.pk}/contain", {"note": "It no longer grows."}).status == 200
    return reread(crisis)


def test_containing_says_when_for_the_first_time(contained: Incident, lea: Person) -> None:
    assert contained.stage == "CONTAINED"
    assert contained.contained_at is not None
    assert events_of(contained)[-1] == ("incident.contained", str(lea.actor), {"note": "It no longer grows."})


def test_a_crisis_is_not_resolved_while_its_own_pause_is_on(contained: Incident, lea: Person) -> None:
    refused = lea.post(f"incidents/{contained.pk}/resolve", {})
    assert (refused.status, refused.code) == (409, "loose_ends")
    assert refused.body["facts"] == {"pauses": [str(contained.pause_id)], "statements": [], "posts": []}
    assert "a pause of its own is on" in refused.body["detail"]
    assert reread(contained).stage == "CONTAINED"
    lift(lea, contained)
    assert lea.post(f"incidents/{contained.pk}/resolve", {}).status == 200


def test_a_crisis_is_not_resolved_while_a_statement_is_unsent(
    north: North, contained: Incident, bo: Person, lea: Person
) -> None:
    lift(lea, contained)
    submitted = submit(bo, draft(bo, contained, north))
    refused = lea.post(f"incidents/{contained.pk}/resolve", {})
    assert refused.body["facts"]["statements"] == [submitted.body["id"]]
    now = bo.get(f"statements/{submitted.body['id']}")
    withdrawn = bo.post(f"statements/{submitted.body['id']}/withdraw", {"reason": "not needed"}, If_Match=now.etag)
    assert withdrawn.status == 200
    assert lea.post(f"incidents/{contained.pk}/resolve", {}).status == 200


def test_a_draft_that_nobody_asked_for_keeps_nobody(north: North, contained: Incident, bo: Person, lea: Person) -> None:
    lift(lea, contained)
    draft(bo, contained, north)
    assert lea.post(f"incidents/{contained.pk}/resolve", {}).status == 200


def test_a_crisis_is_not_resolved_while_an_outcome_is_unknown(
    north: North, contained: Incident, bo: Person, lea: Person, cy: Person
) -> None:
    lift(lea, contained)
    statement = approved(bo, [lea, cy], contained, north)
    behave(north.aurora_account, "accept_then_timeout", delay_ms=0)
    post_id = release(lea, statement).body["posts"][0]["post"]
    assert ring("publishing.send_post", post_id)
    refused = lea.post(f"incidents/{contained.pk}/resolve", {})
    assert refused.code == "loose_ends"
    assert refused.body["facts"] == {"pauses": [], "statements": [statement.body["id"]], "posts": [post_id]}
    behave(north.aurora_account, "ok")
    assert ring("publishing.look_for_post", job_key("publishing.look_for_post"))
    settle()
    assert lea.post(f"incidents/{contained.pk}/resolve", {}).status == 200, "the network was asked, and knew"


def job_key(handler: str) -> str:
    return str(Job.objects.get(handler=handler, state="READY").key)


def test_resolving_stops_the_clocks_and_their_timers(contained: Incident, lea: Person) -> None:
    lift(lea, contained)
    assert lea.post(f"incidents/{contained.pk}/resolve", {"note": "Over."}).status == 200
    with inside(contained.agency_id):
        running = list(Clock.objects.all().running())
        stopped = Clock.objects.exclude(stopped_at=None).count()
    assert (running, stopped) == ([], 2)
    assert not Job.objects.filter(handler="incidents.breach_clock", state="READY").exists()


def test_a_resolved_incident_can_flare_up_and_keeps_its_first_times(contained: Incident, lea: Person) -> None:
    lift(lea, contained)
    lea.post(f"incidents/{contained.pk}/resolve", {})
    first = reread(contained)
    answer = lea.post(f"incidents/{contained.pk}/reopen", {"reason": "A journalist called."})
    assert (answer.status, answer.body["stage"]) == (200, "ACTIVE")
    assert events_of(contained)[-1] == ("incident.reopened", str(lea.actor), {"reason": "A journalist called."})
    clocks = lea.get(f"incidents/{contained.pk}/clocks").body["items"]
    assert [clock["kind"] for clock in clocks if clock["state"] == "running"] == ["update"]
    lea.post(f"incidents/{contained.pk}/contain", {})
    lea.post(f"incidents/{contained.pk}/resolve", {})
    again = reread(contained)
    assert (again.contained_at, again.resolved_at) == (first.contained_at, first.resolved_at)


def test_a_false_alarm_is_stood_down_and_stays_so(assessed: Incident, lea: Person) -> None:
    answer = lea.post(f"incidents/{assessed.pk}/stand-down", {"reason": "false_alarm", "note": "A film release."})
    assert (answer.status, answer.body["stage"]) == (200, "STOOD_DOWN")
    assert events_of(assessed)[-1] == (
        "incident.stood_down",
        str(lea.actor),
        {"reason": "false_alarm", "note": "A film release."},
    )
    assert lea.post(f"incidents/{assessed.pk}/activate", {}).code == "cannot_move"


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("contain", {}),
        ("resolve", {}),
        ("reopen", {"reason": "x"}),
        ("put-under-review", {}),
        ("close", {}),
    ],
)
def test_what_is_only_assessed_cannot_be_taken_further(
    assessed: Incident, lea: Person, verb: str, body: dict[str, str]
) -> None:
    refused = lea.post(f"incidents/{assessed.pk}/{verb}", body)
    assert (refused.status, refused.code, refused.body["facts"]["stage"]) == (409, "cannot_move", Stage.ASSESSING)
    assert len(events_of(assessed)) == 1


@pytest.mark.parametrize(
    "verb", ["contain", "resolve", "reopen", "stand-down", "put-under-review", "close", "change-severity"]
)
def test_neither_the_account_manager_nor_the_outsider_steers(
    crisis: Incident, bo: Person, cy: Person, eve: Person, verb: str
) -> None:
    assert bo.post(f"incidents/{crisis.pk}/{verb}", {}).code == "not_allowed"
    assert cy.post(f"incidents/{crisis.pk}/{verb}", {}).code == "not_allowed"
    assert eve.post(f"/v1/agencies/north/incidents/{crisis.pk}/{verb}", {}).status == 404
    assert eve.post(f"incidents/{crisis.pk}/{verb}", {}).status == 404
