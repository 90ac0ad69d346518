"""Approving and rejecting over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from approvals.actions import DigestDiffers, decide_approval, void_approval
from approvals.models import Approval, Decision
from permissions.needs import Need
from tests.approvals.conftest import CLIENT, LEAD, Asking, quoted, say
from tests.cast import Person, events_of, key_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Reading = Callable[[Approval], Approval]


def test_the_lead_and_then_the_client_grant_it(
    north: North, lea: Person, cy: Person, ask: Asking, reread: Reading
) -> None:
    approval = ask()
    first = say(lea, "approve", approval, "Good.")
    assert (first.status, first.body["stage"], first.body["stage_index"]) == (200, "PENDING", 1)
    assert reread(approval).granted_at is None
    second = say(cy, "approve", approval)
    assert (second.status, second.body["stage"], second.body["stage_index"]) == (200, "GRANTED", 2)
    assert second.headers["ETag"] == quoted(approval.digest)
    assert [(d["seat"], d["verdict"], d["comment"]) for d in second.body["decisions"]] == [
        (str(lea.seat.pk), "approve", "Good."),
        (str(cy.seat.pk), "approve", ""),
    ]
    row = reread(approval)
    assert row.stage == "GRANTED"
    assert row.granted_at is not None
    with walled(north.agency):
        voices = Decision.objects.filter(approval_id=approval.pk).order_by("stage_index")
        assert [(v.seat_id, v.person_id, v.stage_index, v.digest) for v in voices] == [
            (lea.seat.pk, lea.user.pk, 0, approval.digest),
            (cy.seat.pk, cy.user.pk, 1, approval.digest),
        ]
    about = {"about_id": str(approval.about_id), "digest": approval.digest}
    voice = about | {"verdict": "approve", "link_id": None, "on_behalf_of": None}
    assert events_of(approval)[1:] == [
        (
            "approval.decided",
            str(lea.actor),
            voice | {"stage": "lead"},
        ),
        (
            "approval.decided",
            str(cy.actor),
            voice | {"stage": "client"},
        ),
        ("approval.granted", str(cy.actor), about | {"about_kind": "tests.text"}),
    ]


def test_one_rejection_ends_it(lea: Person, cy: Person, ask: Asking, reread: Reading) -> None:
    approval = ask()
    assert say(lea, "reject", approval, "Not like this.").body["stage"] == "REJECTED"
    assert reread(approval).stage == "REJECTED"
    assert [name for name, *_ in events_of(approval)] == [
        "approval.requested",
        "approval.decided",
        "approval.rejected",
    ]
    answer = say(cy, "approve", approval)
    assert (answer.status, answer.code) == (409, "cannot_move")


def test_the_second_decision_of_a_person_is_refused_whatever_it_is(lea: Person, ask: Asking, reread: Reading) -> None:
    approval = ask()
    say(lea, "approve", approval)
    for verdict in ("approve", "reject"):
        answer = say(lea, verdict, approval)
        assert (answer.status, answer.code) == (409, "already_decided")
    assert reread(approval).stage_index == 1
    assert len(events_of(approval)) == 2


def test_one_person_has_one_voice_over_all_stages(north: North, now: datetime, lea: Person, ask: Asking) -> None:
    approval = ask(stages=[LEAD, LEAD | {"name": "lead again"}])
    say(lea, "approve", approval)
    assert say(lea, "approve", approval).code == "already_decided"
    other = seat_person(north.agency, "lou", "crisis_lead", at=now)
    assert say(other, "approve", approval).body["stage"] == "GRANTED"


def test_a_quorum_waits_for_all_its_voices(north: North, now: datetime, lea: Person, ask: Asking) -> None:
    approval = ask(stages=[LEAD | {"quorum": 2}])
    assert say(lea, "approve", approval).body["stage"] == "PENDING"
    other = seat_person(north.agency, "lou", "crisis_lead", at=now)
    assert say(other, "approve", approval).body["stage"] == "GRANTED"


def test_stages_come_in_their_order(cy: Person, ask: Asking) -> None:
    answer = say(cy, "approve", ask())
    assert (answer.status, answer.code) == (403, "not_an_approver")
    assert answer.body["facts"] == {"stage": "lead", "role": "crisis_lead", "side": "staff"}


def test_an_author_never_decides(north: North, lea: Person, ask: Asking) -> None:
    approval = ask(authors=[lea.seat.pk])
    for verdict in ("approve", "reject"):
        answer = say(lea, verdict, approval)
        assert (answer.status, answer.code) == (403, "author_cannot_approve")


def test_an_author_who_left_and_came_back_is_still_the_author(
    north: North, now: datetime, ana: Person, lea: Person, ask: Asking
) -> None:
    approval = ask(authors=[lea.seat.pk])
    other = seat_person(north.agency, "lou", "crisis_lead", at=now)
    with walled(north.agency):
        # The same human behind both seats, as after a return.
        type(other.seat).objects.filter(pk=lea.seat.pk).update(
            stage="ENDED", ended_at=now, end_reason="left", user=other.user
        )
    assert say(other, "approve", approval).code == "author_cannot_approve"


def test_a_role_above_does_not_stand_in_for_the_role_that_is_asked(ana: Person, ask: Asking) -> None:
    assert say(ana, "approve", ask()).code == "not_an_approver"


def test_only_the_text_that_was_seen_can_be_agreed_to(lea: Person, ask: Asking, reread: Reading) -> None:
    approval, other = ask(), ask(text="Something else.")
    path = f"approvals/{approval.pk}/approve"
    assert (lea.post(path).status, lea.post(path).code) == (428, "precondition_required")
    stale = lea.post(path, If_Match=quoted(other.digest))
    assert (stale.status, stale.code) == (412, "stale")
    assert stale.headers["ETag"] == quoted(approval.digest)
    assert lea.post(path, If_Match="*").status == 400
    assert reread(approval).stage_index == 0


def test_the_action_itself_compares_the_digest(north: North, lea: Person, ask: Asking, now: datetime) -> None:
    approval = ask()
    with pytest.raises(DigestDiffers), walled(north.agency):
        decide_approval(
            approval_id=approval.pk, verdict="approve", digest="0" * 64, comment="", caller=lea.caller(now), at=now
        )


def test_a_key_cannot_decide(lea: Person, ask: Asking, reread: Reading) -> None:
    approval = ask()
    answer = say(key_of(lea, Need.APPROVALS_READ, Need.APPROVALS_DECIDE), "approve", approval)
    assert (answer.status, answer.code) == (403, "humans_decide")
    assert reread(approval).stage_index == 0


def test_what_was_voided_cannot_be_decided(north: North, bo: Person, lea: Person, ask: Asking, now: datetime) -> None:
    approval = ask()
    with walled(north.agency):
        void_approval(approval_id=approval.pk, reason="revised", by=bo.actor, at=now)
    answer = say(lea, "approve", approval)
    assert (answer.status, answer.code) == (409, "cannot_move")
    assert answer.body["facts"]["stage"] == "VOIDED"


def test_an_expired_request_cannot_be_decided(north: North, lea: Person, ask: Asking, now: datetime) -> None:
    approval = ask(expires_at=now + timedelta(microseconds=1))
    answer = say(lea, "approve", approval)
    assert (answer.status, answer.code) == (409, "approval_expired")


def test_without_the_need_it_is_refused_and_without_sight_it_is_not_there(
    north: North, now: datetime, dee: Person, eve: Person, ask: Asking
) -> None:
    approval = ask()
    assert (say(dee, "approve", approval).status, say(dee, "approve", approval).code) == (403, "not_allowed")
    elsewhere = seat_person(north.agency, "lou", "account_manager", brands=[north.borealis], at=now)
    assert say(elsewhere, "approve", approval).status == 404
    for path in ("approve", "reject"):
        path = f"/v1/agencies/north/approvals/{approval.pk}/{path}"  # noqa: PLW2901
        assert eve.post(path, If_Match=quoted(approval.digest)).status == 404


def test_an_unknown_field_is_named(lea: Person, ask: Asking) -> None:
    approval = ask()
    answer = lea.post(f"approvals/{approval.pk}/approve", {"note": "x"}, If_Match=quoted(approval.digest))
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "note")


def test_decisions_are_kept_as_they_were(north: North, lea: Person, ask: Asking) -> None:
    approval = ask()
    say(lea, "approve", approval)
    from_database = pytest.raises(Exception, match="Cannot update or delete")
    with from_database, walled(north.agency):
        Decision.objects.filter(approval_id=approval.pk).update(verdict="reject")
    with pytest.raises(Exception, match="Cannot update or delete"), walled(north.agency):
        Decision.objects.filter(approval_id=approval.pk)._raw_delete("default")


def test_the_clients_own_stage_belongs_to_the_client(north: North, now: datetime, lea: Person, ask: Asking) -> None:
    assert say(lea, "approve", ask(stages=[CLIENT])).code == "not_an_approver"
