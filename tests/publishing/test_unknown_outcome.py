"""A call whose outcome nobody knows is looked for, never repeated."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from connectors.network import NETWORKS, Outgoing, Receipt
from connectors.sandbox.network import Sandbox
from core import failpoints
from core.wall import inside
from jobs.models import Job
from publishing.actions.sending import DOUBT_AFTER, LOOKS
from publishing.models import Post
from tenants.models import SocialAccount
from tests.cast import Person, events_of
from tests.conftest import North
from tests.publishing.stage import (
    GATE,
    RECONCILER,
    again,
    attempts,
    behave,
    calls,
    job_of,
    out_there,
    pending,
    ring,
    schedule,
    send,
)

pytestmark = pytest.mark.django_db


def look(post: Post, number: int) -> bool:
    return ring("publishing.look_for_post", f"{attempts(post)[0].pk}:{number}")


def test_accepted_but_never_answered_is_unknown_and_then_found(north: North, ana: Person) -> None:
    behave(north.aurora_account, "accept_then_timeout", delay_ms=1)
    post = schedule(north.aurora_account, ana)
    send(post)
    [attempt] = attempts(post)
    assert (again(post).stage, again(post).trouble, attempt.stage) == ("UNKNOWN", "timeout", "UNKNOWN")
    facts = {"account_id": str(post.account_id), "attempt_id": str(attempt.pk)}
    assert events_of(post)[-1] == ("post.became_unknown", GATE, {**facts, "reason": "timeout"})
    assert look(post, 0)
    found = again(post)
    [attempt] = attempts(post)
    assert (found.stage, found.trouble, attempt.stage) == ("PUBLISHED", "", "PUBLISHED")
    assert events_of(post)[-1] == ("post.published", RECONCILER, {**facts, "external_id": found.external_id})
    assert out_there(north.aurora_account) == [post.text]
    assert len(calls(north.aurora_account)) == 1


def test_absent_at_three_looks_needs_a_human_and_is_never_sent_again(north: North, ana: Person) -> None:
    behave(north.aurora_account, "never_answers", delay_ms=1)
    post = schedule(north.aurora_account, ana)
    send(post)
    behave(north.aurora_account, "ok")
    for number in range(3):
        assert again(post).stage == "UNKNOWN"
        assert look(post, number)
    doubtful = again(post)
    assert (doubtful.stage, doubtful.trouble) == ("NEEDS_HUMAN", "not_found")
    assert not look(post, 3)
    assert not send(post)
    assert events_of(post)[-1] == (
        "post.needs_human",
        RECONCILER,
        {"account_id": str(post.account_id), "attempt_id": str(attempts(post)[0].pk), "reason": "not_found"},
    )
    assert len(calls(north.aurora_account)) == 1


def needs_human(north: North, ana: Person) -> Post:
    behave(north.aurora_account, "never_answers", delay_ms=1)
    post = schedule(north.aurora_account, ana)
    send(post)
    for number in range(3):
        look(post, number)
    behave(north.aurora_account, "ok")
    return again(post)


def test_a_person_says_that_it_is_out(north: North, ana: Person) -> None:
    post = needs_human(north, ana)
    answer = ana.post(
        f"posts/{post.pk}/settle",
        {"is_out": True, "external_id": "x-1", "url": "https://example.org/x-1"},
        If_Match=f'"{post.pk}-{post.version}"',
    )
    assert (answer.status, answer.body["stage"], answer.body["external_id"]) == (200, "PUBLISHED", "x-1")
    [attempt] = attempts(post)
    assert (attempt.stage, attempt.reason) == ("PUBLISHED", "said_by_a_person")
    assert events_of(post)[-1] == (
        "post.published",
        str(ana.actor),
        {"account_id": str(post.account_id), "attempt_id": str(attempt.pk), "external_id": "x-1"},
    )


def test_a_person_says_that_it_is_not_out_and_schedules_it_again_under_a_new_key(north: North, ana: Person) -> None:
    post = needs_human(north, ana)
    denied = ana.post(f"posts/{post.pk}/settle", {"is_out": False}, If_Match=f'"{post.pk}-{post.version}"')
    assert (denied.status, denied.body["stage"], denied.body["trouble"]) == (200, "FAILED", "said_by_a_person")
    again_at = ana.post(f"posts/{post.pk}/reschedule", {"scheduled_at": post.scheduled_at}, If_Match=denied.etag)
    assert again_at.status == 200
    send(post)
    assert again(post).stage == "PUBLISHED"
    assert len({call.idempotency_key for call in calls(north.aurora_account)}) == 2
    assert out_there(north.aurora_account) == [post.text]


def test_only_what_needs_a_human_can_be_settled(north: North, ana: Person) -> None:
    post = schedule(north.aurora_account, ana)
    answer = ana.post(f"posts/{post.pk}/settle", {"is_out": True}, If_Match=f'"{post.pk}-1"')
    assert (answer.status, answer.code) == (409, "cannot_move")


def test_a_network_that_cannot_be_asked_is_asked_again_and_then_a_human(north: North, ana: Person) -> None:
    behave(north.aurora_account, "accept_then_timeout", delay_ms=1)
    post = schedule(north.aurora_account, ana)
    send(post)
    with inside(north.agency.pk):
        SocialAccount.objects.filter(pk=north.aurora_account.pk).update(network="telegraph")
    for _ in range(5):
        assert again(post).stage == "UNKNOWN"
        assert look(post, 0)
    assert (again(post).stage, again(post).trouble) == ("NEEDS_HUMAN", "cannot_look")


def test_a_sender_that_is_lost_after_its_attempt_leaves_an_unknown_outcome(
    north: North, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(failpoints.ARMED, "publishing.after_sending", "raise")
    post = schedule(north.aurora_account, ana)
    send(post)
    [attempt] = attempts(post)
    assert (again(post).stage, job_of("publishing.send_post", post.pk).state) == ("SENDING", "INTERRUPTED")
    timer = pending("publishing.doubt_attempt", attempt.pk)
    assert timer is not None
    assert timer.due_at == attempt.started_at + DOUBT_AFTER
    assert ring("publishing.doubt_attempt", attempt.pk)
    assert (again(post).stage, again(post).trouble) == ("UNKNOWN", "sender_lost")
    for number in range(3):
        look(post, number)
    assert again(post).stage == "NEEDS_HUMAN"
    assert calls(north.aurora_account) == []


@pytest.mark.parametrize("place", ["publishing.after_call", "publishing.before_record"])
def test_a_sender_that_is_lost_after_its_call_is_found_by_asking(
    north: North, ana: Person, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setitem(failpoints.ARMED, place, "raise")
    post = schedule(north.aurora_account, ana)
    send(post)
    monkeypatch.delitem(failpoints.ARMED, place)
    assert again(post).stage == "SENDING"
    assert not send(post), "nothing sends it again"
    assert ring("publishing.doubt_attempt", attempts(post)[0].pk)
    assert look(post, 0)
    assert again(post).stage == "PUBLISHED"
    assert len(calls(north.aurora_account)) == 1
    assert out_there(north.aurora_account) == [post.text]


def test_a_sender_that_is_lost_before_its_attempt_has_changed_nothing_and_is_tried_again(
    north: North, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(failpoints.ARMED, "publishing.after_lock", "raise")
    post = schedule(north.aurora_account, ana)
    send(post)
    monkeypatch.delitem(failpoints.ARMED, "publishing.after_lock")
    assert (again(post).stage, attempts(post)) == ("SCHEDULED", [])
    assert send(post)
    assert again(post).stage == "PUBLISHED"


class Broken(Sandbox):
    """A connector with a defect: it does its work and then falls over its own feet."""

    def publish(self, account: SocialAccount, outgoing: Outgoing, deadline_s: float) -> Receipt:
        super().publish(account, outgoing, deadline_s)
        raise KeyError("id")


def test_a_defect_of_a_connector_is_an_unknown_outcome_and_shows_in_the_queue(
    north: North, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "sandbox", Broken())
    post = schedule(north.aurora_account, ana)
    send(post)
    assert (again(post).stage, again(post).trouble) == ("UNKNOWN", "KeyError")
    job = job_of("publishing.send_post", post.pk)
    assert (job.state, job.last_error) == ("INTERRUPTED", "KeyError: 'id'")
    assert look(post, 0)
    assert again(post).stage == "PUBLISHED"


def test_a_late_receipt_beats_the_doubt(north: North, ana: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    doubted: list[UUID] = []

    class Slow(Sandbox):
        """So slow that the doubt comes before the answer."""

        def publish(self, account: SocialAccount, outgoing: Outgoing, deadline_s: float) -> Receipt:
            receipt = super().publish(account, outgoing, deadline_s)
            [attempt] = attempts(post)
            assert ring("publishing.doubt_attempt", attempt.pk)
            assert again(post).stage == "UNKNOWN"
            doubted.append(attempt.pk)
            return receipt

    monkeypatch.setitem(NETWORKS, "sandbox", Slow())
    post = schedule(north.aurora_account, ana)
    send(post)
    assert (again(post).stage, doubted) == ("PUBLISHED", [attempts(post)[0].pk])
    look(post, 0)
    assert [name for name, _, _ in events_of(post)].count("post.published") == 1


def test_looks_are_within_the_quarter_of_an_hour_that_is_promised() -> None:
    assert timedelta(seconds=60) >= DOUBT_AFTER
    assert DOUBT_AFTER + sum(LOOKS, timedelta()) <= timedelta(minutes=15)
    assert Job._meta.get_field("key").max_length >= 36 + 2
