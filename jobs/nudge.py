"""The doorbell: tell a worker that a job is due. Best effort; the sweep finds what this missed.

Redis may be gone, hung or slow, and a request must not notice: short socket timeouts, no retry, and a breaker that
stops ringing for ten seconds after two failures.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

import structlog
from celery import Celery, current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import producers
from redis.exceptions import RedisError

from core.breaker import Breaker
from jobs.handlers import HANDLERS
from jobs.models import Job

log = structlog.get_logger(__name__)

FAILURES_THAT_OPEN = 2
SECONDS_OPEN = 10.0
FAST = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}

breaker = Breaker(failures=FAILURES_THAT_OPEN, seconds=SECONDS_OPEN)


def nudge_on_commit(job: Job) -> None:
    """Ring once the job is visible, if it is due by then; a later timer is the sweep's."""
    if job.due_at <= timezone.now():
        transaction.on_commit(partial(ring, job.pk, job.queue, job.handler), robust=True)


def ring(job_id: UUID, queue: str, handler: str) -> bool:
    """Send the job's id to its queue; False when Redis does not answer in time."""
    if not breaker.closed():
        return False
    lease = HANDLERS[handler].lease.total_seconds()
    try:
        app: Celery = current_app
        broker = app.connection_for_write(transport_options={**settings.CELERY_BROKER_TRANSPORT_OPTIONS, **FAST})
        with producers[broker].acquire(block=True, timeout=1) as producer:
            app.send_task(
                "jobs.run_job",
                kwargs={"job_id": str(job_id), "handler": handler},
                queue=queue,
                producer=producer,
                retry=False,
                ignore_result=True,
                time_limit=max(int(lease) - 1, 1),
                soft_time_limit=max(int(lease * 0.8), 1),
            )
    except (OperationalError, LimitExceeded, RedisError, OSError) as error:
        breaker.note(worked=False)
        log.warning("nudge_failed", error=type(error).__name__)
        return False
    breaker.note(worked=True)
    return True
