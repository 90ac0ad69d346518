"""Workers that die between fetch and store, and two that ask one source at once: stored ids equal distinct ids."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.utils import timezone

from core.wall import inside
from crisisapi.service_urls import ROOT
from jobs.actions import later, run_job
from jobs.models import Job
from listening.models import Mention, Source
from tests.cast import run_due_jobs
from tests.conftest import North
from tests.listening.sources.host import Host
from tests.listening.sources.mastodon_server import Mastodon
from tests.listening.sources.test_polls import POLL, hashtag, now_of, poll, said_of, timer_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

WORKER = """
import sys, django
django.setup()
from django.utils import timezone
from jobs.actions import run_job
run_job(job_id=sys.argv[1], handler_name="listening.poll", at=timezone.now())
"""


@pytest.fixture
def host(transactional_db: None) -> Iterator[Host]:
    cache.clear()
    with Host() as running:
        yield running


def killed_at(place: str, source: Source) -> None:
    url = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
        "DJANGO_SETTINGS_MODULE": "crisisapi.settings",
        "CRISISAPI_FAILPOINTS": f"{place}=kill",
    }
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", WORKER, str(timer_of(source).pk)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def counted(source: Source) -> None:
    with inside(source.agency_id):
        assert Mention.objects.count() == len(set(said_of(source)))


@pytest.mark.parametrize("place", ["listening.after_fetch", "listening.after_store", "listening.before_count"])
def test_what_a_dead_worker_had_fetched_is_fetched_and_stored_by_the_next(north: North, host: Host, place: str) -> None:
    server = Mastodon(host)
    wanted = sorted(server.post() for _ in range(30))
    source = hashtag(north, host)
    killed_at(place, source)
    assert (said_of(source), now_of(source).cursor) == ([], None)
    Job.objects.filter(pk=timer_of(source).pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    wanted += [server.post()]
    assert run_due_jobs(POLL) == 1
    assert said_of(source) == sorted(wanted)
    assert now_of(source).cursor == {"min_id": wanted[-1]}
    counted(source)


def test_four_workers_on_one_source_store_each_post_once(north: North, host: Host) -> None:
    """Each has a job of its own, as when leases ran out on slow hosts; the server grows while they read."""
    server = Mastodon(host, page=10)
    server.post()
    source = hashtag(north, host)
    run_due_jobs(POLL)
    wanted = {"1001", *(server.post() for _ in range(90))}
    jobs = []
    for number in range(4):
        with inside(north.agency.pk):
            later(
                POLL,
                key=f"{source.pk}#{number}",
                agency_id=north.agency.pk,
                at=timezone.now(),
                args={"source_id": str(source.pk)},
            )
        jobs.append(Job.objects.get(key=f"{source.pk}#{number}"))
    barrier = Barrier(4)

    def work(job: Job) -> bool:
        barrier.wait(timeout=30)
        try:
            return run_job(job_id=job.pk, handler_name=POLL, at=timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, jobs))
    wanted |= {server.post() for _ in range(5)}
    poll(source, times=3)
    assert set(said_of(source)) == wanted
    assert now_of(source).gaps == 0
    assert Job.objects.filter(handler=POLL, state="READY", key=str(source.pk)).count() == 1
    counted(source)
