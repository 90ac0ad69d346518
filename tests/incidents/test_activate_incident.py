"""Activation: the plan is frozen, the duties filled, the tasks handed out, the clocks started, the brand paused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alerting.models import Page
from core.actor import Actor
from core.wall import inside
from incidents.actions import activate_incident
from incidents.models import Clock, Duty, Incident, Task
from jobs.models import Job
from permissions.needs import Need
from publishing.models import Pause
from readiness.actions import publish_plan
from readiness.models import PlanVersion
from tests.cast import Person, events_of, key_of
from tests.conftest import North
from tests.incidents.stage import PLAN, reread

pytestmark = pytest.mark.django_db


def test_the_brand_is_paused_in_the_same_breath(assessed: Incident, lea: Person, plan: PlanVersion) -> None:
    answer = lea.post(f"incidents/{assessed.pk}/activate", {"severity": 1})
    assert answer.status == 200, answer.body
    incident = reread(assessed)
    assert (incident.stage, incident.severity, incident.version) == ("ACTIVE", 1, 2)
    assert incident.activated_at is not None
    with inside(incident.agency_id):
        pause = Pause.objects.get()
    assert incident.pause_id == pause.pk
    assert (pause.scope, pause.scope_id, pause.kind) == ("brand", incident.brand_id, "crisis")
    assert (pause.incident_id, pause.allow_statements, pause.stage) == (incident.pk, True, "EFFECTIVE")
    assert answer.body["pause_state"]["effective"] is True
    assert answer.body["pause_state"]["in_flight"] == []
    assert events_of(incident)[1:] == [
        (
            "incident.activated",
            str(lea.actor),
            {"severity": 1, "plan_version_id": str(plan.pk), "pause_id": str(pause.pk)},
        )
    ]


def test_duties_go_to_holders_of_the_role_and_in_a_grave_incident_to_others_where_there_is_none(
    crisis: Incident, ana: Person, lea: Person, dee: Person
) -> None:
    with inside(crisis.agency_id):
        duties = list(Duty.objects.order_by("position").values_list("duty", "seat_id", "deputy_id"))
    assert duties == [("commander", lea.seat.pk, None), ("scribe", dee.seat.pk, None), ("legal", ana.seat.pk, None)]


def test_named_people_come_first_and_people_who_left_do_not(
    north: North, ana: Person, lea: Person, bo: Person, dee: Person
) -> None:
    body = {
        **PLAN,
        "duties": [
            {"duty": "commander", "role": "crisis_lead", "seat": str(bo.seat.pk), "deputy": str(lea.seat.pk)},
            {"duty": "scribe", "role": "responder", "seat": str(dee.seat.pk), "deputy": None},
        ],
        "tasks": [],
    }
    with inside(north.agency.pk):
        publish_plan(brand_id=north.aurora.pk, name="Standard", body=body, by=ana.actor, at=timezone.now())
    assert ana.post(f"seats/{dee.seat.pk}/revoke", {"reason": "left"}).status == 200
    opened = lea.post("incidents", {"brand": str(north.aurora.pk), "title": "x", "kind": "other", "severity": 2})
    lea.post(f"incidents/{opened.body['id']}/activate", {})
    duties = lea.get(f"incidents/{opened.body['id']}/duties").body["items"]
    assert [(d["duty"], d["seat_name"], d["deputy_name"]) for d in duties] == [
        ("commander", "Bo", "Lea"),
        ("scribe", "Lea", None),
    ]


def test_tasks_and_clocks_are_those_of_the_plan(crisis: Incident) -> None:
    at = crisis.activated_at
    assert at is not None
    with inside(crisis.agency_id):
        tasks = list(Task.objects.order_by("id").values_list("title", "duty", "due_at", "stage"))
        clocks = {clock.kind: clock for clock in Clock.objects.all()}
    assert tasks == [
        ("Call the client", "commander", at + timedelta(minutes=15), "OPEN"),
        ("Collect screenshots", "scribe", at + timedelta(minutes=30), "OPEN"),
    ]
    assert {kind: clock.due_at - at for kind, clock in clocks.items()} == {
        "acknowledge": timedelta(minutes=5),
        "first_words": timedelta(minutes=60),
        "update": timedelta(minutes=120),
    }
    assert clocks["acknowledge"].met_at == at, "a person activated it, so a person has taken it"
    timers = Job.objects.filter(handler="incidents.breach_clock", state="READY").values_list("key", "due_at")
    assert dict(timers) == {str(clocks[kind].pk): clocks[kind].due_at for kind in ("first_words", "update")}


def test_a_later_version_of_the_plan_does_not_bend_the_incident(
    north: North, ana: Person, bo: Person, crisis: Incident, plan: PlanVersion
) -> None:
    stages = [{"name": "owner alone", "role": "owner", "side": "staff", "quorum": 1}]
    with inside(north.agency.pk):
        publish_plan(
            brand_id=north.aurora.pk,
            name="Standard",
            body={**PLAN, "approval": {"stages": stages}, "clocks": []},
            by=ana.actor,
            at=timezone.now(),
        )
    incident = reread(crisis)
    assert incident.plan_version_id == plan.pk
    assert incident.plan == plan.body
    account = str(north.aurora_account.pk)
    drafted = bo.post(
        "statements",
        {"incident": str(crisis.pk), "title": "t", "deliveries": [{"account": account, "text": "x"}]},
    )
    submitted = bo.post(f"statements/{drafted.body['id']}/submit", If_Match=drafted.etag)
    approval = bo.get(f"approvals/{submitted.body['versions'][0]['approval']}").body
    assert [stage["name"] for stage in approval["stages"]] == ["lead", "client"]


def test_a_brand_without_a_plan_still_has_its_crisis(north: North, lea: Person) -> None:
    opened = lea.post("incidents", {"brand": str(north.borealis.pk), "title": "x", "kind": "other", "severity": 2})
    answer = lea.post(f"incidents/{opened.body['id']}/activate", {"pause": False})
    assert (answer.status, answer.body["stage"], answer.body["plan"]) == (200, "ACTIVE", {})
    assert (answer.body["pause"], answer.body["pause_state"], answer.body["severity"]) == (None, None, 2)


def test_where_a_program_activates_somebody_is_woken(assessed: Incident, lea: Person) -> None:
    robot = key_of(lea, Need.INCIDENTS_ACTIVATE, Need.INCIDENTS_READ, Need.PAUSES_START)
    assert robot.post(f"incidents/{assessed.pk}/activate", {}).status == 200
    with inside(assessed.agency_id):
        page = Page.objects.get()
        clock = Clock.objects.get(kind="acknowledge")
    assert (page.incident_id, page.severity, page.stage) == (assessed.pk, 3, "OPEN")
    assert clock.met_at is None


@pytest.mark.parametrize("on_activation", [True, False])
def test_who_says_nothing_about_a_pause_gets_what_the_plan_says(
    north: North, assessed: Incident, lea: Person, on_activation: bool
) -> None:
    with inside(north.agency.pk):
        body = {**PLAN, "pause": {"on_activation": on_activation}}
        publish_plan(brand_id=north.aurora.pk, name="Quiet", body=body, by=lea.actor, at=timezone.now())
    answer = lea.post(f"incidents/{assessed.pk}/activate", {"severity": 2})
    assert answer.status == 200, answer.body
    assert (answer.body["pause"] is not None) == on_activation


def test_a_program_wakes_whom_the_plan_names(north: North, assessed: Incident, lea: Person) -> None:
    step = {"notify": [{"seat": str(lea.seat.pk)}], "wait_minutes": 5}
    own = {"name": "The brand's own", "brand": str(north.aurora.pk), "steps": [step]}
    assert lea.post("escalation-policies", own).status == 201
    policy = lea.post("escalation-policies", {"name": "The plan's choice", "steps": [step]}).body["id"]
    with inside(north.agency.pk):
        body = {**PLAN, "alert": {"escalation_policy": policy}}
        publish_plan(brand_id=north.aurora.pk, name="Loud", body=body, by=lea.actor, at=timezone.now())
        activate_incident(incident_id=assessed.pk, severity=2, pause=False, by=Actor.rule("tests"), at=timezone.now())
        page = Page.objects.get(cause_id=assessed.pk)
    assert (page.policy["policy_id"], page.policy["name"]) == (policy, "The plan's choice")


def test_who_may_not_pause_cannot_activate_with_a_pause(assessed: Incident, lea: Person) -> None:
    robot = key_of(lea, Need.INCIDENTS_ACTIVATE, Need.INCIDENTS_READ)
    refused = robot.post(f"incidents/{assessed.pk}/activate", {})
    assert (refused.status, refused.body["facts"]["need"]) == (403, "pauses.start")
    assert reread(assessed).stage == "ASSESSING"
    assert robot.post(f"incidents/{assessed.pk}/activate", {"pause": False}).status == 200


def test_activating_twice_is_refused_and_a_repeated_request_is_not(assessed: Incident, lea: Person) -> None:
    first = lea.post(f"incidents/{assessed.pk}/activate", {}, Idempotency_Key="once")
    again = lea.post(f"incidents/{assessed.pk}/activate", {}, Idempotency_Key="once")
    assert (first.status, again.status) == (200, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body == first.body
    assert lea.post(f"incidents/{assessed.pk}/activate", {}).code == "cannot_move"
    assert [name for name, _, _ in events_of(assessed)].count("incident.activated") == 1


def test_the_outsider_finds_nothing(assessed: Incident, eve: Person) -> None:
    assert eve.post(f"/v1/agencies/north/incidents/{assessed.pk}/activate", {}).status == 404
    assert eve.post(f"incidents/{assessed.pk}/activate", {}).status == 404
