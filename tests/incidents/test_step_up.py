"""Decisions on severity 1 and 2 are for somebody who has just proved who they are; alarms need no proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from approvals.models import Approval
from core.wall import inside
from incidents.models import Incident
from permissions.needs import Need
from tests.cast import Answer, Person, key_of, open_session
from tests.conftest import North
from tests.incidents.stage import draft

pytestmark = pytest.mark.django_db


def long_ago(person: Person, now: datetime, minutes: int = 16) -> Person:
    """The same person in a session whose last proof is older than a step-up may be."""
    session = open_session(person.user, at=now - timedelta(minutes=minutes))
    return replace(person, headers={"X-Session-Token": session})


def opened(north: North, lea: Person, severity: int) -> str:
    wish = {"brand": str(north.aurora.pk), "title": "A bad joke", "kind": "insensitive_post", "severity": severity}
    return str(lea.post("incidents", wish).body["id"])


def stand_down(person: Person, incident: str) -> tuple[int, str | None]:
    answer = person.post(f"incidents/{incident}/stand-down", {"reason": "false_alarm"})
    return answer.status, answer.code


def change(person: Person, incident: str, severity: int) -> Answer:
    seen = person.get(f"incidents/{incident}").etag
    wish = {"severity": severity, "reason": "The press has it."}
    return person.post(f"incidents/{incident}/change-severity", wish, If_Match=seen)


def approval_of(writer: Person, incident: Incident, north: North) -> Approval:
    statement = draft(writer, incident, north)
    answer = writer.post(f"statements/{statement.body['id']}/submit", {}, If_Match=statement.etag)
    assert answer.status == 200, answer.body
    with inside(north.agency.pk):
        found: Approval = Approval.objects.get(incident_id=incident.pk)
        return found


@pytest.mark.parametrize(("severity", "asked"), [(1, True), (2, True), (3, False), (4, False)])
def test_standing_down(north: North, lea: Person, now: datetime, severity: int, asked: bool) -> None:
    incident = opened(north, lea, severity)
    assert stand_down(long_ago(lea, now), incident) == ((403, "step_up_required") if asked else (200, None))
    if asked:
        assert stand_down(long_ago(lea, now, minutes=14), incident) == (200, None)


def test_a_key_cannot_prove_anything(north: North, lea: Person, ana: Person) -> None:
    key = key_of(ana, Need.INCIDENTS_STAND_DOWN, Need.INCIDENTS_READ)
    assert stand_down(key, opened(north, lea, 2)) == (403, "step_up_required")
    assert stand_down(key, opened(north, lea, 3)) == (200, None)


def test_a_grave_matter_is_called_less_grave_with_a_proof_and_graver_without(
    north: North, lea: Person, now: datetime
) -> None:
    incident, later = opened(north, lea, 3), long_ago(lea, now)
    assert change(later, incident, 4).status == 200
    assert change(later, incident, 2).status == 200
    assert change(later, incident, 1).status == 200
    refused = change(later, incident, 2)
    assert (refused.status, refused.code) == (403, "step_up_required")
    assert change(lea, incident, 4).status == 200


def test_approving_the_words_of_a_grave_matter(
    north: North, bo: Person, lea: Person, cy: Person, crisis: Incident, now: datetime
) -> None:
    approval = approval_of(bo, crisis, north)
    assert approval.needs_step_up
    path, seen = f"approvals/{approval.pk}", {"If_Match": f'"{approval.digest}"'}
    assert lea.get(path).body["needs_step_up"] is True
    for verb in ("approve", "reject"):
        refused = long_ago(lea, now).post(f"{path}/{verb}", {}, **seen)
        assert (refused.status, refused.code) == (403, "step_up_required")
    assert lea.post(f"{path}/approve", {}, **seen).status == 200
    assert cy.post(f"{path}/approve", {}, **seen).body["stage"] == "GRANTED"


def test_approving_the_words_of_a_lesser_matter(
    north: North, bo: Person, lea: Person, assessed: Incident, now: datetime
) -> None:
    assert lea.post(f"incidents/{assessed.pk}/activate", {"severity": 3}).status == 200
    with inside(north.agency.pk):
        incident: Incident = Incident.objects.found(UUID(str(assessed.pk)))
    approval = approval_of(bo, incident, north)
    assert not approval.needs_step_up
    answer = long_ago(lea, now).post(f"approvals/{approval.pk}/approve", {}, If_Match=f'"{approval.digest}"')
    assert answer.status == 200
