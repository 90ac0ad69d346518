"""Steps that nobody decides in time: deputies, escalation, rejection; never an approval."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerting.models import Page
from approvals.actions import meet_deadline, void_approval
from approvals.jobs import DEADLINES
from approvals.models import Approval
from approvals.queries import flaw
from jobs.models import Job
from tests.approvals.conftest import CLIENT, LEAD, Asking, asked_now, say, steps_of
from tests.cast import Person, events_of, run_due_jobs, seat_person, walled
from tests.conftest import North

Reading = Callable[[Approval], Approval]
pytestmark = pytest.mark.django_db


def late(step: dict[str, Any], on_deadline: str, *deputies: dict[str, str], minutes: int = 30) -> dict[str, Any]:
    said: dict[str, Any] = {"deadline_minutes": minutes, "on_deadline": on_deadline}
    return step | said | ({"deputies": list(deputies)} if deputies else {})


def meet(north: North, approval: Approval, at: datetime, place: int = 0) -> None:
    with walled(north.agency):
        meet_deadline(approval_id=approval.pk, place=place, by=DEADLINES, at=at)


def timers(approval: Approval, state: str = "READY") -> dict[str, datetime]:
    jobs = Job.objects.filter(handler="approvals.meet_deadline", key__startswith=str(approval.pk), state=state)
    return {job.key.rpartition(":")[2]: job.due_at for job in jobs}


def test_a_deadline_runs_from_when_its_step_is_asked(
    north: North, lea: Person, cy: Person, ask: Asking, now: datetime
) -> None:
    approval = ask(stages=[late(LEAD, "escalate"), late(CLIENT, "reject", minutes=60)])
    half_an_hour = timedelta(minutes=30)
    assert timers(approval) == {"0": now + half_an_hour}
    assert steps_of(approval)[0].due_at == now + half_an_hour
    say(lea, "approve", approval)
    assert timers(approval, "CANCELLED") == {"0": now + half_an_hour}
    opened = steps_of(approval)[1].opened_at
    assert timers(approval) == {"1": opened + 2 * half_an_hour}
    say(cy, "approve", approval)
    assert timers(approval) == {}


@pytest.mark.parametrize("end", ["reject", "request-changes", "void"])
def test_an_end_takes_the_timers_back(
    north: North, bo: Person, lea: Person, ask: Asking, now: datetime, end: str
) -> None:
    approval = ask(stages=[late(LEAD, "escalate") | {"order": 1}, late(CLIENT, "reject") | {"order": 1}])
    assert set(timers(approval)) == {"0", "1"}
    if end == "void":
        with walled(north.agency):
            void_approval(approval_id=approval.pk, reason="revised", by=bo.actor, at=now)
    else:
        say(lea, end, approval, "No.")
    assert timers(approval) == {}


def test_before_its_time_after_the_voices_and_twice_nothing_happens(
    north: North, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    early, decided, twice = (ask(stages=[late(LEAD, "reject"), CLIENT]) for _ in range(3))
    meet(north, early, now + timedelta(minutes=29))
    assert (reread(early).stage, len(events_of(early))) == ("PENDING", 1)
    say(lea, "approve", decided)
    meet(north, decided, now + timedelta(minutes=31))
    assert (reread(decided).stage, asked_now(decided)) == ("PENDING", [1])
    for _ in range(2):
        meet(north, twice, now + timedelta(minutes=31))
    assert [name for name, *_ in events_of(twice)] == ["approval.requested", "approval.overdue", "approval.rejected"]


def test_a_rejecting_deadline_ends_the_request(
    north: North, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    approval = ask(stages=[late(LEAD, "reject")], severity=2)
    meet(north, approval, now + timedelta(minutes=30))
    assert (reread(approval).stage, asked_now(approval)) == ("REJECTED", [])
    assert events_of(approval)[1:] == [
        ("approval.overdue", "rule:approval deadlines", {"step": "lead", "on_deadline": "reject", "severity": 2}),
        (
            "approval.rejected",
            "rule:approval deadlines",
            {"about_kind": "tests.text", "about_id": str(approval.about_id), "digest": approval.digest},
        ),
    ]
    assert say(lea, "approve", approval).code == "cannot_move"


def test_an_escalating_deadline_asks_on(north: North, lea: Person, ask: Asking, reread: Reading, now: datetime) -> None:
    approval = ask(stages=[late(LEAD, "escalate")])
    meet(north, approval, now + timedelta(days=1))
    assert reread(approval).stage == "PENDING"
    assert events_of(approval)[-1][2] == {"step": "lead", "on_deadline": "escalate", "severity": None}
    assert say(lea, "approve", approval).body["stage"] == "GRANTED"


# -- deputies ------------------------------------------------------------------------------------------------


def test_deputies_may_vote_after_the_deadline_and_not_before(
    north: North, ana: Person, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    approval = ask(stages=[late(LEAD, "deputise", {"role": "owner"})])
    assert say(ana, "approve", approval).code == "not_an_approver"
    assert ana.get("approvals?waiting_for=me").body["items"] == []
    meet(north, approval, now + timedelta(minutes=30))
    row = steps_of(approval)[0]
    assert (row.roles, row.deputised_at) == (["crisis_lead", "owner"], now + timedelta(minutes=30))
    assert len(ana.get("approvals?waiting_for=me").body["items"]) == 1
    done = say(ana, "approve", approval)
    assert done.body["stage"] == "GRANTED"
    assert [(d["as_deputy"], d["hats"]) for d in done.body["decisions"]] == [(True, [])]
    with walled(north.agency):
        assert flaw(reread(approval), digest=approval.digest, at=timezone.now()) is None


def test_whom_the_step_asked_first_still_counts_as_that(north: North, lea: Person, ask: Asking, now: datetime) -> None:
    approval = ask(stages=[late(LEAD, "deputise", {"role": "owner"})])
    meet(north, approval, now + timedelta(minutes=30))
    done = say(lea, "approve", approval)
    assert [(d["as_deputy"], d["hats"]) for d in done.body["decisions"]] == [(False, ["crisis_lead"])]


def test_a_deputy_by_name_may_hold_any_role_that_decides(north: North, bo: Person, now: datetime, ask: Asking) -> None:
    mo = seat_person(north.agency, "mo", "account_manager", brands=[north.aurora], at=now)
    approval = ask(stages=[late(LEAD, "deputise", {"seat": str(mo.seat.pk)})])
    meet(north, approval, now + timedelta(minutes=30))
    assert len(mo.get("approvals?waiting_for=me").body["items"]) == 1
    assert say(bo, "approve", approval).code == "author_cannot_approve"
    assert say(mo, "approve", approval).body["stage"] == "GRANTED"


def test_a_deputy_wears_the_hat_of_whoever_did_not_come(
    north: North, ana: Person, lea: Person, ask: Asking, now: datetime
) -> None:
    hats = {"quorum": 2, "hats": ["crisis_lead", "client_approver"]}
    approval = ask(stages=[late(LEAD | hats, "deputise", {"role": "owner"})])
    say(lea, "approve", approval)
    meet(north, approval, now + timedelta(minutes=30))
    assert say(ana, "approve", approval).body["stage"] == "GRANTED"


@pytest.mark.parametrize("why", ["author", "nobody", "gone", "heard"])
def test_where_nobody_is_left_to_deputise_it_escalates(
    north: North, ana: Person, lea: Person, bo: Person, ask: Asking, now: datetime, why: str
) -> None:
    deputy = {"author": {"seat": str(bo.seat.pk)}, "nobody": {"role": "client_approver"}}.get(why, {"role": "admin"})
    if why == "gone":
        gone = seat_person(north.agency, "gil", "admin", at=now)
        assert ana.post(f"seats/{gone.seat.pk}/revoke", {"reason": "left"}).status == 200
    step = LEAD | {"quorum": 2}
    if why == "heard":
        deputy = {"role": "crisis_lead"}
    approval = ask(stages=[late(step, "deputise", deputy)])
    say(lea, "approve", approval)
    meet(north, approval, now + timedelta(minutes=30))
    overdue = [facts for name, _, facts in events_of(approval) if name == "approval.overdue"]
    assert overdue == [{"step": "lead", "on_deadline": "escalate", "severity": None}]
    assert steps_of(approval)[0].deputised_at is None


# -- the page -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_timer_rings_and_somebody_is_paged_once(
    north: North, ana: Person, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    long_ago = now - timedelta(hours=1)
    steps = [late(LEAD, "escalate") | {"order": 1}, late(CLIENT, "reject") | {"order": 1}]
    approval = ask(stages=steps, severity=1, at=long_ago)
    run_due_jobs("approvals.meet_deadline")
    run_due_jobs("alerting.page_about_approval")
    assert reread(approval).stage == "REJECTED"
    with walled(north.agency):
        pages = list(Page.objects.filter(cause_id=approval.pk))
    assert [(page.cause_kind, page.severity, page.topic, page.brand_id) for page in pages] == [
        ("approvals.approval", 1, None, north.aurora.pk)
    ]


@pytest.mark.django_db(transaction=True)
def test_a_request_that_does_not_say_how_grave_it_is_pages_at_three(
    north: North, ana: Person, ask: Asking, now: datetime
) -> None:
    approval = ask(stages=[late(LEAD, "escalate")], at=now - timedelta(hours=1))
    run_due_jobs("approvals.meet_deadline")
    run_due_jobs("alerting.page_about_approval")
    with walled(north.agency):
        assert Page.objects.get(cause_id=approval.pk).severity == 3
