"""What waits for somebody's voice: `GET approvals?waiting_for=me`."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.actions import create_delegation
from tests.approvals.conftest import CLIENT, LEAD, Asking, say
from tests.cast import Person, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db


def waiting(person: Person, query: str = "") -> list[str]:
    answer = person.get(f"approvals?waiting_for=me{query}")
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.body["items"]]


def test_what_can_be_decided_now_is_there_and_nothing_else(
    north: North, ana: Person, bo: Person, lea: Person, cy: Person, dee: Person, eve: Person, ask: Asking
) -> None:
    both = ask(stages=[LEAD, CLIENT])
    at_once = ask(stages=[LEAD | {"order": 1}, CLIENT | {"order": 1}])
    hatted = ask(stages=[LEAD | {"quorum": 2, "hats": ["client_approver"]}])
    assert waiting(lea) == [str(one.pk) for one in (hatted, at_once, both)]
    assert waiting(cy) == [str(one.pk) for one in (hatted, at_once)]
    assert waiting(ana) == waiting(bo) == []
    assert dee.get("approvals?waiting_for=me").body["items"] == []
    assert eve.get("/v1/agencies/north/approvals?waiting_for=me").status == 404
    say(lea, "approve", both)
    assert waiting(lea) == [str(one.pk) for one in (hatted, at_once)]
    assert waiting(cy) == [str(one.pk) for one in (hatted, at_once, both)]
    say(cy, "reject", both)
    assert str(both.pk) not in waiting(cy)


def test_it_agrees_with_what_is_then_decided(
    north: North, ana: Person, bo: Person, lea: Person, cy: Person, ask: Asking
) -> None:
    requests = [
        ask(stages=[LEAD]),
        ask(stages=[CLIENT]),
        ask(stages=[LEAD | {"role": "owner"}]),
        ask(stages=[LEAD | {"role": "account_manager"}], authors=[]),
        ask(stages=[LEAD | {"role": "account_manager"}]),
    ]
    for person in (ana, bo, lea, cy):
        inbox = waiting(person)
        for approval in requests:
            if str(approval.pk) not in inbox:
                assert say(person, "approve", approval).status in (403, 409), approval.stages
        for approval in requests:
            if str(approval.pk) in inbox:
                assert say(person, "approve", approval).status == 200
        assert waiting(person) == []


def test_authors_and_what_is_over_are_not_asked(lea: Person, ask: Asking, now: datetime) -> None:
    ask(authors=[lea.seat.pk])
    ask(expires_at=now + timedelta(microseconds=1))
    assert waiting(lea) == []


def test_it_can_be_narrowed_like_every_list(north: North, lea: Person, ask: Asking) -> None:
    approval = ask()
    assert waiting(lea, f"&brand={north.aurora.pk}") == [str(approval.pk)]
    assert waiting(lea, f"&brand={north.borealis.pk}") == []
    assert lea.get("approvals?waiting_for=you").body["errors"][0]["field"] == "waiting_for"


def test_roles_on_a_brand_count_on_that_brand(north: North, now: datetime, ask: Asking) -> None:
    ask(stages=[LEAD])
    here = seat_person(north.agency, "lou", "crisis_lead", brands=[north.aurora], at=now)
    there = seat_person(north.agency, "mo", "crisis_lead", brands=[north.borealis], at=now)
    assert (len(waiting(here)), len(waiting(there))) == (1, 0)


def test_what_waits_for_those_one_speaks_for_is_there_too(
    north: North, ana: Person, bo: Person, lea: Person, ask: Asking, now: datetime
) -> None:
    approval = ask(stages=[LEAD], authors=[])
    with walled(north.agency):
        create_delegation(
            deputy_id=bo.seat.pk,
            brand_id=None,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="away",
            caller=lea.caller(now),
            at=now,
        )
    assert waiting(bo) == [str(approval.pk)]
    assert waiting(ana) == []
    assert waiting(lea) == [str(approval.pk)]
    say(bo, "approve", approval)
    assert waiting(bo) == waiting(lea) == []


def test_what_was_written_by_whom_one_speaks_for_is_not(
    north: North, bo: Person, lea: Person, ask: Asking, now: datetime
) -> None:
    ask(stages=[LEAD], authors=[lea.seat.pk])
    with walled(north.agency):
        create_delegation(
            deputy_id=bo.seat.pk,
            brand_id=north.aurora.pk,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="away",
            caller=lea.caller(now),
            at=now,
        )
    assert waiting(bo) == []


def test_an_inbox_costs_the_same_for_one_and_for_many(lea: Person, ask: Asking) -> None:
    ask()
    waiting(lea)
    with CaptureQueriesContext(connection) as for_one:
        assert len(waiting(lea)) == 1
    for _ in range(12):
        ask()
    with CaptureQueriesContext(connection) as for_many:
        assert len(waiting(lea)) == 13
    assert len(for_many) == len(for_one)
