"""Speaking for somebody else: dated, for one brand or all, shown in the decision, and over when either goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Approval, Decision, Delegation
from approvals.queries import flaw
from permissions.needs import Need
from tenants.models import Seat
from tests.approvals.conftest import CLIENT, LEAD, Asking, say
from tests.cast import Answer, Person, events_of, key_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Reading = Callable[[Approval], Approval]
AWAY = "On a plane."


def delegate(person: Person, deputy: Person, **more: Any) -> Answer:
    wish = {"deputy": str(deputy.seat.pk), "ends_at": timezone.now() + timedelta(days=3), "reason": AWAY}
    return person.post("delegations", wish | more)


@pytest.fixture
def mo(north: North, now: datetime) -> Person:
    """Another account manager of the brand, who wrote nothing."""
    return seat_person(north.agency, "mo", "account_manager", brands=[north.aurora], at=now)


def test_a_deputy_speaks_for_whoever_asked_them_and_the_decision_says_so(
    north: North, lea: Person, mo: Person, ask: Asking, reread: Reading
) -> None:
    approval = ask(stages=[LEAD])
    assert say(mo, "approve", approval).code == "not_an_approver"
    given = delegate(lea, mo)
    assert given.status == 201, given.body
    assert (given.body["seat"], given.body["deputy"], given.body["brand"]) == (
        str(lea.seat.pk),
        str(mo.seat.pk),
        None,
    )
    done = say(mo, "approve", approval)
    assert done.body["stage"] == "GRANTED"
    assert [(d["seat"], d["on_behalf_of"], d["hats"]) for d in done.body["decisions"]] == [
        (str(mo.seat.pk), str(lea.seat.pk), ["crisis_lead"])
    ]
    decided = next(facts for name, _, facts in events_of(approval) if name == "approval.decided")
    assert decided["on_behalf_of"] == str(lea.seat.pk)
    with walled(north.agency):
        assert flaw(reread(approval), digest=approval.digest, at=timezone.now()) is None


def test_the_ledger_has_who_and_when_and_not_why(north: North, lea: Person, mo: Person) -> None:
    given = delegate(lea, mo, brand=str(north.aurora.pk)).body
    with walled(north.agency):
        row = Delegation.objects.get(pk=given["id"])
    ((name, actor, facts),) = events_of(row)
    assert (name, actor) == ("delegation.created", str(lea.actor))
    assert set(facts) == {"seat_id", "deputy_id", "starts_at", "ends_at"}
    assert AWAY not in str(facts)


def test_nobody_is_heard_twice_not_even_through_somebody_else(
    north: North, lea: Person, mo: Person, now: datetime, ask: Asking
) -> None:
    nan = seat_person(north.agency, "nan", "account_manager", brands=[north.aurora], at=now)
    approval = ask(stages=[LEAD | {"quorum": 2}])
    delegate(lea, mo)
    delegate(lea, nan)
    assert say(mo, "approve", approval).body["stage"] == "PENDING"
    assert say(nan, "approve", approval).code == "not_an_approver"
    assert say(lea, "approve", approval).code == "already_decided"
    assert say(mo, "approve", approval).code == "already_decided"
    lou = seat_person(north.agency, "lou", "crisis_lead", at=now)
    assert say(lou, "approve", approval).body["stage"] == "GRANTED"


def test_ones_own_right_comes_first(north: North, lea: Person, now: datetime, ask: Asking) -> None:
    lou = seat_person(north.agency, "lou", "crisis_lead", at=now)
    delegate(lea, lou)
    approval = ask(stages=[LEAD])
    assert say(lou, "approve", approval).body["decisions"][0]["on_behalf_of"] is None


def test_an_author_is_excluded_as_a_deputy_and_as_whom_somebody_speaks_for(
    north: North, bo: Person, lea: Person, mo: Person, ask: Asking
) -> None:
    delegate(lea, bo)
    assert say(bo, "approve", ask(stages=[LEAD])).code == "author_cannot_approve"
    delegate(lea, mo)
    assert say(mo, "approve", ask(stages=[LEAD], authors=[lea.seat.pk])).code == "not_an_approver"


def test_it_counts_from_its_beginning_to_its_end_and_where_it_was_given(
    north: North, lea: Person, mo: Person, ask: Asking, now: datetime
) -> None:
    tomorrow = now + timedelta(days=1)
    approval = ask(stages=[LEAD])
    delegate(lea, mo, starts_at=tomorrow)
    assert say(mo, "approve", approval).code == "not_an_approver"
    delegate(lea, mo, brand=str(north.borealis.pk))
    assert say(mo, "approve", approval).code == "not_an_approver"
    with walled(north.agency):
        Delegation.objects.update(starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1), brand=None)
    assert say(mo, "approve", approval).code == "not_an_approver"
    delegate(lea, mo, brand=str(north.aurora.pk))
    assert say(mo, "approve", approval).status == 200


def test_it_is_not_handed_on_to_a_third(north: North, lea: Person, mo: Person, now: datetime, ask: Asking) -> None:
    nan = seat_person(north.agency, "nan", "account_manager", brands=[north.aurora], at=now)
    delegate(lea, mo)
    delegate(mo, nan)
    assert say(nan, "approve", ask(stages=[LEAD])).code == "not_an_approver"


def test_it_gives_a_voice_and_no_rights(north: North, lea: Person, dee: Person, now: datetime, ask: Asking) -> None:
    elsewhere = seat_person(north.agency, "el", "account_manager", brands=[north.borealis], at=now)
    assert delegate(lea, dee).body["errors"][0]["code"] == "cannot_decide"
    assert delegate(lea, elsewhere).status == 201  # somewhere they may decide
    assert say(elsewhere, "approve", ask(stages=[LEAD])).status == 404


@pytest.mark.parametrize("who", ["client", "self", "nobody", "stranger"])
def test_a_deputy_is_a_colleague_of_the_same_side(north: North, lea: Person, cy: Person, eve: Person, who: str) -> None:
    other = {"client": cy, "self": lea, "stranger": eve}.get(who)
    wish = {"deputy": str(other.seat.pk)} if other else {"deputy": "01890000-0000-7000-8000-000000000000"}
    answer = lea.post("delegations", {"ends_at": timezone.now() + timedelta(days=3), "reason": AWAY} | wish)
    assert (answer.status, answer.body["errors"][0]["field"], answer.body["errors"][0]["code"]) == (
        400,
        "deputy",
        "cannot_decide",
    )


def test_the_clients_people_speak_for_each_other(north: North, cy: Person, now: datetime, ask: Asking) -> None:
    other = seat_person(north.agency, "cat", "client_approver", brands=[north.aurora], side="client", at=now)
    viewer = seat_person(north.agency, "vi", "client_viewer", brands=[north.aurora], side="client", at=now)
    assert delegate(cy, viewer).status == 400
    assert delegate(viewer, cy).status == 403
    assert delegate(cy, other).status == 201
    approval = ask(stages=[CLIENT | {"quorum": 2}])
    assert say(other, "approve", approval).status == 200
    assert say(other, "approve", approval).code == "already_decided"
    assert say(cy, "approve", approval).body["stage"] == "GRANTED"


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (2, 1), (-3, -1), (0, 400)], ids=["empty", "backwards", "past", "long"]
)
def test_its_times_make_sense(lea: Person, mo: Person, now: datetime, start: int, end: int) -> None:
    times = {"starts_at": now + timedelta(days=start), "ends_at": now + timedelta(days=end)}
    answer = delegate(lea, mo, **times)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "ends_at")


def test_a_key_delegates_nothing(lea: Person, mo: Person) -> None:
    key = key_of(lea, Need.APPROVALS_READ, Need.APPROVALS_DECIDE)
    assert (delegate(key, mo).status, delegate(key, mo).code) == (403, "humans_decide")


def test_either_of_the_two_ends_it_and_what_was_said_stands(
    north: North, lea: Person, mo: Person, ana: Person, eve: Person, ask: Asking, reread: Reading
) -> None:
    said, later_on = ask(stages=[LEAD]), ask(stages=[LEAD])
    for ender in (lea, mo):
        given = delegate(lea, mo).body["id"]
        if ender is lea:
            say(mo, "approve", said)
        assert ana.post(f"delegations/{given}/end", {"reason": "No."}).status == 404
        assert eve.post(f"/v1/agencies/north/delegations/{given}/end", {"reason": "No."}).status == 404
        ended = ender.post(f"delegations/{given}/end", {"reason": "Back."})
        assert (ended.status, ended.body["ended_reason"]) == (200, "Back.")
        again = ender.post(f"delegations/{given}/end", {"reason": "Back."})
        assert (again.status, again.code) == (409, "delegation_ended")
        assert say(mo, "approve", later_on).code == "not_an_approver"
    with walled(north.agency):
        assert flaw(reread(said), digest=said.digest, at=timezone.now()) is None


def test_everybody_sees_their_own_and_staff_who_see_all_approvals_all(
    north: North, ana: Person, bo: Person, lea: Person, mo: Person, cy: Person, eve: Person, now: datetime
) -> None:
    given = delegate(lea, mo).body["id"]
    for person, number in ((ana, 1), (lea, 1), (mo, 1), (bo, 0), (cy, 0)):
        assert len(person.get("delegations").body["items"]) == number
        assert person.get(f"delegations/{given}").status == (200 if number else 404)
    assert eve.get("/v1/agencies/north/delegations").status == 404
    assert len(ana.get(f"delegations?deputy={mo.seat.pk}&live=true").body["items"]) == 1
    assert ana.get(f"delegations?seat={mo.seat.pk}").body["items"] == []
    assert ana.get("delegations?live=false").body["items"] == []


# -- goodbyes ------------------------------------------------------------------------------------------------


def test_when_whoever_asked_goes_their_deputys_voice_goes_too(
    north: North, ana: Person, lea: Person, mo: Person, ask: Asking, reread: Reading
) -> None:
    granted, pending = ask(stages=[LEAD]), ask(stages=[LEAD])
    delegate(lea, mo)
    say(mo, "approve", granted)
    answer = ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"})
    counts = answer.body["ended_counts"]
    assert (counts["delegations"], counts["unpublished approvals"]) == (1, 1)
    assert (reread(granted).stage, reread(pending).stage) == ("VOIDED", "PENDING")
    assert say(mo, "approve", pending).code == "not_an_approver"


def test_when_a_deputy_goes_they_speak_for_nobody(
    north: North, ana: Person, lea: Person, mo: Person, ask: Asking, reread: Reading
) -> None:
    granted = ask(stages=[LEAD])
    delegate(lea, mo)
    say(mo, "approve", granted)
    counts = ana.post(f"seats/{mo.seat.pk}/revoke", {"reason": "left"}).body["ended_counts"]
    assert (counts["delegations"], counts["unpublished approvals"]) == (1, 1)
    assert reread(granted).stage == "VOIDED"
    with walled(north.agency):
        assert Delegation.objects.get().ended_reason == "one of the two has left"


def test_a_suspended_person_is_not_spoken_for(
    north: North, lea: Person, mo: Person, ask: Asking, reread: Reading
) -> None:
    granted, pending = ask(stages=[LEAD]), ask(stages=[LEAD])
    delegate(lea, mo)
    say(mo, "approve", granted)
    with walled(north.agency):
        Seat.objects.filter(pk=lea.seat.pk).update(stage="SUSPENDED")
    assert say(mo, "approve", pending).code == "not_an_approver"
    with walled(north.agency):
        assert flaw(reread(granted), digest=granted.digest, at=timezone.now()) == "approver_gone"


def test_a_successor_speaks_on_for_those_for_whom_a_leaver_spoke(
    north: North, ana: Person, lea: Person, mo: Person, now: datetime, ask: Asking
) -> None:
    nan = seat_person(north.agency, "nan", "account_manager", brands=[north.aurora], at=now)
    given = delegate(lea, mo).body["id"]
    body = {"reason": "left", "successor": str(nan.seat.pk)}
    answer = ana.post(f"seats/{mo.seat.pk}/revoke", body)
    assert answer.status == 200, answer.body
    with walled(north.agency):
        row = Delegation.objects.get(pk=given)
        assert (row.deputy_id, row.ended_at) == (nan.seat.pk, None)
    assert [name for name, *_ in events_of(row)] == ["delegation.created", "delegation.handed_over"]
    assert say(nan, "approve", ask(stages=[LEAD])).body["decisions"][0]["on_behalf_of"] == str(lea.seat.pk)


def test_a_successor_does_not_become_their_own_deputy(north: North, ana: Person, lea: Person, mo: Person) -> None:
    delegate(lea, mo)
    answer = ana.post(f"seats/{mo.seat.pk}/revoke", {"reason": "left", "successor": str(lea.seat.pk)})
    assert answer.body["ended_counts"]["delegations"] == 1
    with walled(north.agency):
        row = Delegation.objects.get()
        assert (row.deputy_id, row.ended_at is None) == (mo.seat.pk, False)


def test_the_gate_takes_no_voice_twice_from_the_rows(
    north: North, lea: Person, mo: Person, now: datetime, ask: Asking, reread: Reading
) -> None:
    """A row by hand, past every action: Mo speaks for Lea, who has spoken herself."""
    approval = ask(stages=[LEAD | {"quorum": 2}])
    say(lea, "approve", approval)
    with walled(north.agency):
        Decision(
            approval_id=approval.pk,
            stage_index=0,
            seat_id=mo.seat.pk,
            person_id=mo.user.pk,
            verdict="approve",
            digest=approval.digest,
            at=now,
            hats=["crisis_lead"],
            on_behalf_of_id=lea.seat.pk,
        ).save(force_insert=True)
        Approval.objects.filter(pk=approval.pk).update(stage="GRANTED", granted_at=now)
        assert flaw(reread(approval), digest=approval.digest, at=now) == "not_approved"
