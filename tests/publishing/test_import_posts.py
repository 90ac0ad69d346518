"""Many posts in one call: all of them or none."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.wall import inside
from jobs.models import Job
from publishing.actions import NewPost, import_posts
from publishing.models import Post
from tests.cast import Person, events_of
from tests.conftest import North
from tests.publishing.stage import again, send

pytestmark = pytest.mark.django_db


def items(north: North, now: datetime, count: int) -> list[dict[str, Any]]:
    return [
        {"account": str(north.aurora_account.pk), "text": f"Roll {n}", "scheduled_at": now + timedelta(hours=n)}
        for n in range(count)
    ]


def test_an_import_schedules_each_post_with_its_timer_and_tells_each_brand_once(
    north: North, ana: Person, now: datetime
) -> None:
    wanted = [
        *items(north, now, 3),
        {"account": str(north.borealis_account.pk), "text": "North wind", "scheduled_at": now},
    ]
    answer = ana.post("posts/import", {"posts": wanted})
    assert (answer.status, answer.body["count"]) == (201, 4)
    with inside(north.agency.pk):
        posts = list(Post.objects.filter(import_id=answer.body["import_id"]).order_by("id"))
    assert {post.text for post in posts} == {"Roll 0", "Roll 1", "Roll 2", "North wind"}
    assert {post.author_seat_id for post in posts} == {ana.seat.pk}
    assert Job.objects.filter(handler="publishing.send_post", key__in=[str(post.pk) for post in posts]).count() == 4
    told = {"import_id": answer.body["import_id"]}
    assert events_of(north.aurora)[-1] == ("posts.imported", str(ana.actor), {**told, "count": 3})
    assert events_of(north.borealis)[-1] == ("posts.imported", str(ana.actor), {**told, "count": 1})
    [due] = [post for post in posts if post.text == "North wind"]
    send(due)
    assert again(due).stage == "PUBLISHED"
    assert len(ana.get(f"posts?import_id={answer.body['import_id']}").body["items"]) == 4


def test_one_bad_item_refuses_all_and_every_bad_item_is_named(north: North, ana: Person, now: datetime) -> None:
    wanted = items(north, now, 3)
    wanted[0]["text"], wanted[2]["scheduled_at"] = " ", "2020-01-01T00:00:00Z"
    answer = ana.post("posts/import", {"posts": wanted})
    assert answer.status == 400
    assert [(error["field"], error["code"]) for error in answer.body["errors"]] in (
        [("posts.0.text", "blank"), ("posts.2.scheduled_at", "in_the_past")],
        [("posts.0.text", "blank")],
    )
    with inside(north.agency.pk):
        assert not Post.objects.exists()


def test_accounts_that_the_caller_cannot_see_are_named_by_place(north: North, bo: Person, now: datetime) -> None:
    wanted = items(north, now, 3)
    wanted[1]["account"], wanted[2]["account"] = str(north.borealis_account.pk), str(uuid4())
    answer = bo.post("posts/import", {"posts": wanted})
    assert answer.status == 400
    assert [error["field"] for error in answer.body["errors"]] == ["posts.1.account", "posts.2.account"]


def test_an_empty_or_misspelt_import_is_refused(north: North, ana: Person, now: datetime) -> None:
    assert ana.post("posts/import", {"posts": []}).status == 400
    misspelt = ana.post("posts/import", {"posts": [{**items(north, now, 1)[0], "txt": "?"}]})
    assert [error["field"] for error in misspelt.body["errors"]] == ["posts.0.txt"]


def test_who_may_not_schedule_may_not_import(north: North, dee: Person, eve: Person, now: datetime) -> None:
    assert dee.post("posts/import", {"posts": items(north, now, 1)}).status == 403
    assert eve.post("/v1/agencies/north/posts/import", {"posts": items(north, now, 1)}).status == 404
    assert eve.post("posts/import", {"posts": items(north, now, 1)}).status == 400


def test_the_number_of_queries_does_not_grow_with_the_import(
    north: North, ana: Person, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for count in (10, 200):
        new = [NewPost(north.aurora_account.pk, f"Roll {n}", now + timedelta(hours=1)) for n in range(count)]
        with inside(north.agency.pk), django_assert_max_num_queries(12):
            assert import_posts(items=new, by=ana.actor, at=now).count == count
