"""A due post goes out once, or is held with the reason why not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.wall import inside
from publishing.actions.sending import idempotency_key
from publishing.models import Post
from tenants.actions.goodbyes import revoke_seat
from tests.cast import Person, events_of
from tests.conftest import North
from tests.publishing.stage import GATE, again, approve, attempts, behave, calls, out_there, pending, schedule, send

pytestmark = pytest.mark.django_db


def test_a_due_post_goes_out_once_and_says_so(north: North, bo: Person) -> None:
    post = schedule(north.aurora_account, bo)
    assert send(post)
    sent = again(post)
    assert (sent.stage, sent.held_reason, sent.trouble) == ("PUBLISHED", "", "")
    assert sent.published_at is not None
    assert sent.external_id.startswith("sbx-")
    [attempt] = attempts(post)
    assert (attempt.stage, attempt.fence_held, attempt.epoch) == ("PUBLISHED", True, 0)
    assert attempt.idempotency_key == idempotency_key(sent)
    facts = {"account_id": str(north.aurora_account.pk), "attempt_id": str(attempt.pk)}
    assert events_of(post)[1:] == [
        ("post.sending", GATE, {**facts, "digest": post.digest}),
        ("post.published", GATE, {**facts, "external_id": sent.external_id}),
    ]
    assert out_there(north.aurora_account) == ["Fresh rolls today."]
    assert pending("publishing.doubt_attempt", attempt.pk) is None


def test_a_post_that_is_not_due_waits(north: North, bo: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo, scheduled_at=now + timedelta(hours=1))
    assert send(post), "its timer rings early: a clock is wrong"
    assert again(post).stage == "SCHEDULED"
    assert pending("publishing.send_post", post.pk), "and it is set again"
    assert calls(north.aurora_account) == []


def test_what_the_network_refuses_has_failed_and_can_be_tried_at_another_time(north: North, bo: Person) -> None:
    behave(north.aurora_account, "refuse")
    post = schedule(north.aurora_account, bo)
    send(post)
    failed = again(post)
    [attempt] = attempts(post)
    assert (failed.stage, failed.trouble, attempt.stage) == ("FAILED", "refused", "FAILED")
    assert events_of(post)[-1] == (
        "post.failed",
        GATE,
        {"account_id": str(post.account_id), "attempt_id": str(attempt.pk), "reason": "refused"},
    )
    behave(north.aurora_account, "ok")
    answer = bo.post(
        f"posts/{post.pk}/reschedule", {"scheduled_at": failed.scheduled_at}, If_Match=f'"{post.pk}-{failed.version}"'
    )
    assert answer.status == 200
    send(post)
    assert again(post).stage == "PUBLISHED"
    assert len({attempt.idempotency_key for attempt in attempts(post)}) == 2


def test_an_account_on_a_network_that_we_do_not_speak_fails_for_certain(north: North, bo: Person) -> None:
    with inside(north.agency.pk):
        north.aurora_account.network = "telegraph"
        north.aurora_account.save(update_fields=["network"])
    post = schedule(north.aurora_account, bo)
    send(post)
    assert (again(post).stage, again(post).trouble) == ("FAILED", "no_such_network")


def held_because(post: Post, reason: str) -> None:
    held = again(post)
    assert (held.stage, held.held_reason) == ("HELD", reason)
    assert events_of(post)[-1] == ("post.held", GATE, {"account_id": str(post.account_id), "reason": reason})
    with inside(post.agency_id):
        account = Post.objects.select_related("account").get(pk=post.pk).account
    assert calls(account) == []
    assert attempts(post) == []


def test_what_comes_more_than_ten_minutes_late_is_held(north: North, bo: Person, now: datetime) -> None:
    late = schedule(north.aurora_account, bo, at=now - timedelta(minutes=11), scheduled_at=now - timedelta(minutes=11))
    send(late)
    held_because(late, "too_late")
    still_good = schedule(
        north.aurora_account, bo, at=now - timedelta(minutes=9), scheduled_at=now - timedelta(minutes=9)
    )
    send(still_good)
    assert again(still_good).stage == "PUBLISHED"


def test_a_text_that_is_not_the_bound_one_is_held(north: North, bo: Person) -> None:
    post = schedule(north.aurora_account, bo)
    with inside(north.agency.pk):
        Post.objects.filter(pk=post.pk).update(text="Something else.")
    send(post)
    held_because(post, "text_changed")


def test_an_approved_statement_goes_out(north: North, lea: Person, ana: Person) -> None:
    approval = approve(north.aurora_account, ana, lea, "We are sorry.")
    post = schedule(north.aurora_account, ana, "We are sorry.", approval=approval)
    send(post)
    assert again(post).stage == "PUBLISHED"
    assert attempts(post)[0].digest == approval.digest


def test_an_edit_after_the_approval_is_held(north: North, lea: Person, ana: Person, now: datetime) -> None:
    approval = approve(north.aurora_account, ana, lea, "We are sorry.")
    post = schedule(
        north.aurora_account, ana, "We are sorry.", approval=approval, scheduled_at=now + timedelta(minutes=1)
    )
    edited = ana.post(
        f"posts/{post.pk}/rewrite",
        {"text": "We are not sorry.", "scheduled_at": now},
        If_Match=f'"{post.pk}-1"',
    )
    assert (edited.status, edited.body["stage"], edited.body["digest"]) == (200, "SCHEDULED", approval.digest)
    send(post)
    held_because(post, "text_changed")


def test_a_statement_whose_approver_has_left_is_held(north: North, lea: Person, ana: Person, now: datetime) -> None:
    approval = approve(north.aurora_account, ana, lea, "We are sorry.")
    post = schedule(north.aurora_account, ana, "We are sorry.", approval=approval)
    with inside(north.agency.pk):
        revoke_seat(seat_id=lea.seat.pk, reason="left", by=ana.actor, at=now)
    send(post)
    held = again(post)
    assert held.stage == "HELD"
    assert held.held_reason in {"approver_gone", "not_approved"}, "an unspent approval of a leaver is voided"
    assert calls(north.aurora_account) == []


def test_what_a_leaver_scheduled_is_held_at_once(north: North, bo: Person, ana: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo, scheduled_at=now + timedelta(hours=1))
    with inside(north.agency.pk):
        ended = revoke_seat(seat_id=bo.seat.pk, reason="left", by=ana.actor, at=now).ended_counts
    assert ended["scheduled posts"] == 1
    held = again(post)
    assert (held.stage, held.held_reason) == ("HELD", "author_gone")
    assert send(post), "the timer still rings"
    assert calls(north.aurora_account) == []


def test_the_gate_asks_for_the_author_again(north: North, bo: Person, ana: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo)
    with inside(north.agency.pk):
        revoke_seat(seat_id=bo.seat.pk, reason="left", by=ana.actor, at=now)
        # As if the goodbye had passed over a post that somebody was working on.
        Post.objects.filter(pk=post.pk).update(stage="SCHEDULED", held_reason="")
    send(post)
    held_because(post, "author_gone")


def test_an_author_who_may_not_schedule_any_more_is_asked_for_again(
    north: North, bo: Person, dee: Person, now: datetime
) -> None:
    post = schedule(north.aurora_account, bo)
    with inside(north.agency.pk):
        Post.objects.filter(pk=post.pk).update(author_seat_id=dee.seat.pk)
    send(post)
    held_because(post, "author_not_allowed")


def test_whoever_releases_a_held_post_answers_for_it(north: North, bo: Person, ana: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo)
    with inside(north.agency.pk):
        revoke_seat(seat_id=bo.seat.pk, reason="left", by=ana.actor, at=now)
    assert ana.post(f"posts/{post.pk}/release", If_Match=f'"{post.pk}-1"').status == 200
    assert send(post)
    assert (again(post).stage, again(post).author_seat_id) == ("PUBLISHED", ana.seat.pk)
