"""Doors for machines: the deadline of a review, the proof of a goodbye, the search for what outlived one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from core.actor import Actor
from jobs.actions import Wish, later_many
from jobs.handlers import Run, job
from jobs.rounds import in_rounds
from permissions.actions.reviews import CLOSE, close_review
from permissions.actions.revocations import UNDO_DRIFT, VERIFY, undo_drift, verify_revocation
from permissions.queries.goodbyes import drifted, unproven

REVOCATION = Actor.rule("revocation")


@job(CLOSE, queue="bulk", semantics="at_least_once", max_attempts=8, lease=300)
def close_due_review(run: Run) -> None:
    """The deadline: what nobody has answered is removed."""
    close_review(
        review_id=UUID(run.args["review_id"]),
        reason="Nobody answered before the deadline.",
        by=Actor.rule("access reviews"),
        at=run.at,
    )


@job(VERIFY, queue="alerts", semantics="at_least_once", max_attempts=20, lease=60)
def ask_every_line(run: Run) -> None:
    verify_revocation(revocation_id=UUID(run.args["revocation_id"]), by=REVOCATION, at=run.at)


@in_rounds("permissions.find_drift", every=timedelta(minutes=15), queue="bulk", lease=120)
def find_drift(run: Run) -> None:
    """Reads only: each seat that something is alive of is worked off in a transaction of its own.

    A goodbye that is still unconfirmed is asked again, should its timer have died.
    """
    found = [Wish(UNDO_DRIFT, str(seat), run.agency_id, run.at, {"seat_id": str(seat)}) for seat in drifted(at=run.at)]
    found += [Wish(VERIFY, str(one), run.agency_id, run.at, {"revocation_id": str(one)}) for one in unproven()]
    later_many(found)


@job(UNDO_DRIFT, queue="alerts", semantics="at_least_once", max_attempts=8, lease=60)
def undo_what_drifted(run: Run) -> None:
    undo_drift(seat_id=UUID(run.args["seat_id"]), by=REVOCATION, at=run.at)
