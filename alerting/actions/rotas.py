"""Who takes turns, and who stands in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from alerting.models import Rota, RotaOverride
from alerting.queries import working
from core.actor import Actor
from core.refusals import Invalid, Refusal
from ledger.actions import record
from permissions.gate import Caller
from permissions.revocation import Handed, Kept, counted, handing_over, line
from tenants.actions.agencies import check_time_zone


class RotaNameTaken(Refusal):
    code = "rota_name_taken"
    title = "There is a rota of this name."


class OverrideOver(Refusal):
    """What has been is not changed."""

    code = "override_over"
    title = "This override is over."


def _require_staff(seat_ids: Sequence[UUID], *, field: str) -> None:
    found = set(working(seat_ids))
    errors = [
        {"field": field.format(place), "code": "does_not_exist", "detail": "There is no active staff seat like this."}
        for place, seat in enumerate(seat_ids)
        if seat not in found
    ]
    if errors:
        raise Invalid("Only active staff can be on call.", errors=errors)


def _require_free_name(name: str, *, besides: UUID | None) -> None:
    if Rota.objects.filter(name=name).exclude(pk=besides).exists():
        raise RotaNameTaken(name=name)


@transaction.atomic
def create_rota(
    *,
    name: str,
    time_zone: str,
    members: Sequence[UUID],
    starts_at: datetime,
    shift_hours: int,
    by: Actor,
    at: datetime,
) -> Rota:
    """Have people take turns from `starts_at` on, each for `shift_hours` on the clock of `time_zone`."""
    _require_staff(members, field="members.{}")
    _require_free_name(name, besides=None)
    rota = Rota(
        name=name,
        time_zone=check_time_zone(time_zone),
        members=list(members),
        starts_at=starts_at,
        shift_hours=shift_hours,
        created_at=at,
    )
    rota.save(force_insert=True)
    record("rota.created", on=rota, by=by, at=at, name=name)
    return rota


@transaction.atomic
def revise_rota(
    *,
    rota_id: UUID,
    name: str,
    time_zone: str,
    members: Sequence[UUID],
    starts_at: datetime,
    shift_hours: int,
    by: Actor,
    at: datetime,
) -> Rota:
    """Change who takes turns and when; counts from now on, for pages that are climbing too."""
    rota: Rota = Rota.objects.locked(rota_id)
    _require_staff(members, field="members.{}")
    _require_free_name(name, besides=rota.pk)
    rota.name, rota.time_zone, rota.members = name, check_time_zone(time_zone), list(members)
    rota.starts_at, rota.shift_hours = starts_at, shift_hours
    rota.version += 1
    rota.save(update_fields=["name", "time_zone", "members", "starts_at", "shift_hours", "version"])
    record("rota.revised", on=rota, by=by, at=at, version=rota.version, members=rota.members)
    return rota


@transaction.atomic
def override_rota(
    *, rota_id: UUID, seat_id: UUID, starts_at: datetime, ends_at: datetime, by: Actor, at: datetime
) -> RotaOverride:
    """Somebody stands in for whoever has the turn, from one instant to another."""
    rota: Rota = Rota.objects.locked(rota_id)
    if ends_at <= starts_at or ends_at <= at:
        detail = "This must be later than the start, and later than now."
        raise Invalid(errors=[{"field": "ends_at", "code": "too_early", "detail": detail}])
    _require_staff([seat_id], field="seat")
    override = RotaOverride(rota_id=rota.pk, seat_id=seat_id, starts_at=starts_at, ends_at=ends_at, created_at=at)
    override.save(force_insert=True)
    record(
        "rota.overridden",
        on=rota,
        by=by,
        at=at,
        override_id=override.pk,
        seat_id=seat_id,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    return override


@transaction.atomic
def cancel_override(*, override_id: UUID, by: Actor, at: datetime) -> RotaOverride:
    """Whoever has the turn answers again; repeating changes nothing."""
    override: RotaOverride = RotaOverride.objects.locked(override_id)
    if override.cancelled_at is not None:
        return override
    if override.ends_at <= at:
        raise OverrideOver(ends_at=override.ends_at)
    override.cancelled_at = at
    override.save(update_fields=["cancelled_at"])
    rota = Rota.objects.found(override.rota_id)
    record("rota.override_cancelled", on=rota, by=by, at=at, override_id=override.pk, seat_id=override.seat_id)
    return override


def shifts_left(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    gone = set(seat_ids)
    left = Counter(counted(_stands_in(gone, at), "seat_id"))
    for members in Rota.objects.filter(members__overlap=list(gone)).values_list("members", flat=True):
        left.update(member for member in members if member in gone)
    return left


def _stands_in(seat_ids: Collection[UUID], at: datetime) -> Any:
    return RotaOverride.objects.all().live().filter(seat_id__in=seat_ids, ends_at__gt=at)


@line("rota shifts", left=shifts_left, covers={"alerting.Rota.members", "alerting.RotaOverride.seat"})
def leave_rotas(seat_id: UUID, by: Actor, at: datetime) -> int:
    """The next in order takes each turn of the person who goes, so that nobody else's turns move."""
    ended = 0
    for rota in (
        Rota.objects.filter(members__contains=[seat_id]).select_for_update(of=("self",), no_key=True).order_by("pk")
    ):
        ended += rota.members.count(seat_id)
        rota.members = _passed_on(rota.members, seat_id)
        rota.version += 1
        rota.save(update_fields=["members", "version"])
        record("rota.revised", on=rota, by=by, at=at, version=rota.version, members=rota.members)
    for override in _stands_in([seat_id], at).order_by("pk"):
        cancel_override(override_id=override.pk, by=by, at=at)
        ended += 1
    return ended


def _passed_on(members: Sequence[UUID], leaver: UUID) -> list[UUID]:
    """The order with each place of the leaver given to the next person after it; empty when there is no other."""
    if set(members) <= {leaver}:
        return []
    taken = list(members)
    # From the end: a place that has been given on can be given on again. Twice, because the last may look to the first.
    for place in [*reversed(range(len(taken))), *reversed(range(len(taken)))]:
        if taken[place] == leaver:
            taken[place] = taken[(place + 1) % len(taken)]
    return taken


@handing_over("rota shifts")
def give_shifts(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor takes every turn and stands in wherever the person would have."""
    rotas = list(
        Rota.objects.filter(members__contains=[seat_id]).select_for_update(of=("self",), no_key=True).order_by("pk")
    )
    overrides = list(_stands_in([seat_id], at).select_for_update(of=("self",), no_key=True).order_by("pk"))
    if not working([to.seat_id]):
        kept = [Kept("alerting.Rota", rota.pk, "not_staff") for rota in rotas]
        return Handed(kept=(*kept, *(Kept("alerting.RotaOverride", one.pk, "not_staff") for one in overrides)))
    given = 0
    for rota in rotas:
        given += rota.members.count(seat_id)
        rota.members = [to.seat_id if member == seat_id else member for member in rota.members]
        rota.version += 1
        rota.save(update_fields=["members", "version"])
        record("rota.revised", on=rota, by=by, at=at, version=rota.version, members=rota.members)
    for override in overrides:
        cancel_override(override_id=override.pk, by=by, at=at)
        starts_at = max(override.starts_at, at)
        override_rota(
            rota_id=override.rota_id, seat_id=to.seat_id, starts_at=starts_at, ends_at=override.ends_at, by=by, at=at
        )
    return Handed(given + len(overrides))
