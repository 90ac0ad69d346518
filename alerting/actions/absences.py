"""Times at which somebody is away."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from alerting.actions.rotas import require_order, require_staff
from alerting.models import Absence
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from ledger.actions import record
from permissions.gate import Caller
from permissions.revocation import Handed, counted, handing_over, line
from tenants.models import Seat


class AlreadyAway(Refusal):
    """Fact `absence_id`: the absence that covers a part of this time."""

    code = "already_away"
    title = "They are away for a part of this time already."


class AbsenceOver(Refusal):
    """What has been is not changed."""

    code = "absence_over"
    title = "This absence is over."


@transaction.atomic
def add_absence(*, seat_id: UUID, starts_at: datetime, ends_at: datetime, by: Actor, at: datetime) -> Absence:
    """A person is away: they answer for no rota then, and the next in order does. Nobody asks why.

    Raises Invalid (400) for a time that is over or no staff, AlreadyAway (409).
    """
    require_order(starts_at, ends_at, at)
    require_staff([seat_id], field="seat")
    Seat.objects.locked(seat_id)  # so that two absences see each other
    _require_here(seat_id, starts_at, ends_at)
    absence = Absence(id=uuid7(), seat_id=seat_id, starts_at=starts_at, ends_at=ends_at, added_at=at)
    absence.save(force_insert=True)
    record("absence.added", on=absence, by=by, at=at, seat_id=seat_id, starts_at=starts_at, ends_at=ends_at)
    return absence


def _require_here(seat_id: UUID, starts_at: datetime, ends_at: datetime, *, besides: UUID | None = None) -> None:
    standing = Absence.objects.filter(
        seat_id=seat_id, cancelled_at=None, starts_at__lt=ends_at, ends_at__gt=starts_at
    ).exclude(pk=besides)
    found: Any = standing.order_by("starts_at").first()
    if found is not None:
        raise AlreadyAway(absence_id=found.pk)


@transaction.atomic
def revise_absence(
    *, absence_id: UUID, starts_at: datetime | None = None, ends_at: datetime | None = None, by: Actor, at: datetime
) -> Absence:
    """A person is away at another time than they had said. What is None stays.

    Raises Invalid (400) for a time that is over, AbsenceOver and AlreadyAway (409).
    """
    Seat.objects.locked(Absence.objects.found(absence_id).seat_id)
    absence: Absence = Absence.objects.locked(absence_id)
    if absence.cancelled_at is not None or absence.ends_at <= at:
        raise AbsenceOver(ends_at=absence.ends_at)
    absence.starts_at, absence.ends_at = starts_at or absence.starts_at, ends_at or absence.ends_at
    require_order(absence.starts_at, absence.ends_at, at)
    _require_here(absence.seat_id, absence.starts_at, absence.ends_at, besides=absence.pk)
    absence.version += 1
    absence.save(update_fields=["starts_at", "ends_at", "version"])
    record(
        "absence.revised",
        on=absence,
        by=by,
        at=at,
        seat_id=absence.seat_id,
        starts_at=absence.starts_at,
        ends_at=absence.ends_at,
    )
    return absence


@transaction.atomic
def end_absence(*, absence_id: UUID, by: Actor, at: datetime) -> Absence:
    """They are back, or stay after all; what has been stays as it was. Repeating changes nothing."""
    absence: Absence = Absence.objects.locked(absence_id)
    if absence.cancelled_at is not None or absence.ends_at <= at:
        return absence
    if absence.starts_at < at:
        absence.ends_at = at
    else:
        absence.cancelled_at = at
    absence.version += 1
    absence.save(update_fields=["ends_at", "cancelled_at", "version"])
    record("absence.ended", on=absence, by=by, at=at, seat_id=absence.seat_id)
    return absence


def absences_left(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    return counted(Absence.objects.filter(seat_id__in=seat_ids, cancelled_at=None, ends_at__gt=at), "seat_id")


@line("absences", left=absences_left, covers={"alerting.Absence.seat"})
def forget_absences(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Whoever is gone is not away."""
    mine = Absence.objects.filter(seat_id=seat_id, cancelled_at=None, ends_at__gt=at)
    found = list(mine.select_for_update(of=("self",), no_key=True).order_by("pk"))
    for absence in found:
        end_absence(absence_id=absence.pk, by=by, at=at)
    return len(found)


@handing_over("absences")
def forget_absences_of_mover(seat_id: UUID, _to: Caller, by: Actor, at: datetime) -> Handed:
    """Nobody is away in somebody else's name."""
    forget_absences(seat_id, by, at)
    return Handed()
