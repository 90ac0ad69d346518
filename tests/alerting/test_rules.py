"""People say how, in which order, and when not; severity 1 and 2 pass every quiet hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from alerting.actions import write_personal_rules
from alerting.actions.notifications import queue_notifications
from alerting.models import Notification, Page, PersonalRules
from alerting.queries.rules import quiet_until
from core.wall import inside
from jobs.actions import move
from jobs.models import Job
from tenants.actions.goodbyes import revoke_seat
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.scene import notifications_of, page_in, policy_of, reach, timer_of
from tests.cast import Person, events_of, key_of, run_due_jobs, send
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)

NIGHTS = {"days": [0, 1, 2, 3, 4, 5, 6], "starts": "22:00", "ends": "07:00"}
ALWAYS = {"days": [0, 1, 2, 3, 4, 5, 6], "starts": "00:00", "ends": "23:59"}


def rules(person: Person, at: datetime, **said: Any) -> None:
    with inside(person.agency.pk):
        write_personal_rules(
            **{
                "seat_id": person.seat.pk, "language": "en", "time_zone": "UTC", "usual": [], "important": [],
                "quiet_hours": [], "by": person.actor, "at": at, **said,
            }
        )  # fmt: skip


def step(*contacts: Any, wait: int = 0) -> dict[str, Any]:
    return {"contacts": list(contacts), "wait_minutes": wait}


def in_turn(page: Page) -> list[Notification]:
    """The messages of a page, in the order in which they are due."""
    return sorted(notifications_of(page), key=lambda row: row.due_at or row.queued_at)


# -- over HTTP --------------------------------------------------------------------------------------------------------


def test_everybody_has_rules_that_say_nothing_at_first(dee: Person) -> None:
    answer = dee.get("personal-rules/mine")
    assert answer.body == {
        "seat": str(dee.seat.pk), "language": "en", "time_zone": "UTC", "usual": [], "important": [],
        "quiet_hours": [], "version": 0,
    }  # fmt: skip
    assert dee.get(f"personal-rules/{dee.seat.pk}").body == answer.body


def put(person: Person, path: str, body: Any, **headers: str) -> Any:
    return send("PUT", person.url(path), body, **{**person.headers, **headers})


def test_a_person_writes_their_rules(dee: Person, now: datetime) -> None:
    way = str(reach(dee, "email", "dee@home.example", at=now))
    body = {
        "language": "uz",
        "time_zone": "Asia/Tashkent",
        "usual": [step(way, wait=0)],
        "important": [],
        "quiet_hours": [NIGHTS],
    }
    assert put(dee, "personal-rules/mine", body).status == 428
    seen = dee.get("personal-rules/mine").etag
    answer = put(dee, "personal-rules/mine", body, If_Match=seen)
    assert (answer.status, answer.body) == (200, {**body, "seat": str(dee.seat.pk), "version": 1})
    assert put(dee, "personal-rules/mine", body, If_Match=seen).status == 412
    again = put(dee, f"personal-rules/{dee.seat.pk}", {"language": "ru"}, If_Match=answer.etag)
    assert (again.body["language"], again.body["usual"], again.body["version"]) == ("ru", [], 2)
    with inside(dee.agency.pk):
        found = PersonalRules.objects.get(seat_id=dee.seat.pk)
    assert events_of(found)[-1] == (
        "personal_rules.changed", str(dee.actor), {"seat_id": str(dee.seat.pk), "version": 2},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"language": "tlh"}, "language"),
        ({"quiet_hours": [{**NIGHTS, "starts": "25:00"}]}, "quiet_hours.0.starts"),
        ({"quiet_hours": [{**NIGHTS, "days": [7]}]}, "quiet_hours.0.days.0"),
        ({"usual": [{"contacts": [str(uuid4())], "wait_minutes": 0}]}, "usual.0.contacts"),
        ({"usual": [{"contacts": [], "wait_minutes": 0}]}, "usual.0.contacts"),
        ({"usual": [{"contacts": [str(uuid4())], "wait_minutes": 61}]}, "usual.0.wait_minutes"),
        ({"louder": True}, "louder"),
    ],
)
def test_rules_that_make_no_sense_are_refused(dee: Person, said: dict[str, Any], field: str) -> None:
    answer = put(dee, "personal-rules/mine", said, If_Match=dee.get("personal-rules/mine").etag)
    assert answer.status == 400, answer.body
    assert [error["field"] for error in answer.body["errors"]] == [field]


def test_nobody_names_a_way_of_somebody_else(dee: Person, bo: Person, now: datetime) -> None:
    way = str(reach(bo, "email", "bo@home.example", at=now))
    answer = put(dee, "personal-rules/mine", {"usual": [step(way)]}, If_Match=dee.get("personal-rules/mine").etag)
    assert answer.body["errors"][0]["code"] == "does_not_exist"


def test_others_rules_are_for_who_may_change_rotas(
    *, dee: Person, bo: Person, lea: Person, cy: Person, eve: Person, ana: Person
) -> None:
    path = f"personal-rules/{dee.seat.pk}"
    seen = dee.get(path).etag
    for stranger in (bo, cy, eve):
        assert stranger.get(path).status == 404
        assert put(stranger, path, {}, If_Match=seen).status == 404
    assert eve.get(f"/v1/agencies/north/{path}").status == 404
    assert lea.get(path).status == 200
    assert put(lea, path, {"language": "ru"}, If_Match=seen).body["language"] == "ru"
    assert lea.get(f"personal-rules/{cy.seat.pk}").status == 404
    refused = put(key_of(dee), "personal-rules/mine", {}, If_Match=dee.get(path).etag)
    assert (refused.status, refused.body["facts"]) == (403, {"need": "rotas.write"})


# -- in their order ----------------------------------------------------------------------------------------------------


def test_ways_are_tried_in_the_persons_order_while_nobody_has_taken_the_page(
    north: North, dee: Person, mailbox: Mailbox, hook: Hook, now: datetime
) -> None:
    hooked, mailed = reach(dee, "webhook", hook.url, at=now), reach(dee, "email", "dee@home.example", at=now)
    rules(dee, now, usual=[step(hooked), step(mailed, wait=3)])
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert (len(hook.requests), mailbox.mails) == (1, [])
    (first, second) = in_turn(page)
    assert (first.stage, first.due_at) == ("DELIVERED", None)
    assert second.due_at == second.queued_at + timedelta(minutes=3)
    with transaction.atomic():
        move("alerting.notify", key=str(second.pk), at=timezone.now())
    run_due_jobs()
    assert mailbox.addresses == ["dee@home.example"]


def test_the_later_way_is_dropped_when_the_page_was_taken(
    north: North, dee: Person, mailbox: Mailbox, hook: Hook, now: datetime
) -> None:
    hooked, mailed = reach(dee, "webhook", hook.url, at=now), reach(dee, "email", "dee@home.example", at=now)
    rules(dee, now, usual=[step(hooked), step(mailed, wait=3)])
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    dee.post(f"pages/{page.pk}/acknowledge")
    Job.objects.filter(handler="alerting.notify", state="READY").update(due_at=timezone.now())
    run_due_jobs()
    assert (mailbox.mails, [row.stage for row in in_turn(page)]) == ([], ["DELIVERED", "DROPPED"])


def test_when_a_way_fails_for_good_the_next_does_not_wait(
    north: North, dee: Person, mailbox: Mailbox, hook: Hook, now: datetime
) -> None:
    hook.answers = [(410, {})]
    hooked, mailed = reach(dee, "webhook", hook.url, at=now), reach(dee, "email", "dee@home.example", at=now)
    rules(dee, now, usual=[step(hooked), step(mailed, wait=30)])
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert mailbox.addresses == ["dee@home.example"]
    assert [row.stage for row in in_turn(page)] == ["FAILED", "SENT"]


def test_important_steps_have_an_order_of_their_own(north: North, dee: Person, hook: Hook, now: datetime) -> None:
    hooked, mailed = reach(dee, "webhook", hook.url, at=now), reach(dee, "email", "dee@home.example", at=now)
    rules(dee, now, usual=[step(mailed)], important=[step(hooked), step(mailed, wait=2)])
    page = page_in(north.agency.pk)
    with inside(north.agency.pk):
        usual = queue_notifications(page, step=1, seat_ids=[dee.seat.pk], at=now)
        loud = queue_notifications(page, step=2, seat_ids=[dee.seat.pk], important=True, at=now)
    assert [row.contact_id for row in usual] == [mailed]
    assert [(row.contact_id, row.due_at) for row in loud] == [(hooked, None), (mailed, now + timedelta(minutes=2))]


def test_a_way_that_is_told_in_a_step_is_not_told_again(north: North, dee: Person, now: datetime) -> None:
    page = page_in(north.agency.pk)
    with inside(north.agency.pk):
        first = queue_notifications(page, step=1, seat_ids=[dee.seat.pk], at=now)
        second = queue_notifications(page, step=1, seat_ids=[dee.seat.pk], at=now)
        assert Job.objects.filter(handler="alerting.notify").count() == 1
    assert (len(first), second) == (1, [])


def test_rules_that_name_only_a_removed_way_fall_back_to_the_others(north: North, dee: Person, now: datetime) -> None:
    gone, stays = reach(dee, "email", "gone@home.example", at=now), reach(dee, "email", "stays@home.example", at=now)
    rules(dee, now, usual=[step(gone, wait=2), step(stays, wait=5)], important=[step(gone)])
    dee.delete(f"contact-methods/{gone}")
    shown = dee.get("personal-rules/mine").body
    assert (shown["usual"], shown["important"]) == ([step(str(stays), wait=5)], [])
    with inside(north.agency.pk):
        page = Page.objects.get(pk=page_in(north.agency.pk).pk)
        told = queue_notifications(page, step=1, seat_ids=[dee.seat.pk], important=True, at=now)
    assert [(row.contact_id, row.due_at) for row in told] == [(stays, None)]


# -- when not ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("severity", "waits"), [(1, False), (2, False), (3, True), (4, True)])
def test_quiet_hours_hold_back_what_is_not_grave(
    *, north: North, dee: Person, mailbox: Mailbox, now: datetime, severity: int, waits: bool
) -> None:
    rules(dee, now, quiet_hours=[ALWAYS, {**ALWAYS, "starts": "12:00", "ends": "11:59"}])
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk, severity=severity)
    run_due_jobs()
    (row,) = notifications_of(page)
    assert (row.due_at is not None, row.stage, bool(mailbox.mails)) == (
        waits, "QUEUED" if waits else "SENT", not waits,
    )  # fmt: skip
    assert timer_of(page) is not None  # the page climbs on regardless


@pytest.mark.parametrize(
    ("zone", "at", "end"),
    [
        ("UTC", "2026-11-05T21:59", None),
        ("UTC", "2026-11-05T22:00", "2026-11-06T07:00"),
        ("UTC", "2026-11-06T06:59", "2026-11-06T07:00"),
        ("UTC", "2026-11-06T07:00", None),
        ("Asia/Tashkent", "2026-11-05T17:30", "2026-11-06T02:00"),
        # The clock goes back at 2 in the night of the first of November: the night is an hour longer.
        ("America/New_York", "2026-11-01T03:00", "2026-11-01T12:00"),
        # It goes forward on the eighth of March: an hour shorter.
        ("America/New_York", "2026-03-08T04:00", "2026-03-08T11:00"),
    ],
)
def test_a_night_ends_in_the_morning_of_its_own_clock(zone: str, at: str, end: str | None) -> None:
    found = quiet_until([NIGHTS], zone, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert found == (datetime.fromisoformat(end).replace(tzinfo=UTC) if end else None)


def test_a_weekend_is_quiet_from_friday_evening_when_three_windows_say_so() -> None:
    windows = [
        {"days": [4], "starts": "20:00", "ends": "00:00"},
        {"days": [5], "starts": "00:00", "ends": "12:00"},
    ]
    friday = datetime(2026, 11, 6, 21, tzinfo=UTC)
    assert quiet_until(windows, "UTC", friday) == datetime(2026, 11, 7, 12, tzinfo=UTC)


def test_nobody_is_quiet_for_more_than_a_day() -> None:
    at = datetime(2026, 11, 6, 21, tzinfo=UTC)
    windows = [ALWAYS, {**ALWAYS, "starts": "12:00", "ends": "11:59"}]
    assert quiet_until(windows, "UTC", at) == at + timedelta(days=1)


# -- when the person goes ---------------------------------------------------------------------------------------------


def test_rules_go_with_their_person(north: North, ana: Person, dee: Person, now: datetime) -> None:
    rules(dee, now)
    with inside(north.agency.pk):
        ended = revoke_seat(seat_id=dee.seat.pk, reason="left", by=ana.actor, at=now).ended_counts
        assert (ended["personal rules"], PersonalRules.objects.count()) == (1, 0)
        assert Notification.objects.count() == 0
