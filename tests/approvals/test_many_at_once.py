"""Decisions that race: real transactions, real threads, one barrier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.db import connection

from approvals.actions import (
    AlreadyDecided,
    ApprovalNotGranted,
    ApprovalSpent,
    BypassBegun,
    NotAnApprover,
    bypass_approval,
    create_delegation,
    decide_approval,
    end_delegation,
    spend_approval,
    void_approval,
)
from approvals.models import Approval, AskedStep, Bypass, Decision, Delegation
from approvals.queries import flaw
from core.lifecycle import CannotMove
from core.refusals import NotAllowed, Refusal
from jobs.actions import run_job
from jobs.models import Job
from ledger.models import Event
from tenants.actions.goodbyes import revoke_seat
from tenants.models import Seat
from tests.approvals.conftest import CLIENT, LEAD, Asking
from tests.cast import Person, events_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)
Reading = Callable[[Approval], Approval]


def race(*runners: Callable[[], object]) -> list[str]:
    """Start all at the same instant, each in a connection of its own; "done" or the refusal's code of each."""
    barrier, outcomes = Barrier(len(runners)), [""] * len(runners)

    def run(place: int, runner: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            runner()
            outcomes[place] = "done"
        except Refusal as refusal:
            outcomes[place] = refusal.code
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes


def approving(north: North, person: Person, approval: Approval, now: datetime) -> Callable[[], object]:
    def run() -> None:
        with walled(north.agency):
            decide_approval(
                approval_id=approval.pk,
                verdict="approve",
                digest=approval.digest,
                comment="",
                caller=person.caller(now),
                at=now,
            )

    return run


def test_twenty_parallel_approvals_by_one_person_are_one_voice(
    north: North, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    approval = ask(stages=[LEAD | {"quorum": 2}])
    outcomes = race(*[approving(north, lea, approval, now)] * 20)
    assert Counter(outcomes) == {"done": 1, AlreadyDecided.code: 19}
    with walled(north.agency):
        assert Decision.objects.filter(approval_id=approval.pk).count() == 1
    assert reread(approval).stage == "PENDING"
    assert [name for name, *_ in events_of(approval)] == ["approval.requested", "approval.decided"]


def test_many_people_at_once_grant_it_once(north: North, ask: Asking, reread: Reading, now: datetime) -> None:
    approval = ask(stages=[LEAD | {"quorum": 3}])
    leads = [seat_person(north.agency, f"lead{n}", "crisis_lead", at=now) for n in range(8)]
    outcomes = race(*(approving(north, person, approval, now) for person in leads))
    assert Counter(outcomes) == {"done": 3, CannotMove.code: 5}
    assert reread(approval).stage == "GRANTED"
    assert Counter(name for name, *_ in events_of(approval)) == {
        "approval.requested": 1,
        "approval.decided": 3,
        "approval.granted": 1,
    }


@pytest.mark.parametrize("attempt", range(5))
def test_approving_against_voiding_has_one_outcome(
    north: North, bo: Person, lea: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    approval = ask(stages=[LEAD])

    def void() -> None:
        with walled(north.agency):
            void_approval(approval_id=approval.pk, reason="revised", by=bo.actor, at=now)

    approved, voided = race(approving(north, lea, approval, now), void)
    assert voided == "done"
    assert reread(approval).stage == "VOIDED"
    names = [name for name, *_ in events_of(approval)]
    if approved == "done":
        assert names == ["approval.requested", "approval.decided", "approval.granted", "approval.voided"]
    else:
        assert (approved, names) == (CannotMove.code, ["approval.requested", "approval.voided"])


@pytest.mark.parametrize("attempt", range(5))
def test_an_approval_by_somebody_who_is_leaving_is_void_or_does_not_happen(
    north: North, ana: Person, lea: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    approval = ask(stages=[LEAD])

    def revoke() -> None:
        with walled(north.agency):
            revoke_seat(seat_id=lea.seat.pk, reason="left", by=ana.actor, at=now)

    approved, revoked = race(approving(north, lea, approval, now), revoke)
    assert revoked == "done"
    expected = ("done", "VOIDED") if approved == "done" else (NotAllowed.code, "PENDING")
    assert (approved, reread(approval).stage) == expected


def test_one_agreement_is_used_once_however_many_try(
    north: North, bo: Person, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    approval = ask(stages=[LEAD])
    approving(north, lea, approval, now)()

    def spend() -> None:
        with walled(north.agency):
            spend_approval(approval_id=approval.pk, on=uuid4(), by=bo.actor, at=now)

    def void() -> None:
        with walled(north.agency):
            void_approval(approval_id=approval.pk, reason="revised", by=bo.actor, at=now)

    outcomes = race(*[spend] * 8, void)
    spent, voided = outcomes[:8].count("done"), outcomes[8]
    if voided == "done":
        assert Counter(outcomes[:8]) == {ApprovalNotGranted.code: 8}
        assert reread(approval).stage == "VOIDED"
    else:
        assert (spent, outcomes[:8].count(ApprovalSpent.code), voided) == (1, 7, CannotMove.code)
        assert reread(approval).stage == "SPENT"


def test_fifty_people_at_once_are_one_transition(north: North, ask: Asking, reread: Reading, now: datetime) -> None:
    approval = ask(stages=[LEAD])
    leads = [seat_person(north.agency, f"lead{n}", "crisis_lead", at=now) for n in range(50)]
    outcomes = race(*(approving(north, person, approval, now) for person in leads))
    assert Counter(outcomes) == {"done": 1, CannotMove.code: 49}
    assert reread(approval).stage == "GRANTED"
    assert [name for name, *_ in events_of(approval)] == [
        "approval.requested",
        "approval.decided",
        "approval.granted",
    ]
    with walled(north.agency):
        assert Decision.objects.filter(approval_id=approval.pk).count() == 1
        assert not AskedStep.objects.filter(approval_id=approval.pk, closed_at=None).exists()


@pytest.mark.parametrize("attempt", range(5))
def test_the_last_two_parallel_steps_at_once_grant_it_once(
    north: North, lea: Person, cy: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    approval = ask(stages=[LEAD | {"order": 1}, CLIENT | {"order": 1}])
    assert race(approving(north, lea, approval, now), approving(north, cy, approval, now)) == ["done", "done"]
    assert (reread(approval).stage, reread(approval).stage_index) == ("GRANTED", 2)
    assert Counter(name for name, *_ in events_of(approval)) == {
        "approval.requested": 1,
        "approval.decided": 2,
        "approval.granted": 1,
    }


@pytest.mark.parametrize("attempt", range(5))
def test_parallel_steps_at_once_open_the_next_one_once(
    north: North, ana: Person, lea: Person, cy: Person, ask: Asking, now: datetime, attempt: int
) -> None:
    last = {"name": "last", "role": "owner", "side": "staff", "quorum": 1, "order": 2}
    timed = last | {"deadline_minutes": 30, "on_deadline": "escalate"}
    approval = ask(stages=[LEAD | {"order": 1}, CLIENT | {"order": 1}, timed])
    assert race(approving(north, lea, approval, now), approving(north, cy, approval, now)) == ["done", "done"]
    with walled(north.agency):
        opened = AskedStep.objects.filter(approval_id=approval.pk).order_by("place")
        assert [(row.place, row.closed_at is None) for row in opened] == [(0, False), (1, False), (2, True)]
    assert Job.objects.filter(handler="approvals.meet_deadline", key=f"{approval.pk}:2").count() == 1


@pytest.mark.parametrize("attempt", range(5))
def test_approving_against_a_rejecting_deadline_has_one_outcome(
    north: North, lea: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    late = now - timedelta(hours=1)
    approval = ask(stages=[LEAD | {"deadline_minutes": 30, "on_deadline": "reject"}], at=late)
    job = Job.objects.get(handler="approvals.meet_deadline", key=f"{approval.pk}:0")

    def ring() -> None:
        assert run_job(job_id=job.pk, handler_name=job.handler, at=now) in (True, False)

    approved, rang = race(approving(north, lea, approval, now), ring)
    assert rang == "done"
    names = [name for name, *_ in events_of(approval)]
    if approved == "done":
        assert reread(approval).stage == "GRANTED"
        assert names == ["approval.requested", "approval.decided", "approval.granted"]
    else:
        assert (approved, reread(approval).stage) == (CannotMove.code, "REJECTED")
        assert names == ["approval.requested", "approval.overdue", "approval.rejected"]
    assert Job.objects.get(pk=job.pk).state in ("DONE", "CANCELLED")


def delegated(north: North, person: Person, deputy: Person, now: datetime) -> Delegation:
    with walled(north.agency):
        return create_delegation(
            deputy_id=deputy.seat.pk,
            brand_id=None,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="away",
            caller=person.caller(now),
            at=now,
        )


@pytest.mark.parametrize("attempt", range(5))
def test_approving_by_a_delegation_that_is_being_ended_counts_or_does_not(
    north: North, lea: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    mo = seat_person(north.agency, "mo", "account_manager", brands=[north.aurora], at=now)
    approval = ask(stages=[LEAD])
    given = delegated(north, lea, mo, now)

    def end() -> None:
        with walled(north.agency):
            end_delegation(delegation_id=given.pk, reason="back", caller=lea.caller(now), at=now)

    approved, ended = race(approving(north, mo, approval, now), end)
    assert ended == "done"
    expected = ("done", "GRANTED") if approved == "done" else (NotAnApprover.code, "PENDING")
    assert (approved, reread(approval).stage) == expected
    if approved == "done":
        with walled(north.agency):
            assert flaw(reread(approval), digest=approval.digest, at=now) is None
            said = Event.objects.get(subject_id=approval.pk, name="approval.decided")
            assert said.seq < Event.objects.get(subject_id=given.pk, name="delegation.ended").seq


@pytest.mark.parametrize("attempt", range(5))
def test_a_voice_for_somebody_who_is_leaving_is_void_or_not_heard(
    north: North, ana: Person, lea: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    mo = seat_person(north.agency, "mo", "account_manager", brands=[north.aurora], at=now)
    approval = ask(stages=[LEAD])
    delegated(north, lea, mo, now)

    def revoke() -> None:
        with walled(north.agency):
            revoke_seat(seat_id=lea.seat.pk, reason="left", by=ana.actor, at=now)

    approved, revoked = race(approving(north, mo, approval, now), revoke)
    assert revoked == "done"
    expected = ("done", "VOIDED") if approved == "done" else (NotAnApprover.code, "PENDING")
    assert (approved, reread(approval).stage) == expected


@pytest.mark.parametrize("attempt", range(5))
def test_two_who_speak_for_each_other_at_once_do_not_wait_for_each_other(
    north: North, lea: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    lou = seat_person(north.agency, "lou", "crisis_lead", at=now)
    delegated(north, lea, lou, now)
    delegated(north, lou, lea, now)
    approval = ask(stages=[LEAD | {"quorum": 2}])
    assert race(approving(north, lea, approval, now), approving(north, lou, approval, now)) == ["done", "done"]
    assert reread(approval).stage == "GRANTED"


def bypassing(north: North, person: Person, approval: Approval, now: datetime) -> Callable[[], object]:
    def run() -> None:
        with walled(north.agency):
            bypass_approval(
                approval_id=approval.pk,
                reason="It burns.",
                digest=approval.digest,
                caller=replace(person.caller(now), proved_at=now),
                at=now,
            )

    return run


@pytest.mark.parametrize("attempt", range(5))
def test_two_who_bypass_at_once_are_first_and_second(
    north: North, ana: Person, lea: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    approval = ask(severity=1)
    people = [ana, lea]
    outcomes = race(*(bypassing(north, person, approval, now) for person in people))
    assert set(outcomes) <= {"done", BypassBegun.code}
    for person, outcome in zip(people, outcomes, strict=True):
        if outcome != "done":  # told to send it again
            bypassing(north, person, approval, now)()
    assert reread(approval).stage == "GRANTED"
    with walled(north.agency):
        assert flaw(reread(approval), digest=approval.digest, at=now) is None
        assert Bypass.objects.filter(approval_id=approval.pk).count() == 1


@pytest.mark.parametrize("attempt", range(5))
def test_taking_voices_over_from_somebody_who_is_leaving_leaves_none_behind(
    north: North, ana: Person, bo: Person, lea: Person, ask: Asking, reread: Reading, now: datetime, attempt: int
) -> None:
    steps = [LEAD | {"looks_at": ["media"]}, CLIENT]
    first = ask(stages=steps)
    approving(north, lea, first, now)()
    made: list[Approval] = []

    def revoke() -> None:
        with walled(north.agency):
            revoke_seat(seat_id=lea.seat.pk, reason="left", by=ana.actor, at=now)

    assert race(lambda: made.append(ask(text="Other.", stages=steps, carries_from=first.pk)), revoke) == [
        "done",
        "done",
    ]
    second = reread(made[0])
    with walled(north.agency):
        carried = Decision.objects.filter(approval_id=second.pk).exists()
    assert (carried, second.stage) in [(True, "VOIDED"), (False, "PENDING")]


@pytest.mark.parametrize("who", ["speaker", "spoken for"])
def test_a_voice_waits_for_a_goodbye_that_has_begun(
    north: North, ana: Person, lea: Person, ask: Asking, reread: Reading, now: datetime, who: str
) -> None:
    mo = seat_person(north.agency, "mo", "account_manager", brands=[north.aurora], at=now)
    approval = ask(stages=[LEAD])
    delegated(north, lea, mo, now)
    leaver = mo if who == "speaker" else lea
    outcomes: list[str] = []
    voice = Thread(target=lambda: outcomes.extend(race(approving(north, mo, approval, now))))
    with walled(north.agency):
        revoke_seat(seat_id=leaver.seat.pk, reason="left", by=ana.actor, at=now)
        voice.start()
        voice.join(timeout=1)
        assert voice.is_alive(), "it did not wait"
    voice.join(timeout=30)
    assert outcomes == [NotAllowed.code if who == "speaker" else NotAnApprover.code]
    assert reread(approval).stage == "PENDING"


def test_the_voice_of_somebody_whose_goodbye_has_begun_is_not_taken_over(
    north: North, ana: Person, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    steps = [LEAD | {"looks_at": ["media"]}, CLIENT]
    first = ask(stages=steps)
    approving(north, lea, first, now)()
    made: list[Approval] = []
    asking = Thread(target=lambda: race(lambda: made.append(ask(text="Other.", stages=steps, carries_from=first.pk))))
    with walled(north.agency):
        Seat.objects.locked(lea.seat.pk)  # as a goodbye begins, before it writes
        asking.start()
        asking.join(timeout=30)
        assert not asking.is_alive(), "it waited"
    assert reread(made[0]).stage_index == 0
    with walled(north.agency):
        assert not Decision.objects.filter(approval_id=made[0].pk).exists()
