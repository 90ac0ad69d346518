"""The fast lane: a holding statement, approved beforehand, goes out in one call, once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from approvals.models import Approval
from core.refusals import Refusal
from core.wall import inside
from incidents.actions import release_holding_statement
from incidents.models import Incident, Statement
from publishing.models import Post
from readiness.models import Message
from tests.cast import Person, events_of
from tests.conftest import North
from tests.incidents.stage import HOLDING, settle, stage_of_approval
from tests.publishing.stage import out_there

pytestmark = pytest.mark.django_db


def test_it_goes_out_in_one_call_and_spends_the_agreement(
    north: North, crisis: Incident, message: Message, lea: Person
) -> None:
    answer = lea.post(f"incidents/{crisis.pk}/holding-statement", {"message": str(message.pk)})
    assert answer.status == 201, answer.body
    assert (answer.body["stage"], answer.body["kind"], answer.body["message"]) == (
        "RELEASED",
        "holding",
        str(message.pk),
    )
    assert stage_of_approval(north, str(message.approval_id)) == "SPENT"
    settle()
    assert out_there(north.aurora_account) == [HOLDING]
    with inside(north.agency.pk):
        statement = Statement.objects.get()
        post = Post.objects.get(incident=crisis)
        assert Approval.objects.get(pk=message.approval_id).spent_on == statement.pk
    assert statement.stage == "PUBLISHED"
    assert events_of(statement)[0] == (
        "statement.released",
        str(lea.actor),
        {"version": 1, "digest": message.digest, "post_ids": [str(post.pk)], "fast_lane": True},
    )


def test_it_is_spent_once(north: North, crisis: Incident, message: Message, lea: Person) -> None:
    path, wish = f"incidents/{crisis.pk}/holding-statement", {"message": str(message.pk)}
    assert lea.post(path, wish).status == 201
    refused = lea.post(path, wish)
    assert (refused.status, refused.code) == (409, "approval_spent")
    with inside(north.agency.pk):
        assert (Statement.objects.count(), Post.objects.filter(incident=crisis).count()) == (1, 1)


def test_it_expires(north: North, crisis: Incident, message: Message, lea: Person) -> None:
    with inside(north.agency.pk), pytest.raises(Refusal) as refused:
        release_holding_statement(
            incident_id=crisis.pk, message_id=message.pk, by=lea.actor, at=timezone.now() + timedelta(days=31)
        )
    assert refused.value.code == "approval_expired"


def test_it_needs_a_crisis(assessed: Incident, message: Message, lea: Person) -> None:
    refused = lea.post(f"incidents/{assessed.pk}/holding-statement", {"message": str(message.pk)})
    assert refused.code == "not_a_crisis"


def test_what_nobody_agreed_to_does_not_take_it(north: North, crisis: Incident, bo: Person, lea: Person) -> None:
    def added(kind: str) -> str:
        answer = bo.post(
            "messages",
            {
                "brand": str(north.aurora.pk),
                "title": "t",
                "kind": kind,
                "crisis_kind": "other",
                "language": "en",
                "deliveries": [{"account": str(north.aurora_account.pk), "text": "x"}],
            },
        )
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    path = f"incidents/{crisis.pk}/holding-statement"
    assert lea.post(path, {"message": added("holding")}).code == "not_preapproved"
    assert lea.post(path, {"message": added("answer")}).code == "not_a_holding_statement"
    with inside(north.agency.pk):
        assert not Statement.objects.exists()


def test_another_brands_message_is_not_there(
    north: North, crisis: Incident, message: Message, lea: Person, eve: Person
) -> None:
    wish = {"brand": str(north.borealis.pk), "title": "x", "kind": "other", "severity": 2}
    elsewhere = lea.post("incidents", wish).body["id"]
    lea.post(f"incidents/{elsewhere}/activate", {})
    said = {"message": str(message.pk)}
    assert lea.post(f"incidents/{elsewhere}/holding-statement", said).status == 404
    assert eve.post(f"/v1/agencies/north/incidents/{crisis.pk}/holding-statement", said).status == 404
    assert eve.post(f"incidents/{crisis.pk}/holding-statement", said).status == 404


def test_a_responder_does_not_speak_for_the_brand(crisis: Incident, message: Message, dee: Person) -> None:
    answer = dee.post(f"incidents/{crisis.pk}/holding-statement", {"message": str(message.pk)})
    assert answer.code == "not_allowed"


@pytest.mark.django_db(transaction=True)
def test_of_many_calls_at_once_one_speaks(north: North, crisis: Incident, message: Message, lea: Person) -> None:
    gate = threading.Barrier(6)
    outcomes: list[str] = []

    def call() -> None:
        gate.wait()
        try:
            with inside(north.agency.pk):
                release_holding_statement(incident_id=crisis.pk, message_id=message.pk, by=lea.actor, at=timezone.now())
            outcomes.append("released")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["approval_spent"] * 5 + ["released"]
    with inside(north.agency.pk):
        assert (Statement.objects.count(), Post.objects.filter(incident=crisis).count()) == (1, 1)
