"""One crisis, through HTTP alone: what is ready in good times, the day itself, and what is learned from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cast import Answer, Person
from tests.conftest import North
from tests.incidents.stage import settle
from tests.publishing.stage import out_there

pytestmark = pytest.mark.django_db

STAGES = [
    {"name": "lead", "role": "crisis_lead", "side": "staff", "quorum": 1},
    {"name": "client", "role": "client_approver", "side": "client", "quorum": 1},
]
PLAN: dict[str, Any] = {
    "crisis_kinds": ["insensitive_post", "product_failure"],
    "duties": [{"duty": "commander", "role": "crisis_lead"}, {"duty": "care lead", "role": "responder"}],
    "tasks": [{"title": "Call the client", "duty": "commander", "due_minutes": 15}],
    "clocks": [{"kind": "acknowledge", "minutes": 5}, {"kind": "first_words", "minutes": 60}],
    "approval": {"stages": STAGES},
    "pause": {"on_activation": True, "allow_statements": True},
    "alert": {"escalation_policy": None},
}
POLICY: dict[str, Any] = {
    "chapters": [{"chapter": "brand_voice", "title": "How we speak", "text": "We blame nobody."}],
    "rules": [
        {"id": "no-blame", "kind": "banned", "severity": "block", "words": ["your fault"], "advice": "Blame nobody."}
    ],
    "audience": {"who": [{"role": "responder"}]},
}
FIRST_WORDS = "We have seen what happened and are looking into it."
SORRY = "We are sorry. The joke was ours, and it was wrong."


def done(answer: Answer, status: int = 200) -> Any:
    assert answer.status == status, answer.body
    return answer.body


def act(person: Person, path: str, verb: str, body: Any = None) -> Any:
    """Look at a thing, then do something to it as it was seen."""
    return done(person.post(f"{path}/{verb}", body, If_Match=person.get(path).etag))


def agree(approval: str, *people: Person) -> None:
    for person in people:
        act(person, f"approvals/{approval}", "approve", {"comment": "Read."})
    settle()


def parts_of(person: Person, review: str) -> dict[str, str]:
    """The paths of the parts of a review that somebody sees, by name."""
    found = done(person.get(f"review-sections?post_mortem={review}&limit=100"))["items"]
    return {part["name"]: f"review-sections/{part['id']}" for part in found}


def make_ready(north: North, ana: Person, bo: Person, lea: Person, cy: Person, now: datetime) -> str:
    """A plan that somebody else signed off, a policy in force, and first words approved beforehand; their id."""
    brand, account = str(north.aurora.pk), str(north.aurora_account.pk)
    draft = done(lea.post("plans", {"brand": brand, "name": "Aurora in trouble", "body": PLAN}), 201)
    agree(act(lea, f"plan-drafts/{draft['id']}", "submit", {})["approval"], ana)
    assert done(bo.get(f"plans/in-force?brand={brand}"))["number"] == 1

    policy = done(lea.post("policies", {"brand": brand, "name": "Social media", "draft": POLICY}), 201)
    path = f"policies/{policy['id']}"
    done(lea.post(f"{path}/publish", {"asks_again": True}, If_Match=lea.get(path).etag), 201)

    message = done(
        bo.post(
            "messages",
            {
                "brand": brand, "title": "First words", "kind": "holding", "crisis_kind": "insensitive_post",
                "language": "en", "deliveries": [{"account": account, "text": FIRST_WORDS}],
            },
        ),
        201,
    )  # fmt: skip
    asked = done(bo.post(f"messages/{message['id']}/submit", {"expires_at": now + timedelta(days=90)}))
    agree(asked["approval"], lea, cy)
    assert done(bo.get(f"messages/{message['id']}"))["preapproved"] is True
    return str(message["id"])


def test_a_crisis_from_the_plan_to_the_lesson(
    *, north: North, ana: Person, bo: Person, lea: Person, cy: Person, dee: Person, eve: Person, now: datetime
) -> None:
    brand, account = str(north.aurora.pk), str(north.aurora_account.pk)
    message = make_ready(north, ana, bo, lea, cy, now)
    settle()
    [asked] = done(dee.get("acknowledgements?waiting=true"))["items"]
    assert asked["name"] == "Social media", "the people of the policy's audience are asked to acknowledge it"

    # The day before: posts are in the calendar, and one of them should never have been written.
    kind = done(bo.post("posts", {"account": account, "text": "Rolls!", "scheduled_at": now + timedelta(hours=2)}), 201)
    joke = done(bo.post("posts", {"account": account, "text": "A bad joke.", "scheduled_at": now}), 201)
    settle()
    assert out_there(north.aurora_account) == ["A bad joke."]

    # Somebody looks, and calls it a crisis.
    opened = done(
        bo.post(
            "incidents",
            {"brand": brand, "title": "A bad joke", "kind": "insensitive_post", "facts": {"topic": "insensitive_post"},
             "severity": 3, "severity_reason": "A hard week."},
        ),
        201,
    )  # fmt: skip
    incident = f"incidents/{opened['id']}"
    assert opened["reference"].startswith("INC-")
    assert eve.get(f"/v1/agencies/north/{incident}").status == 404
    active = done(lea.post(f"{incident}/activate", {"severity": 3}))
    assert active["stage"] == "ACTIVE"
    settle()
    assert {duty["duty"]: duty["seat"] for duty in done(lea.get(f"{incident}/duties"))["items"]} == {
        "commander": str(lea.seat.pk), "care lead": str(dee.seat.pk),
    }  # fmt: skip

    # First words in one call; the offending post comes down; nothing else goes out.
    done(lea.post(f"{incident}/holding-statement", {"message": message}), 201)
    joke_path = f"posts/{joke['id']}"
    hurts = {"reason": "It hurts.", "incident": opened["id"]}
    done(lea.post(f"{joke_path}/take-down", hurts, If_Match=lea.get(joke_path).etag), 202)
    settle()
    assert done(lea.get(joke_path))["stage"] == "TAKEN_DOWN"
    assert out_there(north.aurora_account) == [FIRST_WORDS]
    late = bo.post("posts", {"account": account, "text": "Buns!", "scheduled_at": now})
    settle()
    assert done(bo.get(f"posts/{done(late, 201)['id']}"))["held_reason"] == "paused"

    # The right words: the policy objects, people agree, an edit voids what they said, and they agree again.
    statement = done(
        bo.post(
            "statements",
            {"incident": opened["id"], "title": "Apology", "claims": ["apology"],
             "deliveries": [{"account": account, "text": "It is your fault."}]},
        ),
        201,
    )  # fmt: skip
    path = f"statements/{statement['id']}"
    assert bo.post(f"{path}/submit", If_Match=bo.get(path).etag).code == "against_policy"
    words = {"deliveries": [{"account": account, "text": SORRY}]}
    done(bo.patch(path, words, If_Match=bo.get(path).etag))
    submitted = act(bo, path, "submit")
    agree(submitted["versions"][0]["approval"], lea, cy)
    assert done(bo.get(path))["stage"] == "APPROVED"
    done(bo.patch(path, {"deliveries": [{"account": account, "text": f"{SORRY} Truly."}]}, If_Match=bo.get(path).etag))
    assert lea.post(f"{path}/release", If_Match=lea.get(path).etag).code == "cannot_move"
    resubmitted = act(bo, path, "submit")
    agree(resubmitted["versions"][0]["approval"], lea, cy)
    act(lea, path, "release")
    settle()
    assert done(bo.get(path))["stage"] == "PUBLISHED"
    assert out_there(north.aurora_account) == [FIRST_WORDS, f"{SORRY} Truly."]
    proof = done(cy.get(f"approvals/{resubmitted['versions'][0]['approval']}/proof"))
    assert proof["approval"]["digest"] == resubmitted["versions"][0]["digest"]

    # It calms down. What the pause held is decided one by one.
    done(lea.post(f"{incident}/contain", {"note": "It no longer grows."}))
    assert lea.post(f"{incident}/resolve", {}).code == "loose_ends"
    done(lea.post(f"pauses/{active['pause']}/lift", {"reason": "Calm."}))
    held = done(lea.get(f"posts?brand={brand}&stage=HELD"))["items"]
    assert [post["text"] for post in held] == ["Buns!"]
    act(lea, f"posts/{held[0]['id']}", "cancel", {"reason": "Its day is over."})
    assert done(bo.get(f"posts/{kind['id']}"))["stage"] == "SCHEDULED", "what lies ahead flows again"
    done(lea.post(f"{incident}/resolve", {"note": "Answered."}))
    settle()

    # The review opens itself, and the file is closed when it has been released.
    assert done(lea.get(incident))["stage"] == "UNDER_REVIEW"
    assert lea.post(f"{incident}/close", {}).code == "review_not_released"
    told = [event["name"] for event in done(lea.get(f"{incident}/timeline?limit=100"))["items"]]
    for name in (
        "incident.opened", "incident.activated", "pause.started", "statement.released", "post.taken_down",
        "statement.published", "pause.lifted", "incident.resolved", "incident.put_under_review",
    ):  # fmt: skip
        assert name in told, name

    # Both sides write their part, people say how it went, and a lesson becomes the next draft of the plan.
    [review] = done(lea.get(f"post-mortems?incident={opened['id']}"))["items"]
    path = f"post-mortems/{review['id']}"
    mine, theirs = parts_of(lea, review["id"]), parts_of(cy, review["id"])
    assert list(theirs) == ["client"], "the agency's parts are not the client's to read before the release"
    done(cy.patch(theirs["client"], {"text": "We were told late."}, If_Match=cy.get(theirs["client"]).etag))
    assert "told late" not in str(done(lea.get(mine["client"]))), "nor the client's draft the agency's"
    act(cy, theirs["client"], "hand-in")
    assert "told late" in str(done(lea.get(mine["client"])))
    done(lea.patch(mine["summary"], {"text": "A joke met a hard week."}, If_Match=lea.get(mine["summary"]).etag))
    act(lea, mine["summary"], "hand-in")
    [rating] = done(lea.get(f"review-ratings?post_mortem={review['id']}"))["items"]
    asked = f"review-ratings/{rating['id']}"
    done(
        lea.patch(
            asked,
            {"scores": {"heard_early": 4, "client_informed": 2}, "words": "Told late."},
            If_Match=lea.get(asked).etag,
        )
    )
    change = {"clocks": [{"kind": "acknowledge", "minutes": 3}, {"kind": "first_words", "minutes": 30}]}
    lesson = done(
        lea.post(
            "improvements",
            {"post_mortem": review["id"], "kind": "plan", "title": "Answer sooner", "proposal": {"change": change},
             "owner": str(lea.seat.pk), "due_on": (now + timedelta(days=14)).date()},
        ),
        201,
    )  # fmt: skip
    act(lea, f"improvements/{lesson['id']}", "accept")
    act(lea, path, "release")
    drafts = done(lea.get(f"plan-drafts?brand={brand}"))["items"]
    draft = next(one for one in drafts if one["stage"] == "DRAFT")
    assert "Answer sooner" in draft["reason"]
    agree(act(lea, f"plan-drafts/{draft['id']}", "submit", {})["approval"], ana)
    in_force = done(bo.get(f"plans/in-force?brand={brand}"))
    assert (in_force["number"], in_force["body"]["clocks"][1]["minutes"]) == (2, 30)
    assert done(lea.get(f"improvements/{lesson['id']}"))["stage"] == "DONE"

    # The report tells the client's board what happened, and the file is closed.
    report = done(cy.get(f"{incident}/report"))
    assert report["postmortem"]["sections"]["client"] == "We were told late."
    assert report["numbers"]["first_words"] is not None
    document = cy.get(f"{incident}/report?format=pdf")
    assert (document.status, document.body[:5]) == (200, b"%PDF-")
    done(lea.post(f"{incident}/close", {"note": "One lesson."}))
    assert done(lea.get(incident))["stage"] == "CLOSED"
