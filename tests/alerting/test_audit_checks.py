"""Every check of the auditor finds the fault that is planted for it, and only that, and not before its time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from alerting.auditor import CHECKS, Auditor, look
from alerting.auditor.checks import BLIND
from alerting.models import Alarm
from core.wall import inside
from listening.models import Source
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.planted import (
    FAULTS,
    OF_THE_SYSTEM,
    SECOND,
    plant_dead_job,
    plant_refused_source,
    plant_silent_queue,
)
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)
QUARTER = timedelta(minutes=15)


def test_every_check_has_a_planted_fault() -> None:
    assert {*FAULTS, *BLIND} == set(CHECKS)


@pytest.mark.parametrize("check", FAULTS)
def test_each_check_finds_its_fault_and_only_that_and_not_before_its_time_and_tells_of_it(
    north: North, operator: tuple[Mailbox, Hook], check: str
) -> None:
    mailbox, hook = operator
    plant, may_stand = FAULTS[check]
    now = timezone.now()
    since = now - may_stand - 2 * SECOND
    plant(north, since)
    auditor = Auditor()
    if may_stand:
        early = auditor.go_round(at=since + may_stand - 10 * SECOND)
        assert (early.findings, early.heard, mailbox.mails, len(hook.requests)) == ([], True, [], 1)
        hook.requests.clear()
    done = auditor.go_round(at=now)
    found = {finding.check: finding for finding in done.findings}
    # Work that nobody takes is late too.
    assert set(found) == ({check, "jobs_overdue"} if check in {"workers_silent", "queues_silent"} else {check})
    assert (found[check].count, found[check].agency_id) == (1, None if check in OF_THE_SYSTEM else north.agency.pk)
    assert (done.told, done.heard, len(hook.requests)) == (True, True, 1)
    assert [sorted(text.splitlines()) for text in mailbox.texts] == [sorted(map(str, done.findings))]
    with inside(north.agency.pk):
        written = set(Alarm.objects.values_list("check_name", flat=True))
    assert written == {one.check for one in done.findings if one.agency_id is not None}


def test_a_silent_queue_is_named(north: North) -> None:
    plant_silent_queue(north, timezone.now() - timedelta(seconds=62))
    [silent] = [finding for finding in look(at=timezone.now()) if finding.check == "queues_silent"]
    assert str(silent) == "queues_silent: 1 (alerts)"


def test_a_dead_job_alarms_for_a_day(north: North) -> None:
    plant_dead_job(north, timezone.now() - timedelta(days=1, minutes=1))
    assert look(at=timezone.now()) == []


@pytest.mark.parametrize(
    ("health", "answered", "more", "found"),
    [
        ("silent", timedelta(0), {}, True),
        ("failing", QUARTER - SECOND, {}, False),
        ("failing", QUARTER + SECOND, {}, True),
        ("healthy", 10 * QUARTER, {}, False),
        ("silent", QUARTER, {"paused_at": True}, False),
        ("refused", 2 * QUARTER, {"ended_at": True}, False),
    ],
)
def test_a_source_that_tells_nothing_is_found_unless_somebody_has_stopped_it(
    north: North, now: datetime, health: str, answered: timedelta, more: dict[str, bool], found: bool
) -> None:
    plant_refused_source(north, now)
    with inside(north.agency.pk):
        Source.objects.update(health=health, answered_at=now - answered, **dict.fromkeys(more, now))
    assert [finding.check for finding in look(at=now)] == ["sources_silent"] * found
