"""What the frozen plan asks for: whom a stage alerts, checklists, clocks by severity, who agrees to which words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerting.models import Page
from core.wall import inside
from incidents.models import Clock, Incident, Task
from incidents.queries import approval_stages
from readiness.actions import publish_plan
from tests.alerting.conftest import Mailbox, mailbox  # noqa: F401 - a fixture
from tests.alerting.scene import notifications_of
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North
from tests.incidents.stage import PLAN, STAGES, settle
from tests.publishing.stage import ring

pytestmark = pytest.mark.django_db
LEGAL = [{"name": "owner", "role": "owner", "side": "staff", "quorum": 1}]
RICH: dict[str, Any] = PLAN | {
    "crisis_kinds": ["insensitive_post", "product_failure"],
    "stages": {
        "active": {"alert": [{"role": "owner"}, {"duty": "scribe"}]},
        "resolved": {"alert": [{"role": "owner"}]},
    },
    "checklists": [
        {"name": "Recall", "when": {"kinds": ["product_failure"]},
         "tasks": [{"title": "Stop the sale", "duty": "commander", "due_minutes": 10}]},
        {"name": "Grave", "when": {"severities": [1, 2]},
         "tasks": [{"title": "Call the board", "duty": "commander", "due_minutes": 5}]},
    ],
    "clocks": [
        {"kind": "first_words", "minutes": 60},
        {"kind": "first_words", "minutes": 20, "severities": [1, 2]},
        {"kind": "internal_update", "minutes": 30},
    ],
    "approval": {"stages": STAGES, "rules": [
        {"when": {"claims": ["apology"], "severities": [1, 2]}, "stages": [*STAGES, *LEGAL]},
        {"when": {"networks": ["sandbox"], "severities": [4]}, "stages": STAGES[:1]},
    ]},
}  # fmt: skip


@pytest.fixture
def burning(north: North, ana: Person, lea: Person, dee: Person, bo: Person, now: datetime) -> Incident:
    with inside(north.agency.pk):
        publish_plan(brand_id=north.aurora.pk, name="Rich", body=RICH, by=ana.actor, at=now)
    body = {"brand": str(north.aurora.pk), "title": "A joke", "kind": "insensitive_post", "severity": 2}
    opened = bo.post("incidents", body)
    assert lea.post(f"incidents/{opened.body['id']}/activate", {"pause": False}).status == 200
    with inside(north.agency.pk):
        found: Incident = Incident.objects.found(opened.body["id"])
        return found


def stage_pages(incident: Incident) -> list[Page]:
    with inside(incident.agency_id):
        return list(Page.objects.filter(cause_kind="incidents.stage", incident_id=incident.pk).order_by("pk"))


def test_whom_a_stage_names_is_told_when_it_begins_and_once(
    burning: Incident, ana: Person, dee: Person, lea: Person
) -> None:
    settle()
    [page] = stage_pages(burning)
    assert (page.severity, page.headline) == (2, f"{burning.reference} is active: A joke")
    assert {one.seat_id for one in notifications_of(page)} == {ana.seat.pk, dee.seat.pk}
    lea.post(f"incidents/{burning.pk}/contain", {})
    lea.post(f"incidents/{burning.pk}/resolve", {})
    settle()
    over = stage_pages(burning)[-1]
    assert (over.severity, over.headline) == (4, f"{burning.reference} is resolved: A joke"), "news waits for the day"
    assert len(stage_pages(burning)) == 2, "stages that name nobody tell nobody"


def test_tasks_are_those_of_the_plan_and_of_the_checklists_that_hold(burning: Incident) -> None:
    with inside(burning.agency_id):
        titles = set(Task.objects.filter(incident=burning).values_list("title", flat=True))
    assert titles == {"Call the client", "Collect screenshots", "Call the board"}


def test_a_late_task_is_told_to_whoever_has_it(
    burning: Incident,
    lea: Person,
    dee: Person,
    mailbox: Mailbox,  # noqa: F811
) -> None:
    with inside(burning.agency_id):
        task = Task.objects.get(title="Collect screenshots")
        Task.objects.filter(pk=task.pk).update(due_at=burning.opened_at - timedelta(minutes=1))
    assert ring("incidents.task_due", task.pk)
    run_due_jobs()
    assert dee.user.email in mailbox.addresses
    assert [name for name, _, _ in events_of(task)] == ["task.added", "task.went_overdue"]
    path = f"incidents/{burning.pk}/tasks"
    mine = lea.post(path, {"title": "Mine", "seat": str(lea.seat.pk), "due_at": None})
    assert (mine.status, mine.body["seat"]) == (201, str(lea.seat.pk))
    assert lea.post(f"{path}/{task.pk}/complete").body["overdue_at"] is not None


def test_a_clock_for_this_severity_goes_before_one_for_all(burning: Incident, lea: Person) -> None:
    with inside(burning.agency_id):
        clocks = {clock.kind: clock for clock in Clock.objects.filter(incident=burning)}
    assert {kind: clock.minutes for kind, clock in clocks.items()} == {"first_words": 20, "internal_update": 30}
    met = lea.post(f"incidents/{burning.pk}/clocks/{clocks['internal_update'].pk}/meet")
    assert met.body["state"] == "met"
    with inside(burning.agency_id):
        assert Clock.objects.filter(kind="internal_update", met_at=None).count() == 1, "the next one runs"


def test_who_agrees_goes_by_severity_network_and_claim(burning: Incident) -> None:
    def asked(severity: int, claims: set[str], networks: set[str] = frozenset({"mastodon"})) -> list[str]:
        burning.severity = severity
        return [stage["name"] for stage in approval_stages(burning, networks=networks, claims=claims)]

    assert asked(1, {"apology"}) == ["lead", "client", "owner"]
    assert asked(1, set()) == ["lead", "client"]
    assert asked(3, {"apology"}) == ["lead", "client"]
    assert asked(4, set(), {"sandbox"}) == ["lead"]


def test_a_statement_that_claims_something_asks_those_people(
    north: North, burning: Incident, bo: Person, ana: Person
) -> None:
    body = {
        "incident": str(burning.pk), "title": "Sorry", "language": "en", "claims": ["apology"],
        "deliveries": [{"account": str(north.aurora_account.pk), "text": "We are sorry."}],
    }  # fmt: skip
    made = bo.post("statements", body)
    assert made.status == 201, made.body
    submitted = bo.post(f"statements/{made.body['id']}/submit", If_Match=made.etag)
    assert submitted.status == 200, submitted.body
    approval = ana.get(f"approvals/{submitted.body['versions'][0]['approval']}").body
    assert [stage["name"] for stage in approval["stages"]] == ["lead", "client", "owner"]
