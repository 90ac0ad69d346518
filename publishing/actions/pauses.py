"""Starting a pause, waiting until it holds, lifting it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid
from core.wall import standing_agency, wall
from jobs.actions import cancel, later
from ledger.actions import record
from ledger.models import Head
from publishing import fence
from publishing.models import Pause, Post
from publishing.queries import InFlight, in_flight
from publishing.states import PAUSE_LIFECYCLE, POST_LIFECYCLE, HeldReason, PauseKind, PauseScope, PostStage
from tenants.models import Brand, Seat, SocialAccount

PATIENCE_S = 10.0  # a call that is under way ends within its deadline of 8 s
DRAIN_AGAIN = timedelta(seconds=2)
DRAINER = Actor.rule("pause drain")


@dataclass(frozen=True, slots=True)
class Drained:
    """Whether nothing covered by the pause can start or is in flight; if not, what is known to be in flight."""

    effective: bool
    in_flight: list[InFlight] = field(default_factory=list)


@transaction.atomic
def start_pause(
    *,
    scope: str,
    scope_id: UUID,
    kind: str,
    reason: str,
    allow_statements: bool,
    incident_id: UUID | None,
    by: Actor,
    at: datetime,
) -> Pause:
    """Forbid every scheduled post in a scope, from the commit on, however many there are.

    `scope` is agency, brand or account, `scope_id` the id of one; `kind` one of PauseKind; with `allow_statements` the
    statement lane stays open. Call `drain_pause` after the commit to learn when nothing is in flight any more; a job
    does so in any case.
    """
    brand_id, account_id = _covered(scope, scope_id)
    # Two pauses at once must not get one number. `record` below takes this lock too, so waiting here adds no cycle.
    Head.objects.select_for_update(of=("self",)).get(agency_id=standing_agency())
    newest: int = Pause.objects.aggregate(newest=Max("epoch"))["newest"] or 0
    seat = Seat.objects.filter(pk=by.seat_id).first()
    pause = Pause(
        id=uuid7(),
        scope=PauseScope(scope),
        scope_id=scope_id,
        brand_id=brand_id,
        account_id=account_id,
        incident_id=incident_id,
        kind=PauseKind(kind),
        reason=reason,
        allow_statements=allow_statements,
        epoch=newest + 1,
        started_by_seat_id=by.seat_id,
        started_by_side="" if seat is None else seat.side,
        started_at=at,
    )
    pause.save(force_insert=True)
    drain_later(pause, at=at + DRAIN_AGAIN)
    record(
        "pause.started",
        on=pause,
        by=by,
        at=at,
        scope=pause.scope,
        scope_id=scope_id,
        kind=pause.kind,
        reason=reason,
        epoch=pause.epoch,
    )
    return pause


def _covered(scope: str, scope_id: UUID) -> tuple[UUID | None, UUID | None]:
    """The brand and the account that a scope names; raises NotFound when there is no such thing in this agency."""
    if scope == PauseScope.AGENCY:
        if scope_id != standing_agency():
            detail = "This is not the id of the agency."
            raise Invalid(detail, errors=[{"field": "scope_id", "code": "does_not_exist", "detail": detail}])
        return None, None
    if scope == PauseScope.BRAND:
        brand: Brand = Brand.objects.found(scope_id)
        return brand.pk, None
    account: SocialAccount = SocialAccount.objects.found(scope_id)
    return account.brand_id, account.pk


def drain_pause(*, pause_id: UUID, agency_id: UUID, patience_s: float, at: datetime) -> Drained:
    """Wait until nothing that the pause covers is in flight, at most `patience_s`, and say so on the pause.

    Called outside any transaction, after the pause has been committed. `at` is now; the pause is effective from then
    plus the time waited. A sender that was killed counts as in flight until its attempt is known to be over.
    """
    began = time.monotonic()
    try:
        with fence.or_busy(), transaction.atomic(durable=True), wall(agency_id):
            with connection.cursor() as cursor:
                milliseconds = max(round(patience_s * 1000), 1)
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])
            fence.take_exclusively(Pause.objects.found(pause_id))
            return _settle(pause_id, at=at + timedelta(seconds=time.monotonic() - began))
    except fence.Busy:
        with transaction.atomic(durable=True), wall(agency_id):
            pause: Pause = Pause.objects.found(pause_id)
            return Drained(pause.effective, in_flight(pause))


def _settle(pause_id: UUID, *, at: datetime) -> Drained:
    """Under the exclusive lock: nothing runs. What still says SENDING lost its sender and is waited for."""
    pause: Pause = Pause.objects.locked(pause_id)
    if pause.standing and not pause.effective:
        if lost := in_flight(pause):
            return Drained(effective=False, in_flight=lost)
        pause.stage = PAUSE_LIFECYCLE.step("take_effect", from_=pause.stage)
        pause.effective_at = at
        pause.save(update_fields=["stage", "effective_at"])
        cancel("publishing.drain_pause", key=str(pause.pk), at=at)
        record("pause.became_effective", on=pause, by=DRAINER, at=at, scope=pause.scope, epoch=pause.epoch)
    return Drained(pause.effective)


def keep_draining(*, pause_id: UUID, agency_id: UUID, patience_s: float, at: datetime) -> None:
    """Drain a pause, and have it drained again soon while it stands without holding."""
    drain_pause(pause_id=pause_id, agency_id=agency_id, patience_s=patience_s, at=at)
    with transaction.atomic(durable=True), wall(agency_id):
        pause: Pause = Pause.objects.found(pause_id)
        if pause.standing and not pause.effective:
            drain_later(pause, at=at + timedelta(seconds=patience_s) + DRAIN_AGAIN)


def drain_later(pause: Pause, *, at: datetime) -> None:
    """Have the machines drain a pause, whatever becomes of the caller who started it."""
    later(
        "publishing.drain_pause",
        key=str(pause.pk),
        agency_id=pause.agency_id,
        at=at,
        args={"pause_id": str(pause.pk)},
    )


@transaction.atomic
def lift_pause(*, pause_id: UUID, reason: str, by: Actor, at: datetime) -> Pause:
    """End one pause. What came due under it is held, never fired; what lies ahead flows unless another pause stands."""
    pause: Pause = Pause.objects.locked(pause_id)
    pause.stage = PAUSE_LIFECYCLE.step("lift", from_=pause.stage)
    pause.lifted_at, pause.lift_reason = at, reason
    pause.version += 1
    pause.save(update_fields=["stage", "lifted_at", "lift_reason", "version"])
    cancel("publishing.drain_pause", key=str(pause.pk), at=at)
    covered = Post.objects.all().under(pause)
    due = covered.filter(stage=PostStage.SCHEDULED, scheduled_at__lte=at).order_by("pk")
    locked = list(due.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
    Post.objects.filter(pk__in=locked).update(
        stage=POST_LIFECYCLE.step("hold", from_=PostStage.SCHEDULED), held_reason=HeldReason.PAUSED
    )
    waiting = covered.filter(stage=PostStage.HELD, held_reason=HeldReason.PAUSED).count()
    record("pause.lifted", on=pause, by=by, at=at, scope=pause.scope, reason=reason, held=waiting)
    return pause
