"""Doors for machines: sending, doubting, looking, taking down, draining."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from core.actor import Actor
from jobs.actions import cross
from jobs.handlers import Run, TryAgain, job
from publishing.actions import pauses, sending, takedown
from publishing.states import HeldReason

GATE = Actor.rule("release gate")
RECONCILER = Actor.rule("reconciler")


@job("publishing.send_post", queue="publish", semantics="at_most_once", max_attempts=5, lease=90, transactional=False)
def send_post(run: Run) -> None:
    post_id, agency_id = UUID(run.args["post_id"]), _agency(run)
    try:
        sending.send_post(post_id=post_id, agency_id=agency_id, cross=partial(cross, run), by=GATE, at=run.at)
    except TryAgain:
        if not run.last_attempt:
            raise
        sending.hold_post(post_id=post_id, agency_id=agency_id, reason=HeldReason.GATE_BUSY, by=GATE, at=run.at)


@job("publishing.doubt_attempt", queue="publish", semantics="at_least_once", max_attempts=8, lease=30)
def doubt_attempt(run: Run) -> None:
    """Nobody has told the outcome of an attempt in time: its sender is lost."""
    lost = sending.Outcome(unknown="sender_lost")
    sending.record_outcome(
        attempt_id=UUID(run.args["attempt_id"]), outcome=lost, fence_held=None, by=RECONCILER, at=run.at
    )


@job(
    "publishing.look_for_post", queue="publish", semantics="at_least_once", max_attempts=5, lease=30,
    transactional=False,
)  # fmt: skip
def look_for_post(run: Run) -> None:
    sending.look_for_post(
        attempt_id=UUID(run.args["attempt_id"]),
        agency_id=_agency(run),
        look=run.args["look"],
        last_try=run.last_attempt,
        by=RECONCILER,
        at=run.at,
    )


@job(
    "publishing.take_down_post", queue="publish", semantics="at_least_once", max_attempts=5, lease=30,
    transactional=False,
)  # fmt: skip
def take_down_post(run: Run) -> None:
    takedown.take_down_post(
        post_id=UUID(run.args["post_id"]),
        agency_id=_agency(run),
        attempt=run.attempt,
        last_try=run.last_attempt,
        by=Actor.rule("takedown"),
        at=run.at,
    )


@job(
    "publishing.drain_pause", queue="publish", semantics="at_least_once", max_attempts=8, lease=30,
    transactional=False,
)  # fmt: skip
def drain_pause(run: Run) -> None:
    """Drains with little patience and comes back, so that it never keeps a worker from the senders it waits for."""
    pauses.keep_draining(pause_id=UUID(run.args["pause_id"]), agency_id=_agency(run), patience_s=0.5, at=run.at)


def _agency(run: Run) -> UUID:
    if run.agency_id is None:
        raise ValueError(f"{run.handler.name} works inside an agency.")
    return run.agency_id
