"""Asking somebody else to take a page over: it is theirs when they say yes, and the holder's until then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from alerting.models import HandOver, Page
from core.wall import inside
from jobs.actions import move
from jobs.models import Job
from tests.alerting.conftest import Mailbox
from tests.alerting.ladders import ladder, tells
from tests.alerting.scene import fresh, page_in
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(north: North, dee: Person) -> Page:
    """A page about Aurora that Dee holds."""
    page = page_in(north.agency.pk, brand_id=north.aurora.pk)
    assert dee.post(f"pages/{page.pk}/acknowledge").status == 200
    return page


def offer(person: Person, page: Page, to: Person, **more: Any) -> Any:
    return person.post(f"pages/{page.pk}/hand-over", {"to": str(to.seat.pk), "note": "my shift ends", **more})


def test_it_is_theirs_when_they_accept(north: North, dee: Person, lea: Person, held: Page, mailbox: Mailbox) -> None:
    answer = offer(dee, held, lea)
    assert (answer.status, answer.body["stage"], answer.body["to_seat"]) == (201, "OFFERED", str(lea.seat.pk))
    assert fresh(held).acknowledged_by_id == dee.seat.pk
    run_due_jobs("alerting.notify")
    assert lea.user.email in [address for address, _ in mailbox.mails], "she was told"
    path = f"hand-overs/{answer.body['id']}"
    not_hers = dee.post(f"{path}/accept")
    assert (not_hers.status, not_hers.code) == (409, "not_yours")
    accepted = lea.post(f"{path}/accept")
    assert (accepted.status, accepted.body["stage"]) == (200, "ACCEPTED")
    assert (fresh(held).stage, fresh(held).acknowledged_by_id) == ("ACKNOWLEDGED", lea.seat.pk)
    assert events_of(held)[-1] == ("page.handed_over", str(lea.actor), {"seat_id": str(lea.seat.pk)})
    again = lea.post(f"{path}/accept")
    assert (again.status, again.code) == (409, "cannot_move")


def test_acknowledging_it_accepts_the_offer(north: North, dee: Person, lea: Person, held: Page) -> None:
    made = offer(dee, held, lea)
    assert lea.post(f"pages/{held.pk}/acknowledge").status == 200
    assert fresh(held).acknowledged_by_id == lea.seat.pk
    assert lea.get(f"hand-overs/{made.body['id']}").body["stage"] == "ACCEPTED"


def test_declined_or_unanswered_it_stays(north: North, dee: Person, lea: Person, ana: Person, held: Page) -> None:
    made = offer(dee, held, lea)
    assert lea.post(f"hand-overs/{made.body['id']}/decline").body["stage"] == "DECLINED"
    made = offer(dee, held, ana)
    job = Job.objects.get(handler="alerting.lapse_hand_over", key=made.body["id"])
    assert job.due_at - timezone.now() > timedelta(minutes=14)
    with transaction.atomic():
        move("alerting.lapse_hand_over", key=made.body["id"], at=timezone.now())
    run_due_jobs("alerting.lapse_hand_over")
    assert dee.get(f"hand-overs/{made.body['id']}").body["stage"] == "LAPSED"
    assert fresh(held).acknowledged_by_id == dee.seat.pk
    late = ana.post(f"hand-overs/{made.body['id']}/accept")
    assert (late.status, late.code) == (409, "cannot_move")


def test_who_could_not_take_it_is_not_asked(
    north: North, dee: Person, lea: Person, bo: Person, cy: Person, eve: Person, held: Page
) -> None:
    for other in (cy, eve, dee):
        answer = offer(dee, held, other)
        assert (answer.status, answer.body["errors"][0]["code"]) == (400, "cannot_take_it"), other
    answer = offer(lea, held, bo)
    assert (answer.status, answer.code) == (409, "not_yours")
    assert offer(dee, held, lea).status == 201
    answer = offer(dee, held, bo)
    assert (answer.status, answer.code) == (409, "already_offered")


def test_what_nobody_holds_is_offered_to_nobody(north: North, dee: Person, lea: Person, held: Page) -> None:
    made = offer(dee, held, lea)
    assert dee.post(f"pages/{held.pk}/reopen", {"reason": "I must go"}).status == 200
    assert lea.get(f"hand-overs/{made.body['id']}").body["stage"] == "LAPSED"
    answer = offer(dee, held, lea)
    assert (answer.status, answer.code) == (409, "not_yours")


@pytest.mark.parametrize("verb", ["reopen", "resolve", "snooze"])
def test_an_offer_ends_with_the_hold_and_the_ledger_says_so(
    north: North, dee: Person, lea: Person, held: Page, verb: str
) -> None:
    made = offer(dee, held, lea)
    body = {"reason": "the client called"}
    if verb == "snooze":
        body["until"] = (timezone.now() + timedelta(hours=1)).isoformat()
    assert dee.post(f"pages/{held.pk}/{verb}", body).status == 200
    with inside(north.agency.pk):
        ended = HandOver.objects.get(pk=made.body["id"])
    assert (ended.stage, ended.settled_at is not None) == ("LAPSED", True)
    assert events_of(ended) == [
        ("hand_over.offered", str(dee.actor), {"page_id": str(held.pk), "to": str(lea.seat.pk)}),
        ("hand_over.lapsed", str(dee.actor), {"page_id": str(held.pk)}),
    ]


def test_to_offer_it_is_a_sign_of_its_holder(north: North, dee: Person, lea: Person, now: datetime) -> None:
    ladder(lea, tells(dee), at=now, lapses_minutes=30)
    page = page_in(north.agency.pk, brand_id=north.aurora.pk)
    assert dee.post(f"pages/{page.pk}/acknowledge").status == 200
    before = fresh(page).lapses_at
    assert offer(dee, page, lea).status == 201
    after = fresh(page).lapses_at
    assert after > before
    assert Job.objects.get(handler="alerting.lapse_page", key=str(page.pk), state="READY").due_at == after
    assert lea.post(f"pages/{page.pk}/acknowledge").body["lapses_at"] > after.isoformat().replace("+00:00", "Z")


def test_whoever_goes_is_asked_no_more(north: North, ana: Person, dee: Person, lea: Person, held: Page) -> None:
    made = offer(dee, held, lea)
    answer = ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"})
    assert answer.status == 200, answer.body
    with inside(north.agency.pk):
        assert HandOver.objects.get(pk=made.body["id"]).stage == "LAPSED"


def test_strangers_see_no_hand_over(north: North, dee: Person, lea: Person, eve: Person, held: Page) -> None:
    made = offer(dee, held, lea)
    assert eve.get(f"/v1/agencies/north/hand-overs/{made.body['id']}").status == 404
    assert eve.get(f"hand-overs/{made.body['id']}").status == 404
    assert [row["id"] for row in dee.get(f"hand-overs?page={held.pk}").body["items"]] == [made.body["id"]]
