"""Writing, claiming and finishing jobs. Postgres's clock decides what is due."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from core.failpoints import failpoint
from core.ids import uuid7
from core.refusals import NotFound, Refusal
from core.wall import wall
from jobs.handlers import HANDLERS, Ghost, Run, TryAgain
from jobs.models import Job, JobState, Pulse
from jobs.nudge import nudge_on_commit

log = structlog.get_logger(__name__)

FIRST_RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(minutes=15)
NUDGE_AGAIN_AFTER = timedelta(seconds=5)


class NotReplayable(Refusal):
    """Only a dead job can be replayed; an interrupted one may already have had its effect."""

    code = "not_replayable"
    title = "Only a dead job can be replayed."


@dataclass(frozen=True, slots=True)
class Wish:
    """A job to be written: what, once for which key, for whom, and when."""

    handler: str
    key: str
    agency_id: UUID | None
    at: datetime
    args: dict[str, Any] = field(default_factory=dict)
    order_key: str = ""


def later(
    handler: str,
    *,
    key: str,
    agency_id: UUID | None,
    at: datetime,
    args: dict[str, Any] | None = None,
    order_key: str = "",
) -> bool:
    """Have `handler` run at `at`, once for `key`; written in the caller's transaction. Says whether it was new.

    While a job of the same handler and key is waiting, nothing is added: the waiting one will see what this caller
    saw, because it starts after this transaction. One that has begun does not count. `args` are ids and small
    values. Jobs with the same `order_key` run one after the other, in the order they were written.

    A key that several causes share is asked for after `record()`: a running job of that key holds its row and may
    wait for the ledger's head, and the other order would deadlock with it.
    """
    return later_many([Wish(handler, key, agency_id, at, args or {}, order_key)]) == 1


def later_many(wishes: Sequence[Wish]) -> int:
    """`later` for many at once, in three queries; returns how many were new."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Jobs are written in the transaction of their cause.")
    jobs = [
        Job(
            id=uuid7(),
            handler=wish.handler,
            key=wish.key,
            agency_id=wish.agency_id,
            args=wish.args,
            queue=HANDLERS[wish.handler].queue,
            order_key=wish.order_key,
            due_at=wish.at,
            max_attempts=HANDLERS[wish.handler].max_attempts,
            created_at=wish.at,
        )
        for wish in wishes
    ]
    # A claimed job may have read the world before this change: it gives up its key, and a new one takes it.
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET key = left(key, 160) || '#' || id WHERE state = 'READY' AND lease_token IS NOT NULL "
            "AND (handler, key) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
            [[job.handler for job in jobs], [job.key for job in jobs]],
        )
    Job.objects.bulk_create(jobs, ignore_conflicts=True)
    written = set(Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("pk", flat=True))
    for job in jobs:
        if job.pk in written:
            nudge_on_commit(job)
    return len(written)


def move(handler: str, *, key: str, at: datetime) -> bool:
    """Set a pending timer to another instant; says whether there was one."""
    moved = Job.objects.filter(handler=handler, key=key, state=JobState.READY, lease_token=None).update(
        due_at=at, nudged_at=None
    )
    return bool(moved)


def cancel(handler: str, *, key: str, at: datetime) -> bool:
    """Take a pending timer back; says whether there was one that had not begun."""
    taken = Job.objects.filter(handler=handler, key=key, state=JobState.READY, lease_token=None).update(
        state=JobState.CANCELLED, finished_at=at
    )
    return bool(taken)


@transaction.atomic
def replay_job(*, job_id: UUID, agency_id: UUID, at: datetime) -> Job:
    """Put a dead job back into the queue with fresh attempts."""
    job = Job.objects.select_for_update().filter(pk=job_id, agency_id=agency_id).first()
    if job is None:
        raise NotFound
    if job.state != JobState.DEAD:
        raise NotReplayable(state=job.state)
    if Job.objects.filter(handler=job.handler, key=job.key, state=JobState.READY).exists():
        raise NotReplayable("A job of the same kind and key is already waiting.", state=job.state)
    job.state, job.attempts, job.due_at = JobState.READY, 0, at
    job.lease_token = job.lease_until = job.finished_at = job.nudged_at = None
    job.save(update_fields=["state", "attempts", "due_at", "lease_token", "lease_until", "finished_at", "nudged_at"])
    nudge_on_commit(job)
    return job


CLAIM = """
UPDATE jobs_job SET lease_token = %(token)s, attempts = attempts + 1,
       lease_until = statement_timestamp() + %(lease)s * interval '1 second'
 WHERE id = (
    SELECT id FROM jobs_job AS mine
     WHERE id = %(id)s AND handler = %(handler)s AND state = 'READY' AND NOT crossed AND attempts < max_attempts
       AND due_at <= statement_timestamp()
       AND (lease_until IS NULL OR lease_until < statement_timestamp())
       AND (order_key = '' OR NOT EXISTS (
            SELECT 1 FROM jobs_job AS older
             WHERE older.order_key = mine.order_key AND older.id < mine.id AND older.state = 'READY'))
       FOR UPDATE SKIP LOCKED)
RETURNING agency_id, args, attempts
"""


def run_job(*, job_id: UUID, handler_name: str, at: datetime) -> bool:
    """Claim one job and make one attempt at it; False when there was nothing to claim.

    The claim is committed, and the attempt counted, before any work: a job that kills its process runs at most
    `max_attempts` times.
    """
    handler = HANDLERS[handler_name]
    token = uuid7()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            CLAIM, {"token": token, "lease": handler.lease.total_seconds(), "id": job_id, "handler": handler.name}
        )
        row = cursor.fetchone()
    if row is None:
        return False
    failpoint(f"jobs.after_claim:{handler_name}")
    run = Run(job_id, row[0], json.loads(row[1]), row[2], token, at, handler)
    with structlog.contextvars.bound_contextvars(job=str(job_id), handler=handler_name, attempt=run.attempt):
        _attempt(run)
    return True


def _attempt(run: Run) -> None:
    try:
        if run.handler.transactional:
            with transaction.atomic():
                if run.agency_id is None:
                    run.handler.function(run)
                else:
                    with wall(run.agency_id):
                        run.handler.function(run)
                _finish(run)
        else:
            run.handler.function(run)
            _finish(run)
    except Ghost:
        log.warning("job_lease_lost")
    except TryAgain as wish:
        _fail(run, str(wish), after=wish.after)
    except Exception as error:
        # The edge of the machine room: whatever went wrong is logged with its trace, written on the row, and retried.
        log.exception("job_failed")
        _fail(run, f"{type(error).__name__}: {error}", after=None)
    failpoint(f"jobs.after_run:{run.handler.name}")


def _finish(run: Run) -> None:
    done = Job.objects.filter(pk=run.job_id, lease_token=run.lease_token, state=JobState.READY).update(
        state=JobState.DONE, finished_at=Now(), lease_token=None, lease_until=None
    )
    if not done:
        raise Ghost


def cross(run: Run) -> None:
    """Pass the point of no return: after this transaction commits, the job is never run again by itself.

    Raises Ghost when the lease was lost meanwhile; the caller's transaction then rolls back.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("cross() belongs in the transaction that records the attempt.")
    if not Job.objects.filter(pk=run.job_id, lease_token=run.lease_token, state=JobState.READY).update(crossed=True):
        raise Ghost


def _fail(run: Run, error: str, *, after: timedelta | None) -> None:
    """Write the failure down: another attempt later, with full jitter, or dead; after the crossing, interrupted."""
    backoff = min(LONGEST_RETRY, FIRST_RETRY * 2 ** (run.attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
    delay = max(backoff, after) if after else backoff
    mine = Job.objects.filter(pk=run.job_id, lease_token=run.lease_token, state=JobState.READY)
    freed: dict[str, Any] = {"lease_token": None, "lease_until": None, "last_error": error[:500]}
    if run.last_attempt:
        mine.filter(crossed=False).update(**freed, state=JobState.DEAD, finished_at=Now())
    else:
        mine.filter(crossed=False).update(**freed, due_at=Now() + delay, nudged_at=None)
    mine.filter(crossed=True).update(**freed, state=JobState.INTERRUPTED, finished_at=Now())


def note_pulse(name: str) -> None:
    """Something that has to happen again and again has happened just now."""
    Pulse.objects.bulk_create(
        [Pulse(name=name, at=Now())], update_conflicts=True, unique_fields=["name"], update_fields=["at"]
    )


def pulse_is_older(name: str, age: timedelta) -> bool:
    """Whether something last happened longer ago than `age`, or never."""
    return not Pulse.objects.filter(name=name, at__gt=Now() - age).exists()


def sweep_jobs(*, ring: Callable[[UUID, str, str], bool], limit: int = 500) -> int:
    """Find what the nudges missed, ring for it again, and bury what can run no more. Returns how many were rung."""
    with transaction.atomic():
        lost = Job.objects.filter(state=JobState.READY, lease_until__lt=Now())
        lost.filter(crossed=True).update(
            state=JobState.INTERRUPTED, finished_at=Now(), last_error="lost after the point of no return"
        )
        lost.filter(crossed=False, attempts__gte=F("max_attempts")).update(
            state=JobState.DEAD, finished_at=Now(), last_error="lost in its last attempt"
        )
        waiting = (
            Job.objects.filter(
                Q(lease_until=None) | Q(lease_until__lt=Now()),
                Q(nudged_at=None) | Q(nudged_at__lt=Now() - NUDGE_AGAIN_AFTER),
                state=JobState.READY,
                due_at__lte=Now(),
            )
            .order_by("due_at", "id")
            .select_for_update(skip_locked=True)
            .values_list("pk", "queue", "handler")[:limit]
        )
        found = list(waiting)
        Job.objects.filter(pk__in=[row[0] for row in found]).update(nudged_at=Now())
    note_pulse("sweep")
    rung = 0
    for job_id, queue, handler in found:
        if not ring(job_id, queue, handler):
            break
        rung += 1
    return rung


def purge_jobs(*, before: datetime, limit: int = 5_000) -> int:
    """Forget finished jobs in a small batch; dead and interrupted ones stay until a person has seen them."""
    old = Job.objects.filter(state__in=[JobState.DONE, JobState.CANCELLED], finished_at__lt=before)
    return Job.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]
