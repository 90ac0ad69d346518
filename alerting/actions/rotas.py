"""Who takes turns, and who stands in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from alerting.models import ImportedShift, Rota, RotaOverride, Rotation
from alerting.queries import working
from core.actor import Actor
from core.refusals import Invalid, Refusal
from ledger.actions import record
from tenants.actions.agencies import check_time_zone

FIRST_YEAR, LAST_YEAR = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# What a wish may say of a rotation, beside its id: a calendar says the rest of one that was read from it.
SAID_BY_CALENDAR = frozenset({"members", "turn"})


class RotaNameTaken(Refusal):
    code = "rota_name_taken"
    title = "There is a rota of this name."


class OverrideOver(Refusal):
    """What has been is not changed."""

    code = "override_over"
    title = "This override is over."


def require_staff(seat_ids: Sequence[UUID], *, field: str) -> None:
    """Raise Invalid (400) unless each seat is active staff; `field` may hold {} for the place in the list."""
    found = set(working(seat_ids))
    errors = [
        {"field": field.format(place), "code": "does_not_exist", "detail": "There is no active staff seat like this."}
        for place, seat in enumerate(seat_ids)
        if seat not in found
    ]
    if errors:
        raise Invalid("Only active staff can be on call.", errors=errors)


def require_order(starts_at: datetime, ends_at: datetime, at: datetime) -> None:
    """Raise Invalid (400) unless something ends after it starts, and after now."""
    if ends_at <= starts_at or ends_at <= at:
        detail = "This must be later than the start, and later than now."
        raise Invalid(errors=[{"field": "ends_at", "code": "too_early", "detail": detail}])


def _require_free_name(name: str, *, besides: UUID | None) -> None:
    if Rota.objects.filter(name=name).exclude(pk=besides).exists():
        raise RotaNameTaken(name=name)


@transaction.atomic
def create_rota(*, name: str, time_zone: str, rotations: Sequence[Mapping[str, Any]], by: Actor, at: datetime) -> Rota:
    """Have people take turns.

    Each rotation is {"members": [seat, …], "starts_at": …} with, where the default will not do, "name", "time_zone"
    (the rota's), "ends_at" (never), "turn" ({"unit": "days", "length": 1}) and "windows" (always on duty); the first
    of them answers first. Raises Invalid (400) and RotaNameTaken (409).
    """
    _require_free_name(name, besides=None)
    rota = Rota(name=name, time_zone=check_time_zone(time_zone), created_at=at)
    rota.save(force_insert=True)
    _write_rotations(rota, rotations)
    record("rota.created", on=rota, by=by, at=at, name=name)
    return rota


@transaction.atomic
def revise_rota(
    *,
    rota_id: UUID,
    name: str | None = None,
    time_zone: str | None = None,
    rotations: Sequence[Mapping[str, Any]] | None = None,
    by: Actor,
    at: datetime,
) -> Rota:
    """Change who takes turns and when; counts from now on, for pages that are climbing too.

    What is None stays. `rotations` are all of them in their new order: one with an "id" is changed in what it names,
    one without is new, and one that is missing ends. Raises Invalid (400) and RotaNameTaken (409).
    """
    rota: Rota = Rota.objects.locked(rota_id)
    if name is not None:
        _require_free_name(name, besides=rota.pk)
        rota.name = name
    if time_zone is not None:
        rota.time_zone = check_time_zone(time_zone)
    rota.version += 1
    rota.save(update_fields=["name", "time_zone", "version"])
    if rotations is not None:
        _write_rotations(rota, rotations)
    record("rota.revised", on=rota, by=by, at=at, version=rota.version, members=members_of(rota))
    return rota


def members_of(rota: Rota) -> list[UUID]:
    """Everybody who takes turns, rotation by rotation, each as often as they stand there."""
    found = Rotation.objects.filter(rota_id=rota.pk).order_by("position").values_list("members", flat=True)
    return [member for members in found for member in members]


def _write_rotations(rota: Rota, wishes: Sequence[Mapping[str, Any]]) -> None:
    present = {rotation.pk: rotation for rotation in Rotation.objects.filter(rota_id=rota.pk).select_for_update()}
    rows = []
    for place, wish in enumerate(wishes):
        said = {name: value for name, value in wish.items() if name != "id"}
        row = Rotation(rota_id=rota.pk, time_zone=rota.time_zone, name=f"Rotation {place + 1}")
        if "id" in wish:
            known = present.pop(wish["id"], None)
            if known is None:
                raise _wrong(place, "id", "does_not_exist", "The rota has no such rotation, or it stands here twice.")
            row = known
        if row.from_calendar and said.keys() & SAID_BY_CALENDAR:
            raise _wrong(place, min(said.keys() & SAID_BY_CALENDAR), "from_calendar", "Its calendar says this.")
        row.position = place + 1
        _fill(row, said, place)
        rows.append(row)
    ImportedShift.objects.filter(rotation_id__in=list(present)).delete()
    Rotation.objects.filter(pk__in=list(present)).delete()
    for row in rows:
        row.save()


def _fill(row: Rotation, said: Mapping[str, Any], place: int) -> None:
    for name in ("name", "members", "starts_at", "ends_at"):
        if name in said:
            setattr(row, name, said[name])
    if "time_zone" in said:
        row.time_zone = check_time_zone(said["time_zone"])
    if "turn" in said:
        row.turn_unit, row.turn_length = said["turn"]["unit"], said["turn"]["length"]
    if "windows" in said:
        row.windows = [
            {"days": sorted(set(window["days"])), "starts": window["starts"], "ends": window["ends"]}
            for window in said["windows"]
        ]
    if "members" in said:
        require_staff(said["members"], field=f"rotations.{place}.members.{{}}")
    if not FIRST_YEAR <= row.starts_at < LAST_YEAR:
        raise _wrong(place, "starts_at", "out_of_range", "This must lie between 2000 and 2100.")
    if row.ends_at is not None and not row.starts_at < row.ends_at < LAST_YEAR:
        raise _wrong(place, "ends_at", "too_early", "This must be later than the start.")


def _wrong(place: int, name: str, code: str, detail: str) -> Invalid:
    return Invalid(errors=[{"field": f"rotations.{place}.{name}", "code": code, "detail": detail}])


@transaction.atomic
def override_rota(
    *, rota_id: UUID, seat_id: UUID, starts_at: datetime, ends_at: datetime, by: Actor, at: datetime
) -> RotaOverride:
    """Somebody stands in for whoever has the turn, from one instant to another."""
    rota: Rota = Rota.objects.locked(rota_id)
    require_order(starts_at, ends_at, at)
    require_staff([seat_id], field="seat")
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
