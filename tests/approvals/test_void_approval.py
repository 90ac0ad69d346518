"""Taking a request back, and what becomes of a leaver's approvals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import pytest

from approvals.actions import spend_approval, void_approval
from approvals.models import Approval
from approvals.queries import why_not
from core.lifecycle import CannotMove
from tests.approvals.conftest import CLIENT, LEAD, TEXT, Asking, say
from tests.cast import Person, events_of, seat_person, walled
from tests.conftest import North
from tests.permissions.revocation.conftest import report_on

pytestmark = pytest.mark.django_db
Reading = Callable[[Approval], Approval]


def test_a_request_is_voided_with_a_reason(
    north: North, bo: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    approval = ask()
    with walled(north.agency):
        void_approval(approval_id=approval.pk, reason="revised", by=bo.actor, at=now)
    assert reread(approval).stage == "VOIDED"
    assert events_of(approval)[-1] == (
        "approval.voided",
        str(bo.actor),
        {
            "about_kind": "tests.text",
            "about_id": str(approval.about_id),
            "digest": approval.digest,
            "reason": "revised",
        },
    )


def test_what_was_used_stays_used(north: North, bo: Person, lea: Person, ask: Asking, now: datetime) -> None:
    approval = ask(stages=[LEAD])
    say(lea, "approve", approval)
    with walled(north.agency):
        spend_approval(approval_id=approval.pk, on=uuid4(), by=bo.actor, at=now)
    with pytest.raises(CannotMove), walled(north.agency):
        void_approval(approval_id=approval.pk, reason="too late", by=bo.actor, at=now)


def test_another_request_can_follow_a_voided_one(north: North, bo: Person, ask: Asking, now: datetime) -> None:
    about = uuid4()
    first = ask(about_id=about)
    with walled(north.agency):
        void_approval(approval_id=first.pk, reason="revised", by=bo.actor, at=now)
    assert ask(about_id=about).stage == "PENDING"


def test_a_leavers_unused_voices_and_open_requests_are_void(
    north: North, ana: Person, bo: Person, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    granted, half, untouched = ask(stages=[LEAD]), ask(), ask()
    spent, rejected = ask(stages=[LEAD]), ask()
    for approval in (granted, half, spent):
        say(lea, "approve", approval)
    say(lea, "reject", rejected)
    with walled(north.agency):
        spend_approval(approval_id=spent.pk, on=uuid4(), by=bo.actor, at=now)
    answer = ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"})
    assert answer.status == 200, answer.body
    assert answer.body["ended_counts"]["unpublished approvals"] == 2
    assert [reread(a).stage for a in (granted, half, untouched, spent, rejected)] == [
        "VOIDED",
        "VOIDED",
        "PENDING",
        "SPENT",
        "REJECTED",
    ]
    assert events_of(granted)[-1][0:2] == ("approval.voided", str(ana.actor))
    with walled(north.agency):
        # Spent, and perhaps not out yet: the release gate asks once more.
        assert _why_not(reread(spent), north, now) == "approver_gone"

    answer = ana.post(f"seats/{bo.seat.pk}/revoke", {"reason": "left"})
    assert answer.body["ended_counts"]["unpublished approvals"] == 1
    assert reread(untouched).stage == "VOIDED"


def _why_not(approval: Approval, north: North, at: datetime) -> str | None:
    return why_not(approval, account_id=north.aurora_account.pk, text=TEXT, digest=approval.digest, at=at)


def test_whoever_alone_can_fill_a_hat_or_a_parallel_step_leaves_a_task(
    north: North, ana: Person, lea: Person, cy: Person, ask: Asking, now: datetime
) -> None:
    lou = seat_person(north.agency, "lou", "crisis_lead", at=now)
    at_once = ask(stages=[LEAD | {"order": 1}, CLIENT | {"order": 1}])
    hatted = ask(stages=[LEAD | {"quorum": 2, "hats": ["client_approver"]}])
    ask(stages=[LEAD])  # Lea can decide on this one too
    say(lou, "approve", hatted)
    assert _waiting(ana, cy) == {str(at_once.pk), str(hatted.pk)}
    assert _waiting(ana, lou) == set()


def _waiting(ana: Person, person: Person) -> set[str]:
    """The requests that only a leaver could have decided."""
    answer = ana.post(f"seats/{person.seat.pk}/revoke", {"reason": "left"})
    assert answer.status == 200, answer.body
    tasks = [task for task in report_on(person, by=ana)["tasks"] if task["line"] == "decisions that wait for them"]
    return {task["title"].split()[7].rstrip(",") for task in tasks}
