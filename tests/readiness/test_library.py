"""The message library: found by what a crisis is like, with slots that facts fill, approved until it ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from approvals.actions import decide_approval
from approvals.models import Approval
from core.actor import Actor
from core.wall import inside
from incidents.models import Incident
from jobs.models import Job
from readiness.actions import add_message, approve_message, remind_of_message, submit_message
from readiness.models import Fact, Message
from tests.alerting.conftest import Mailbox
from tests.cast import Person, add_account, events_of, run_due_jobs
from tests.conftest import North
from tests.readiness.conftest import STAGES

pytestmark = pytest.mark.django_db
with_jobs = pytest.mark.django_db(transaction=True)
SLOTS = {"affected_stores": {"type": "number", "longest": 6}, "since": {"type": "time", "longest": 12}}
TEMPLATE = "We have closed {affected_stores} stores since {since}. All {affected_stores} stay closed."


def templated(north: North, **more: Any) -> dict[str, Any]:
    return {
        "brand": str(north.aurora.pk),
        "title": "First words",
        "kind": "holding",
        "crisis_kind": "product_failure",
        "language": "en",
        "deliveries": [{"account": str(north.aurora_account.pk), "text": TEMPLATE}],
        "slots": SLOTS,
        **more,
    }


def say(person: Person, north: North, name: str, value: str, **more: Any) -> dict[str, Any]:
    kind = SLOTS[name]["type"]
    wish = {"brand": str(north.aurora.pk), "name": name, "type": kind, "value": value, "good_for_minutes": 60, **more}
    answer = person.post("facts", wish)
    assert answer.status == 201, answer.body
    body: dict[str, Any] = answer.body
    return body


def grant(message: Message, people: list[Person], at: datetime) -> None:
    """Everybody agrees, and the message hears of it; inside the wall."""
    approval: Approval = Approval.objects.found(message.approval_id)
    for person in people:
        decide_approval(
            approval_id=approval.pk,
            verdict="approve",
            digest=approval.digest,
            comment="",
            caller=person.caller(at),
            at=at,
        )
    approve_message(message_id=message.pk, approval_id=approval.pk, by=Actor.rule("test"), at=at)


def test_it_is_found_by_what_the_crisis_is_like(north: North, bo: Person, now: datetime) -> None:
    second = add_account(north.aurora, "@aurora_de", now)
    with inside(north.agency.pk):
        type(second).objects.filter(pk=second.pk).update(network="elsewhere")

    def added(account: UUID = north.aurora_account.pk, **more: Any) -> str:
        answer = bo.post(
            "messages", templated(north, slots={}, deliveries=[{"account": str(account), "text": "x"}]) | more
        )
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    any_severity = added()
    grave = added(severity=1)
    mild = added(severity=4, language="de", kind="answer")
    other = added(crisis_kind="insensitive_post", account=second.pk, language="de")

    def found(query: str) -> set[str]:
        answer = bo.get(f"messages?{query}")
        assert answer.status == 200, answer.body
        return {one["id"] for one in answer.body["items"]}

    assert found("crisis_kind=product_failure") == {any_severity, grave, mild}
    assert found("severity=1") == {any_severity, grave, other}
    assert found("severity=4&kind=answer") == {mild}
    assert found("network=sandbox") == {any_severity, grave, mild}
    assert found("network=elsewhere") == {other}
    assert found("network=nowhere") == set()
    assert found(f"account={second.pk}&language=de") == {other}
    assert found("crisis_kind=product_failure&severity=1&network=sandbox&language=en") == {any_severity, grave}
    assert bo.get("messages?severity=5").body["errors"][0]["field"] == "severity"


def test_what_is_ready_is_found(north: North, bo: Person, lea: Person, cy: Person, now: datetime) -> None:
    with inside(north.agency.pk):
        rows = [
            add_message(
                brand_id=north.aurora.pk,
                title=title,
                kind="holding",
                crisis_kind="other",
                language="en",
                deliveries=[(north.aurora_account.pk, "x")],
                by=bo.actor,
                at=now,
            )
            for title in ("ready", "not asked for")
        ]
        wish = {"stages": STAGES, "expires_at": now + timedelta(days=30)}
        grant(submit_message(message_id=rows[0].pk, **wish, by=bo.actor, at=now), [lea, cy], now)
    assert [one["title"] for one in bo.get("messages?ready=true").body["items"]] == ["ready"]
    assert [one["title"] for one in bo.get("messages?ready=false").body["items"]] == ["not asked for"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slots": {}}, "deliveries.0.text"),
        ({"slots": SLOTS | {"unused": {"type": "number", "longest": 5}}}, "slots.unused"),
        ({"slots": {"affected_stores": {"type": "number", "longest": 6}}}, "deliveries.0.text"),
        ({"slots": {"affected_stores": {"type": "colour", "longest": 6}}}, "slots.affected_stores.type"),
        ({"slots": {"affected_stores": {"type": "number", "longest": 0}}}, "slots.affected_stores.longest"),
        ({"severity": 5}, "severity"),
    ],
)
def test_slots_are_declared_used_and_typed(north: North, bo: Person, change: dict[str, Any], field: str) -> None:
    answer = bo.post("messages", templated(north, **change))
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, field)


def test_a_preview_fills_the_slots_and_says_what_is_in_the_way(
    north: North, bo: Person, lea: Person, crisis: Incident, now: datetime
) -> None:
    message = bo.post("messages", templated(north)).body
    path = f"messages/{message['id']}/preview"

    def preview(**wish: Any) -> dict[str, Any]:
        answer = bo.post(path, wish)
        assert answer.status == 200, answer.body
        body: dict[str, Any] = answer.body
        return body

    assert [one["slot"] for one in preview()["missing"]] == ["affected_stores", "since"]
    assert preview()["deliveries"][0]["text"] == TEMPLATE
    say(bo, north, "affected_stores", "12")
    fact = say(bo, north, "since", "14:30 UTC", incident=str(crisis.pk))
    assert [one["slot"] for one in preview()["missing"]] == ["since"], "what only an incident knows stays in it"
    filled = preview(incident=str(crisis.pk))
    assert filled["complete"] is True
    assert filled["deliveries"][0]["text"] == "We have closed 12 stores since 14:30 UTC. All 12 stay closed."
    say(bo, north, "affected_stores", "3", incident=str(crisis.pk))
    assert "closed 3 stores" in preview(incident=str(crisis.pk))["deliveries"][0]["text"]
    with inside(north.agency.pk):
        Fact.objects.filter(pk=fact["id"]).update(said_at=now - timedelta(minutes=90))
    [stale] = preview(incident=str(crisis.pk))["stale"]
    assert (stale["slot"], stale["fact"], stale["owner"]) == ("since", fact["id"], str(bo.seat.pk))
    assert stale["age_minutes"] == 90
    tried = preview(incident=str(crisis.pk), facts={"since": "{affected_stores}", "affected_stores": "many"})
    assert [one["slot"] for one in tried["unfit"]] == ["affected_stores", "since"]
    assert bo.post(path, {"facts": {"colour": "red"}}).body["errors"][0]["field"] == "facts.colour"


@with_jobs
def test_the_author_is_written_to_before_a_pre_approval_ends(
    north: North, bo: Person, lea: Person, cy: Person, mailbox: Mailbox
) -> None:
    now = timezone.now()
    end = now + timedelta(days=30)
    with inside(north.agency.pk):
        added = add_message(
            brand_id=north.aurora.pk,
            title="First words",
            kind="holding",
            crisis_kind="other",
            language="en",
            deliveries=[(north.aurora_account.pk, "x")],
            by=bo.actor,
            at=now,
        )
        message = submit_message(message_id=added.pk, stages=STAGES, expires_at=end, by=bo.actor, at=now)
        assert not timers(), "nothing was agreed to yet"
        grant(message, [lea, cy], now)
    assert timers() == [end - timedelta(days=14)]
    ring(north, message, end - timedelta(days=14))
    assert timers() == [end - timedelta(days=2)]
    run_due_jobs("alerting.deliver_letter")
    ring(north, message, end - timedelta(days=2))
    run_due_jobs("alerting.deliver_letter")
    assert mailbox.addresses == [bo.user.email] * 2
    assert "First words" in mailbox.texts[0]
    assert timers() == []
    names = [name for name, *_ in events_of(message)]
    assert names.count("message.ends_soon") == 2


def timers() -> list[datetime]:
    waiting = Job.objects.filter(handler="readiness.remind_of_message", state="READY")
    return list(waiting.values_list("due_at", flat=True))


def ring(north: North, message: Message, at: datetime) -> None:
    """The timer rings; its job is done."""
    Job.objects.filter(handler="readiness.remind_of_message", state="READY").update(state="DONE", finished_at=at)
    with inside(north.agency.pk):
        remind_of_message(message_id=message.pk, by=Actor.rule("test"), at=at)
    # The letter is due at the instant that was reached; the tests have not come so far.
    Job.objects.filter(handler="alerting.deliver_letter", state="READY").update(due_at=timezone.now())


@with_jobs
def test_one_that_is_short_is_told_of_at_once_and_asking_again_stops_the_notices(
    north: North, bo: Person, lea: Person, cy: Person, now: datetime
) -> None:
    with inside(north.agency.pk):
        added = add_message(
            brand_id=north.aurora.pk,
            title="First words",
            kind="holding",
            crisis_kind="other",
            language="en",
            deliveries=[(north.aurora_account.pk, "x")],
            by=bo.actor,
            at=now,
        )
        wish: dict[str, Any] = {"message_id": added.pk, "stages": STAGES, "by": bo.actor, "at": now}
        grant(submit_message(**wish, expires_at=now + timedelta(days=3)), [lea, cy], now)
        assert timers() == [now]
        again = submit_message(**wish, expires_at=now + timedelta(days=90))
        assert timers() == []
        assert remind_of_message(message_id=again.pk, by=Actor.rule("test"), at=now) is None, "nobody has agreed"
