"""The message library, and approval before it is needed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError

from approvals.actions import spend_approval
from approvals.models import Approval
from approvals.payload import deliveries_payload, digest_of
from core.actor import Actor
from jobs.models import Job
from readiness.actions import approve_message
from readiness.models import Message
from readiness.queries import preapproved
from tests.cast import Person, events_of, run_due_jobs, seat_person, walled
from tests.conftest import North
from tests.readiness.conftest import STAGES, WORDS, published

pytestmark = pytest.mark.django_db
# Postgres says what is due, by the instant a transaction began: jobs run only in tests that commit.
with_jobs = pytest.mark.django_db(transaction=True)
Body = dict[str, Any]


def message_of(north: North, body: Body) -> Message:
    with walled(north.agency):
        found: Message = Message.objects.found(UUID(body["id"]))
        return found


def approval_of(message: Message) -> Approval:
    """The newest request about a message; inside the wall."""
    approval: Approval = Approval.objects.get(pk=message.approval_id)
    return approval


def ready(north: North, body: Body, at: datetime) -> bool:
    with walled(north.agency):
        return preapproved(Message.objects.found(UUID(body["id"])), at)


def decide(person: Person, verdict: str, message: Message) -> None:
    path = f"approvals/{message.approval_id}"
    answer = person.post(f"{path}/{verdict}", If_Match=person.get(path).etag)
    assert answer.status == 200, answer.body


@pytest.fixture
def in_month(now: datetime) -> str:
    return (now + timedelta(days=30)).isoformat()


@pytest.fixture
def message(ana: Person, bo: Person, lea: Person, new_plan: Body, new_message: Body) -> Body:
    """A holding statement in the library, and a plan that says who approves."""
    published(lea, ana, new_plan)
    answer = bo.post("messages", new_message)
    assert answer.status == 201, answer.body
    added: Body = answer.body
    return added


def test_a_message_is_kept_byte_for_byte(north: North, bo: Person, new_message: Body) -> None:
    text = "  Caf\u00e9, cafe\u0301 \u200b\n "
    new_message["deliveries"][0]["text"] = text
    answer = bo.post("messages", new_message)
    assert answer.status == 201, answer.body
    message = message_of(north, answer.body)
    assert message.deliveries == [{"account": str(north.aurora_account.pk), "text": text}]
    payload = deliveries_payload(brand_id=north.aurora.pk, language="en", deliveries=[(north.aurora_account.pk, text)])
    assert (message.digest, message.author_id) == (digest_of(payload), bo.seat.pk)
    assert answer.body["preapproved"] is False
    assert events_of(message) == [
        ("message.added", str(bo.actor), {"title": "First words", "kind": "holding", "digest": message.digest})
    ]


def test_the_text_of_a_message_never_changes(north: North, message: Body) -> None:
    with pytest.raises(DatabaseError), walled(north.agency):
        Message.objects.filter(pk=message["id"]).update(deliveries=[])


def test_an_account_of_another_brand_is_refused(north: North, bo: Person, new_message: Body) -> None:
    for account in (north.borealis_account.pk, uuid4()):
        new_message["deliveries"] = [{"account": str(account), "text": WORDS}]
        answer = bo.post("messages", new_message)
        assert (answer.status, answer.body["errors"][0]["field"]) == (400, "deliveries.0.account")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "shout"}, "kind"),
        ({"language": "english"}, "language"),
        ({"crisis_kind": "Not A Word"}, "crisis_kind"),
        ({"deliveries": []}, "deliveries"),
        ({"deliveries": [{"account": "x", "text": "y"}]}, "deliveries.0.account"),
        ({"deliveries": [{"account": str(uuid4()), "text": "y", "image": "z"}]}, "deliveries.0.image"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_each_wrong_field_is_named(bo: Person, new_message: Body, change: Body, field: str) -> None:
    answer = bo.post("messages", new_message | change)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, field)


@with_jobs
def test_the_people_of_the_plan_approve_in_advance(
    north: North, bo: Person, lea: Person, cy: Person, message: Body, in_month: str, now: datetime
) -> None:
    answer = bo.post(f"messages/{message['id']}/submit", {"expires_at": in_month})
    assert answer.status == 200, answer.body
    assert answer.body["preapproved"] is False
    row = message_of(north, message)
    with walled(north.agency):
        approval = approval_of(row)
    assert (approval.about_kind, approval.about_id) == ("readiness.message", row.pk)
    assert (approval.stages, approval.digest) == (STAGES, row.digest)
    assert approval.author_seat_ids == [bo.seat.pk]
    decide(lea, "approve", row)
    assert not ready(north, message, now)
    decide(cy, "approve", row)
    assert ready(north, message, now)
    assert run_due_jobs("readiness.approve_message") == 1
    row = message_of(north, message)
    with walled(north.agency):
        assert row.approved_at == approval_of(row).granted_at
    assert row.expires_at is not None
    assert events_of(row)[-1] == (
        "message.approved",
        "rule:readiness.approve_message",
        {"digest": row.digest, "expires_at": row.expires_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
    )
    assert bo.get(f"messages/{row.pk}").body["preapproved"] is True


@with_jobs
def test_hearing_of_a_grant_twice_changes_nothing(
    north: North, bo: Person, lea: Person, cy: Person, message: Body, in_month: str, now: datetime
) -> None:
    bo.post(f"messages/{message['id']}/submit", {"expires_at": in_month})
    row = message_of(north, message)
    decide(lea, "approve", row)
    decide(cy, "approve", row)
    assert run_due_jobs("readiness.approve_message") == 1
    assert row.approval_id is not None
    assert message_of(north, message).approved_at is not None
    with walled(north.agency):
        approve_message(message_id=row.pk, approval_id=row.approval_id, by=Actor.rule("again"), at=now)
    assert [name for name, *_ in events_of(row)].count("message.approved") == 1
    assert Job.objects.filter(handler="readiness.approve_message", state="DEAD").count() == 0


@with_jobs
def test_a_pre_approval_ends_is_used_once_and_needs_its_people(
    north: North, ana: Person, bo: Person, lea: Person, cy: Person, message: Body, in_month: str, now: datetime
) -> None:
    path = f"messages/{message['id']}/submit"
    bo.post(path, {"expires_at": in_month})
    row = message_of(north, message)
    decide(lea, "approve", row)
    decide(cy, "approve", row)
    assert ready(north, message, now + timedelta(days=29))
    assert not ready(north, message, now + timedelta(days=30))
    with walled(north.agency):
        spend_approval(approval_id=row.approval_id, on=uuid4(), by=bo.actor, at=now)  # type: ignore[arg-type]
    assert not ready(north, message, now)

    bo.post(path, {"expires_at": in_month})
    row = message_of(north, message)
    assert row.approved_at is None
    decide(lea, "approve", row)
    decide(cy, "approve", row)
    assert ready(north, message, now)
    ana.post(f"seats/{cy.seat.pk}/revoke", {"reason": "left"})
    assert not ready(north, message, now)


@with_jobs
def test_asking_twice_is_refused_and_asking_again_voids_what_was_unused(
    north: North, bo: Person, lea: Person, cy: Person, message: Body, in_month: str
) -> None:
    path = f"messages/{message['id']}/submit"
    bo.post(path, {"expires_at": in_month})
    first = message_of(north, message)
    again = bo.post(path, {"expires_at": in_month})
    assert (again.status, again.code) == (409, "message_in_approval")
    assert again.body["facts"] == {"approval_id": str(first.approval_id)}
    decide(lea, "approve", first)
    decide(cy, "approve", first)
    assert bo.post(path, {"expires_at": in_month}).status == 200
    # The grant of the first request is heard only now; it no longer counts.
    assert run_due_jobs("readiness.approve_message") == 1
    second = message_of(north, message)
    assert second.approval_id != first.approval_id
    assert second.approved_at is None
    with walled(north.agency):
        assert approval_of(first).stage == "VOIDED"


def test_the_one_who_submits_is_kept_from_deciding_too(north: North, lea: Person, message: Body, in_month: str) -> None:
    lea.post(f"messages/{message['id']}/submit", {"expires_at": in_month})
    row = message_of(north, message)
    path = f"approvals/{row.approval_id}"
    answer = lea.post(f"{path}/approve", If_Match=lea.get(path).etag)
    assert (answer.status, answer.code) == (403, "author_cannot_approve")


def test_who_may_write_a_plan_may_name_other_people(
    north: North, bo: Person, lea: Person, message: Body, in_month: str
) -> None:
    wish = {"expires_at": in_month, "stages": STAGES[1:]}
    path = f"messages/{message['id']}/submit"
    refused = bo.post(path, wish)
    assert (refused.status, refused.body["facts"]) == (403, {"need": "plans.publish"})
    assert lea.post(path, wish).status == 200
    with walled(north.agency):
        assert approval_of(Message.objects.found(UUID(message["id"]))).stages == STAGES[1:]


def test_without_a_plan_nobody_knows_whom_to_ask(bo: Person, new_message: Body, in_month: str) -> None:
    message = bo.post("messages", new_message).body
    answer = bo.post(f"messages/{message['id']}/submit", {"expires_at": in_month})
    assert (answer.status, answer.code) == (409, "no_approval_process")


def test_the_end_lies_ahead_and_not_too_far(bo: Person, message: Body, now: datetime) -> None:
    for end in (now - timedelta(minutes=1), now + timedelta(days=400)):
        answer = bo.post(f"messages/{message['id']}/submit", {"expires_at": end.isoformat()})
        assert (answer.status, answer.body["errors"][0]["field"]) == (400, "expires_at")


def test_a_library_can_be_narrowed(north: North, bo: Person, new_message: Body) -> None:
    holding = bo.post("messages", new_message).body
    answer = bo.post("messages", new_message | {"kind": "answer", "language": "de"}).body

    def found(query: str) -> list[str]:
        return [item["id"] for item in bo.get(f"messages?{query}").body["items"]]

    assert found("") == [answer["id"], holding["id"]]
    assert found("kind=holding") == [holding["id"]]
    assert found(f"language=de&brand={north.aurora.pk}") == [answer["id"]]
    assert bo.get("messages?colour=red").status == 400


def test_needs_brands_and_agencies_keep_people_out(
    north: North, now: datetime, dee: Person, cy: Person, eve: Person, new_message: Body, message: Body, in_month: str
) -> None:
    assert (dee.post("messages", new_message).status, dee.get("messages").status) == (403, 200)
    assert dee.post(f"messages/{message['id']}/submit", {"expires_at": in_month}).code == "not_allowed"
    assert cy.get("messages").status == 403
    elsewhere = seat_person(north.agency, "lou", "account_manager", brands=[north.borealis], at=now)
    assert elsewhere.get(f"messages/{message['id']}").status == 404
    assert elsewhere.post("messages", new_message).status == 400
    for path in ("messages", f"messages/{message['id']}"):
        assert eve.get(f"/v1/agencies/north/{path}").status == 404
    assert eve.post("/v1/agencies/north/messages", new_message).status == 404
    assert eve.post(f"/v1/agencies/north/messages/{message['id']}/submit", {"expires_at": in_month}).status == 404
    assert eve.get(f"messages/{message['id']}").status == 404
