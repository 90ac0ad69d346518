"""A worker dies by SIGKILL at each place that matters: its work is found out or done, and nothing goes out twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.utils import timezone

from core.wall import inside
from crisisapi.service_urls import ROOT
from jobs.models import Job
from publishing.actions import drain_pause, start_pause
from publishing.models import Post
from tests.cast import Person
from tests.conftest import North
from tests.publishing.stage import again, attempts, calls, job_of, out_there, ring, schedule, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

WORKER = """
import sys, django
django.setup()
from django.utils import timezone
from jobs.actions import run_job
run_job(job_id=sys.argv[1], handler_name="publishing.send_post", at=timezone.now())
"""


def killed_at(place: str, post: Post) -> None:
    """Run the post's job in a process of its own that is killed at a failpoint."""
    url = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
        "DJANGO_SETTINGS_MODULE": "crisisapi.settings",
        "CRISISAPI_FAILPOINTS": f"{place}=kill",
    }
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", WORKER, str(job_of("publishing.send_post", post.pk).pk)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def lapse(post: Post) -> None:
    """The dead worker's lease ends."""
    job = Job.objects.filter(pk=job_of("publishing.send_post", post.pk).pk)
    job.update(lease_until=timezone.now() - timedelta(seconds=1))


def doubt_and_look(post: Post) -> None:
    [attempt] = attempts(post)
    assert ring("publishing.doubt_attempt", attempt.pk)
    assert again(post).stage == "UNKNOWN"
    for look in range(3):
        ring("publishing.look_for_post", f"{attempt.pk}:{look}")


def test_killed_before_the_attempt_it_is_sent_by_the_next_worker(north: North, ana: Person) -> None:
    post = schedule(north.aurora_account, ana)
    killed_at("publishing.after_lock", post)
    assert (again(post).stage, attempts(post)) == ("SCHEDULED", [])
    lapse(post)
    assert send(post)
    assert again(post).stage == "PUBLISHED"
    assert len(calls(north.aurora_account)) == 1


def test_killed_between_the_attempt_and_the_call_it_is_never_sent_again(north: North, ana: Person) -> None:
    post = schedule(north.aurora_account, ana)
    killed_at("publishing.after_sending", post)
    assert again(post).stage == "SENDING"
    lapse(post)
    assert not send(post)
    doubt_and_look(post)
    assert (again(post).stage, again(post).trouble) == ("NEEDS_HUMAN", "not_found")
    assert calls(north.aurora_account) == []


@pytest.mark.parametrize("place", ["publishing.after_call", "publishing.before_record"])
def test_killed_after_the_call_it_is_found_out_there(north: North, ana: Person, place: str) -> None:
    post = schedule(north.aurora_account, ana)
    killed_at(place, post)
    assert again(post).stage == "SENDING"
    lapse(post)
    assert not send(post)
    doubt_and_look(post)
    assert again(post).stage == "PUBLISHED"
    assert out_there(north.aurora_account) == [post.text]
    assert len(calls(north.aurora_account)) == 1


def test_a_pause_waits_for_the_attempt_of_a_dead_worker_to_be_over(north: North, ana: Person) -> None:
    post = schedule(north.aurora_account, ana)
    killed_at("publishing.after_sending", post)
    with inside(north.agency.pk):
        pause = start_pause(
            scope="account", scope_id=post.account_id, kind="crisis", reason="Mould", allow_statements=False,
            incident_id=None, by=ana.actor, at=timezone.now(),
        )  # fmt: skip
    drained = drain_pause(pause_id=pause.pk, agency_id=pause.agency_id, patience_s=5, at=timezone.now())
    assert (drained.effective, [flying.post_id for flying in drained.in_flight]) == (False, [post.pk])
    assert ring("publishing.doubt_attempt", attempts(post)[0].pk)
    assert drain_pause(pause_id=pause.pk, agency_id=pause.agency_id, patience_s=5, at=timezone.now()).effective
