"""Taking a published post away."""

from __future__ import annotations

import pytest

from publishing.models import Post
from tests.cast import Person, events_of
from tests.conftest import North
from tests.publishing.stage import again, behave, calls, out_there, ring, schedule, send

pytestmark = pytest.mark.django_db


def published(north: North, ana: Person) -> Post:
    post = schedule(north.aurora_account, ana)
    send(post)
    return again(post)


def ask(person: Person, post: Post) -> int:
    return person.post(
        f"posts/{post.pk}/take-down", {"reason": "It hurts people"}, If_Match=f'"{post.pk}-{again(post).version}"'
    ).status


def delete(post: Post) -> bool:
    return ring("publishing.take_down_post", post.pk)


def test_a_published_post_is_taken_down_and_its_text_stays_as_evidence(north: North, ana: Person, lea: Person) -> None:
    post = published(north, ana)
    assert ask(lea, post) == 202
    assert again(post).stage == "TAKING_DOWN"
    assert delete(post)
    gone = again(post)
    assert (gone.stage, gone.text) == ("TAKEN_DOWN", "Fresh rolls today.")
    assert gone.taken_down_at is not None
    assert events_of(post)[-2:] == [
        (
            "post.takedown_requested",
            str(lea.actor),
            {"account_id": str(post.account_id), "reason": "It hurts people"},
        ),
        ("post.taken_down", "rule:takedown", {"account_id": str(post.account_id), "attempts": 1}),
    ]
    assert out_there(north.aurora_account) == []


def test_an_answer_that_never_came_is_asked_for_again_until_it_is_gone(north: North, ana: Person) -> None:
    post = published(north, ana)
    behave(north.aurora_account, "accept_then_timeout", delay_ms=1)
    ask(ana, post)
    delete(post)
    assert again(post).stage == "TAKING_DOWN"
    behave(north.aurora_account, "ok")
    assert delete(post)
    assert again(post).stage == "TAKEN_DOWN"
    assert [call.verb for call in calls(north.aurora_account)] == ["publish", "delete", "delete"]


def test_a_network_that_refuses_for_good_is_told_and_can_be_asked_another_time(north: North, ana: Person) -> None:
    post = published(north, ana)
    behave(north.aurora_account, "refuse")
    ask(ana, post)
    for _ in range(5):
        assert again(post).stage == "TAKING_DOWN"
        assert delete(post)
    assert (again(post).stage, again(post).trouble) == ("TAKEDOWN_FAILED", "refused")
    assert events_of(post)[-1] == (
        "post.takedown_failed",
        "rule:takedown",
        {"account_id": str(post.account_id), "reason": "refused"},
    )
    behave(north.aurora_account, "ok")
    assert ask(ana, post) == 202
    delete(post)
    assert again(post).stage == "TAKEN_DOWN"


def test_what_is_not_out_cannot_be_taken_down(north: North, ana: Person) -> None:
    post = schedule(north.aurora_account, ana)
    assert ask(ana, post) == 409


def test_only_who_holds_the_need_takes_down(north: North, ana: Person, bo: Person, cy: Person, eve: Person) -> None:
    post = published(north, ana)
    assert ask(bo, post) == 403
    assert ask(cy, post) == 403
    assert eve.post(f"/v1/agencies/north/posts/{post.pk}/take-down", {"reason": "?"}).status == 404
    assert eve.post(f"posts/{post.pk}/take-down", {"reason": "?"}, If_Match=f'"{post.pk}-1"').status == 404
    assert again(post).stage == "PUBLISHED"


def test_a_takedown_may_name_the_crisis_that_the_post_caused(north: North, ana: Person, lea: Person) -> None:
    opened = {"title": "A bad joke", "kind": "other", "severity": 3}
    crisis = lea.post("incidents", {**opened, "brand": str(north.aurora.pk)}).body["id"]
    elsewhere = lea.post("incidents", {**opened, "brand": str(north.borealis.pk)}).body["id"]
    post = published(north, ana)
    path = f"posts/{post.pk}"
    etag = lea.get(path).etag
    refused = lea.post(f"{path}/take-down", {"reason": "It hurts.", "incident": elsewhere}, If_Match=etag)
    assert (refused.status, refused.body["errors"][0]["field"]) == (400, "incident"), "it is another brand's"
    taken = lea.post(f"{path}/take-down", {"reason": "It hurts.", "incident": crisis}, If_Match=etag)
    assert (taken.status, taken.body["incident"]) == (202, crisis)
    told = lea.get(f"incidents/{crisis}/timeline").body["items"]
    assert [event["name"] for event in told if event["name"].startswith("post.")] == ["post.takedown_requested"]
