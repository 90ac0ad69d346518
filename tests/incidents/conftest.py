"""A plan of brand aurora, an incident being assessed, a crisis, and a message approved beforehand."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from approvals.actions import decide_approval
from approvals.models import Approval
from core.wall import inside
from incidents.models import Incident, PostMortem
from readiness.actions import add_message, publish_plan, submit_message
from readiness.models import Message, PlanVersion
from tests.cast import Person
from tests.conftest import North
from tests.incidents.stage import HOLDING, PLAN, STAGES, lift, reread


@pytest.fixture
def plan(north: North, ana: Person, lea: Person, dee: Person, now: datetime) -> PlanVersion:
    """Lea leads, Dee responds, and nobody is an analyst."""
    with inside(north.agency.pk):
        return publish_plan(brand_id=north.aurora.pk, name="Standard", body=PLAN, by=ana.actor, at=now)


@pytest.fixture
def assessed(north: North, bo: Person, plan: PlanVersion) -> Incident:
    answer = bo.post(
        "incidents",
        {"brand": str(north.aurora.pk), "title": "A bad joke", "kind": "insensitive_post", "severity": 3},
    )
    assert answer.status == 201, answer.body
    with inside(north.agency.pk):
        found: Incident = Incident.objects.found(UUID(answer.body["id"]))
        return found


@pytest.fixture
def crisis(assessed: Incident, lea: Person) -> Incident:
    answer = lea.post(f"incidents/{assessed.pk}/activate", {"severity": 2})
    assert answer.status == 200, answer.body
    with inside(assessed.agency_id):
        found: Incident = Incident.objects.found(assessed.pk)
        return found


@pytest.fixture
def resolved(crisis: Incident, lea: Person) -> Incident:
    lift(lea, crisis)
    for verb in ("contain", "resolve"):
        assert lea.post(f"incidents/{crisis.pk}/{verb}", {}).status == 200
    return reread(crisis)


@pytest.fixture
def review(resolved: Incident, lea: Person) -> PostMortem:
    assert lea.post(f"incidents/{resolved.pk}/put-under-review").status == 200
    with inside(resolved.agency_id):
        found: PostMortem = PostMortem.objects.get()
        return found


@pytest.fixture
def message(north: North, bo: Person, lea: Person, cy: Person, now: datetime) -> Message:
    """A holding statement that Bo wrote, and Lea and Cy agreed to beforehand."""
    with inside(north.agency.pk):
        added = add_message(
            brand_id=north.aurora.pk,
            title="First words",
            kind="holding",
            crisis_kind="insensitive_post",
            language="en",
            deliveries=[(north.aurora_account.pk, HOLDING)],
            by=bo.actor,
            at=now,
        )
        submitted = submit_message(
            message_id=added.pk, stages=STAGES, expires_at=now + timedelta(days=30), by=bo.actor, at=now
        )
        approval: Approval = Approval.objects.found(submitted.approval_id)
        for person in (lea, cy):
            decide_approval(
                approval_id=approval.pk,
                verdict="approve",
                digest=approval.digest,
                comment="",
                caller=person.caller(now),
                at=now,
            )
        return submitted
