"""Social media policies are asked when words are written, when they are agreed on, and when they go out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.wall import inside
from incidents.models import Incident, Statement
from publishing.models import Post
from readiness.actions import add_image, add_message, create_policy, publish_policy, submit_message
from readiness.keeping import AgainstPolicy
from readiness.models import Message
from tests.cast import Answer, Person, events_of
from tests.conftest import North
from tests.files import picture_of
from tests.incidents.stage import STAGES, approved, draft, release, settle, statement_of, submit
from tests.publishing.stage import out_there, ring, schedule

pytestmark = pytest.mark.django_db

NO_BLAME = {"id": "no-blame", "kind": "banned", "severity": "block", "words": ["your fault"], "advice": "Blame nobody."}
KIND = {"id": "kind", "kind": "tone", "severity": "warn", "words": [{"word": "withdrawn", "instead": "taken back"}]}


def put_into_force(person: Person, north: North, *rules: dict[str, Any], at: datetime, brand: bool = True) -> None:
    chapters = [{"chapter": "brand_voice", "title": "How we speak", "text": "Kindly."}]
    with inside(north.agency.pk):
        policy = create_policy(
            brand_id=north.aurora.pk if brand else None,
            name="How we speak",
            draft={"chapters": chapters, "rules": list(rules), "audience": {"who": []}},
            by=person.actor,
            at=at,
        )
        publish_policy(policy_id=policy.pk, asks_again=False, by=person.actor, at=at)


def places(answer: Answer) -> list[tuple[str, str, str]]:
    return [(one["place"], one["rule"], one["severity"]) for one in answer.body["objections"]]


def test_a_draft_is_kept_and_told_what_is_wrong_with_it(
    north: North, crisis: Incident, bo: Person, lea: Person, now: datetime
) -> None:
    put_into_force(lea, north, NO_BLAME, KIND, at=now)
    drafted = draft(bo, crisis, north, "We have withdrawn it. It is your fault.")
    assert places(drafted) == [("deliveries.0.text", "kind", "warn"), ("deliveries.0.text", "no-blame", "block")]
    blame = drafted.body["objections"][1]
    assert (blame["start"], blame["end"], blame["advice"]) == (28, 38, "Blame nobody.")
    refused = bo.post(f"statements/{drafted.body['id']}/submit", If_Match=drafted.etag)
    assert (refused.status, refused.code) == (409, "against_policy")
    assert [(one["place"], one["rule"]) for one in refused.body["facts"]["findings"]] == [
        ("deliveries.0.text", "no-blame")
    ], "what only warns keeps nobody"
    better = {"deliveries": [{"account": str(north.aurora_account.pk), "text": "We have withdrawn it."}]}
    revised = bo.patch(f"statements/{drafted.body['id']}", better, If_Match=drafted.etag)
    assert places(revised) == [("deliveries.0.text", "kind", "warn")]
    assert submit(bo, revised).body["stage"] == "IN_APPROVAL"


def test_what_describes_a_picture_is_said_too(
    north: North, crisis: Incident, bo: Person, lea: Person, now: datetime
) -> None:
    """What is banned is banned there; what must be said, must be said in the words."""
    credit = {"id": "credit", "kind": "credit", "severity": "warn", "marks": ["Photo:"]}
    sorry = {"id": "sorry", "kind": "required", "severity": "warn", "how": "any", "words": ["sorry"]}
    put_into_force(lea, north, NO_BLAME, credit, sorry, at=now)
    with inside(north.agency.pk):
        image = add_image(
            brand_id=north.aurora.pk, content=picture_of("PNG"), name="red", alt="Red.", by=bo.actor, at=now
        )
    shown = {"sha256": image.sha256, "alt": "A sign that says: your fault"}
    delivery = {"account": str(north.aurora_account.pk), "text": "We are sorry. Photo: ours.", "media": [shown]}
    drafted = bo.post("statements", {"incident": str(crisis.pk), "title": "x", "deliveries": [delivery]})
    assert places(drafted) == [("deliveries.0.media.0.alt", "no-blame", "block")]
    assert bo.post(f"statements/{drafted.body['id']}/submit", If_Match=drafted.etag).code == "against_policy"


def test_a_message_is_judged_before_people_agree_to_it(north: North, bo: Person, lea: Person, now: datetime) -> None:
    put_into_force(lea, north, NO_BLAME, at=now)
    with inside(north.agency.pk):
        message = add_message(
            brand_id=north.aurora.pk, title="x", kind="answer", crisis_kind="other", language="en",
            deliveries=[(north.aurora_account.pk, "It is your fault.")], by=bo.actor, at=now,
        )  # fmt: skip
        with pytest.raises(AgainstPolicy) as refused:
            submit_message(
                message_id=message.pk, stages=STAGES, expires_at=now + timedelta(days=9), by=bo.actor, at=now
            )
    assert [one["place"] for one in refused.value.facts["findings"]] == ["deliveries.0.text"]


def test_what_was_agreed_to_is_judged_again_when_it_goes_out(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person, now: datetime
) -> None:
    statement = approved(bo, [lea, cy], crisis, north, "It is your fault.")
    put_into_force(lea, north, NO_BLAME, at=now, brand=False)
    refused = release(lea, statement)
    assert (refused.status, refused.code) == (409, "against_policy")
    with inside(north.agency.pk):
        assert not Post.objects.filter(incident=crisis).exists()
        assert Statement.objects.get().stage == "IN_APPROVAL", "nothing has changed"
    assert "statement.released" not in [name for name, _, _ in events_of(statement_of(crisis, statement))]


def test_a_rule_may_turn_on_what_the_words_claim(
    north: North, crisis: Incident, bo: Person, lea: Person, now: datetime
) -> None:
    says = {"id": "recall", "kind": "required", "severity": "block", "how": "any", "words": ["refund"]}
    put_into_force(lea, north, {**says, "when": {"claims": ["recall"]}}, at=now)
    body = {
        "incident": str(crisis.pk), "title": "Recall", "claims": ["recall"],
        "deliveries": [{"account": str(north.aurora_account.pk), "text": "Bring it back."}],
    }  # fmt: skip
    recall = bo.post("statements", body)
    assert places(recall) == [("deliveries.0.text", "recall", "block")]
    assert places(bo.post("statements", {**body, "claims": []})) == []


def test_even_a_message_approved_beforehand_keeps_to_what_holds_today(
    north: North, crisis: Incident, message: Message, lea: Person, now: datetime
) -> None:
    put_into_force(lea, north, {**NO_BLAME, "words": ["looking into it"]}, at=now)
    refused = lea.post(f"incidents/{crisis.pk}/holding-statement", {"message": str(message.pk)})
    assert (refused.status, refused.code) == (409, "against_policy")
    with inside(north.agency.pk):
        assert not Statement.objects.exists(), "the agreement is not spent either"


def test_a_post_that_is_forbidden_is_not_taken(north: North, bo: Person, lea: Person, now: datetime) -> None:
    put_into_force(lea, north, NO_BLAME, KIND, at=now)
    when = now + timedelta(hours=1)
    wish = {"account": str(north.aurora_account.pk), "text": "Your fault!", "scheduled_at": when}
    refused = bo.post("posts", wish)
    assert (refused.status, refused.code) == (409, "against_policy")
    assert [one["place"] for one in refused.body["facts"]["findings"]] == ["text"]
    taken = bo.post("posts", {**wish, "text": "Withdrawn from sale."})
    assert (taken.status, places(taken)) == (201, [("text", "kind", "warn")])
    fine = {**wish, "text": "Rolls."}
    other = {**wish, "account": str(north.borealis_account.pk)}
    together = lea.post("posts/import", {"posts": [fine, wish, other]})
    assert (together.status, together.code) == (409, "against_policy")
    assert [one["place"] for one in together.body["facts"]["findings"]] == ["posts.1.text"], "the other brand may"
    rewritten = lea.post(f"posts/{taken.body['id']}/rewrite", {"text": "It is your fault."}, If_Match=taken.etag)
    assert rewritten.code == "against_policy"
    assert bo.get(f"posts/{taken.body['id']}").body["text"] == "Withdrawn from sale."


def test_the_gate_asks_the_policies_of_the_hour(north: North, bo: Person, lea: Person, now: datetime) -> None:
    post = schedule(north.aurora_account, bo, "It is your fault.")
    put_into_force(lea, north, NO_BLAME, at=now)
    assert ring("publishing.send_post", str(post.pk))
    held = lea.get(f"posts/{post.pk}")
    assert (held.body["stage"], held.body["held_reason"]) == ("HELD", "against_policy")
    assert out_there(north.aurora_account) == []
    assert lea.post(f"posts/{post.pk}/release", If_Match=held.etag).code == "against_policy"
    better = lea.post(f"posts/{post.pk}/rewrite", {"text": "We are sorry.", "scheduled_at": now}, If_Match=held.etag)
    assert better.status == 200, better.body
    settle()
    assert out_there(north.aurora_account) == ["We are sorry."]
