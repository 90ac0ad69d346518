"""Steps that are asked at once, hats, and asking for changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions import void_approval
from approvals.models import Approval, Decision, DecisionLink
from approvals.queries import flaw, stands_on
from tests.approvals.conftest import CLIENT, LEAD, Asking, asked_now, quoted, say, steps_of
from tests.approvals.links.conftest import look, mail_link, say_by  # noqa: F401 - a fixture
from tests.cast import Person, events_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Reading = Callable[[Approval], Approval]
AT_ONCE = [LEAD | {"order": 1}, CLIENT | {"order": 1}, LEAD | {"name": "last", "role": "owner", "order": 2}]


def test_steps_of_one_order_are_asked_at_once_and_the_next_when_all_are_complete(
    north: North, ana: Person, lea: Person, cy: Person, ask: Asking, reread: Reading
) -> None:
    approval = ask(stages=AT_ONCE)
    assert (asked_now(approval), reread(approval).stage_index) == ([0, 1], 0)
    assert say(ana, "approve", approval).code == "not_an_approver"
    second = say(cy, "approve", approval)
    assert (second.status, second.body["stage_index"]) == (200, 0)
    assert [(s["place"], s["closed_at"] is None) for s in second.body["asked_steps"]] == [(0, True), (1, False)]
    assert say(ana, "approve", approval).code == "not_an_approver"
    first = say(lea, "approve", approval)
    assert (first.body["stage"], first.body["stage_index"], asked_now(approval)) == ("PENDING", 2, [2])
    done = say(ana, "approve", approval)
    assert (done.body["stage"], done.body["stage_index"], asked_now(approval)) == ("GRANTED", 3, [])
    with walled(north.agency):
        assert flaw(reread(approval), digest=approval.digest, at=timezone.now()) is None
        assert stands_on(approval.pk) == {ana.seat.pk, lea.seat.pk, cy.seat.pk}
    assert [facts["stage"] for name, _, facts in events_of(approval) if name == "approval.decided"] == [
        "client",
        "lead",
        "last",
    ]


def test_the_voices_of_one_parallel_step_do_not_fill_another(
    north: North, lea: Person, now: datetime, ask: Asking
) -> None:
    twice = [LEAD | {"order": 1}, LEAD | {"name": "second lead", "order": 1}]
    lou = seat_person(north.agency, "lou", "crisis_lead", at=now)
    mo = seat_person(north.agency, "mo", "crisis_lead", at=now)
    approval = ask(stages=twice)
    assert say(lea, "approve", approval, step="second lead").body["stage_index"] == 0
    assert asked_now(approval) == [0]
    refused = say(lou, "approve", approval, step="second lead")
    assert (refused.status, refused.code) == (403, "not_an_approver")
    assert say(lou, "approve", approval, step="no such step").code == "not_an_approver"
    assert say(lou, "approve", approval).body["stage"] == "GRANTED"
    assert say(mo, "approve", approval).code == "cannot_move"


def test_whoever_is_wanted_twice_counts_in_the_first_unless_they_say_so(north: North, lea: Person, ask: Asking) -> None:
    approval = ask(stages=[LEAD | {"order": 1}, LEAD | {"name": "other", "order": 1}])
    say(lea, "approve", approval)
    with walled(north.agency):
        assert Decision.objects.get(approval_id=approval.pk).stage_index == 0


def test_one_rejection_in_a_parallel_step_ends_all_of_it(lea: Person, cy: Person, ask: Asking) -> None:
    approval = ask(stages=AT_ONCE)
    assert say(cy, "reject", approval).body["stage"] == "REJECTED"
    assert asked_now(approval) == []
    assert say(lea, "approve", approval).code == "cannot_move"


def test_a_void_request_asks_nobody(north: North, bo: Person, ask: Asking, now: datetime) -> None:
    approval = ask(stages=AT_ONCE)
    with walled(north.agency):
        void_approval(approval_id=approval.pk, reason="revised", by=bo.actor, at=now)
    assert asked_now(approval) == []


def test_steps_say_since_when_they_are_asked_and_until_when_they_were(
    lea: Person, cy: Person, ask: Asking, now: datetime
) -> None:
    approval = ask(stages=[LEAD, CLIENT])
    assert list(steps_of(approval)) == [0]
    say(lea, "approve", approval)
    steps = steps_of(approval)
    assert (steps[0].opened_at, steps[1].opened_at, steps[1].closed_at) == (now, steps[0].closed_at, None)


# -- hats ---------------------------------------------------------------------------------------------------

THREE = [LEAD | {"quorum": 3, "hats": ["crisis_lead", "client_approver", "counsel"]}]


@pytest.fixture
def counsel(north: North, ana: Person, now: datetime) -> Person:
    needs = ["approvals.read", "approvals.decide"]
    body = {"slug": "counsel", "label": "Counsel", "side": "staff", "needs": needs}
    assert ana.post("roles", body).status == 201
    return seat_person(north.agency, "cornelia", "counsel", at=now)


def test_legal_client_and_lead_must_all_be_among_the_voices(
    north: North, lea: Person, cy: Person, counsel: Person, now: datetime, ask: Asking, reread: Reading
) -> None:
    approval = ask(stages=THREE)
    lou = seat_person(north.agency, "lou", "crisis_lead", at=now)
    mo = seat_person(north.agency, "mo", "crisis_lead", at=now)
    for person in (lea, lou, mo):
        assert say(person, "approve", approval).body["stage"] == "PENDING"
    assert say(cy, "approve", approval).body["stage"] == "PENDING"
    done = say(counsel, "approve", approval)
    assert done.body["stage"] == "GRANTED"
    hats = {voice["seat"]: voice["hats"] for voice in done.body["decisions"]}
    assert hats[str(cy.seat.pk)] == ["client_approver"]
    assert hats[str(lea.seat.pk)] == ["crisis_lead"]
    with walled(north.agency):
        assert flaw(reread(approval), digest=approval.digest, at=timezone.now()) is None


def test_one_person_with_two_hats_wears_one(
    north: North, ana: Person, cy: Person, counsel: Person, lea: Person, now: datetime, ask: Asking
) -> None:
    body = {"seat": str(lea.seat.pk), "role": "counsel", "brands": [], "reason": "both"}
    answer = ana.post("grants", body)
    assert answer.status == 201, answer.body
    approval = ask(stages=[LEAD | {"quorum": 2, "hats": ["crisis_lead", "counsel"]}])
    assert say(lea, "approve", approval).body["stage"] == "PENDING"
    assert say(counsel, "approve", approval).body["stage"] == "GRANTED"


def test_the_gate_counts_the_hats_anew(north: North, lea: Person, ask: Asking, reread: Reading, now: datetime) -> None:
    approval = ask(stages=[LEAD | {"quorum": 1, "hats": ["client_approver"]}])
    say(lea, "approve", approval)
    with walled(north.agency):
        Approval.objects.filter(pk=approval.pk).update(stage="GRANTED", granted_at=now)
        assert flaw(reread(approval), digest=approval.digest, at=now) == "not_approved"


# -- asking for changes ----------------------------------------------------------------------------------


def test_asking_for_changes_ends_the_request_and_says_what(
    north: North, lea: Person, cy: Person, ask: Asking, reread: Reading
) -> None:
    approval = ask()
    silent = say(lea, "request-changes", approval, "")
    assert (silent.status, silent.body["errors"][0]["field"]) == (400, "comment")
    assert say(lea, "request-changes", approval, "  \n").status == 400
    assert reread(approval).stage == "PENDING"
    answer = say(lea, "request-changes", approval, "Name the product.")
    assert (answer.status, answer.body["stage"]) == (200, "CHANGES_REQUESTED")
    assert [(d["verdict"], d["comment"]) for d in answer.body["decisions"]] == [("changes", "Name the product.")]
    about = {"about_id": str(approval.about_id), "digest": approval.digest}
    said = {"stage": "lead", "verdict": "changes", "link_id": None, "on_behalf_of": None}
    assert events_of(approval)[1:] == [
        ("approval.decided", str(lea.actor), about | said),
        ("approval.changes_requested", str(lea.actor), about | {"about_kind": "tests.text"}),
    ]
    assert say(cy, "approve", approval).code == "cannot_move"
    assert asked_now(approval) == []


def test_the_next_version_is_another_request(lea: Person, ask: Asking) -> None:
    first = ask()
    say(lea, "request-changes", first, "Shorter.")
    assert ask(about_id=first.about_id).stage == "PENDING"


def test_only_the_person_who_is_asked_asks_for_changes(dee: Person, cy: Person, eve: Person, ask: Asking) -> None:
    approval = ask()
    assert say(dee, "request-changes", approval, "No.").code == "not_allowed"
    assert say(cy, "request-changes", approval, "No.").code == "not_an_approver"
    path = f"/v1/agencies/north/approvals/{approval.pk}/request-changes"
    assert eve.post(path, {"comment": "No."}, If_Match=quoted(approval.digest)).status == 404


# -- links ---------------------------------------------------------------------------------------------------


def test_links_of_a_parallel_step_live_on_when_another_is_complete(
    north: North,
    lea: Person,
    cy: Person,
    ask: Asking,
    mail_link: Callable[..., str],  # noqa: F811 - the fixture
    now: datetime,
) -> None:
    other = seat_person(north.agency, "cat", "client_approver", brands=[north.aurora], side="client", at=now)
    approval = ask(stages=[LEAD | {"order": 1}, CLIENT | {"order": 1}])
    token, others = mail_link(approval, cy), mail_link(approval, other)
    assert look(token).body["stage"] == "client"
    say(lea, "approve", approval)
    assert (look(token).status, look(others).status) == (200, 200)
    assert say_by(token, approval).body["stage"] == "GRANTED"
    assert look(others).status == 404
    with walled(north.agency):
        assert not DecisionLink.objects.filter(approval_id=approval.pk, voided_at=None, used_at=None).exists()


def test_a_complete_step_closes_the_links_of_those_who_are_wanted_nowhere_else(
    north: North,
    lea: Person,
    cy: Person,
    ask: Asking,
    mail_link: Callable[..., str],  # noqa: F811 - the fixture
    now: datetime,
) -> None:
    other = seat_person(north.agency, "cat", "client_approver", brands=[north.aurora], side="client", at=now)
    approval = ask(stages=[LEAD | {"order": 1}, CLIENT | {"order": 1}])
    token = mail_link(approval, other)
    say(cy, "approve", approval)
    assert look(token).status == 404
    with walled(north.agency):
        assert DecisionLink.objects.get(approval_id=approval.pk).voided_at is not None


def test_a_link_asks_for_changes_with_a_comment_only(
    cy: Person,
    ask: Asking,
    mail_link: Callable[..., str],  # noqa: F811 - the fixture
) -> None:
    approval = ask(stages=[CLIENT])
    token = mail_link(approval, cy)
    assert say_by(token, approval, "changes").status == 400
    assert look(token).status == 200
    assert say_by(token, approval, "changes", comment="Shorter.").body["stage"] == "CHANGES_REQUESTED"


def test_a_link_shows_media_slots_and_what_is_no_delivery(
    cy: Person,
    ask: Asking,
    mail_link: Callable[..., str],  # noqa: F811 - the fixture
) -> None:
    token = mail_link(ask(stages=[CLIENT], payload={"format": 9, "plan": {"duties": ["Speaker"]}}), cy)
    shown = look(token).body
    assert (shown["deliveries"], "Speaker" in shown["further"]) == ([], True)
    page = look(token, Accept="text/html")
    assert "Speaker" in page.body.decode()


# -- costs ---------------------------------------------------------------------------------------------------


def test_a_list_costs_the_same_however_many_steps_are_asked(lea: Person, ask: Asking) -> None:
    ask(stages=[LEAD])
    lea.get("approvals")
    with CaptureQueriesContext(connection) as for_one:
        lea.get("approvals")
    for _ in range(5):
        ask(stages=AT_ONCE)
    with CaptureQueriesContext(connection) as for_many:
        assert len(lea.get("approvals").body["items"]) == 6
    assert len(for_many) == len(for_one)
