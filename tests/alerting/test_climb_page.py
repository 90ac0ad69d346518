"""A page climbs its steps until somebody takes it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from alerting.actions import climb_page, override_rota, revise_rota
from core import failpoints
from core.wall import inside
from jobs.models import Job
from tenants.actions.goodbyes import revoke_seat
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import (
    LISTENING,
    fresh,
    let_the_wait_pass,
    notifications_of,
    page_in,
    policy_of,
    reach,
    rota_of,
    timer_of,
)
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)


def names_of(events: list[tuple[str, str, dict[str, object]]]) -> list[str]:
    return [name for name, _, _ in events]


def test_the_first_step_fires_at_once_and_the_next_after_the_wait(
    north: North, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    rota = rota_of(dee, at=now)
    policy_of(lea, [{"rota": rota.pk}], [{"role": "crisis_lead"}], at=now)
    page = page_in(north.agency.pk, brand_id=north.aurora.pk)

    run_due_jobs()
    assert mailbox.addresses == [dee.user.email]
    climbing = fresh(page)
    assert (climbing.stage, climbing.step, climbing.version) == ("OPEN", 1, 2)
    timer = timer_of(page)
    assert timer is not None
    assert timer.due_at == climbing.next_step_at
    assert timedelta(minutes=4) < timer.due_at - timezone.now() <= timedelta(minutes=5)

    let_the_wait_pass(page)
    assert mailbox.addresses == [dee.user.email, lea.user.email]
    (first, second) = notifications_of(page)
    assert [(row.step, row.seat_id, row.stage) for row in (first, second)] == [
        (1, dee.seat.pk, "SENT"),
        (2, lea.seat.pk, "SENT"),
    ]
    sent = {"transport": "email"}
    assert events_of(page)[1:] == [
        ("page.escalated", "rule:escalation", {"step": 1, "notified": [str(dee.seat.pk)]}),
        (
            "page.notification_sent",
            "rule:escalation",
            sent | {"notification_id": str(first.pk), "seat_id": str(dee.seat.pk)},
        ),
        ("page.escalated", "rule:escalation", {"step": 2, "notified": [str(lea.seat.pk)]}),
        (
            "page.notification_sent",
            "rule:escalation",
            sent | {"notification_id": str(second.pk), "seat_id": str(lea.seat.pk)},
        ),
    ]


def test_after_the_last_wait_the_page_is_exhausted_and_every_owner_is_told(
    north: North, ana: Person, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(ana, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    let_the_wait_pass(page)

    done = fresh(page)
    assert (done.stage, done.step, done.next_step_at, timer_of(page)) == ("EXHAUSTED", 1, None, None)
    assert mailbox.addresses == [dee.user.email, ana.user.email]
    assert "nobody has answered" in mailbox.mails[1][1].get_content()
    assert ("page.exhausted", "rule:escalation", {"steps": 1}) in events_of(page)


def test_a_step_that_reaches_nobody_is_recorded_and_passed_over_at_once(
    *, north: North, ana: Person, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    rota = rota_of(dee, at=now, starts_at=now + timedelta(days=1))
    policy_of(ana, [{"rota": rota.pk}], [{"seat": lea.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert mailbox.addresses == [lea.user.email]
    assert [facts for name, _, facts in events_of(page) if name == "page.escalated"] == [
        {"step": 1, "notified": []},
        {"step": 2, "notified": [str(lea.seat.pk)]},
    ]
    assert fresh(page).step == 2


def test_a_page_that_no_step_can_deliver_goes_to_the_owners_at_once(
    *, north: North, ana: Person, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(ana, [{"seat": dee.seat.pk}], at=now)
    with inside(north.agency.pk):
        revoke_seat(seat_id=dee.seat.pk, reason="left", by=ana.actor, at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert (fresh(page).stage, mailbox.addresses) == ("EXHAUSTED", [ana.user.email])


def test_the_person_is_asked_for_when_the_step_fires_and_not_when_the_page_is_raised(
    *, north: North, ana: Person, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    rota = rota_of(dee, at=now)
    policy_of(ana, [{"role": "owner"}], [{"rota": rota.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    with inside(north.agency.pk):
        override_rota(
            rota_id=rota.pk,
            seat_id=lea.seat.pk,
            starts_at=now,
            ends_at=now + timedelta(hours=1),
            by=ana.actor,
            at=now,
        )
    let_the_wait_pass(page)
    assert mailbox.addresses == [ana.user.email, lea.user.email]


def test_the_policy_is_frozen_but_its_rota_is_not(
    *, north: North, ana: Person, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    rota = rota_of(dee, at=now)
    policy_of(ana, [{"rota": rota.pk}], at=now)
    page_in(north.agency.pk)
    with inside(north.agency.pk):
        revise_rota(
            rota_id=rota.pk,
            rotations=[{"members": [lea.seat.pk], "starts_at": now}],
            by=ana.actor,
            at=now,
        )
    run_due_jobs()
    assert mailbox.addresses == [lea.user.email]


def test_somebody_whom_two_targets_mean_is_told_once(
    north: North, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    rota = rota_of(dee, at=now)
    policy_of(dee, [{"rota": rota.pk}, {"seat": dee.seat.pk}, {"role": "responder"}], at=now)
    page_in(north.agency.pk)
    run_due_jobs()
    assert mailbox.addresses == [dee.user.email]


def test_a_role_means_those_who_hold_it_on_the_pages_brand(
    north: North, bo: Person, mailbox: Mailbox, now: datetime, ana: Person
) -> None:
    policy_of(ana, [{"role": "account_manager"}], [{"role": "owner"}], at=now)
    page_in(north.agency.pk, brand_id=north.aurora.pk)
    page_in(north.agency.pk, brand_id=north.borealis.pk)
    run_due_jobs()
    assert sorted(mailbox.addresses) == sorted([bo.user.email, ana.user.email])


def test_every_way_of_a_person_is_used(north: North, dee: Person, mailbox: Mailbox, now: datetime) -> None:
    for address in ("dee@home.example", "dee@work.example"):
        reach(dee, "email", address, at=now)
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page_in(north.agency.pk)
    run_due_jobs()
    assert sorted(mailbox.addresses) == ["dee@home.example", "dee@work.example"]


def test_a_step_that_comes_again_or_out_of_turn_changes_nothing(
    north: North, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], [{"role": "owner"}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    before = fresh(page).version
    for step in (1, 3):
        with inside(north.agency.pk):
            climb_page(page_id=page.pk, step=step, by=LISTENING, at=timezone.now())
    assert fresh(page).version == before
    assert len(notifications_of(page)) == 1
    assert Job.objects.filter(handler="alerting.climb_page", state="READY").count() == 1


def test_a_step_that_fails_half_way_leaves_nothing_and_comes_again(
    north: North, dee: Person, mailbox: Mailbox, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], [{"role": "owner"}], at=now)
    page = page_in(north.agency.pk)
    monkeypatch.setitem(failpoints.ARMED, "alerting.step_without_timer", "raise")
    run_due_jobs()
    assert (fresh(page).step, notifications_of(page), mailbox.mails) == (0, [], [])
    monkeypatch.delitem(failpoints.ARMED, "alerting.step_without_timer")
    let_the_wait_pass(page)
    assert (fresh(page).step, mailbox.addresses) == (1, [dee.user.email])
    assert names_of(events_of(page)).count("page.escalated") == 1


def test_when_nothing_of_a_step_can_arrive_the_next_does_not_wait(
    north: North, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    mailbox.refuse_addresses[dee.user.email] = "550 5.1.1 no such user"
    policy_of(dee, [{"seat": dee.seat.pk}], [{"seat": lea.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert mailbox.addresses == [lea.user.email]
    assert [(row.step, row.stage) for row in notifications_of(page)] == [(1, "FAILED"), (2, "SENT")]


def test_while_one_way_of_a_step_works_the_next_step_waits(
    north: North, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    reach(dee, "email", "gone@north.example", at=now)
    reach(dee, "email", "here@north.example", at=now)
    mailbox.refuse_addresses["gone@north.example"] = "550 5.1.1 no such user"
    policy_of(dee, [{"seat": dee.seat.pk}], [{"seat": lea.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    assert (mailbox.addresses, fresh(page).step) == (["here@north.example"], 1)
