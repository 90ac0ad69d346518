"""Scheduling a post, and what people do with one that has not gone out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.actor import Actor
from core.wall import inside
from permissions.needs import Need
from publishing.actions import schedule_post
from publishing.actions.posts import ApprovalNeeded, NobodyAnswers
from publishing.models import Post
from publishing.queries import digest_of_delivery
from publishing.states import POST_LIFECYCLE
from tests.cast import Person, events_of, key_of
from tests.conftest import North
from tests.publishing.stage import again, calls, pending, schedule, send

pytestmark = pytest.mark.django_db


def body(north: North, at: datetime, **more: Any) -> dict[str, Any]:
    return {"account": north.aurora_account.pk, "text": "Fresh rolls today.", "scheduled_at": at, **more}


def test_scheduling_sets_a_timer_and_binds_the_text(north: North, bo: Person, now: datetime) -> None:
    when = now + timedelta(hours=2)
    answer = bo.post("posts", body(north, when, text="  Two spaces stay. "))
    assert answer.status == 201
    assert (answer.body["stage"], answer.body["lane"], answer.body["text"]) == (
        "SCHEDULED",
        "routine",
        "  Two spaces stay. ",
    )
    with inside(north.agency.pk):
        post = Post.objects.get(pk=answer.body["id"])
    assert post.author_seat_id == bo.seat.pk
    assert post.digest == digest_of_delivery(
        brand_id=north.aurora.pk, account_id=north.aurora_account.pk, text="  Two spaces stay. "
    )
    timer = pending("publishing.send_post", post.pk)
    assert timer is not None
    assert timer.due_at == when
    assert answer.etag == f'"{post.pk}-1"'
    [(name, actor, facts)] = events_of(post)
    assert (name, actor) == ("post.scheduled", str(bo.actor))
    assert (facts["account_id"], facts["lane"]) == (str(post.account_id), "routine")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"text": "   "}, "blank"),
        ({"text": ""}, "blank"),
        ({"text": "x" * 10_001}, "max_length"),
        ({"account": str(uuid4())}, "does_not_exist"),
        ({"scheduled_at": "2020-01-01T00:00:00Z"}, "in_the_past"),
        ({"scheduled_at": "soon"}, "invalid"),
        ({"lane": "statement"}, "unknown_field"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(
    north: North, bo: Person, now: datetime, wrong: dict[str, Any], code: str
) -> None:
    answer = bo.post("posts", body(north, now, **wrong))
    assert answer.status == 400
    assert [(error["field"], error["code"]) for error in answer.body["errors"]] == [(*wrong, code)]
    with inside(north.agency.pk):
        assert not Post.objects.exists()


def test_only_who_holds_the_need_on_the_brand_schedules(
    north: North, bo: Person, cy: Person, eve: Person, now: datetime
) -> None:
    assert cy.post("posts", body(north, now)).status == 403
    other = bo.post("posts", body(north, now, account=north.borealis_account.pk))
    assert (other.status, other.body["errors"][0]["field"]) == (400, "account")
    assert eve.post("/v1/agencies/north/posts", body(north, now)).status == 404
    assert eve.post("posts", body(north, now)).body["errors"][0]["code"] == "does_not_exist"


def test_a_rule_cannot_answer_for_a_post(north: North, now: datetime) -> None:
    with inside(north.agency.pk), pytest.raises(NobodyAnswers):
        schedule_post(
            account_id=north.aurora_account.pk, text="x", scheduled_at=now, lane="routine", approval_id=None,
            digest=None, incident_id=None, by=Actor.rule("robot"), at=now,
        )  # fmt: skip


def test_the_statement_lane_demands_an_approval(north: North, ana: Person, now: datetime) -> None:
    with inside(north.agency.pk), pytest.raises(ApprovalNeeded):
        schedule_post(
            account_id=north.aurora_account.pk, text="x", scheduled_at=now, lane="statement", approval_id=None,
            digest=None, incident_id=None, by=ana.actor, at=now,
        )  # fmt: skip


def test_a_key_schedules_in_the_name_of_the_person_who_issued_it(north: North, ana: Person, now: datetime) -> None:
    key = key_of(ana, Need.POSTS_SCHEDULE, Need.BRANDS_READ)
    answer = key.post("posts", body(north, now))
    assert (answer.status, answer.body["author_seat_id"]) == (201, str(ana.seat.pk))


def test_rescheduling_moves_the_one_timer(north: North, bo: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo, scheduled_at=now + timedelta(hours=1))
    later = now + timedelta(hours=3)
    answer = bo.post(f"posts/{post.pk}/reschedule", {"scheduled_at": later}, If_Match=f'"{post.pk}-1"')
    assert (answer.status, answer.body["version"]) == (200, 2)
    timer = pending("publishing.send_post", post.pk)
    assert timer is not None
    assert timer.due_at == later
    assert events_of(post)[-1][0] == "post.rescheduled"


def test_rewriting_binds_the_new_text_and_keeps_the_time(north: North, bo: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo, scheduled_at=now + timedelta(hours=1))
    answer = bo.post(f"posts/{post.pk}/rewrite", {"text": "Better rolls."}, If_Match=f'"{post.pk}-1"')
    assert (answer.status, answer.body["text"]) == (200, "Better rolls.")
    changed = again(post)
    assert changed.digest != post.digest
    assert changed.scheduled_at == post.scheduled_at
    assert events_of(post)[-1][0] == "post.rewritten"
    with inside(north.agency.pk):
        Post.objects.filter(pk=post.pk).update(scheduled_at=now)
    send(post)
    assert [call.text for call in calls(north.aurora_account)] == ["Better rolls."]


def test_a_rewritten_post_whose_time_has_passed_needs_another(north: North, bo: Person, now: datetime) -> None:
    hour_ago = now - timedelta(hours=1)
    post = schedule(north.aurora_account, bo, at=hour_ago, scheduled_at=hour_ago)
    send(post)
    assert again(post).held_reason == "too_late"
    refused = bo.post(f"posts/{post.pk}/rewrite", {"text": "Better."}, If_Match=f'"{post.pk}-1"')
    assert (refused.status, refused.body["errors"][0]["field"]) == (400, "scheduled_at")
    changed = bo.post(f"posts/{post.pk}/rewrite", {"text": "Better.", "scheduled_at": now}, If_Match=f'"{post.pk}-1"')
    assert (changed.status, changed.body["stage"], changed.body["held_reason"]) == (200, "SCHEDULED", "")


def test_cancelling_takes_the_timer_back(north: North, bo: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo, scheduled_at=now + timedelta(hours=1))
    answer = bo.post(f"posts/{post.pk}/cancel", {"reason": "Not funny any more"}, If_Match=f'"{post.pk}-1"')
    assert (answer.status, answer.body["stage"]) == (200, "CANCELLED")
    assert pending("publishing.send_post", post.pk) is None
    assert events_of(post)[-1] == (
        "post.cancelled",
        str(bo.actor),
        {"account_id": str(post.account_id), "reason": "Not funny any more"},
    )
    twice = bo.post(f"posts/{post.pk}/cancel", {"reason": "again"}, If_Match=answer.etag)
    assert (twice.status, twice.code) == (409, "cannot_move")


def test_nobody_changes_what_they_have_not_seen(north: North, bo: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo, scheduled_at=now + timedelta(hours=1))
    for verb, words in (
        ("release", {}),
        ("reschedule", {"scheduled_at": now}),
        ("rewrite", {"text": "x"}),
        ("cancel", {"reason": "x"}),
        ("settle", {"is_out": True}),
    ):
        assert bo.post(f"posts/{post.pk}/{verb}", words).status == 428
        assert bo.post(f"posts/{post.pk}/{verb}", words, If_Match=f'"{post.pk}-9"').status == 412
    assert (again(post).stage, again(post).version) == ("SCHEDULED", 1)


def test_what_is_out_or_on_its_way_cannot_be_edited(north: North, bo: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo)
    send(post)
    for verb, words in (("release", {}), ("reschedule", {"scheduled_at": now}), ("rewrite", {"text": "x"})):
        answer = bo.post(f"posts/{post.pk}/{verb}", words, If_Match=f'"{post.pk}-1"')
        assert (answer.status, answer.code) == (409, "cannot_move")
    assert not any(POST_LIFECYCLE.allows(verb, from_="SENDING") for verb in ("rewrite", "reschedule", "cancel", "send"))


def test_the_list_is_narrowed_and_shows_only_ones_own_brands(
    north: North, ana: Person, bo: Person, eve: Person, now: datetime
) -> None:
    mine = schedule(north.aurora_account, ana, scheduled_at=now + timedelta(hours=1))
    other = schedule(north.borealis_account, ana)
    send(other)
    assert [item["id"] for item in bo.get("posts").body["items"]] == [str(mine.pk)]
    assert [item["id"] for item in ana.get("posts?stage=PUBLISHED").body["items"]] == [str(other.pk)]
    assert [item["id"] for item in ana.get(f"posts?brand={north.aurora.pk}").body["items"]] == [str(mine.pk)]
    assert ana.get("posts?colour=red").status == 400
    assert bo.get(f"posts/{other.pk}").status == 404
    assert eve.get(f"/v1/agencies/north/posts/{mine.pk}").status == 404
    assert eve.get(f"posts/{mine.pk}").status == 404
    assert eve.get("posts").body["items"] == []


def test_a_page_of_posts_costs_the_same_number_of_queries(north: North, ana: Person, now: datetime) -> None:
    def cost(posts: int) -> int:
        for _ in range(posts):
            schedule(north.aurora_account, ana, scheduled_at=now + timedelta(hours=1))
        with CaptureQueriesContext(connection) as queries:
            assert ana.get("posts").status == 200
        return len(queries)

    assert cost(posts=1) == cost(posts=10) <= 14
