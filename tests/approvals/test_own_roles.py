"""A role that an agency made for itself stands wherever a built-in one does: stages, duties, escalation steps."""

from __future__ import annotations

import pytest

from permissions.queries.holders import roles_known
from tests.cast import Person, walled
from tests.conftest import North
from tests.readiness.conftest import BODY

pytestmark = pytest.mark.django_db
COUNSEL = {"slug": "counsel", "label": "Counsel", "side": "staff", "needs": ["approvals.read", "approvals.decide"]}


def test_an_own_role_is_named_in_a_plan_and_in_an_escalation_policy(north: North, ana: Person) -> None:
    assert ana.post("roles", COUNSEL).status == 201
    body = BODY | {
        "duties": [{"duty": "counsel", "role": "counsel"}],
        "tasks": [],
        "approval": {"stages": [{"name": "legal", "role": "counsel", "side": "staff", "quorum": 1}]},
    }
    answer = ana.post("plans", {"brand": str(north.aurora.pk), "name": "Fire", "body": body})
    assert answer.status == 201, answer.body
    steps = [{"notify": [{"role": "counsel"}], "wait_minutes": 5}]
    policy = ana.post("escalation-policies", {"name": "Counsel", "brand": str(north.aurora.pk), "steps": steps})
    assert policy.status == 201, policy.body


def test_another_agencys_role_is_none_here(north: North, ana: Person, eve: Person) -> None:
    assert eve.post("roles", COUNSEL).status == 201
    with walled(north.agency):
        assert "counsel" not in roles_known()
    body = BODY | {"approval": {"stages": [{"name": "legal", "role": "counsel", "side": "staff", "quorum": 1}]}}
    answer = ana.post("plans", {"brand": str(north.aurora.pk), "name": "Fire", "body": body})
    assert answer.body["errors"][0]["code"] == "does_not_exist"
