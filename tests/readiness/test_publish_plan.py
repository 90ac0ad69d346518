"""A crisis plan: drafted, signed off by somebody else, in force, version by version."""

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
from readiness.plan_body import ALERTED_STAGES, check_body
from readiness.queries import plan_in_force
from readiness.severity import DEFAULT_MATRIX
from tests.cast import Person, events_of, seat_person, walled
from tests.conftest import North
from tests.incidents.stage import settle
from tests.readiness.conftest import BODY, STAGES, decide, published, submit

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
def test_a_plan_in_full_form_says_the_same_again(check: Check) -> None:
    """So that whoever reads a plan may write it back."""
    whole = check(BODY)
    assert check(whole) == whole


@pytest.mark.django_db
def test_a_plan_is_in_force_when_somebody_else_has_signed_it_off(
    north: North, ana: Person, lea: Person, new_plan: Body
) -> None:
    draft = lea.post("plans", new_plan)
    assert (draft.status, draft.body["base"], draft.body["stage"]) == (201, 0, "DRAFT"), draft.body
    assert lea.get(f"plans/in-force?brand={north.aurora.pk}").status == 404
    asked = submit(lea, draft)
    assert (asked.status, asked.body["stage"]) == (200, "IN_SIGN_OFF"), asked.body
    assert decide(lea, "approve", asked).code == "author_cannot_approve"
    assert decide(ana, "approve", asked).status == 200
    settle()
    with walled(north.agency):
        version = plan_in_force(north.aurora.pk)
        assert version is not None
        assert (version.number, version.publisher_id, str(version.approval_id)) == (
            1, lea.seat.pk, asked.body["approval"],
        )  # fmt: skip
        plan = Plan.objects.found(version.plan_id)
        assert plan_in_force(north.borealis.pk) is None
    assert version.own == BODY
    assert version.body["severity"] == DEFAULT_MATRIX, "what was left out is said aloud"
    assert [name for name, _, _ in events_of(plan)] == [
        "plan.created", "plan.drafted", "plan.submitted", "plan.published",
    ]  # fmt: skip
    assert events_of(plan)[-1] == (
        "plan.published",
        "rule:readiness.publish_plan",
        {"name": "Standard", "number": 1, "approval_id": asked.body["approval"]},
    )
    shown = lea.get(f"plans/in-force?brand={north.aurora.pk}")
    assert shown.body == lea.get(f"plans/{plan.pk}/in-force").body == lea.get(f"plan-versions/{version.pk}").body
    assert lea.get(f"plan-drafts/{draft.body['id']}").body["published"] == str(version.pk)
    assert lea.get("plans/in-force").body["errors"][0]["field"] == "brand"


@pytest.mark.django_db
def test_what_people_saw_is_what_is_published(north: North, ana: Person, lea: Person, new_plan: Body) -> None:
    template = ana.post("plan-templates", {"name": "House", "body": {"about": "As it was read."}}).body
    draft = lea.post("plans", new_plan | {"template": template["id"]})
    asked = submit(lea, draft)
    seen = ana.get(f"plan-templates/{template['id']}")
    later = {"name": "House", "body": {"about": "Changed meanwhile."}}
    assert ana.post(f"plan-templates/{template['id']}/publish", later, If_Match=seen.etag).status == 200
    decide(ana, "approve", asked)
    settle()
    assert lea.get(f"plans/in-force?brand={north.aurora.pk}").body["body"]["about"] == "As it was read."
    [check] = [c for c in lea.get(f"plans/{draft.body['plan']}/health").body["checks"] if c["name"] == "template"]
    assert check["problems"] == ["The template has a newer version, 2."]


@pytest.mark.django_db
def test_the_next_version_is_a_draft_of_the_newest(ana: Person, lea: Person, new_plan: Body) -> None:
    first = published(lea, ana, new_plan)
    draft = lea.post(f"plans/{first['plan']}/drafts", {"reason": "Another type."})
    assert (draft.body["own"], draft.body["base"]) == (BODY, 1)
    body = changed(lambda b: b["crisis_kinds"].append("other"))
    path = f"plan-drafts/{draft.body['id']}"
    assert lea.patch(path, {"body": body}).status == 428
    revised = lea.patch(path, {"body": body}, If_Match=draft.etag)
    assert revised.status == 200, revised.body
    assert lea.patch(path, {"body": BODY}, If_Match=draft.etag).code == "stale"
    assert lea.get(f"{path}/diff").body["changes"] == [
        {"path": "crisis_kinds[other]", "change": "added", "before": None, "after": "other"}
    ]
    assert lea.get(f"{path}/whole").body["body"]["crisis_kinds"][-1] == "other"
    decide(ana, "approve", submit(lea, revised))
    settle()
    second = lea.get(f"plans/{first['plan']}/in-force").body
    assert second["number"] == 2
    assert [v["number"] for v in lea.get(f"plan-versions?plan={first['plan']}").body["items"]] == [2, 1]
    assert lea.get(f"plan-versions/{first['id']}").body == first
    changes = lea.get(f"plan-versions/{second['id']}/diff").body
    assert (changes["before"], [one["path"] for one in changes["changes"]]) == (first["id"], ["crisis_kinds[other]"])
    back = lea.get(f"plan-versions/{first['id']}/diff?against={second['id']}").body["changes"]
    assert [one["change"] for one in back] == ["removed"]
    assert lea.get("plans").body["items"] == [lea.get(f"plans/{first['plan']}").body]


@pytest.mark.django_db
def test_a_refused_draft_is_a_draft_again(ana: Person, lea: Person, new_plan: Body) -> None:
    asked = submit(lea, lea.post("plans", new_plan))
    path = f"plan-drafts/{asked.body['id']}"
    frozen = lea.patch(path, {"body": BODY}, If_Match=asked.etag)
    assert (frozen.status, frozen.code) == (409, "draft_frozen")
    decide(ana, "reject", asked)
    settle()
    again = lea.get(path)
    assert again.body["stage"] == "DRAFT"
    assert submit(lea, again).body["approval"] != asked.body["approval"]


@pytest.mark.django_db
def test_one_draft_of_a_plan_is_asked_about_at_a_time(ana: Person, lea: Person, new_plan: Body) -> None:
    first = published(lea, ana, new_plan)
    one = lea.post(f"plans/{first['plan']}/drafts", {})
    other = lea.post(f"plans/{first['plan']}/drafts", {})
    asked = submit(lea, one)
    refused = submit(lea, other)
    assert (refused.code, refused.body["facts"]) == ("draft_in_sign_off", {"draft_id": one.body["id"]})
    assert lea.post(f"plan-drafts/{one.body['id']}/discard", If_Match=asked.etag).body["stage"] == "DISCARDED"
    assert ana.get(f"approvals/{asked.body['approval']}").body["stage"] == "VOIDED"
    settle()
    assert lea.get(f"plan-drafts/{one.body['id']}").body["stage"] == "DISCARDED"
    asked = submit(lea, other)
    stale = lea.post(f"plans/{first['plan']}/drafts", {})
    decide(ana, "approve", asked)
    settle()
    late = submit(lea, stale)
    assert (late.code, late.body["facts"]["number"]) == ("plan_moved_on", 2)


@pytest.mark.django_db
def test_whoever_may_publish_can_name_who_signs_off(lea: Person, ana: Person, cy: Person, new_plan: Body) -> None:
    client = [{"name": "Client", "role": "client_approver", "side": "client", "quorum": 1}]
    asked = submit(lea, lea.post("plans", new_plan), stages=client)
    assert decide(ana, "approve", asked).code == "not_an_approver"
    assert decide(cy, "approve", asked).status == 200


@pytest.mark.django_db
def test_a_plan_that_nobody_else_can_sign_off_says_so(
    north: North, ana: Person, cy: Person, new_plan: Body, now: datetime
) -> None:
    assert ana.post(f"seats/{cy.seat.pk}/revoke", {"reason": "left"}).status == 200
    draft = ana.post("plans", new_plan)
    refused = submit(ana, draft)
    assert (refused.status, refused.code) == (409, "nobody_signs_off")
    seat_person(north.agency, "ivo", "admin", at=now)
    assert submit(ana, draft).status == 200


@pytest.mark.django_db
def test_a_name_means_one_plan(lea: Person, new_plan: Body) -> None:
    first = lea.post("plans", new_plan).body
    again = lea.post("plans", new_plan)
    assert (again.status, again.code) == (409, "plan_exists")
    assert again.body["facts"] == {"plan_id": first["plan"]}
    other = lea.post("plans", new_plan | {"name": "Other"}).body
    seen = lea.get(f"plans/{other['plan']}")
    taken = lea.patch(f"plans/{other['plan']}", {"name": "Standard"}, If_Match=seen.etag)
    assert taken.code == "plan_exists"
    changed = lea.patch(f"plans/{other['plan']}", {"name": "Recall", "review_days": 30}, If_Match=seen.etag)
    assert (changed.body["name"], changed.body["review_days"]) == ("Recall", 30)


@pytest.mark.django_db
def test_what_was_published_last_is_in_force_whatever_its_name(
    north: North, lea: Person, ana: Person, new_plan: Body
) -> None:
    published(lea, ana, new_plan)
    second = published(lea, ana, new_plan | {"name": "Product recall"})
    assert lea.get(f"plans/in-force?brand={north.aurora.pk}").body == second


@pytest.mark.django_db
def test_a_version_never_changes(north: North, lea: Person, ana: Person, new_plan: Body) -> None:
    version = published(lea, ana, new_plan)
    with pytest.raises(DatabaseError, match="Cannot update or delete"), walled(north.agency):
        PlanVersion.objects.filter(pk=version["id"]).update(body={})
    with pytest.raises(DatabaseError, match="Cannot update or delete"), walled(north.agency):
        PlanVersion.objects.filter(pk=version["id"])._raw_delete("default")


@pytest.mark.django_db
def test_people_and_things_that_a_plan_names_are_here(
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

    wrong = naming(eve.seat.pk, uuid4(), other.pk)
    wrong["body"] |= {
        "messages": [str(uuid4())],
        "stages": {"active": {"alert": [{"role": "owner"}, {"rota": str(uuid4())}, {"seat": str(eve.seat.pk)}]}},
    }
    answer = lea.post("plans", wrong)
    assert answer.status == 400
    assert [error["field"] for error in answer.body["errors"]] == [
        "body.duties.0.seat",
        "body.duties.0.deputy",
        "body.stages.active.alert.2.seat",
        "body.alert.escalation_policy",
        "body.messages.0",
        "body.stages.active.alert.1.rota",
    ]
    assert lea.post("plans", naming(lea.seat.pk, dee.seat.pk, policy.pk)).status == 201
    nowhere = lea.post("plans", new_plan | {"name": "X", "template": str(uuid4())})
    assert nowhere.body["errors"][0]["field"] == "template"


@pytest.mark.django_db
def test_only_who_holds_the_need_writes_and_publishes(
    north: North, now: datetime, ana: Person, bo: Person, lea: Person, eve: Person, cy: Person, new_plan: Body
) -> None:
    assert (bo.post("plans", new_plan).status, bo.post("plans", new_plan).code) == (403, "not_allowed")
    assert bo.post("plans", new_plan | {"brand": str(north.borealis.pk)}).status == 403
    assert cy.get("plans").status == 403
    version = published(lea, ana, new_plan)
    draft = lea.post(f"plans/{version['plan']}/drafts", {})
    assert bo.get(f"plans/{version['plan']}").status == 200
    assert bo.post(f"plan-drafts/{draft.body['id']}/submit", {}, If_Match=draft.etag).status == 403
    elsewhere = seat_person(north.agency, "lou", "account_manager", brands=[north.borealis], at=now)
    assert elsewhere.get(f"plans/{version['plan']}").status == 404
    assert elsewhere.get(f"plan-versions/{version['id']}").status == 404
    assert elsewhere.get(f"plan-drafts/{draft.body['id']}").status == 404
    assert elsewhere.get(f"plans/in-force?brand={north.aurora.pk}").status == 400
    paths = (
        "plans", f"plans/{version['plan']}", f"plan-versions/{version['id']}", "plan-versions", "plan-drafts",
        f"plan-drafts/{draft.body['id']}", "plan-templates",
    )  # fmt: skip
    for path in paths:
        assert eve.get(f"/v1/agencies/north/{path}").status == 404
        assert eve.get(path).status == (404 if "/" in path else 200)
    assert eve.post("/v1/agencies/north/plans", new_plan).status == 404
    assert eve.post("plans", new_plan).status == 400
    assert eve.post(f"/v1/agencies/north/plan-drafts/{draft.body['id']}/submit", {}).status == 404


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
        (
            lambda b: b["approval"].update(rules=[{"when": {"severities": [1]}, "stages": [NOBODY]}]),
            "body.approval.rules.0.stages.0.quorum", "out_of_range",
        ),
        (
            lambda b: b.update(checklists=[{"name": "Recall", "when": {"kinds": ["other"]}, "tasks": []}]),
            "body.checklists.0.when.kinds.0", "does_not_exist",
        ),
        (
            lambda b: b.update(severity={"legal": [{"is": "sued", "severity": 1}]}),
            "body.severity.legal.0", "does_not_exist",
        ),
        (lambda b: b["duties"][0].update(department="Legal"), "body.duties.0.department", "does_not_exist"),
        (
            lambda b: b.update(stages={"active": {"alert": [{"duty": "cook"}]}}),
            "body.stages.active.alert.0", "does_not_exist",
        ),
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
        "about": "",
        "crisis_kinds": ["other"],
        "types": [],
        "severity": DEFAULT_MATRIX,
        "stages": {stage: {"alert": []} for stage in ALERTED_STAGES},
        "departments": [],
        "duties": [],
        "tasks": [],
        "checklists": [],
        "clocks": [],
        "approval": {"stages": STAGES, "rules": []},
        "pause": {"on_activation": True, "allow_statements": True},
        "alert": {"escalation_policy": None},
        "review": {"due_days": 7},
        "messages": [],
        "contacts": [],
        "policies": [],
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
