"""Taking a page, and ending it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from jobs.models import Job
from permissions.needs import Need
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import fresh, notifications_of, page_in, policy_of, timer_of
from tests.cast import Person, events_of, key_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_person_on_call_takes_the_page_and_it_climbs_no_further(
    north: North, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], [{"role": "owner"}], at=now)
    page = page_in(north.agency.pk, brand_id=north.aurora.pk)
    run_due_jobs()

    answer = dee.post(f"pages/{page.pk}/acknowledge")
    assert answer.status == 200, answer.body
    assert (answer.body["stage"], answer.body["acknowledged_by"]) == ("ACKNOWLEDGED", str(dee.seat.pk))
    assert answer.body["next_step_at"] is None
    assert [(one["transport"], one["stage"]) for one in answer.body["notifications"]] == [("email", "SENT")]
    taken = fresh(page)
    assert (taken.stage, taken.acknowledged_by_id) == ("ACKNOWLEDGED", dee.seat.pk)
    assert timer_of(page) is None
    assert Job.objects.filter(handler="alerting.climb_page", state="CANCELLED").count() == 1
    assert events_of(page)[-1] == ("page.acknowledged", str(dee.actor), {"step": 1})


def test_what_was_queued_before_is_not_sent_any_more(
    north: North, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs("alerting.climb_page")
    assert dee.post(f"pages/{page.pk}/acknowledge").status == 200
    run_due_jobs()
    assert mailbox.mails == []
    assert [row.stage for row in notifications_of(page)] == ["DROPPED"]


def test_the_second_to_take_it_is_told_so(north: North, dee: Person, lea: Person) -> None:
    page = page_in(north.agency.pk)
    dee.post(f"pages/{page.pk}/acknowledge")
    answer = lea.post(f"pages/{page.pk}/acknowledge")
    assert (answer.status, answer.code) == (409, "cannot_move")
    assert answer.body["facts"]["stage"] == "ACKNOWLEDGED"
    assert fresh(page).acknowledged_by_id == dee.seat.pk


def test_a_page_that_nobody_answered_can_still_be_taken(north: North, ana: Person, mailbox: Mailbox) -> None:
    page = page_in(north.agency.pk)
    run_due_jobs()
    Job.objects.filter(handler="alerting.climb_page", state="READY").update(due_at=page.raised_at)
    run_due_jobs()
    assert fresh(page).stage == "EXHAUSTED"
    assert ana.post(f"pages/{page.pk}/acknowledge").body["stage"] == "ACKNOWLEDGED"


def test_the_same_request_twice_has_one_effect(north: North, dee: Person) -> None:
    page = page_in(north.agency.pk)
    first = dee.post(f"pages/{page.pk}/acknowledge", Idempotency_Key="tapped twice")
    again = dee.post(f"pages/{page.pk}/acknowledge", Idempotency_Key="tapped twice")
    assert (first.status, again.status, again.headers["Idempotent-Replayed"]) == (200, 200, "true")
    assert [name for name, _, _ in events_of(page)] == ["page.raised", "page.acknowledged"]


def test_a_page_ends_with_a_reason(north: North, lea: Person) -> None:
    page = page_in(north.agency.pk)
    assert lea.post(f"pages/{page.pk}/resolve", {}).status == 400
    answer = lea.post(f"pages/{page.pk}/resolve", {"reason": "It was a test."})
    assert (answer.status, answer.body["stage"]) == (200, "RESOLVED")
    assert timer_of(page) is None
    assert events_of(page)[-1] == ("page.resolved", str(lea.actor), {"reason": "It was a test."})
    assert lea.post(f"pages/{page.pk}/acknowledge").code == "cannot_move"
    assert lea.post(f"pages/{page.pk}/resolve", {"reason": "again"}).code == "cannot_move"


def test_pages_are_listed_by_stage_brand_and_cause(north: North, dee: Person, bo: Person) -> None:
    cause = uuid4()
    mine = page_in(north.agency.pk, brand_id=north.aurora.pk, cause_id=cause)
    other = page_in(north.agency.pk, brand_id=north.borealis.pk)
    dee.post(f"pages/{other.pk}/acknowledge")

    def ids(person: Person, query: str) -> list[Any]:
        answer = person.get(f"pages{query}")
        assert answer.status == 200, answer.body
        return [item["id"] for item in answer.body["items"]]

    assert set(ids(dee, "")) == {str(mine.pk), str(other.pk)}
    assert ids(bo, "") == [str(mine.pk)]
    assert ids(dee, "?stage=ACKNOWLEDGED") == [str(other.pk)]
    assert ids(dee, f"?brand={north.aurora.pk}") == [str(mine.pk)]
    assert ids(dee, f"?cause_kind=listening.signal&cause_id={cause}") == [str(mine.pk)]
    assert dee.get("pages?stage=GONE").status == 400
    assert dee.get("pages?colour=red").status == 400


def test_who_sees_the_page_but_may_not_take_it_is_refused(north: North, dee: Person, bo: Person) -> None:
    page = page_in(north.agency.pk, brand_id=north.borealis.pk)
    assert bo.post(f"pages/{page.pk}/acknowledge").status == 404
    reader = key_of(dee, Need.PAGES_READ)
    assert reader.get(f"pages/{page.pk}").status == 200
    answer = reader.post(f"pages/{page.pk}/acknowledge")
    assert (answer.status, answer.body["facts"]) == (403, {"need": "pages.acknowledge"})
    assert fresh(page).stage == "OPEN"


def test_a_client_does_not_see_pages(north: North, cy: Person) -> None:
    page = page_in(north.agency.pk, brand_id=north.aurora.pk)
    assert cy.get(f"pages/{page.pk}").status == 403
    assert cy.post(f"pages/{page.pk}/acknowledge").status == 403


def test_a_stranger_finds_no_page(north: North, eve: Person) -> None:
    page = page_in(north.agency.pk)
    for answer in (
        eve.get("/v1/agencies/north/pages"),
        eve.get(f"/v1/agencies/north/pages/{page.pk}"),
        eve.post(f"/v1/agencies/north/pages/{page.pk}/acknowledge"),
        eve.post(f"/v1/agencies/north/pages/{page.pk}/resolve", {"reason": "mine now"}),
        eve.get(f"pages/{page.pk}"),
        eve.post(f"pages/{page.pk}/acknowledge"),
    ):
        assert answer.status == 404
    assert fresh(page).stage == "OPEN"
