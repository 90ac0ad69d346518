"""Whether a plan would hold tonight, and that a stale one is announced."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.wall import inside
from readiness.actions import tell_stale_plans
from readiness.models import Plan
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import LISTENING, policy_of
from tests.cast import Person, events_of, run_due_jobs, seat_person
from tests.conftest import North
from tests.readiness.conftest import published

pytestmark = pytest.mark.django_db


def health(person: Person, plan: str) -> dict[str, Any]:
    answer = person.get(f"plans/{plan}/health")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


def problems(found: dict[str, Any]) -> dict[str, list[str]]:
    return {check["name"]: check["problems"] for check in found["checks"] if check["problems"]}


def test_what_the_plan_relies_on_is_looked_up(
    north: North, ana: Person, lea: Person, bo: Person, cy: Person, eve: Person, now: datetime, new_plan: dict[str, Any]
) -> None:
    draft = lea.post("plans", new_plan).body
    assert health(lea, draft["plan"])["checks"][0]["problems"] == ["No version has been signed off."]
    first = published(lea, ana, new_plan | {"name": "Real"})
    found = health(bo, first["plan"])
    assert (found["number"], found["fit"]) == (1, False)
    assert problems(found) == {
        "duties": ["commander: nobody could deputise.", "care lead: nobody can take it."],
        "approvers": ["lead: 1 must agree, and 1 can."],
        "escalation": ["No escalation policy: every owner is woken."],
        "contacts": ["There are no contacts."],
        "messages": [
            "insensitive_post: no holding statement is ready.",
            "product_failure: no holding statement is ready.",
        ],
    }
    policy_of(lea, [{"role": "owner"}], at=now)
    for name, role in (("max", "crisis_lead"), ("ivy", "responder"), ("zoe", "responder")):
        seat_person(north.agency, name, role, at=now)
    better = health(lea, first["plan"])
    assert problems(better).keys() == {"contacts", "messages"}
    assert better["score"] > found["score"]
    assert cy.get(f"plans/{first['plan']}/health").status == 403
    assert eve.get(f"/v1/agencies/north/plans/{first['plan']}/health").status == 404


def test_a_plan_goes_stale_is_announced_once_a_week_and_is_fresh_after_a_review(
    north: North,
    ana: Person,
    lea: Person,
    mailbox: Mailbox,
    now: datetime,
    new_plan: dict[str, Any],
) -> None:
    first = published(lea, ana, new_plan | {"review_days": 30})
    with inside(north.agency.pk):
        assert tell_stale_plans(by=LISTENING, at=now + timedelta(days=29)) == []
        Plan.objects.filter(pk=first["plan"]).update(review_due_at=now - timedelta(days=1))
        [plan] = tell_stale_plans(by=LISTENING, at=now)
        assert events_of(plan)[-1][0] == "plan.went_stale"
        assert tell_stale_plans(by=LISTENING, at=now + timedelta(days=6)) == []
    run_due_jobs()
    assert lea.user.email in mailbox.addresses
    assert "no holding statement is ready" in mailbox.texts[-1]
    seen = lea.get(f"plans/{first['plan']}")
    reviewed = lea.post(f"plans/{first['plan']}/review", {"note": "Read by all departments."}, If_Match=seen.etag)
    assert reviewed.status == 200, reviewed.body
    assert reviewed.body["review_due_at"] > seen.body["review_due_at"]
    with inside(north.agency.pk):
        assert tell_stale_plans(by=LISTENING, at=now + timedelta(days=29)) == []
        assert len(tell_stale_plans(by=LISTENING, at=now + timedelta(days=31))) == 1
    assert "review" not in problems(health(lea, first["plan"]))
