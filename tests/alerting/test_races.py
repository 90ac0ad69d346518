"""Two things that happen to a page at once, for real: two connections, two transactions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from alerting.actions import (
    accept_hand_over,
    acknowledge_page,
    offer_page,
    raise_page,
    renew_page,
    reopen_page,
    resolve_page,
    snooze_page,
)
from alerting.models import HandOver, Page, PageCause
from core.lifecycle import CannotMove
from core.refusals import Refusal
from core.wall import inside
from jobs.actions import run_job
from jobs.models import Job
from tests.alerting.conftest import Mailbox
from tests.alerting.ladders import ladder, steps_of, tells
from tests.alerting.scene import LISTENING, fresh, notifications_of, page_in, policy_of, timer_of
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)
TRIALS = 12


def at_once(*works: Callable[[], object]) -> None:
    """Run the works in threads that start together."""
    barrier = Barrier(len(works))
    problems: list[BaseException] = []

    def one(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        except BaseException as problem:  # noqa: BLE001 - told to the test below
            problems.append(problem)
        finally:
            connection.close()

    threads = [Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_an_acknowledgement_and_a_step_are_put_in_one_order(
    north: North, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], [{"seat": lea.seat.pk}], at=now)
    for _ in range(TRIALS):
        page = page_in(north.agency.pk)
        run_due_jobs()
        timer = timer_of(page)
        assert timer is not None
        Job.objects.filter(pk=timer.pk).update(due_at=timezone.now())

        def step(timer: Job = timer) -> None:
            run_job(job_id=timer.pk, handler_name=timer.handler, at=timezone.now())

        def take(page: Page = page) -> None:
            with inside(north.agency.pk):
                acknowledge_page(page_id=page.pk, by=dee.actor, at=timezone.now())

        at_once(step, take)
        run_due_jobs()

        taken = fresh(page)
        assert (taken.stage, taken.acknowledged_by_id, timer_of(page)) == ("ACKNOWLEDGED", dee.seat.pk, None)
        names = [name for name, _, _ in events_of(page) if name != "page.notification_sent"]
        before = ["page.raised", "page.escalated"]
        assert names in ([*before, "page.acknowledged"], [*before, "page.escalated", "page.acknowledged"])
        # The step either fired whole, before, or not at all; and what it queued was dropped or had gone out.
        fired = taken.step == 2
        assert [row.step for row in notifications_of(page)] == [1, 2][: taken.step]
        assert (names.count("page.escalated") == 2) == fired
        assert {row.stage for row in notifications_of(page)} <= {"SENT", "DROPPED"}


def test_of_two_who_take_a_page_at_once_one_has_it(north: North, dee: Person, lea: Person) -> None:
    for _ in range(TRIALS):
        page = page_in(north.agency.pk)
        refused: list[str] = []

        def take(person: Person, page: Page = page, refused: list[str] = refused) -> None:
            try:
                with inside(north.agency.pk):
                    acknowledge_page(page_id=page.pk, by=person.actor, at=timezone.now())
            except CannotMove as refusal:
                refused.append(refusal.code)

        at_once(partial(take, dee), partial(take, lea))
        assert refused == ["cannot_move"]
        assert [name for name, _, _ in events_of(page)] == ["page.raised", "page.acknowledged"]


def test_taking_and_ending_a_page_at_once_ends_it_without_a_timer(north: North, dee: Person, lea: Person) -> None:
    for _ in range(TRIALS):
        page = page_in(north.agency.pk)

        def take(page: Page = page) -> None:
            try:
                with inside(north.agency.pk):
                    acknowledge_page(page_id=page.pk, by=dee.actor, at=timezone.now())
            except CannotMove:
                assert fresh(page).stage == "RESOLVED"

        def end(page: Page = page) -> None:
            with inside(north.agency.pk):
                resolve_page(page_id=page.pk, reason="over", by=lea.actor, at=timezone.now())

        at_once(take, end)
        assert (fresh(page).stage, timer_of(page)) == ("RESOLVED", None)


# -- what a page's timer does, and what a person does at the same instant ---------------------------------------------


def due_now(handler: str, page: Page) -> Callable[[], object]:
    """The page's timer is due; the work runs it as a worker would."""
    timer = Job.objects.get(handler=handler, key=str(page.pk), state="READY")
    Job.objects.filter(pk=timer.pk).update(due_at=timezone.now())
    return lambda: run_job(job_id=timer.pk, handler_name=handler, at=timezone.now())


def trying(north: North, act: Callable[[], object], refused: list[str]) -> Callable[[], object]:
    """Somebody's act, whose refusal is an outcome."""

    def one() -> None:
        try:
            with inside(north.agency.pk):
                act()
        except Refusal as refusal:
            refused.append(refusal.code)

    return one


def ready_timers(page: Page) -> list[str]:
    """What will still happen to the page by itself."""
    timers = Job.objects.filter(key=str(page.pk), state="READY", handler__startswith="alerting.")
    return sorted(timers.values_list("handler", flat=True))


def names_of(page: Page) -> list[str]:
    return [name for name, _, _ in events_of(page) if not name.startswith("page.notification")]


def test_no_message_goes_out_after_somebody_took_the_page(
    north: North, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], [{"seat": lea.seat.pk}], at=now)
    for _ in range(TRIALS):
        page = page_in(north.agency.pk)
        run_due_jobs()
        take = partial(acknowledge_page, page_id=page.pk, by=dee.actor, at=timezone.now())
        at_once(due_now("alerting.climb_page", page), trying(north, take, []))
        sent = len(mailbox.mails)
        run_due_jobs()
        assert len(mailbox.mails) == sent
        assert [row.stage for row in notifications_of(page)] == ["SENT", "DROPPED"][: fresh(page).step]


def test_a_hold_that_lapses_and_somebody_else_who_takes_it(
    north: North, dee: Person, lea: Person, now: datetime
) -> None:
    ladder(dee, tells(dee), at=now, lapses_minutes=5)
    for _ in range(TRIALS):
        page, refused = held(north, dee), list[str]()
        take = partial(acknowledge_page, page_id=page.pk, by=lea.actor, at=timezone.now())
        at_once(due_now("alerting.lapse_page", page), trying(north, take, refused))
        after = fresh(page)
        if refused:  # she came first, and was told that somebody holds it; then it lapsed
            assert refused == ["cannot_move"]
            assert (after.stage, after.acknowledged_by_id, ready_timers(page)) == (
                "OPEN",
                None,
                ["alerting.climb_page"],
            )
        else:
            assert (after.stage, after.acknowledged_by_id, after.cycle) == ("ACKNOWLEDGED", lea.seat.pk, 2)
            assert ready_timers(page) == ["alerting.lapse_page"]
        last = [] if refused else ["page.acknowledged"]
        assert names_of(page) == ["page.raised", "page.acknowledged", "page.reopened", *last]


def held(north: North, person: Person) -> Page:
    """A page whose holder has not been heard of since."""
    page = page_in(north.agency.pk)
    with inside(north.agency.pk):
        acknowledge_page(page_id=page.pk, by=person.actor, at=timezone.now())
        Page.objects.filter(pk=page.pk).update(lapses_at=timezone.now())
    return page


def test_a_hold_that_lapses_and_its_holder_who_renews_it(north: North, dee: Person, now: datetime) -> None:
    ladder(dee, tells(dee), at=now, lapses_minutes=5)
    for _ in range(TRIALS):
        page, refused = held(north, dee), list[str]()
        renew = partial(renew_page, page_id=page.pk, by=dee.actor, at=timezone.now())
        at_once(due_now("alerting.lapse_page", page), trying(north, renew, refused))
        stage = fresh(page).stage
        assert (stage, refused, ready_timers(page)) in (
            ("ACKNOWLEDGED", [], ["alerting.lapse_page"]),
            ("OPEN", ["not_yours"], ["alerting.climb_page"]),
        )


def test_a_step_and_somebody_who_puts_the_page_off(
    north: North, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], [{"seat": lea.seat.pk}], at=now)
    for _ in range(TRIALS):
        page = page_in(north.agency.pk, severity=3)
        run_due_jobs()
        until = timezone.now() + timedelta(hours=1)
        put_off = partial(snooze_page, page_id=page.pk, until=until, reason="known", by=dee.actor, at=timezone.now())
        at_once(due_now("alerting.climb_page", page), trying(north, put_off, []))
        sent = len(mailbox.mails)
        run_due_jobs()
        asleep = fresh(page)
        assert (asleep.stage, asleep.snoozed_until, ready_timers(page)) == (
            "SNOOZED",
            until,
            ["alerting.unsnooze_page"],
        )
        assert len(steps_of(page)) == asleep.step
        assert names_of(page)[-1] == "page.snoozed"
        assert len(mailbox.mails) == sent, "whoever sleeps is left asleep"


def test_a_page_that_wakes_and_somebody_who_takes_it(north: North, dee: Person, now: datetime) -> None:
    for _ in range(TRIALS):
        page = page_in(north.agency.pk, severity=3)
        until = timezone.now() + timedelta(hours=1)
        with inside(north.agency.pk):
            snooze_page(page_id=page.pk, until=until, reason="known", by=dee.actor, at=timezone.now())
            Page.objects.filter(pk=page.pk).update(snoozed_until=timezone.now())
        take = partial(acknowledge_page, page_id=page.pk, by=dee.actor, at=timezone.now())
        at_once(due_now("alerting.unsnooze_page", page), trying(north, take, []))
        taken = fresh(page)
        assert (taken.stage, taken.acknowledged_by_id, ready_timers(page)) == ("ACKNOWLEDGED", dee.seat.pk, [])
        assert taken.cycle == names_of(page).count("page.reopened") + 1


def test_a_step_and_somebody_who_ends_the_page(
    north: North, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], [{"seat": lea.seat.pk}], at=now)
    for _ in range(TRIALS):
        page = page_in(north.agency.pk)
        run_due_jobs()
        end = partial(resolve_page, page_id=page.pk, reason="over", by=lea.actor, at=timezone.now())
        at_once(due_now("alerting.climb_page", page), trying(north, end, []))
        sent = len(mailbox.mails)
        run_due_jobs()
        over = fresh(page)
        assert (over.stage, over.next_step_at, ready_timers(page)) == ("RESOLVED", None, [])
        assert len(steps_of(page)) == over.step
        assert names_of(page)[-1] == "page.resolved"
        assert len(mailbox.mails) == sent


# -- two people -------------------------------------------------------------------------------------------------------


def offered(north: North, holder: Person, to: Person) -> tuple[Page, HandOver]:
    page = page_in(north.agency.pk)
    with inside(north.agency.pk):
        acknowledge_page(page_id=page.pk, by=holder.actor, at=timezone.now())
        offer = offer_page(page_id=page.pk, to_seat_id=to.seat.pk, note="", by=holder.actor, at=timezone.now())
    return page, offer


def test_whoever_was_asked_accepts_while_another_tries_to_take_the_page(
    north: North, ana: Person, dee: Person, lea: Person
) -> None:
    for _ in range(TRIALS):
        page, offer = offered(north, dee, lea)
        accept = partial(accept_hand_over, hand_over_id=offer.pk, by=lea.actor, at=timezone.now())
        take = partial(acknowledge_page, page_id=page.pk, by=ana.actor, at=timezone.now())
        refused: list[str] = []
        at_once(trying(north, accept, []), trying(north, take, refused))
        assert (fresh(page).acknowledged_by_id, refused) == (lea.seat.pk, ["cannot_move"])
        assert names_of(page) == ["page.raised", "page.acknowledged", "page.handed_over"]


def test_whoever_was_asked_accepts_twice_at_once(north: North, dee: Person, lea: Person) -> None:
    for _ in range(TRIALS):
        page, offer = offered(north, dee, lea)
        accept = partial(accept_hand_over, hand_over_id=offer.pk, by=lea.actor, at=timezone.now())
        take = partial(acknowledge_page, page_id=page.pk, by=lea.actor, at=timezone.now())
        refused: list[str] = []
        at_once(trying(north, accept, refused), trying(north, take, refused))
        assert (fresh(page).acknowledged_by_id, refused) == (lea.seat.pk, ["cannot_move"])
        assert names_of(page).count("page.handed_over") == 1


def test_an_offer_is_accepted_while_its_page_is_let_go(north: North, dee: Person, lea: Person) -> None:
    for _ in range(TRIALS):
        page, offer = offered(north, dee, lea)
        accept = partial(accept_hand_over, hand_over_id=offer.pk, by=lea.actor, at=timezone.now())
        let_go = partial(reopen_page, page_id=page.pk, reason="my train", by=dee.actor, at=timezone.now())
        refused: list[str] = []
        at_once(trying(north, accept, refused), trying(north, let_go, []))
        after = fresh(page)
        assert (after.stage, after.acknowledged_by_id, ready_timers(page)) == ("OPEN", None, ["alerting.climb_page"])
        with inside(north.agency.pk):
            settled = HandOver.objects.get(pk=offer.pk)
        assert (settled.stage, refused) in (("ACCEPTED", []), ("LAPSED", ["cannot_move"]))


# -- two causes -------------------------------------------------------------------------------------------------------


def test_causes_of_a_topic_that_come_at_once_share_one_page(north: North, now: datetime) -> None:
    for trial in range(TRIALS):
        pages: list[Page] = []

        def cause(pages: list[Page] = pages, topic: str = f"story:{trial}") -> None:
            with inside(north.agency.pk):
                page = raise_page(
                    brand_id=north.aurora.pk,
                    cause_kind="listening.signal",
                    cause_id=uuid4(),
                    severity=2,
                    headline="Nine times the usual",
                    topic=topic,
                    by=LISTENING,
                    at=timezone.now(),
                )
            pages.append(page)

        at_once(cause, cause, cause)
        [page] = {page.pk: page for page in pages}.values()
        assert fresh(page).suppressed == 2
        assert ready_timers(page) == ["alerting.climb_page"]
        with inside(north.agency.pk):
            assert PageCause.objects.filter(page_id=page.pk).count() == 2


def test_a_topics_page_ends_while_a_further_cause_comes_and_somebody_is_told_of_it(
    north: North, dee: Person, now: datetime
) -> None:
    for trial in range(TRIALS):
        topic = f"story:{trial}"

        def cause(topic: str = topic) -> Page:
            with inside(north.agency.pk):
                return raise_page(
                    brand_id=north.aurora.pk,
                    cause_kind="listening.signal",
                    cause_id=uuid4(),
                    severity=2,
                    headline="Nine times the usual",
                    topic=topic,
                    by=LISTENING,
                    at=timezone.now(),
                )

        first = cause()
        end = partial(resolve_page, page_id=first.pk, reason="over", by=dee.actor, at=timezone.now())
        at_once(trying(north, end, []), cause)
        with inside(north.agency.pk):
            joined = PageCause.objects.filter(page_id=first.pk).exists()
            opened = list(Page.objects.filter(topic=topic, stage="OPEN"))
        assert fresh(first).stage == "RESOLVED"
        assert joined is (not opened), "it joined before the end, or it has a page of its own"
        assert [ready_timers(page) for page in opened] in ([], [["alerting.climb_page"]])
