"""Claiming, running, failing and sweeping, with real transactions."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from core.wall import WallError, standing_agency
from jobs.actions import NotReplayable, cancel, cross, later, move, purge_jobs, replay_job, run_job, sweep_jobs
from jobs.handlers import HANDLERS, Ghost, Run, TryAgain, Undeclared, job
from jobs.models import Job, JobState
from tenants.models import Brand
from tests.cast import add_brand, found_agency

pytestmark = pytest.mark.django_db(transaction=True)
seen: list[tuple[str, dict[str, Any], int]] = []


@job("tests.note", queue="bulk", semantics="at_least_once", max_attempts=3, lease=30)
def note(run: Run) -> None:
    seen.append((run.handler.name, run.args, run.attempt))


@job("tests.fail", queue="bulk", semantics="at_least_once", max_attempts=2, lease=30)
def fail(run: Run) -> None:
    Brand.objects.create(slug="half", name="half", created_at=run.at)
    raise RuntimeError("no luck")


@job("tests.wait", queue="bulk", semantics="at_least_once", max_attempts=3, lease=30)
def wait(run: Run) -> None:
    raise TryAgain("not yet", after=timedelta(minutes=5))


@job("tests.once", queue="publish", semantics="at_most_once", max_attempts=3, lease=30, transactional=False)
def once(run: Run) -> None:
    seen.append((run.handler.name, run.args, run.attempt))
    with transaction.atomic():
        cross(run)
    raise RuntimeError("the world did not answer")


@job("tests.where", queue="bulk", semantics="at_least_once", max_attempts=1, lease=30)
def where(run: Run) -> None:
    seen.append((str(standing_agency()), run.args, run.attempt))


@pytest.fixture(autouse=True)
def fresh() -> None:
    seen.clear()


def write(
    handler: str, *, key: str = "k", agency_id: UUID | None = None, at: datetime | None = None, **more: Any
) -> bool:
    with transaction.atomic():
        return later(handler, key=key, agency_id=agency_id, at=at or timezone.now(), **more)


def run(handler: str) -> bool:
    found = Job.objects.filter(handler=handler, state="READY").order_by("id").first()
    return found is not None and run_job(job_id=found.pk, handler_name=handler, at=timezone.now())


def only(handler: str) -> Job:
    return Job.objects.get(handler=handler)


def test_a_job_runs_once_and_is_done() -> None:
    assert write("tests.note", args={"a": 1})
    assert run("tests.note")
    assert seen == [("tests.note", {"a": 1}, 1)]
    assert (only("tests.note").state, run("tests.note")) == (JobState.DONE, False)


def test_a_doubled_message_finds_nothing_to_claim() -> None:
    write("tests.note")
    pk = only("tests.note").pk
    assert run_job(job_id=pk, handler_name="tests.note", at=timezone.now())
    assert not run_job(job_id=pk, handler_name="tests.note", at=timezone.now())
    assert len(seen) == 1


def test_a_message_that_names_another_handler_runs_nothing() -> None:
    write("tests.note")
    assert not run_job(job_id=only("tests.note").pk, handler_name="tests.where", at=timezone.now())
    assert seen == []


def test_a_job_is_written_with_its_cause_or_not_at_all() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        later("tests.note", key="k", agency_id=None, at=timezone.now())
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        later("tests.note", key="k", agency_id=None, at=timezone.now())
        _ = 1 / 0
    assert not Job.objects.exists()


def test_a_key_waits_once_and_can_be_moved_and_cancelled() -> None:
    soon = timezone.now() + timedelta(hours=1)
    assert write("tests.note", at=soon)
    assert not write("tests.note", at=soon)
    assert move("tests.note", key="k", at=timezone.now())
    assert only("tests.note").due_at <= timezone.now()
    assert cancel("tests.note", key="k", at=timezone.now())
    assert (only("tests.note").state, cancel("tests.note", key="k", at=timezone.now())) == (JobState.CANCELLED, False)


def test_a_job_that_has_begun_does_not_swallow_a_new_wish() -> None:
    write("tests.note")
    Job.objects.update(lease_token=uuid4(), lease_until=timezone.now() + timedelta(minutes=1))
    assert write("tests.note")
    assert Job.objects.filter(state="READY").count() == 2


def test_a_job_before_its_time_is_not_claimed() -> None:
    write("tests.note", at=timezone.now() + timedelta(seconds=30))
    assert not run("tests.note")


def test_a_failure_rolls_back_is_written_down_and_tried_again_until_dead() -> None:
    agency = found_agency("north", "North", timezone.now())
    write("tests.fail", agency_id=agency.pk)
    run("tests.fail")
    failed = only("tests.fail")
    assert (failed.state, failed.attempts, failed.last_error) == ("READY", 1, "RuntimeError: no luck")
    assert failed.due_at > timezone.now()
    Job.objects.update(due_at=timezone.now())
    run("tests.fail")
    assert only("tests.fail").state == JobState.DEAD
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.agency', %s, true)", [str(agency.pk)])
        cursor.execute("SELECT count(*) FROM tenants_brand")
        assert cursor.fetchone() == (0,)


def test_a_wish_to_wait_is_granted() -> None:
    write("tests.wait")
    run("tests.wait")
    assert only("tests.wait").due_at > timezone.now() + timedelta(minutes=4)


def test_a_dead_job_can_be_replayed_and_an_interrupted_one_cannot() -> None:
    agency = found_agency("north", "North", timezone.now())
    write("tests.note", agency_id=agency.pk)
    Job.objects.update(state=JobState.DEAD, attempts=3, finished_at=timezone.now())
    replay_job(job_id=only("tests.note").pk, agency_id=agency.pk, at=timezone.now())
    assert run("tests.note")
    Job.objects.update(state=JobState.INTERRUPTED)
    with pytest.raises(NotReplayable):
        replay_job(job_id=only("tests.note").pk, agency_id=agency.pk, at=timezone.now())


def test_past_the_point_of_no_return_a_job_is_never_run_again() -> None:
    write("tests.once")
    run("tests.once")
    assert (only("tests.once").state, only("tests.once").crossed) == (JobState.INTERRUPTED, True)
    sweep_jobs(ring=lambda *_: True)
    assert not run("tests.once")
    assert len(seen) == 1


def test_a_job_lost_in_its_last_attempt_is_buried_and_one_lost_after_crossing_is_marked() -> None:
    past = timezone.now() - timedelta(minutes=1)
    write("tests.note", key="lost")
    write("tests.note", key="crossed")
    Job.objects.filter(key="lost").update(attempts=3, lease_token=uuid4(), lease_until=past)
    Job.objects.filter(key="crossed").update(attempts=1, crossed=True, lease_token=uuid4(), lease_until=past)
    sweep_jobs(ring=lambda *_: True)
    assert dict(Job.objects.values_list("key", "state")) == {"lost": "DEAD", "crossed": "INTERRUPTED"}


def test_an_expired_lease_is_claimed_by_another_and_the_sleeper_is_a_ghost() -> None:
    write("tests.note")
    mine = Run(only("tests.note").pk, None, {}, 1, uuid4(), timezone.now(), HANDLERS["tests.note"])
    Job.objects.update(lease_token=mine.lease_token, lease_until=timezone.now() - timedelta(seconds=1), attempts=1)
    assert run("tests.note")
    with pytest.raises(Ghost), transaction.atomic():
        cross(mine)


def test_the_sweep_rings_for_what_is_due_and_not_again_at_once() -> None:
    write("tests.note")
    write("tests.note", key="later", at=timezone.now() + timedelta(hours=1))
    rung: list[UUID] = []

    def ring(job_id: UUID, *_: str) -> bool:
        rung.append(job_id)
        return True

    assert [sweep_jobs(ring=ring), sweep_jobs(ring=ring)] == [1, 0]
    assert rung == [Job.objects.get(key="k").pk]


def test_a_line_is_worked_off_in_order() -> None:
    write("tests.note", key="1", order_key="line")
    write("tests.note", key="2", order_key="line")
    second = Job.objects.get(key="2")
    assert not run_job(job_id=second.pk, handler_name="tests.note", at=timezone.now())
    assert run("tests.note")
    assert run_job(job_id=second.pk, handler_name="tests.note", at=timezone.now())


def test_twenty_threads_claim_a_job_once() -> None:
    write("tests.note")
    pk, barrier, claimed = only("tests.note").pk, threading.Barrier(20), []

    def work() -> None:
        barrier.wait()
        claimed.append(run_job(job_id=pk, handler_name="tests.note", at=timezone.now()))
        close_old_connections()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (claimed.count(True), len(seen)) == (1, 1)


def test_a_handler_runs_inside_its_agencys_wall_and_leaves_none_behind() -> None:
    agency = found_agency("north", "North", timezone.now())
    add_brand(agency, "aurora", timezone.now())
    write("tests.where", agency_id=agency.pk)
    run("tests.where")
    assert seen[0][0] == str(agency.pk)
    with pytest.raises(WallError):
        standing_agency()


def test_old_finished_jobs_are_forgotten_and_dead_ones_kept() -> None:
    for key, state in (("done", "DONE"), ("dead", "DEAD")):
        write("tests.note", key=key)
        Job.objects.filter(key=key).update(state=state, finished_at=timezone.now() - timedelta(days=8))
    assert purge_jobs(before=timezone.now() - timedelta(days=7)) == 1
    assert [row.key for row in Job.objects.all()] == ["dead"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"queue": "nowhere"},
        {"semantics": "sometimes"},
        {"max_attempts": 0},
        {"semantics": "at_most_once"},  # while transactional
    ],
)
def test_a_handler_that_does_not_declare_itself_fails_import(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"queue": "bulk", "semantics": "at_least_once", "max_attempts": 1, "lease": 1}
    with pytest.raises(Undeclared):
        job("tests.wrong", **{**right, **wrong})(note)
    with pytest.raises(Undeclared):
        job("tests.note", **right)(note)
