"""The Celery tasks, all of them: run one job, sweep, tend the rounds, purge."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from core.http.idempotency import purge as purge_answers
from core.wall import every_agency
from jobs.actions import note_pulse, pulse_is_older, purge_jobs, run_job, sweep_jobs
from jobs.nudge import ring
from jobs.rounds import tend_rounds
from jobs.spare import AFTER

KEEP_FINISHED = timedelta(days=7)
KEEP_ANSWERS = timedelta(hours=72)


@shared_task(name="jobs.run_job")
def run(*, job_id: str, handler: str, **_: Any) -> None:
    """Make one attempt at a job; a doubled or late message finds nothing to claim."""
    run_job(job_id=UUID(job_id), handler_name=handler, at=timezone.now())


@shared_task(name="jobs.sweep")
def sweep(*, spare: bool = False, **_: Any) -> None:
    """Rung by beat each second; a spare one, asked for by a worker, does nothing while there are others."""
    if spare and not pulse_is_older("sweep", AFTER):
        return
    sweep_jobs(ring=ring)
    if not spare:
        note_pulse("beat")


@shared_task(name="jobs.tend")
def tend(**_: Any) -> None:
    tend_rounds(agencies=every_agency(), at=timezone.now())


@shared_task(name="jobs.purge")
def purge(**_: Any) -> None:
    now = timezone.now()
    while purge_jobs(before=now - KEEP_FINISHED):
        pass
    purge_answers(before=now - KEEP_ANSWERS)
