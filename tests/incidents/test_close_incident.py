"""Learning: the review is drafted from the timeline, written, released; only then the file is closed."""

from __future__ import annotations

import pytest

from core.wall import inside
from incidents.models import Incident, PostMortem
from ledger.models import Event
from tests.cast import Person, events_of
from tests.incidents.reviewing import section, write

pytestmark = pytest.mark.django_db


def test_the_review_begins_with_the_timeline(resolved: Incident, review: PostMortem, lea: Person) -> None:
    with inside(resolved.agency_id):
        of_the_incident = Event.objects.filter(incident_id=resolved.pk).order_by("seq")
        before = [str(pk) for pk in of_the_incident.filter(at__lte=resolved.resolved_at).values_list("pk", flat=True)]
    assert review.timeline == before
    assert (review.stage, review.owner_id) == ("DRAFT", lea.seat.pk)
    told = {"events": len(before), "due_at": review.due_at.isoformat().replace("+00:00", "Z"), "asked": 4}
    assert events_of(review) == [("postmortem.drafted", str(lea.actor), told)]
    assert events_of(resolved)[-1] == (
        "incident.put_under_review",
        str(lea.actor),
        {"postmortem_id": str(review.pk)},
    )


def test_an_incident_is_not_closed_before_its_review_is_released(
    resolved: Incident, review: PostMortem, lea: Person
) -> None:
    refused = lea.post(f"incidents/{resolved.pk}/close", {})
    assert (refused.status, refused.code) == (409, "review_not_released")
    released = lea.post(f"post-mortems/{review.pk}/release", If_Match=f'"{review.pk}-1"')
    assert (released.status, released.body["stage"]) == (200, "RELEASED")
    closed = lea.post(f"incidents/{resolved.pk}/close", {"note": "Filed."})
    assert (closed.status, closed.body["stage"]) == (200, "CLOSED")
    assert closed.body["closed_at"] is not None
    assert events_of(resolved)[-1] == ("incident.closed", str(lea.actor), {"note": "Filed."})


def test_a_released_review_stays_as_people_read_it(review: PostMortem, lea: Person) -> None:
    path = f"post-mortems/{review.pk}"
    released = lea.post(f"{path}/release", If_Match=lea.get(path).etag)
    assert lea.patch(path, {"due_at": "2099-01-01T00:00:00Z"}, If_Match=released.etag).code == "postmortem_released"
    assert lea.post(f"{path}/release", If_Match=released.etag).code == "cannot_move"


def test_the_client_reads_it_once_it_is_released(
    resolved: Incident, review: PostMortem, lea: Person, cy: Person, eve: Person
) -> None:
    path = f"post-mortems/{review.pk}"
    assert cy.get(path).status == 404
    assert cy.get("post-mortems").body["items"] == []
    lea.post(f"{path}/release", If_Match=lea.get(path).etag)
    assert cy.get(path).status == 200
    assert cy.patch(path, {}, If_Match=cy.get(path).etag).code == "not_allowed"
    assert [row["id"] for row in cy.get(f"post-mortems?incident={resolved.pk}").body["items"]] == [str(review.pk)]
    for absent in (f"/v1/agencies/north/{path}", path):
        assert eve.get(absent).status == 404
        assert eve.patch(absent, {}).status == 404
        assert eve.post(f"{absent}/release").status == 404


def test_a_reopened_incident_goes_on_with_its_review(resolved: Incident, review: PostMortem, lea: Person) -> None:
    path = f"post-mortems/{review.pk}"
    write(lea, section(lea, review, "summary"), "A joke.")
    lea.post(f"{path}/release", If_Match=lea.get(path).etag)
    lea.post(f"incidents/{resolved.pk}/reopen", {"reason": "again"})
    for verb in ("contain", "resolve", "put-under-review"):
        assert lea.post(f"incidents/{resolved.pk}/{verb}").status == 200
    again = lea.get(path).body
    assert (again["stage"], again["sections"][0]["text"], again["released_at"]) == ("DRAFT", "A joke.", None)
    assert len(again["timeline"]) > len(review.timeline)
    assert lea.post(f"incidents/{resolved.pk}/close", {}).code == "review_not_released"
