"""Words of the library in a crisis: slots are filled with facts, and what is not known to be true does not go out."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone

from approvals.actions import decide_approval
from approvals.models import Approval
from core.refusals import Refusal
from core.wall import inside
from incidents.actions import release_holding_statement
from incidents.models import Incident, Statement, StatementVersion
from publishing.models import Post
from readiness.actions import add_message, confirm_fact, submit_message
from readiness.models import Fact, Message
from tests.cast import Answer, Person, run_due_jobs
from tests.conftest import North
from tests.incidents.stage import STAGES, settle, stage_of_approval
from tests.publishing.stage import out_there

pytestmark = pytest.mark.django_db
TEMPLATE = "We have closed {affected_stores} stores."
SLOTS = {"affected_stores": {"type": "number", "longest": 6}}


@pytest.fixture
def template(north: North, bo: Person, lea: Person, cy: Person, now: datetime) -> Message:
    """A holding statement with a slot, which Lea and Cy agreed to beforehand."""
    with inside(north.agency.pk):
        added = add_message(
            brand_id=north.aurora.pk,
            title="Closed stores",
            kind="holding",
            crisis_kind="insensitive_post",
            language="en",
            deliveries=[(north.aurora_account.pk, TEMPLATE)],
            slots=SLOTS,
            by=bo.actor,
            at=now,
        )
        submitted = submit_message(
            message_id=added.pk, stages=STAGES, expires_at=now + timedelta(days=30), by=bo.actor, at=now
        )
        approval: Approval = Approval.objects.found(submitted.approval_id)
        for person in (lea, cy):
            decide_approval(
                approval_id=approval.pk,
                verdict="approve",
                digest=approval.digest,
                comment="",
                caller=person.caller(now),
                at=now,
            )
        return submitted


def say(person: Person, north: North, value: str = "12", **more: Any) -> dict[str, Any]:
    wish = {
        "brand": str(north.aurora.pk),
        "name": "affected_stores",
        "type": "number",
        "value": value,
        "good_for_minutes": 60,
    }
    answer = person.post("facts", wish | more)
    assert answer.status == 201, answer.body
    body: dict[str, Any] = answer.body
    return body


def revise(person: Person, fact: dict[str, Any], value: str) -> None:
    path = f"facts/{fact['id']}"
    assert person.patch(path, {"value": value}, If_Match=person.get(path).etag).status == 200


def age(north: North, fact: dict[str, Any], minutes: int) -> None:
    with inside(north.agency.pk):
        Fact.objects.filter(pk=fact["id"]).update(said_at=timezone.now() - timedelta(minutes=minutes))


def hold(person: Person, crisis: Incident, message: Message) -> Answer:
    return person.post(f"incidents/{crisis.pk}/holding-statement", {"message": str(message.pk)})


def test_the_fast_lane_fills_the_slots_with_what_is_known(
    north: North, crisis: Incident, template: Message, bo: Person, lea: Person
) -> None:
    refused = hold(lea, crisis, template)
    assert (refused.status, refused.code) == (409, "slot_missing")
    assert refused.body["facts"] == {"slots": [{"slot": "affected_stores", "type": "number", "longest": 6}]}
    fact = say(bo, north)
    answer = hold(lea, crisis, template)
    assert answer.status == 201, answer.body
    version = answer.body["versions"][0]
    assert version["deliveries"][0]["text"] == "We have closed 12 stores."
    assert version["facts"] == {"affected_stores": {"fact": fact["id"], "value": "12"}}
    assert stage_of_approval(north, str(template.approval_id)) == "SPENT"
    settle()
    assert out_there(north.aurora_account) == ["We have closed 12 stores."]


def test_a_stale_fact_stops_the_fast_lane_and_names_its_owner_and_age(
    north: North, crisis: Incident, template: Message, bo: Person, lea: Person
) -> None:
    fact = say(bo, north)
    age(north, fact, 75)
    refused = hold(lea, crisis, template)
    assert (refused.status, refused.code) == (409, "stale_fact")
    [slot] = refused.body["facts"]["slots"]
    assert (slot["slot"], slot["fact"], slot["owner"], slot["age_minutes"]) == (
        "affected_stores",
        fact["id"],
        str(bo.seat.pk),
        75,
    )
    assert stage_of_approval(north, str(template.approval_id)) == "GRANTED", "nothing was used up"
    assert bo.post(f"facts/{fact['id']}/confirm", If_Match=bo.get(f"facts/{fact['id']}").etag).status == 200
    assert hold(lea, crisis, template).status == 201


def test_a_used_approval_is_told_before_a_stale_fact(
    north: North, crisis: Incident, template: Message, bo: Person, lea: Person
) -> None:
    fact = say(bo, north)
    assert hold(lea, crisis, template).status == 201
    age(north, fact, 75)
    assert hold(lea, crisis, template).code == "approval_spent"


def test_a_post_that_waited_is_held_when_its_fact_has_gone_stale_or_changed(
    north: North, crisis: Incident, template: Message, bo: Person, lea: Person
) -> None:
    fact = say(bo, north)
    assert hold(lea, crisis, template).status == 201
    age(north, fact, 75)
    run_due_jobs("publishing.send_post")
    post = only_post(north)
    assert (post.stage, post.held_reason) == ("HELD", "stale_fact")
    assert out_there(north.aurora_account) == []
    path = f"posts/{post.pk}"
    assert lea.post(f"{path}/release", If_Match=lea.get(path).etag).code == "stale_fact"
    revise(bo, fact, "13")
    refused = lea.post(f"{path}/release", If_Match=lea.get(path).etag)
    assert refused.code == "fact_changed"
    assert refused.body["facts"]["slots"][0]["slot"] == "affected_stores"
    revise(bo, fact, "12")
    assert lea.post(f"{path}/release", If_Match=lea.get(path).etag).status == 200
    run_due_jobs("publishing.send_post")
    assert out_there(north.aurora_account) == ["We have closed 12 stores."]


def only_post(north: North) -> Post:
    with inside(north.agency.pk):
        post: Post = Post.objects.get()
        return post


def test_a_statement_is_made_of_a_message_and_waits_for_its_facts(
    north: North, crisis: Incident, template: Message, bo: Person, lea: Person, cy: Person
) -> None:
    fact = say(bo, north)
    drafted = bo.post("statements", {"incident": str(crisis.pk), "message": str(template.pk)})
    assert drafted.status == 201, drafted.body
    assert (drafted.body["title"], drafted.body["message"]) == ("Closed stores", str(template.pk))
    path = f"statements/{drafted.body['id']}"
    agree(bo, [lea, cy], path)
    age(north, fact, 75)
    refused = lea.post(f"{path}/release", If_Match=lea.get(path).etag)
    assert (refused.status, refused.code) == (409, "stale_fact")
    assert refused.body["facts"]["slots"][0]["owner"] == str(bo.seat.pk)
    revise(bo, fact, "15")
    refused = lea.post(f"{path}/release", If_Match=lea.get(path).etag)
    assert (refused.status, refused.code) == (409, "fact_changed")
    again = bo.post(f"{path}/refill", If_Match=bo.get(path).etag)
    assert again.status == 200, again.body
    assert (again.body["stage"], again.body["versions"][0]["deliveries"][0]["text"]) == (
        "DRAFT",
        "We have closed 15 stores.",
    )
    same = bo.post(f"{path}/refill", If_Match=again.etag)
    assert (same.status, same.body["current_version"]) == (200, again.body["current_version"])
    agree(bo, [lea, cy], path)
    released = lea.post(f"{path}/release", If_Match=lea.get(path).etag)
    assert released.status == 200, released.body
    settle()
    assert out_there(north.aurora_account) == ["We have closed 15 stores."]


def agree(author: Person, people: list[Person], path: str) -> None:
    asked = author.post(f"{path}/submit", If_Match=author.get(path).etag)
    assert asked.status == 200, asked.body
    approval = f"approvals/{asked.body['versions'][0]['approval']}"
    for person in people:
        said = person.post(f"{approval}/approve", If_Match=person.get(approval).etag)
        assert said.status == 200, said.body


def test_words_changed_by_hand_rest_on_the_facts_that_they_still_say(
    north: North, crisis: Incident, template: Message, bo: Person
) -> None:
    say(bo, north)
    made = bo.post("statements", {"incident": str(crisis.pk), "message": str(template.pk), "title": "Stores"})
    path = f"statements/{made.body['id']}"

    def rewritten(text: str) -> dict[str, Any]:
        wish = {"deliveries": [{"account": str(north.aurora_account.pk), "text": text}]}
        answer = bo.patch(path, wish, If_Match=bo.get(path).etag)
        assert answer.status == 200, answer.body
        facts: dict[str, Any] = answer.body["versions"][0]["facts"]
        return facts

    assert rewritten("Sadly, 12 stores are closed.").keys() == {"affected_stores"}
    assert rewritten("Some stores are closed.") == {}


def test_what_cannot_be_drafted_is_refused(
    north: North, crisis: Incident, template: Message, bo: Person, lea: Person, eve: Person
) -> None:
    wish = {"incident": str(crisis.pk), "message": str(template.pk)}
    assert bo.post("statements", wish).code == "slot_missing"
    say(bo, north)
    for strange in ({"language": "de"}, {"deliveries": [{"account": str(north.aurora_account.pk), "text": "x"}]}):
        assert bo.post("statements", wish | strange).body["errors"][0]["field"] == next(iter(strange))
    assert bo.post("statements", {"incident": str(crisis.pk), "title": "t"}).body["errors"][0]["field"] == "deliveries"
    elsewhere = lea.post(
        "incidents", {"brand": str(north.borealis.pk), "title": "x", "kind": "other", "severity": 2}
    ).body["id"]
    assert lea.post("statements", wish | {"incident": elsewhere}).body["errors"][0]["field"] == "message"
    by_hand = {
        "incident": str(crisis.pk),
        "title": "t",
        "deliveries": [{"account": str(north.aurora_account.pk), "text": "x"}],
    }
    own = bo.post("statements", by_hand)
    path = f"statements/{own.body['id']}"
    assert bo.post(f"{path}/refill", If_Match=bo.get(path).etag).code == "not_of_the_library"
    assert eve.post(f"/v1/agencies/north/{path}/refill", If_Match='"1"').status == 404


@pytest.mark.django_db(transaction=True)
def test_two_crises_at_once_spend_one_agreement(
    north: North, crisis: Incident, template: Message, bo: Person, lea: Person
) -> None:
    say(bo, north)
    wish = {"brand": str(north.aurora.pk), "title": "Another", "kind": "insensitive_post", "severity": 2}
    second = lea.post("incidents", wish).body["id"]
    assert lea.post(f"incidents/{second}/activate", {"pause": False}).status == 200
    places = [crisis.pk, UUID(second)] * 3
    gate, outcomes = threading.Barrier(len(places) + 1), list[str]()

    def call(incident_id: UUID) -> None:
        gate.wait()
        try:
            with inside(north.agency.pk):
                release_holding_statement(
                    incident_id=incident_id, message_id=template.pk, by=lea.actor, at=timezone.now()
                )
            outcomes.append("released")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connections.close_all()

    def confirm() -> None:
        """Somebody says meanwhile that the fact is still true."""
        gate.wait()
        try:
            with inside(north.agency.pk):
                confirm_fact(fact_id=Fact.objects.get().pk, by=bo.actor, at=timezone.now())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call, args=(place,)) for place in places] + [threading.Thread(target=confirm)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["approval_spent"] * (len(places) - 1) + ["released"]
    with inside(north.agency.pk):
        assert (Statement.objects.count(), StatementVersion.objects.count(), Post.objects.count()) == (1, 1, 1)
