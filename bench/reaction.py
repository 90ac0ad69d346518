"""From an event to its reaction: how long after the commit a real worker has reacted, with the nudge and without.

An invitation is sent; the reaction that queues its letter is the measure, as a job's row tells it: from the event's
instant to the end of the job. A worker of the queue runs in its own process. The peer, interleaved with it, is the same
reaction when the nudge is lost and only the sweep of each second finds the job; the limit is one second.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from bench import Figure
from core.actor import Actor
from core.wall import inside
from jobs.actions import sweep_jobs
from jobs.models import Job, JobState
from jobs.nudge import breaker, ring
from tenants.actions.agencies import create_agency
from tenants.actions.invitations import send_invitation
from tenants.models import Agency

REACTION = "alerting.post_invitation"
ROUNDS = 60
LIMIT_S = 1.0
GIVE_UP_S = 30.0
MEASURING = Actor.operator("bench")


def run() -> Iterator[Figure]:
    agency, _ = create_agency(
        slug="bench", name="Bench", time_zone="UTC", owner_email="a@example.org", by=MEASURING, at=timezone.now()
    )
    worker = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "crisisapi",
            "worker",
            "-Q",
            "bulk,alerts",
            "-c",
            "2",
            "--loglevel=ERROR",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_workers(agency)
        nudged, swept = [], []
        for _ in range(ROUNDS):
            nudged.append(reaction_time(agency, nudge=True))
            swept.append(reaction_time(agency, nudge=False))
    finally:
        worker.terminate()
        worker.wait(timeout=60)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value = quantile(nudged, share)
        yield Figure(
            f"event_to_reaction_{name}",
            value,
            "s",
            f"the limit of {LIMIT_S:g} s",
            value / LIMIT_S,
            "<= 1",
            value <= LIMIT_S,
        )
    peer = statistics.median(swept)
    yield Figure(
        "event_to_reaction_against_sweep",
        statistics.median(nudged),
        "s",
        f"sweep alone, {peer:.3f} s",
        statistics.median(nudged) / peer,
    )


def wait_for_workers(agency: Agency) -> None:
    """The first reactions are not counted: the worker is still waking up."""
    for _ in range(3):
        reaction_time(agency, nudge=True)


def reaction_time(agency: Agency, *, nudge: bool) -> float:
    """Seconds from the commit of one event to the end of its reaction."""
    if not nudge:
        breaker.note(worked=False)
        breaker.note(worked=False)  # open: the nudge is lost
    at = timezone.now()
    with inside(agency.pk):
        send_invitation(
            email=f"{at.timestamp()}@example.org", side="staff", role="analyst", brand_ids=[], inviter=None,
            by=MEASURING, at=at,
        )  # fmt: skip
    committed = timezone.now()
    job = Job.objects.filter(handler=REACTION).latest("id")
    breaker.close()
    deadline = time.monotonic() + GIVE_UP_S
    next_sweep = time.monotonic() + 1.0
    while True:
        finished: datetime | None = (
            Job.objects.filter(pk=job.pk, state=JobState.DONE).values_list("finished_at", flat=True).first()
        )
        if finished is not None:
            return (finished - committed).total_seconds()
        if time.monotonic() > deadline:
            raise TimeoutError("The worker does not react.")
        if not nudge and time.monotonic() > next_sweep:
            sweep_jobs(ring=ring)  # what beat rings for each second
            next_sweep += 1.0
        time.sleep(0.002)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
