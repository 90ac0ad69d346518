"""What becomes of a person's turns when they go, or hand them over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from alerting.actions.rotas import cancel_override, members_of, override_rota
from alerting.models import ImportedShift, Rota, RotaOverride, Rotation
from alerting.queries import working
from core.actor import Actor
from ledger.actions import record
from permissions.gate import Caller
from permissions.revocation import Handed, Kept, counted, handing_over, line


def shifts_left(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    gone = set(seat_ids)
    left = Counter(counted(_stands_in(gone, at), "seat_id"))
    left.update(counted(_imported(gone, at), "seat_id"))
    for members in Rotation.objects.filter(members__overlap=list(gone)).values_list("members", flat=True):
        left.update(member for member in members if member in gone)
    return left


def _stands_in(seat_ids: Collection[UUID], at: datetime) -> Any:
    return RotaOverride.objects.all().live().filter(seat_id__in=seat_ids, ends_at__gt=at)


def _imported(seat_ids: Collection[UUID], at: datetime) -> Any:
    return ImportedShift.objects.filter(seat_id__in=seat_ids, ends_at__gt=at)


def _rotas_with(seat_id: UUID, at: datetime) -> list[Rota]:
    """The rotas whose turns or imported shifts name a person; locked, in one order."""
    ids = set(Rotation.objects.filter(members__contains=[seat_id]).values_list("rota_id", flat=True))
    ids |= set(_imported([seat_id], at).values_list("rotation__rota_id", flat=True))
    return list(Rota.objects.filter(pk__in=ids).select_for_update(of=("self",), no_key=True).order_by("pk"))


def _revised(rota: Rota, by: Actor, at: datetime) -> None:
    rota.version += 1
    rota.save(update_fields=["version"])
    record("rota.revised", on=rota, by=by, at=at, version=rota.version, members=members_of(rota))


@line(
    "rota shifts",
    left=shifts_left,
    covers={"alerting.Rotation.members", "alerting.RotaOverride.seat", "alerting.ImportedShift.seat"},
)
def leave_rotas(seat_id: UUID, by: Actor, at: datetime) -> int:
    """The next in order takes each turn of the person who goes, so that nobody else's turns move."""
    ended = 0
    for rota in _rotas_with(seat_id, at):
        for rotation in Rotation.objects.filter(rota_id=rota.pk, members__contains=[seat_id]).order_by("position"):
            ended += rotation.members.count(seat_id)
            rotation.members = _passed_on(rotation.members, seat_id)
            rotation.save(update_fields=["members"])
        gone, _ = _imported([seat_id], at).filter(rotation__rota_id=rota.pk).delete()
        ended += gone
        _revised(rota, by, at)
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
    rotas = _rotas_with(seat_id, at)
    overrides = list(_stands_in([seat_id], at).select_for_update(of=("self",), no_key=True).order_by("pk"))
    if not working([to.seat_id]):
        kept = [Kept("alerting.Rota", rota.pk, "not_staff") for rota in rotas]
        return Handed(kept=(*kept, *(Kept("alerting.RotaOverride", one.pk, "not_staff") for one in overrides)))
    given = 0
    for rota in rotas:
        for rotation in Rotation.objects.filter(rota_id=rota.pk, members__contains=[seat_id]).order_by("position"):
            given += rotation.members.count(seat_id)
            rotation.members = [to.seat_id if member == seat_id else member for member in rotation.members]
            rotation.save(update_fields=["members"])
        given += _imported([seat_id], at).filter(rotation__rota_id=rota.pk).update(seat_id=to.seat_id)
        _revised(rota, by, at)
    for override in overrides:
        cancel_override(override_id=override.pk, by=by, at=at)
        starts_at = max(override.starts_at, at)
        override_rota(
            rota_id=override.rota_id, seat_id=to.seat_id, starts_at=starts_at, ends_at=override.ends_at, by=by, at=at
        )
    return Handed(given + len(overrides))
