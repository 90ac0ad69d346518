"""Links, incidents that are one, one that was two, and what the matrix says of a new one."""

from __future__ import annotations

from uuid import UUID

import pytest

from alerting.models import Page
from core.wall import inside
from incidents.models import Incident, Task
from publishing.models import Pause
from tests.cast import Person
from tests.conftest import North
from tests.incidents.stage import lift, settle

pytestmark = pytest.mark.django_db


def opened(person: Person, north: North, **more: object) -> dict[str, object]:
    body = {"brand": str(north.aurora.pk), "title": "Another", "kind": "insensitive_post", "severity": 3, **more}
    answer = person.post("incidents", body)
    assert answer.status == 201, answer.body
    found: dict[str, object] = answer.body
    return found


def test_things_are_linked_once_and_unlinked(
    north: North, crisis: Incident, lea: Person, bo: Person, cy: Person, eve: Person
) -> None:
    other = opened(lea, north)
    path = f"incidents/{crisis.pk}/links"
    made = bo.post(path, {"kind": "incident", "target": other["id"], "relation": "caused_by"})
    assert made.status == 201, made.body
    again = bo.post(path, {"kind": "incident", "target": other["id"]})
    assert (again.code, again.body["facts"]) == ("link_known", {"link_id": made.body["id"]})
    assert bo.post(path, {"kind": "url", "url": "https://news.example/a"}).status == 201
    assert bo.post(path, {"kind": "url", "target": other["id"]}).status == 400
    assert bo.post(path, {"kind": "incident", "target": str(crisis.pk)}).body["errors"][0]["code"] == "itself"
    assert cy.post(path, {"kind": "url", "url": "https://news.example/b"}).code == "not_allowed"
    assert eve.post(path, {"kind": "url", "url": "https://news.example/b"}).status == 404
    assert [link["kind"] for link in cy.get(path).body["items"]] == ["incident", "url"]
    assert bo.post(f"{path}/{made.body['id']}/unlink").status == 200
    assert [link["kind"] for link in bo.get(path).body["items"]] == ["url"]


def test_a_merged_incident_ends_and_the_other_tells_both(
    north: North, crisis: Incident, lea: Person, bo: Person, eve: Person
) -> None:
    whole = opened(lea, north)
    path = f"incidents/{crisis.pk}/merge"
    body = {"into": whole["id"], "reason": "The same post."}
    assert bo.post(path, body).code == "not_allowed"
    assert eve.post(path, body).status == 404
    assert lea.post(path, body | {"into": str(crisis.pk)}).status == 400
    merged = lea.post(path, body)
    assert (merged.status, merged.body["stage"], merged.body["merged_into"]) == (200, "MERGED", whole["id"]), (
        merged.body
    )
    with inside(crisis.agency_id):
        assert not Task.objects.filter(incident=crisis, stage="OPEN").exists()
        assert Task.objects.filter(incident_id=whole["id"], stage="OPEN").count() == 2
        assert Pause.objects.get(lifted_at=None).incident_id == UUID(str(whole["id"]))
        assert not Page.objects.all().climbing().filter(incident=crisis).exists()
        goes_on = Incident.objects.get(pk=whole["id"])
    assert (goes_on.severity, goes_on.pause_id) == (crisis.severity, crisis.pause_id)
    told = [event["name"] for event in lea.get(f"incidents/{whole['id']}/timeline?limit=100").body["items"]]
    assert "incident.activated" in told
    assert "incident.took_in" in told
    assert lea.post(path, body).code == "incident_over"


def test_a_part_becomes_an_incident_of_its_own(crisis: Incident, lea: Person, eve: Person) -> None:
    body = {"title": "The manager's words", "kind": "employee_conduct", "severity": 3, "reason": "Another person."}
    assert eve.post(f"incidents/{crisis.pk}/split", body).status == 404
    part = lea.post(f"incidents/{crisis.pk}/split", body)
    assert (part.status, part.body["stage"], part.body["split_from"]) == (201, "ASSESSING", str(crisis.pk))
    [link] = lea.get(f"incidents/{part.body['id']}/links").body["items"]
    assert (link["kind"], link["target"], link["relation"]) == ("incident", str(crisis.pk), "follows")


def test_severity_priority_and_urgency_are_three_things(crisis: Incident, lea: Person) -> None:
    seen = lea.get(f"incidents/{crisis.pk}")
    assert (seen.body["priority"], seen.body["urgency"]) == (3, "high")
    changed = lea.patch(f"incidents/{crisis.pk}", {"priority": 1, "urgency": "low"}, If_Match=seen.etag)
    assert changed.status == 200, changed.body
    assert (changed.body["priority"], changed.body["urgency"], changed.body["severity"]) == (1, "low", crisis.severity)
    assert lea.patch(f"incidents/{crisis.pk}", {"priority": 2}, If_Match=seen.etag).code == "stale"


def test_the_matrix_says_how_grave_it_is_and_people_say_why_not(north: North, lea: Person) -> None:
    facts = {"volume": 9, "reach": 1_000}
    found = opened(lea, north, severity=2, facts=facts)
    assert found["assessment"]["severity"] == 2
    body = {"brand": str(north.aurora.pk), "title": "T", "kind": "other", "facts": facts}
    by_matrix = lea.post("incidents", body)
    assert (by_matrix.body["severity"], by_matrix.body["assessment"]["reasons"][0]["dimension"]) == (2, "volume")
    refused = lea.post("incidents", body | {"severity": 4})
    assert refused.body["errors"][0]["field"] == "severity_reason"
    overridden = lea.post("incidents", body | {"severity": 4, "severity_reason": "All of it is one bot."})
    assert overridden.body["assessment"]["overridden_because"] == "All of it is one bot."
    assert lea.post("incidents", {k: v for k, v in body.items() if k != "facts"}).status == 400


def test_a_decision_says_why(crisis: Incident, lea: Person) -> None:
    path = f"incidents/{crisis.pk}/notes"
    assert lea.post(path, {"kind": "decision", "text": "We wait."}).body["errors"][0]["field"] == "reason"
    assert lea.post(path, {"kind": "decision", "text": "We wait.", "reason": "No facts yet."}).status == 201


def test_a_small_incident_is_closed_without_a_review_when_somebody_says_so(
    crisis: Incident, lea: Person, ana: Person
) -> None:
    lift(lea, crisis)
    lea.post(f"incidents/{crisis.pk}/contain", {})
    lea.post(f"incidents/{crisis.pk}/resolve", {})
    settle()
    path = f"incidents/{crisis.pk}"
    assert lea.get(path).body["stage"] == "UNDER_REVIEW", "the review opens itself"
    assert lea.post(f"{path}/waive-review", {"reason": "Nothing new."}).code == "too_grave_to_waive"
    with inside(crisis.agency_id):
        Incident.objects.filter(pk=crisis.pk).update(severity=3)
    assert lea.post(f"{path}/close", {}).code == "review_not_released"
    assert lea.post(f"{path}/waive-review", {"reason": "Nothing new."}).status == 200
    assert lea.post(f"{path}/close", {}).body["stage"] == "CLOSED"
