"""Eight deliveries and eight detectors at once, on real transactions: nothing twice, nothing lost, nobody stuck."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from time import monotonic
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from core.ids import uuid7
from core.wall import inside
from jobs.actions import later
from jobs.models import Job
from ledger.models import Event, Head
from listening.actions import Counts, ingest_mentions
from listening.models import Mention, Signal, Source
from listening.queries import start_of_bin
from tests.cast import SETTING_THE_STAGE, Person, run_due_jobs
from tests.listening.mentions import NOON, buckets_of, items, mention
from tests.listening.storms import detect, hear, quiet_days, storm

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def all_at_once(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run the tasks in threads of their own that start together; raises what any of them raises."""
    barrier = Barrier(len(tasks))

    def run(task: Callable[[], Any]) -> Any:
        barrier.wait(timeout=30)
        try:
            return task()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result(timeout=120) for future in [pool.submit(run, task) for task in tasks]]


def deliver(source: Source, said: list[dict[str, Any]], at: datetime) -> Counts:
    with inside(source.agency_id):
        return ingest_mentions(source_id=source.pk, items=items(said, at), by=SETTING_THE_STAGE, at=at)


def test_the_same_mentions_from_eight_threads_are_counted_once(source: Source, now: datetime) -> None:
    """Each thread delivers every mention, in an order and in batches of its own."""
    said = [
        mention(n, posted_at=(NOON + timedelta(seconds=n)).isoformat(), author={"handle": f"p{n % 90}", "followers": 1})
        for n in range(600)
    ]

    def task(seed: int) -> list[Counts]:
        drawn = random.Random(seed)
        mine = drawn.sample(said, len(said))
        counts = []
        while mine:
            size = drawn.choice([1, 20, 150, 300])
            counts.append(deliver(source, mine[:size], now))
            mine = mine[size:]
        return counts

    results = all_at_once([lambda seed=seed: task(seed) for seed in range(THREADS)])  # type: ignore[misc]
    every = [counts for one in results for counts in one]
    assert sum(counts.new for counts in every) == 600
    assert sum(counts.new + counts.known + counts.edited for counts in every) == THREADS * 600
    with inside(source.agency_id):
        assert Mention.objects.count() == 600
        told = Event.objects.filter(name="mentions.ingested").order_by("seq").values_list("facts", flat=True)
        assert sum(facts["new"] for facts in told) == 600
    assert [(volume, reach, authors) for _, volume, _, reach, authors in buckets_of(source)] == [(60, 60, 60)] * 10


def test_edits_from_eight_threads_leave_the_latest_version_and_its_count(source: Source, now: datetime) -> None:
    words = ["I hate it, horrible!", "I love it, wonderful!"]
    versions = [
        [mention(n, text=words[step % 2], edited_at=(NOON + timedelta(seconds=step)).isoformat()) for n in range(100)]
        for step in range(THREADS)
    ]
    all_at_once([lambda said=said: deliver(source, said, now) for said in versions])  # type: ignore[misc]
    with inside(source.agency_id):
        assert set(Mention.objects.values_list("text", "mood")) == {(words[1], "positive")}
        assert set(Mention.objects.values_list("edited_at", flat=True)) == {NOON + timedelta(seconds=THREADS - 1)}
    assert buckets_of(source) == [(NOON, 100, 0, sum(range(100, 200)), 100)]


def test_detectors_that_meet_raise_one_signal(ana: Person, source: Source, now: datetime) -> None:
    end = start_of_bin(now)
    hear(source, quiet_days(end))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=60))
    raised = all_at_once([lambda: detect(source, end)] * THREADS)
    kinds = sorted(signal.kind for signals in raised for signal in signals)
    assert kinds == sorted(set(kinds))
    with inside(source.agency_id):
        assert Signal.objects.filter(kind="volume").count() == 1
        assert Event.objects.filter(name="signal.raised").count() == len(kinds)
        assert Event.objects.filter(name="page.raised").count() == len(kinds)


def test_deliveries_and_detectors_that_meet_neither_wait_in_a_circle_nor_lose_a_storm(
    ana: Person, source: Source, now: datetime
) -> None:
    end = start_of_bin(now)
    hear(source, quiet_days(end - timedelta(hours=1)))
    begins = end - timedelta(minutes=30)
    said = [
        mention(n, posted_at=(begins + timedelta(seconds=n)).isoformat(), text="I hate this, horrible!")
        for n in range(1500)
    ]

    def bring(part: list[dict[str, Any]]) -> None:
        for start in range(0, len(part), 50):
            deliver(source, part[start : start + 50], timezone.now())

    def look() -> None:
        for _ in range(20):
            run_due_jobs("listening.detect")

    all_at_once([lambda part=said[n::4]: bring(part) for n in range(4)] + [look] * 4)  # type: ignore[misc]
    run_due_jobs("listening.detect")
    assert sum(row[1] for row in buckets_of(source) if row[0] >= begins) == 1500
    with inside(source.agency_id):
        assert Signal.objects.filter(kind="volume").count() == 1
    failed = Job.objects.filter(handler__startswith="listening.").exclude(last_error="")
    assert list(failed.values_list("handler", "last_error")) == []


def test_a_delivery_that_waits_for_the_ledger_holds_no_detector_up(source: Source, now: datetime) -> None:
    """A detector that has recorded its signal holds the agency's head and then finishes its job. A delivery that had
    the job's row and waited for the head would wait in a circle with it.
    """
    brand = str(source.brand_id)
    with inside(source.agency_id):
        later("listening.relearn", key=brand, agency_id=source.agency_id, at=now, args={"brand_id": brand})
    Job.objects.update(lease_token=uuid7(), lease_until=now + timedelta(minutes=1))
    with ThreadPoolExecutor(1) as pool, inside(source.agency_id):
        Head.objects.select_for_update().get(agency_id=source.agency_id)
        delivery = pool.submit(all_at_once, [lambda: deliver(source, [mention(0)], now)])
        await_somebody_blocked_by_us()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '3s'")
        assert Job.objects.filter(handler="listening.relearn").update(state="DONE") == 1
    assert delivery.result(timeout=30) == [Counts(1, 0, 0)]


def await_somebody_blocked_by_us() -> None:
    deadline = monotonic() + 20
    with connection.cursor() as cursor:
        while monotonic() < deadline:
            cursor.execute("SELECT 1 FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            if cursor.fetchone():
                return
    raise AssertionError("Nobody waited for us.")
