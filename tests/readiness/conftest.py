"""A plan and a holding statement of brand aurora."""

from __future__ import annotations

from typing import Any

import pytest

from tests.alerting.conftest import hook, mailbox, twilio  # noqa: F401 - fixtures
from tests.cast import Answer, Person
from tests.conftest import North
from tests.incidents.conftest import assessed, crisis, plan  # noqa: F401 - fixtures
from tests.incidents.stage import settle

STAGES = [
    {"name": "lead", "role": "crisis_lead", "side": "staff", "quorum": 1},
    {"name": "client", "role": "client_approver", "side": "client", "quorum": 1},
]
BODY: dict[str, Any] = {
    "crisis_kinds": ["insensitive_post", "product_failure"],
    "duties": [{"duty": "commander", "role": "crisis_lead"}, {"duty": "care lead", "role": "responder"}],
    "tasks": [{"title": "Call the client", "duty": "commander", "due_minutes": 15}],
    "clocks": [{"kind": "acknowledge", "minutes": 5}, {"kind": "first_words", "minutes": 60}],
    "approval": {"stages": STAGES},
    "pause": {"on_activation": True, "allow_statements": True},
    "alert": {"escalation_policy": None},
}
WORDS = "We have seen what happened and are looking into it."


def submit(person: Person, draft: Answer, **more: Any) -> Answer:
    """Ask for a sign-off of the draft as it stands."""
    path = f"plan-drafts/{draft.body['id']}"
    return person.post(f"{path}/submit", more, If_Match=person.get(path).etag)


def decide(person: Person, verdict: str, asked: Answer) -> Answer:
    path = f"approvals/{asked.body['approval']}"
    return person.post(f"{path}/{verdict}", {"comment": "Read."}, If_Match=person.get(path).etag)


def published(author: Person, other: Person, plan: dict[str, Any]) -> dict[str, Any]:  # noqa: F811 - a wish, not the fixture
    """A plan that has been drafted, signed off, and is in force."""
    draft = author.post("plans", plan)
    assert draft.status == 201, draft.body
    answer = decide(other, "approve", submit(author, draft))
    assert answer.status == 200, answer.body
    settle()
    found: dict[str, Any] = author.get(f"plans/{draft.body['plan']}/in-force").body
    return found


@pytest.fixture
def new_plan(north: North) -> dict[str, Any]:
    return {"brand": str(north.aurora.pk), "name": "Standard", "body": BODY}


@pytest.fixture
def new_message(north: North) -> dict[str, Any]:
    return {
        "brand": str(north.aurora.pk),
        "title": "First words",
        "kind": "holding",
        "crisis_kind": "insensitive_post",
        "language": "en",
        "deliveries": [{"account": str(north.aurora_account.pk), "text": WORDS}],
    }
