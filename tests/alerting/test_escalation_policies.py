"""Escalation policies over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from alerting.models import EscalationPolicy
from core.wall import inside
from tests.alerting.scene import page_in, policy_of, rota_of
from tests.cast import Person, events_of, seat_person
from tests.conftest import North

pytestmark = pytest.mark.django_db


PLAIN = {"important": False, "when": {}}


def shape(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "Ladder", "steps": [{"notify": list(targets), "wait_minutes": 5}], **more}


def test_a_lead_makes_a_policy(north: North, lea: Person, dee: Person, now: datetime) -> None:
    rota = rota_of(dee, at=now)
    targets = [{"rota": str(rota.pk)}, {"seat": str(lea.seat.pk)}, {"role": "owner"}]
    answer = lea.post("escalation-policies", shape(*targets))
    assert answer.status == 201, answer.body
    assert answer.body["steps"] == [{"notify": targets, "wait_minutes": 5, **PLAIN}]
    with inside(north.agency.pk):
        policy = EscalationPolicy.objects.get(pk=answer.body["id"])
    assert (policy.brand_id, policy.steps) == (None, answer.body["steps"])
    assert events_of(policy) == [("escalation_policy.created", str(lea.actor), {"name": "Ladder", "steps": 1})]


def test_a_brand_and_the_agency_have_one_policy_each(north: North, lea: Person) -> None:
    for brand in (None, str(north.aurora.pk)):
        assert lea.post("escalation-policies", shape({"role": "owner"}, brand=brand)).status == 201
        again = lea.post("escalation-policies", shape({"role": "owner"}, brand=brand))
        assert (again.status, again.code) == (409, "policy_exists")


def test_a_changed_policy_counts_for_pages_to_come(north: North, lea: Person, now: datetime) -> None:
    policy = policy_of(lea, [{"role": "owner"}], at=now)
    climbing = page_in(north.agency.pk)
    seen = lea.get(f"escalation-policies/{policy.pk}")
    change = {"steps": [{"notify": [{"seat": str(lea.seat.pk)}], "wait_minutes": 1, **PLAIN}]}
    assert lea.patch(f"escalation-policies/{policy.pk}", change).status == 428
    answer = lea.patch(f"escalation-policies/{policy.pk}", change, If_Match=seen.etag)
    assert (answer.status, answer.body["name"], answer.body["steps"]) == (200, "Ladder", change["steps"])
    assert lea.patch(f"escalation-policies/{policy.pk}", change, If_Match=seen.etag).status == 412
    assert lea.patch(f"escalation-policies/{policy.pk}", {"name": "Stairs"}, If_Match=answer.etag).status == 200
    assert events_of(policy)[1:] == [
        ("escalation_policy.revised", str(lea.actor), {"version": 2, "steps": 1}),
        ("escalation_policy.revised", str(lea.actor), {"version": 3, "steps": 1}),
    ]
    assert climbing.policy["steps"] == [{"notify": [{"role": "owner"}], "wait_minutes": 5, **PLAIN}]
    assert page_in(north.agency.pk).policy["steps"] == change["steps"]


@pytest.mark.parametrize(
    ("targets", "field", "code"),
    [
        ([], "steps.0.notify", "min_length"),
        ([{}], "steps.0.notify.0", "not_one_target"),
        ([{"role": "owner", "seat": str(uuid4())}], "steps.0.notify.0", "not_one_target"),
        ([{"role": "janitor"}], "steps.0.notify.0.role", "does_not_exist"),
        ([{"role": "client_approver"}], "steps.0.notify.0.role", "does_not_exist"),
        ([{"role": "owner"}, {"rota": str(uuid4())}], "steps.0.notify.1.rota", "does_not_exist"),
        ([{"seat": str(uuid4())}], "steps.0.notify.0.seat", "does_not_exist"),
        ([{"everybody": True}], "steps.0.notify.0.everybody", "unknown_field"),
    ],
)
def test_a_step_that_reaches_nobody_is_refused(lea: Person, targets: list[Any], field: str, code: str) -> None:
    answer = lea.post("escalation-policies", shape(*targets))
    assert (answer.status, answer.code) == (400, "invalid")
    assert (field, code) in [(error["field"], error["code"]) for error in answer.body["errors"]]


def test_a_client_and_a_wait_of_nothing_are_refused(lea: Person, cy: Person) -> None:
    answer = lea.post("escalation-policies", shape({"seat": str(cy.seat.pk)}))
    assert answer.body["errors"][0]["code"] == "does_not_exist"
    for wait in (0, -1, 1441, "5"):
        body = {"name": "Ladder", "steps": [{"notify": [{"role": "owner"}], "wait_minutes": wait}]}
        assert lea.post("escalation-policies", body).status == 400


def test_who_leads_one_brand_makes_the_policy_of_that_brand_only(north: North, now: datetime) -> None:
    lin = seat_person(north.agency, "lin", "crisis_lead", brands=[north.aurora], at=now)
    assert lin.post("escalation-policies", shape({"role": "owner"}, brand=str(north.aurora.pk))).status == 201
    answer = lin.post("escalation-policies", shape({"role": "owner"}))
    assert (answer.status, answer.body["facts"]) == (403, {"need": "rotas.write"})
    answer = lin.post("escalation-policies", shape({"role": "owner"}, brand=str(north.borealis.pk)))
    assert answer.body["errors"][0]["field"] == "brand"


def test_a_stranger_finds_no_policy(north: North, lea: Person, eve: Person, now: datetime) -> None:
    policy = policy_of(lea, [{"role": "owner"}], at=now)
    for answer in (
        eve.get("/v1/agencies/north/escalation-policies"),
        eve.post("/v1/agencies/north/escalation-policies", shape({"role": "owner"})),
        eve.get(f"escalation-policies/{policy.pk}"),
        eve.patch(f"escalation-policies/{policy.pk}", {"name": "mine"}, If_Match=f'"{policy.pk}-1"'),
    ):
        assert answer.status == 404
