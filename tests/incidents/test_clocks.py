"""Clocks: met by what people do, breached by time, stopped by the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alerting.models import Page
from core.wall import inside
from incidents.actions import breach_clock
from incidents.models import Clock, Duty, Incident
from jobs.models import Job
from permissions.needs import Need
from tests.alerting.scene import notifications_of, policy_of
from tests.cast import Person, events_of, key_of, run_due_jobs
from tests.conftest import North
from tests.incidents.stage import approved, lift, release, settle
from tests.publishing.stage import ring

pytestmark = pytest.mark.django_db


def clock_of(incident: Incident, kind: str) -> Clock:
    with inside(incident.agency_id):
        found: Clock = Clock.objects.filter(kind=kind).order_by("-started_at").first()
        return found


def run_out(clock: Clock) -> None:
    """Let its time be over, and its timer ring."""
    with inside(clock.agency_id):
        Clock.objects.filter(pk=clock.pk).update(due_at=clock.started_at + timedelta(microseconds=1))
    assert ring("incidents.breach_clock", clock.pk)


def test_a_promise_that_was_not_kept_is_breached_once(crisis: Incident, lea: Person) -> None:
    clock = clock_of(crisis, "first_words")
    run_out(clock)
    late = clock_of(crisis, "first_words")
    assert late.breached_at is not None
    with inside(crisis.agency_id):
        breach_clock(clock_id=clock.pk, by=lea.actor, at=late.breached_at + timedelta(hours=1))
    assert events_of(clock)[1:] == [("clock.breached", "rule:clocks", {"kind": "first_words"})]
    shown = lea.get(f"incidents/{crisis.pk}/clocks").body["items"]
    assert {c["kind"]: c["state"] for c in shown} == {
        "acknowledge": "met",
        "first_words": "breached",
        "update": "running",
    }


def test_a_timer_that_rings_early_breaks_no_promise(crisis: Incident) -> None:
    clock = clock_of(crisis, "first_words")
    assert ring("incidents.breach_clock", clock.pk)
    assert clock_of(crisis, "first_words").breached_at is None


def test_first_words_and_the_update_are_met_by_a_published_statement(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person
) -> None:
    statement = approved(bo, [lea, cy], crisis, north)
    assert release(lea, statement).status == 200
    settle()
    first = clock_of(crisis, "first_words")
    assert first.met_at is not None
    assert first.started_at < first.met_at <= first.due_at
    name, actor, facts = events_of(first)[-1]
    assert (name, actor, facts["kind"]) == ("clock.met", "rule:incidents follow", "first_words")
    assert facts["seconds_left"] == (first.due_at - first.met_at).total_seconds()
    with inside(crisis.agency_id):
        updates = list(Clock.objects.filter(kind="update").order_by("started_at"))
    assert [clock.met_at is not None for clock in updates] == [True, False]
    assert updates[1].due_at == updates[0].met_at + timedelta(minutes=120), "the next update is promised"


def test_words_that_went_out_in_time_meet_the_clock_even_if_the_news_comes_late(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person
) -> None:
    statement = approved(bo, [lea, cy], crisis, north)
    release(lea, statement)
    for job in Job.objects.filter(handler="publishing.send_post", state="READY"):
        assert ring("publishing.send_post", job.key)
    clock = clock_of(crisis, "first_words")
    assert clock.met_at is None, "nobody has heard of it yet"
    published = lea.get(f"statements/{statement.body['id']}").body["posts"][0]["published_at"]
    with inside(crisis.agency_id):
        breach_clock(clock_id=clock.pk, by=lea.actor, at=clock.due_at + timedelta(seconds=1))
    met = clock_of(crisis, "first_words")
    assert met.breached_at is None
    assert met.met_at is not None
    assert lea.get(f"incidents/{crisis.pk}/clocks").body["items"][1]["met_at"] == published
    settle()
    assert [name for name, _, _ in events_of(clock)] == ["clock.started", "clock.met"]


def test_acknowledging_the_page_meets_the_clock(assessed: Incident, lea: Person, dee: Person) -> None:
    robot = key_of(lea, Need.INCIDENTS_ACTIVATE, Need.INCIDENTS_READ, Need.PAUSES_START)
    robot.post(f"incidents/{assessed.pk}/activate", {})
    page = lea.get("pages").body["items"][0]
    assert dee.post(f"pages/{page['id']}/acknowledge", If_Match=dee.get(f"pages/{page['id']}").etag).status == 200
    assert clock_of(assessed, "acknowledge").met_at is None
    settle()
    assert clock_of(assessed, "acknowledge").met_at is not None


def test_a_clock_can_be_met_by_hand_and_only_once(crisis: Incident, lea: Person, bo: Person, eve: Person) -> None:
    clock = clock_of(crisis, "update")
    path = f"incidents/{crisis.pk}/clocks/{clock.pk}/meet"
    assert bo.post(path).code == "not_allowed"
    assert eve.post(f"/v1/agencies/north/{path}").status == 404
    assert eve.post(path).status == 404
    assert lea.post(path).body["state"] == "met"
    assert lea.post(path).code == "clock_not_running"
    assert clock_of(crisis, "update").pk != clock.pk, "the next one runs"
    assert not Job.objects.filter(handler="incidents.breach_clock", key=str(clock.pk), state="READY").exists()


def test_a_stopped_clock_is_never_breached(crisis: Incident, lea: Person) -> None:
    clock = clock_of(crisis, "first_words")
    lift(lea, crisis)
    lea.post(f"incidents/{crisis.pk}/contain", {})
    lea.post(f"incidents/{crisis.pk}/resolve", {})
    with inside(crisis.agency_id):
        breach_clock(clock_id=clock.pk, by=lea.actor, at=clock.due_at + timedelta(days=1))
    assert clock_of(crisis, "first_words").breached_at is None


def pages_about(clock: Clock) -> list[Page]:
    with inside(clock.agency_id):
        return list(Page.objects.filter(cause_kind="incidents.clock", cause_id=clock.pk))


def test_a_broken_promise_climbs_the_ladder_until_it_is_kept_late(crisis: Incident, lea: Person, dee: Person) -> None:
    policy_of(lea, [{"duty": "commander"}, {"duty": "nobody has this one"}], at=timezone.now())
    clock = clock_of(crisis, "first_words")
    run_out(clock)
    [page] = pages_about(clock)
    assert (page.severity, page.incident_id, page.stage) == (crisis.severity, crisis.pk, "OPEN")
    assert page.headline == f"{crisis.reference}: the first public words are overdue"
    run_due_jobs()
    with inside(crisis.agency_id):
        commander = Duty.objects.get(incident=crisis, duty="commander").seat_id
    assert {notification.seat_id for notification in notifications_of(page)} == {commander}
    assert lea.post(f"incidents/{crisis.pk}/clocks/{clock.pk}/meet").body["state"] == "met_late"
    [page] = pages_about(clock)
    assert page.stage == "RESOLVED"
    assert events_of(page)[-1][2] == {"reason": "clock_met"}


def test_that_nobody_has_taken_it_joins_the_page_that_is_climbing_for_it(assessed: Incident, lea: Person) -> None:
    robot = key_of(lea, Need.INCIDENTS_ACTIVATE, Need.INCIDENTS_READ, Need.PAUSES_START)
    robot.post(f"incidents/{assessed.pk}/activate", {})
    clock = clock_of(assessed, "acknowledge")
    run_out(clock)
    assert pages_about(clock) == []
    [page] = lea.get("pages").body["items"]
    assert page["suppressed"] == 1


def test_when_the_incident_is_over_its_clocks_wake_nobody(crisis: Incident, lea: Person) -> None:
    clock = clock_of(crisis, "first_words")
    run_out(clock)
    lift(lea, crisis)
    lea.post(f"incidents/{crisis.pk}/contain", {})
    lea.post(f"incidents/{crisis.pk}/resolve", {})
    [page] = pages_about(clock)
    assert page.stage == "RESOLVED"
