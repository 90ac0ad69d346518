"""Decisions that race: real transactions, real threads, one barrier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.db import connection

from approvals.actions import (
    AlreadyDecided,
    ApprovalNotGranted,
    ApprovalSpent,
    decide_approval,
    spend_approval,
    void_approval,
)
from approvals.models import Approval, Decision
from core.lifecycle import CannotMove
from core.refusals import NotAllowed, Refusal
from tenants.actions.goodbyes import revoke_seat
from tests.approvals.conftest import LEAD, Asking
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
