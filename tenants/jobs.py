"""Doors for machines: goodbyes whose time has come, idle seats and their letter, files nobody needs."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from core.actor import Actor
from core.letters import Desk, Letter, register_letters
from jobs.handlers import Run, job
from jobs.rounds import in_rounds
from permissions.actions.revocations import CARRY_OUT
from tenants.actions.files import forget_files
from tenants.actions.goodbyes import carry_out_goodbye
from tenants.actions.idle import END_AFTER, WARN_AFTER, watch_idle_seats
from tenants.models import Seat
from tenants.states import SeatStage

IDLE_LETTER = "tenants.idle_warning"


@job(CARRY_OUT, queue="alerts", semantics="at_least_once", max_attempts=20, lease=60)
def carry_out(run: Run) -> None:
    """On the queue that never waits behind bulk work: somebody counts on this instant."""
    carry_out_goodbye(revocation_id=UUID(run.args["revocation_id"]), at=run.at)


@in_rounds("tenants.watch_idle_seats", every=timedelta(days=1), queue="bulk", lease=300)
def watch_idle(run: Run) -> None:
    watch_idle_seats(by=Actor.rule("idle seats"), at=run.at)


@in_rounds("tenants.forget_files", every=timedelta(days=1), queue="bulk", lease=300)
def forget_unused_files(run: Run) -> None:
    forget_files(at=run.at)


def write_idle_letter(seat_id: UUID, _at: datetime) -> Letter | None:
    """The letter to somebody who has not been here for long; None when they came back or their seat ended."""
    seat: Seat = Seat.objects.select_related("user", "agency").get(pk=seat_id)
    idle_since, warned = seat.last_seen_at or seat.created_at, seat.idle_warned_at
    if seat.stage != SeatStage.ACTIVE or warned is None or idle_since > warned:
        return None
    ends_at = max(idle_since + END_AFTER, warned + (END_AFTER - WARN_AFTER))
    text = "\n".join(
        [
            f"You have not used your seat at {seat.agency.name} since {idle_since:%Y-%m-%d}.",
            "",
            f"Sign in at {settings.PUBLIC_URL} before {ends_at:%Y-%m-%d} to keep it. After that it ends, with its keys",
            "and everything that was scheduled in your name; the agency can invite you again.",
        ]
    )
    return Letter(seat.pk, seat.user.email, f"Your seat at {seat.agency.name} is about to end", text, None, seat.pk)


def idle_letter_posted(_seat_id: UUID) -> None:
    """Nothing is kept of it: the warning is on the seat."""


register_letters(IDLE_LETTER, Desk(write=write_idle_letter, posted=idle_letter_posted))
