"""The thread beside an approval."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import DatabaseError

from approvals.models import Approval, Comment
from insights.words import in_words
from ledger.models import Event
from permissions.needs import Need
from tests.approvals.conftest import Asking, say
from tests.cast import Person, events_of, key_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
SECRET = "Their lawyer has not seen the letter yet."


def write(person: Person, approval: Approval, text: str, **more: object) -> dict[str, object]:
    answer = person.post(f"approvals/{approval.pk}/comments", {"text": text} | more)
    assert answer.status == 201, answer.body
    return dict(answer.body)


def read(person: Person, approval: Approval) -> list[str]:
    answer = person.get(f"approvals/{approval.pk}/comments")
    assert answer.status == 200, answer.body
    return [item["text"] for item in answer.body["items"]]


def test_what_staff_say_among_themselves_never_reaches_the_client(
    north: North, bo: Person, lea: Person, cy: Person, ask: Asking
) -> None:
    approval = ask()
    write(bo, approval, SECRET)
    write(lea, approval, "Please look today.", shared_with_client=True)
    assert read(lea, approval) == ["Please look today.", SECRET]
    assert read(cy, approval) == ["Please look today."]
    said = [cy.get(f"approvals/{approval.pk}"), cy.get("approvals"), cy.get(f"approvals/{approval.pk}/proof")]
    assert all(SECRET not in str(answer.body) for answer in said)


def test_what_the_client_writes_is_shared(cy: Person, lea: Person, ask: Asking) -> None:
    approval = ask()
    mine = write(cy, approval, "Which product?", shared_with_client=False)
    assert mine["shared_with_client"] is True
    assert read(cy, approval) == read(lea, approval) == ["Which product?"]


def test_the_ledger_says_that_and_never_what_and_not_to_the_client(
    north: North, bo: Person, ask: Asking, now: datetime
) -> None:
    approval = ask(incident_id=None)
    kept = write(bo, approval, SECRET)
    shared = write(bo, approval, "Hello.", shared_with_client=True)
    with walled(north.agency):
        rows = {str(row.pk): row for row in Comment.objects.select_related("approval")}
        events = {str(event.subject_id): event for event in Event.objects.filter(name="approval.commented")}
    told = events_of(rows[str(kept["id"])])
    assert told == [
        ("approval.commented", str(bo.actor), {"approval_id": str(approval.pk), "shared_with_client": False})
    ]
    assert events[str(kept["id"])].brand_id == north.aurora.pk
    assert SECRET not in in_words(events[str(kept["id"])])
    assert events[str(shared["id"])].facts["shared_with_client"] is True


def test_a_comment_that_is_not_shared_is_in_no_incidents_timeline(north: North, bo: Person, ask: Asking) -> None:
    incident = north.borealis.pk  # any id
    approval = ask(incident_id=incident)
    kept, shared = write(bo, approval, SECRET), write(bo, approval, "Hello.", shared_with_client=True)
    with walled(north.agency):
        at = dict(Event.objects.filter(name="approval.commented").values_list("subject_id", "incident_id"))
    assert {str(subject): where for subject, where in at.items()} == {kept["id"]: None, shared["id"]: incident}


def test_one_may_write_after_the_end(lea: Person, bo: Person, ask: Asking) -> None:
    approval = ask()
    say(lea, "reject", approval)
    write(bo, approval, "Then we start again.")


def test_words_stay_as_they_were_written(north: North, bo: Person, ask: Asking) -> None:
    kept = write(bo, ask(), SECRET)
    with pytest.raises(DatabaseError), walled(north.agency):
        Comment.objects.filter(pk=kept["id"]).update(text="Something else.")


def test_whoever_may_not_writes_nothing(north: North, bo: Person, eve: Person, ask: Asking, now: datetime) -> None:
    approval = ask()
    path = f"approvals/{approval.pk}/comments"
    viewer = seat_person(north.agency, "vi", "client_viewer", brands=[north.aurora], side="client", at=now)
    analyst = seat_person(north.agency, "an", "analyst", at=now)
    elsewhere = seat_person(north.agency, "el", "account_manager", brands=[north.borealis], at=now)
    for person in (viewer, analyst):
        assert (person.post(path, {"text": "x"}).status, person.get(path).status) == (403, 200)
    assert (elsewhere.post(path, {"text": "x"}).status, elsewhere.get(path).status) == (404, 404)
    assert eve.get(f"/v1/agencies/north/{path}").status == 404
    assert eve.post(f"/v1/agencies/north/{path}", {"text": "x"}).status == 404
    assert key_of(bo, Need.APPROVALS_READ, Need.APPROVALS_COMMENT).post(path, {"text": "x"}).code == "humans_decide"
    for wrong in ({}, {"text": ""}, {"text": "a" * 4001}, {"text": "x", "colour": "red"}):
        assert bo.post(path, wrong).status == 400
