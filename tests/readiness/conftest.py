"""A plan and a holding statement of brand aurora."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import North

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
