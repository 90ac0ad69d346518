"""Publishing a crisis plan, version by version."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection

from alerting.models import EscalationPolicy
from readiness.actions import publish_plan
from readiness.models import Plan, PlanVersion
from readiness.plan_body import check_body
from readiness.queries import plan_in_force
from tests.cast import Person, events_of, seat_person, walled
from tests.conftest import North
from tests.readiness.conftest import BODY, STAGES

Body = dict[str, Any]
Check = Callable[[Any], Body]
NOBODY = STAGES[0] | {"quorum": 0}


@pytest.fixture
def check(north: North) -> Check:
    """What a plan comes to, inside the wall: roles are the agency's."""

    def checked(given: Any) -> Body:
        with walled(north.agency):
            return check_body(given)

    return checked


def changed(change: Callable[[Body], object]) -> Body:
    body = deepcopy(BODY)
    change(body)
    return body


@pytest.mark.django_db
def test_the_first_version_makes_the_plan_and_is_in_force(north: North, lea: Person, new_plan: Body) -> None:
    answer = lea.post("plans", new_plan)
    assert answer.status == 201, answer.body
    assert (answer.body["name"], answer.body["number"]) == ("Standard", 1)
    with walled(north.agency):
        version = plan_in_force(north.aurora.pk)
        assert version is not None
        assert (str(version.pk), version.publisher_id) == (answer.body["id"], lea.seat.pk)
        plan = Plan.objects.found(version.plan_id)
        assert plan_in_force(north.borealis.pk) is None
    assert version.body == BODY | {"duties": [duty | {"seat": None, "deputy": None} for duty in BODY["duties"]]}
    assert events_of(plan) == [("plan.published", str(lea.actor), {"name": "Standard", "number": 1})]
    assert lea.get(f"plans/in-force?brand={north.aurora.pk}").body == answer.body
    assert lea.get(f"plans/in-force?brand={north.borealis.pk}").status == 404
    assert lea.get("plans/in-force").body["errors"][0]["field"] == "brand"


@pytest.mark.django_db
def test_the_next_version_replaces_the_one_that_was_seen(north: North, lea: Person, new_plan: Body) -> None:
    first = lea.post("plans", new_plan).body
    path = f"plans/{first['plan']}"
    seen = lea.get(path).etag
    body = changed(lambda b: b["crisis_kinds"].append("other"))
    assert lea.post(f"{path}/publish", {"body": body}).status == 428
    second = lea.post(f"{path}/publish", {"body": body}, If_Match=seen)
    assert (second.status, second.body["number"]) == (201, 2)
    stale = lea.post(f"{path}/publish", {"body": BODY}, If_Match=seen)
    assert (stale.status, stale.code) == (412, "stale")
    assert lea.get(f"{path}/in-force").body == second.body
    assert lea.get(f"plan-versions/{first['id']}").body == first
    assert [v["number"] for v in lea.get(f"plan-versions?plan={first['plan']}").body["items"]] == [2, 1]
    assert lea.get("plans").body["items"] == [lea.get(path).body]


@pytest.mark.django_db
def test_a_name_means_one_plan(lea: Person, new_plan: Body) -> None:
    first = lea.post("plans", new_plan).body
    again = lea.post("plans", new_plan)
    assert (again.status, again.code) == (409, "plan_exists")
    assert again.body["facts"] == {"plan_id": first["plan"]}


@pytest.mark.django_db
def test_what_was_published_last_is_in_force_whatever_its_name(north: North, lea: Person, new_plan: Body) -> None:
    first = lea.post("plans", new_plan).body
    second = lea.post("plans", new_plan | {"name": "Product recall"}).body
    assert lea.get(f"plans/in-force?brand={north.aurora.pk}").body == second
    again = lea.post(f"plans/{first['plan']}/publish", {"body": BODY}, If_Match=lea.get(f"plans/{first['plan']}").etag)
    assert lea.get(f"plans/in-force?brand={north.aurora.pk}").body == again.body


@pytest.mark.django_db
def test_a_version_never_changes(north: North, lea: Person, new_plan: Body) -> None:
    version = lea.post("plans", new_plan).body
    with pytest.raises(DatabaseError, match="Cannot update or delete"), walled(north.agency):
        PlanVersion.objects.filter(pk=version["id"]).update(body={})
    with pytest.raises(DatabaseError, match="Cannot update or delete"), walled(north.agency):
        PlanVersion.objects.filter(pk=version["id"])._raw_delete("default")


@pytest.mark.django_db
def test_people_and_policy_that_a_plan_names_are_here(
    north: North, lea: Person, dee: Person, eve: Person, now: datetime, new_plan: Body
) -> None:
    with walled(north.agency):
        policy = EscalationPolicy(name="Aurora", brand_id=north.aurora.pk, steps=[], created_at=now)
        policy.save()
        other = EscalationPolicy(name="Borealis", brand_id=north.borealis.pk, steps=[], created_at=now)
        other.save()

    def naming(seat: object, deputy: object, policy_id: object) -> Body:
        body = deepcopy(BODY)
        body["duties"][0] |= {"seat": str(seat), "deputy": str(deputy)}
        body["alert"] = {"escalation_policy": str(policy_id)}
        return new_plan | {"body": body}

    answer = lea.post("plans", naming(eve.seat.pk, uuid4(), other.pk))
    assert answer.status == 400
    assert [error["field"] for error in answer.body["errors"]] == [
        "body.duties.0.seat",
        "body.duties.0.deputy",
        "body.alert.escalation_policy",
    ]
    assert lea.post("plans", naming(lea.seat.pk, dee.seat.pk, policy.pk)).status == 201


@pytest.mark.django_db
def test_only_who_holds_the_need_publishes(
    north: North, now: datetime, bo: Person, lea: Person, eve: Person, cy: Person, new_plan: Body
) -> None:
    assert (bo.post("plans", new_plan).status, bo.post("plans", new_plan).code) == (403, "not_allowed")
    assert bo.post("plans", new_plan | {"brand": str(north.borealis.pk)}).status == 403
    assert cy.get("plans").status == 403
    version = lea.post("plans", new_plan).body
    assert bo.get(f"plans/{version['plan']}").status == 200
    elsewhere = seat_person(north.agency, "lou", "account_manager", brands=[north.borealis], at=now)
    assert elsewhere.get(f"plans/{version['plan']}").status == 404
    assert elsewhere.get(f"plan-versions/{version['id']}").status == 404
    assert elsewhere.get(f"plans/in-force?brand={north.aurora.pk}").status == 400
    for path in ("plans", f"plans/{version['plan']}", f"plan-versions/{version['id']}", "plan-versions"):
        assert eve.get(f"/v1/agencies/north/{path}").status == 404
        if path != "plans":
            assert eve.get(path).status == (404 if "/" in path else 200)
    assert eve.post("/v1/agencies/north/plans", new_plan).status == 404
    assert eve.post("plans", new_plan).status == 400
    assert eve.post(f"/v1/agencies/north/plans/{version['plan']}/publish", {"body": BODY}).status == 404


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        (lambda b: b.pop("approval"), "body", "required"),
        (lambda b: b.update(colour="red"), "body", "unknown_field"),
        (lambda b: b.update(crisis_kinds=[]), "body.crisis_kinds", "out_of_range"),
        (lambda b: b["crisis_kinds"].append("Not A Word"), "body.crisis_kinds.2", "invalid"),
        (lambda b: b["crisis_kinds"].append("newline\n"), "body.crisis_kinds.2", "invalid"),
        (lambda b: b["crisis_kinds"].append("product_failure"), "body.crisis_kinds.2", "duplicate"),
        (lambda b: b["duties"][0].update(role="pope"), "body.duties.0.role", "does_not_exist"),
        (lambda b: b["duties"][0].update(seat="me"), "body.duties.0.seat", "invalid"),
        (lambda b: b["duties"][1].update(duty="commander"), "body.duties.1.duty", "duplicate"),
        (lambda b: b["tasks"][0].update(duty="cook"), "body.tasks.0.duty", "does_not_exist"),
        (lambda b: b["tasks"][0].update(due_minutes=-1), "body.tasks.0.due_minutes", "out_of_range"),
        (lambda b: b["tasks"][0].update(due_minutes="soon"), "body.tasks.0.due_minutes", "wrong_type"),
        (lambda b: b["clocks"][0].update(kind="sundial"), "body.clocks.0.kind", "does_not_exist"),
        (lambda b: b["clocks"][1].update(kind="acknowledge"), "body.clocks.1.kind", "duplicate"),
        (lambda b: b["pause"].update(on_activation="yes"), "body.pause.on_activation", "wrong_type"),
        (lambda b: b["approval"].update(stages=[]), "body.approval.stages", "out_of_range"),
        (lambda b: b["approval"].update(stages=[NOBODY]), "body.approval.stages.0.quorum", "out_of_range"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_by_its_path(
    check: Check, change: Callable[[Body], object], field: str, code: str
) -> None:
    with pytest.raises(Exception, match=r"makes? no sense") as refused:
        check(changed(change))
    errors = refused.value.facts["errors"]  # type: ignore[attr-defined]
    assert [(error["field"], error["code"]) for error in errors] == [(field, code)]


def test_nobody_deputises_for_themselves(check: Check) -> None:
    seat = str(uuid4())
    with pytest.raises(Exception, match="makes no sense") as refused:
        check(changed(lambda b: b["duties"][0].update(seat=seat, deputy=seat)))
    assert refused.value.facts["errors"][0]["code"] == "same_person"  # type: ignore[attr-defined]


def test_what_is_left_out_is_said_aloud(check: Check) -> None:
    full = check({"crisis_kinds": ["other"], "duties": [], "approval": {"stages": STAGES}})
    assert full == {
        "crisis_kinds": ["other"],
        "duties": [],
        "tasks": [],
        "clocks": [],
        "approval": {"stages": STAGES},
        "pause": {"on_activation": True, "allow_statements": True},
        "alert": {"escalation_policy": None},
    }


@pytest.mark.parametrize("given", [None, [], "plan", 5])
def test_a_body_that_is_no_object_is_refused(check: Check, given: object) -> None:
    with pytest.raises(Exception, match="makes no sense") as refused:
        check(given)
    assert refused.value.facts["errors"][0] | {"detail": ""} == {"field": "body", "code": "wrong_type", "detail": ""}  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
def test_versions_published_at_once_are_numbered_one_after_the_other(north: North, lea: Person, now: datetime) -> None:
    barrier, numbers = Barrier(8), []

    def publish() -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            with walled(north.agency):
                version = publish_plan(brand_id=north.aurora.pk, name="Standard", body=BODY, by=lea.actor, at=now)
            numbers.append(version.number)
        finally:
            connection.close()

    threads = [Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(numbers) == list(range(1, 9))
    with walled(north.agency):
        assert Plan.objects.filter(brand_id=north.aurora.pk).count() == 1
