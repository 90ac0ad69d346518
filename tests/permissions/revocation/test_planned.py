"""A goodbye at a time: it waits, asks everything again when its time has come, and can be called off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.wall import inside
from jobs.models import Job
from permissions.actions.revocations import CARRY_OUT
from permissions.models import Revocation
from tenants.actions.goodbyes import carry_out_goodbye
from tenants.models import Seat
from tests.cast import Answer, Person, events_of, run_due_jobs, seat_person
from tests.conftest import North
from tests.permissions.revocation.conftest import goodbye, report_on

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)


def plan(person: Person, by: Person, at: datetime, **more: Any) -> Answer:
    return by.post(f"seats/{person.seat.pk}/revoke", {"reason": "left", "at": at.isoformat()} | more)


def timer(person: Person) -> Job:
    return Job.objects.get(handler=CARRY_OUT, key=str(goodbye(person).pk), state="READY")


def fall_due(person: Person, now: datetime) -> None:
    """As if the time had come: nobody waits for a week."""
    with inside(person.agency.pk):
        Revocation.objects.filter(seat_id=person.seat.pk, stage="SCHEDULED").update(due_at=now)
    Job.objects.filter(handler=CARRY_OUT, state="READY").update(due_at=now)
    run_due_jobs(CARRY_OUT)


def test_it_waits_for_its_time(ana: Person, lea: Person, now: datetime) -> None:
    answer = plan(lea, ana, now + WEEK)
    assert (answer.status, answer.body["stage"]) == (202, "ACTIVE")
    assert answer.body["revocation"]["stage"] == "SCHEDULED"
    assert timer(lea).due_at == now + WEEK
    run_due_jobs(CARRY_OUT)
    assert lea.get("brands").status == 200
    name, actor, facts = events_of(goodbye(lea))[-1]
    assert (name, actor) == ("revocation.planned", str(ana.actor))
    assert (facts["seat_id"], facts["reason"], facts["successor_id"]) == (str(lea.seat.pk), "left", None)


def test_it_ends_the_seat_when_its_time_has_come(ana: Person, lea: Person, now: datetime) -> None:
    plan(lea, ana, now + WEEK)
    fall_due(lea, now)
    assert lea.get("brands").status == 401
    run_due_jobs()
    report = report_on(lea, by=ana)
    assert (report["stage"], report["asked_by"], report["findings"]["unconfirmed"]) == ("VERIFYING", str(ana.actor), 0)
    assert events_of(lea.seat)[-1][1] == "rule:planned goodbyes"


def test_a_timer_that_rings_early_does_nothing(north: North, ana: Person, lea: Person, now: datetime) -> None:
    plan(lea, ana, now + WEEK)
    with inside(north.agency.pk):
        carry_out_goodbye(revocation_id=goodbye(lea).pk, at=now)
    assert goodbye(lea).stage == "SCHEDULED"


def test_planning_again_moves_the_plan(ana: Person, lea: Person, dee: Person, now: datetime) -> None:
    first = plan(lea, ana, now + WEEK).body["revocation"]
    again = plan(lea, ana, now + 2 * WEEK, reason="moved", successor=str(dee.seat.pk)).body["revocation"]
    assert (again["id"], again["reason"], again["successor"]) == (first["id"], "moved", str(dee.seat.pk))
    assert timer(lea).due_at == now + 2 * WEEK


def test_it_can_be_called_off(ana: Person, lea: Person, now: datetime) -> None:
    planned = plan(lea, ana, now + WEEK).body["revocation"]
    answer = ana.post(f"revocations/{planned['id']}/cancel", {"reason": "She stays."})
    assert (answer.status, answer.body["stage"]) == (200, "CANCELLED")
    assert not Job.objects.filter(handler=CARRY_OUT, state="READY").exists()
    assert lea.get("brands").status == 200
    assert ana.get(f"seats/{lea.seat.pk}/revocation").status == 404
    assert ana.post(f"revocations/{planned['id']}/cancel", {"reason": "Again."}).code == "cannot_move"


def test_ending_a_seat_now_carries_its_plan_out(ana: Person, lea: Person, now: datetime) -> None:
    planned = plan(lea, ana, now + WEEK).body["revocation"]
    done = ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "compromised"}).body["revocation"]
    assert (done["id"], done["stage"], done["reason"]) == (planned["id"], "VERIFYING", "compromised")
    assert not Job.objects.filter(handler=CARRY_OUT, state="READY").exists()


def test_the_last_owner_blocks_the_plan_which_tries_again_a_day_later(north: North, ana: Person, now: datetime) -> None:
    assert plan(ana, ana, now + WEEK).status == 202
    fall_due(ana, now)
    blocked = goodbye(ana)
    assert (blocked.stage, blocked.problem) == ("SCHEDULED", "last_owner")
    assert timer(ana).due_at > now + timedelta(hours=23)
    assert events_of(blocked)[-1] == (
        "revocation.blocked", "rule:planned goodbyes", {"seat_id": str(ana.seat.pk), "problem": "last_owner"},
    )  # fmt: skip
    run_due_jobs()
    assert [page["cause_id"] for page in ana.get("pages").body["items"]] == [str(blocked.pk)]
    olga = seat_person(north.agency, "olga", "owner", at=now)
    fall_due(ana, now)
    assert (goodbye(ana).stage, goodbye(ana).problem) == ("VERIFYING", "")
    assert olga.get(f"seats/{ana.seat.pk}").body["stage"] == "ENDED"


def test_a_successor_who_has_left_meanwhile_blocks_the_plan(
    ana: Person, lea: Person, dee: Person, now: datetime
) -> None:
    plan(lea, ana, now + WEEK, reason="moved", successor=str(dee.seat.pk))
    ana.post(f"seats/{dee.seat.pk}/revoke", {"reason": "left"})
    fall_due(lea, now)
    assert (goodbye(lea).stage, goodbye(lea).problem) == ("SCHEDULED", "invalid")


def test_a_suspended_seat_can_be_ended_and_an_ended_one_not_planned(
    north: North, ana: Person, lea: Person, now: datetime
) -> None:
    ana.post(f"seats/{lea.seat.pk}/suspend", {"reason": "away"})
    assert ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"}).body["stage"] == "ENDED"
    assert plan(lea, ana, now + WEEK).code == "seat_ended"
    with inside(north.agency.pk):
        assert Seat.objects.get(pk=lea.seat.pk).stage == "ENDED"


def test_an_instant_in_the_past_is_refused(ana: Person, lea: Person, now: datetime) -> None:
    answer = plan(lea, ana, now - timedelta(minutes=1))
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "at")
