"""A step and an acknowledgement that meet, for real: two connections, two transactions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone

from alerting.actions import acknowledge_page, resolve_page
from alerting.models import Page
from core.lifecycle import CannotMove
from core.wall import inside
from jobs.actions import run_job
from jobs.models import Job
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import fresh, notifications_of, page_in, policy_of, timer_of
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
