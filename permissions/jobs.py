"""Doors for machines."""

from __future__ import annotations

from uuid import UUID

from core.actor import Actor
from jobs.handlers import Run, job
from permissions.actions.reviews import CLOSE, close_review


@job(CLOSE, queue="bulk", semantics="at_least_once", max_attempts=8, lease=300)
def close_due_review(run: Run) -> None:
    """The deadline: what nobody has answered is removed."""
    close_review(
        review_id=UUID(run.args["review_id"]),
        reason="Nobody answered before the deadline.",
        by=Actor.rule("access reviews"),
        at=run.at,
    )
