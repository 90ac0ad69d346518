"""Raising a page: once for its cause, with its first timer in the same transaction."""

from __future__ import annotations

from datetime import datetime
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from alerting.actions import raise_page
from alerting.models import Page
from core import failpoints
from core.failpoints import FailpointReached
from core.wall import inside
from jobs.models import Job
from tests.alerting.scene import LISTENING, page_in, policy_of, rota_of, timer_of
from tests.cast import Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_page_is_raised_with_a_frozen_policy_and_a_timer_that_is_due(
    north: North, dee: Person, now: datetime
) -> None:
    rota = rota_of(dee, at=now)
    policy = policy_of(dee, [{"rota": rota.pk}], [{"role": "owner"}], at=now)
    cause = uuid4()
    page = page_in(north.agency.pk, brand_id=north.aurora.pk, cause_id=cause, at=now)

    assert (page.stage, page.step, page.cycle, page.next_step_at) == ("OPEN", 0, 1, now)
    assert page.policy == {
        "policy_id": str(policy.pk),
        "name": "Ladder",
        "steps": [
            {"notify": [{"rota": str(rota.pk)}], "wait_minutes": 5, "important": False, "when": {}},
            {"notify": [{"role": "owner"}], "wait_minutes": 5, "important": False, "when": {}},
        ],
        "repeats": 0,
        "last_resort": [],
        "lapses_minutes": None,
    }
    timer = timer_of(page)
    assert timer is not None
    assert (timer.queue, timer.due_at, timer.args) == ("alerts", now, {"page_id": str(page.pk), "step": 1})
    assert events_of(page) == [
        (
            "page.raised",
            "rule:listening",
            {
                "cause_kind": "listening.signal",
                "cause_id": str(cause),
                "severity": 2,
                "policy_id": str(policy.pk),
            },
        )
    ]


def test_the_brands_own_policy_comes_before_the_agencys(north: North, dee: Person, now: datetime) -> None:
    policy_of(dee, [{"role": "owner"}], at=now)
    own = policy_of(dee, [{"seat": dee.seat.pk}], at=now, brand_id=north.aurora.pk)
    other = page_in(north.agency.pk, brand_id=north.borealis.pk)
    mine = page_in(north.agency.pk, brand_id=north.aurora.pk)
    assert mine.policy["policy_id"] == str(own.pk) != other.policy["policy_id"]


def test_without_any_policy_every_owner_is_told(north: North, ana: Person) -> None:
    page = page_in(north.agency.pk)
    assert page.policy["steps"] == [{"notify": [{"role": "owner"}], "wait_minutes": 5}]
    assert events_of(page)[0][2]["policy_id"] is None


def test_a_cause_raises_one_page_however_often_it_is_raised(north: North) -> None:
    cause = uuid4()
    first = page_in(north.agency.pk, cause_id=cause)
    again = page_in(north.agency.pk, cause_id=cause, severity=1)
    assert (again.pk, again.severity) == (first.pk, 2)
    assert Job.objects.filter(handler="alerting.climb_page").count() == 1
    assert len(events_of(first)) == 1


def test_a_cause_that_is_raised_by_two_at_once_raises_one_page(north: North) -> None:
    cause, barrier, pages = uuid4(), Barrier(2), []

    def one() -> None:
        barrier.wait()
        try:
            pages.append(page_in(north.agency.pk, cause_id=cause).pk)
        finally:
            connection.close()

    threads = [Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pages) == 2
    assert len(set(pages)) == 1
    assert Job.objects.filter(handler="alerting.climb_page").count() == 1


def test_a_page_about_an_incident_belongs_to_its_timeline(north: North) -> None:
    incident = uuid4()
    with pytest.raises(Exception, match="same_agency"), inside(north.agency.pk):  # there is no such incident
        raise_page(
            brand_id=None,
            cause_kind="incidents.incident",
            cause_id=incident,
            incident_id=incident,
            severity=1,
            headline="Incident INC-2026-0001 was opened",
            by=LISTENING,
            at=timezone.now(),
        )


def test_when_the_process_fails_before_the_timer_there_is_no_page_either(
    north: North, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(failpoints.ARMED, "alerting.page_without_timer", "raise")
    with pytest.raises(FailpointReached):
        page_in(north.agency.pk)
    with inside(north.agency.pk):
        assert not Page.objects.exists()
    assert not Job.objects.filter(handler="alerting.climb_page").exists()


def test_when_the_caller_fails_afterwards_neither_page_nor_timer_is_left(north: North) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        page_in(north.agency.pk)
        _ = 1 / 0
    with inside(north.agency.pk):
        assert not Page.objects.exists()
    assert not Job.objects.filter(handler="alerting.climb_page").exists()
