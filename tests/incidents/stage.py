"""What the tests of incidents set up again and again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from approvals.models import Approval
from core.wall import inside
from incidents.models import Incident, Statement
from jobs.models import Job
from tests.cast import Answer, Person, run_due_jobs
from tests.conftest import North

WORDS = "We are sorry. We have withdrawn the product."
PAST = timedelta(minutes=5)
HOLDING = "We have seen what happened and are looking into it."
STAGES = [
    {"name": "lead", "role": "crisis_lead", "side": "staff", "quorum": 1},
    {"name": "client", "role": "client_approver", "side": "client", "quorum": 1},
]
PLAN: dict[str, Any] = {
    "crisis_kinds": ["insensitive_post"],
    "duties": [
        {"duty": "commander", "role": "crisis_lead"},
        {"duty": "scribe", "role": "responder"},
        {"duty": "legal", "role": "analyst"},
    ],
    "tasks": [
        {"title": "Call the client", "duty": "commander", "due_minutes": 15},
        {"title": "Collect screenshots", "duty": "scribe", "due_minutes": 30},
    ],
    "clocks": [
        {"kind": "acknowledge", "minutes": 5},
        {"kind": "first_words", "minutes": 60},
        {"kind": "update", "minutes": 120},
    ],
    "approval": {"stages": STAGES},
    "pause": {"on_activation": True, "allow_statements": True},
    "alert": {"escalation_policy": None},
}


def reread(incident: Incident) -> Incident:
    with inside(incident.agency_id):
        found: Incident = Incident.objects.found(incident.pk)
        return found


def statement_of(incident: Incident, answer: Answer) -> Statement:
    with inside(incident.agency_id):
        found: Statement = Statement.objects.found(UUID(answer.body["id"]))
        return found


def draft(person: Person, incident: Incident, north: North, text: str = WORDS) -> Answer:
    body = {
        "incident": str(incident.pk),
        "title": "Apology",
        "language": "en",
        "deliveries": [{"account": str(north.aurora_account.pk), "text": text}],
    }
    answer = person.post("statements", body)
    assert answer.status == 201, answer.body
    return answer


def submit(person: Person, statement: Answer) -> Answer:
    now = person.get(f"statements/{statement.body['id']}")
    answer = person.post(f"statements/{statement.body['id']}/submit", If_Match=now.etag)
    assert answer.status == 200, answer.body
    return answer


def approval_of(statement: Answer) -> str:
    approval: str = statement.body["versions"][0]["approval"]
    return approval


def say(person: Person, verdict: str, statement: Answer) -> Answer:
    """Decide on the newest words."""
    newest = statement.body["versions"][0]
    return person.post(f"approvals/{newest['approval']}/{verdict}", {"comment": ""}, If_Match=f'"{newest["digest"]}"')


def approved(author: Person, approvers: list[Person], incident: Incident, north: North, text: str = WORDS) -> Answer:
    """A statement that everybody has agreed to; nobody has told it yet."""
    submitted = submit(author, draft(author, incident, north, text))
    for approver in approvers:
        assert say(approver, "approve", submitted).status == 200
    return author.get(f"statements/{submitted.body['id']}")


def release(person: Person, statement: Answer) -> Answer:
    now = person.get(f"statements/{statement.body['id']}")
    return person.post(f"statements/{statement.body['id']}/release", If_Match=now.etag)


def lift(person: Person, incident: Incident) -> None:
    pause_id = reread(incident).pause_id
    assert person.post(f"pauses/{pause_id}/lift", {"reason": "It is calm."}).status == 200


def stage_of_approval(north: North, approval_id: str) -> str:
    with inside(north.agency.pk):
        return str(Approval.objects.get(pk=approval_id).stage)


def settle() -> None:
    """Everything that is due is done, and what follows from it.

    Postgres's clock decides what is due, and inside a test's transaction it stands still: what became due since the
    test began is moved back before it.
    """
    now = timezone.now()
    due = Job.objects.filter(state="READY", due_at__lte=now, due_at__gt=now - PAST)
    while due.update(due_at=now - PAST):
        run_due_jobs()
        now = timezone.now()
        due = Job.objects.filter(state="READY", due_at__lte=now, due_at__gt=now - PAST)
