"""Rotas with everything that says who answers, at an instant or for a while, in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from alerting.models import Absence, ImportedShift, Rota, RotaOverride, Rotation, ShiftSwap
from alerting.shifts import UNITS, Drawing, Layer, Span, Stretch, TakenSwap, Window, spans
from alerting.states import SwapStage
from tenants.models import Seat

LONGEST_SCHEDULE = timedelta(days=366)


def working(seat_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the seats that are staff of the agency and active, in the order given, each once."""
    wanted = list(dict.fromkeys(seat_ids))
    found = set(Seat.objects.all().active().filter(pk__in=wanted, side="staff").values_list("pk", flat=True))
    return [seat for seat in wanted if seat in found]


def drawings(rota_ids: Iterable[UUID], since: datetime, until: datetime) -> dict[UUID, Drawing]:
    """What says who answers for each of the rotas from `since` until `until`. Six queries, however many there are."""
    wanted = list(dict.fromkeys(rota_ids))
    then = {"starts_at__lt": until, "ends_at__gt": since}
    rotations = list(Rotation.objects.filter(rota_id__in=wanted).order_by("rota_id", "position"))
    shifts = defaultdict(list)
    for shift in ImportedShift.objects.filter(rotation__rota_id__in=wanted, **then).order_by("starts_at", "pk"):
        shifts[shift.rotation_id].append(_stretch(shift))
    overrides = defaultdict(list)
    for override in RotaOverride.objects.all().live().filter(rota_id__in=wanted, **then).order_by("-created_at", "-pk"):
        overrides[override.rota_id].append(_stretch(override))
    swaps = defaultdict(list)
    taken = ShiftSwap.objects.filter(rota_id__in=wanted, stage=SwapStage.TAKEN, **then)
    for swap in taken.order_by("settled_at", "pk"):
        swaps[swap.rota_id].append(_taken(swap))
    absences = defaultdict(list)
    for absence in Absence.objects.filter(cancelled_at=None, **then):
        absences[absence.seat_id].append(_stretch(absence))
    named = {member for rotation in rotations for member in rotation.members}
    named |= {shift.seat for some in (*shifts.values(), *overrides.values()) for shift in some}
    named |= {swap.taken_by for some in swaps.values() for swap in some}
    here = frozenset(working(named))
    layers = defaultdict(list)
    for rotation in rotations:
        layers[rotation.rota_id].append(layer_of(rotation, shifts[rotation.pk]))
    return {
        rota: Drawing(tuple(layers[rota]), tuple(overrides[rota]), tuple(swaps[rota]), dict(absences), here)
        for rota in wanted
    }


def layer_of(rotation: Rotation, shifts: Sequence[Stretch]) -> Layer:
    return Layer(
        id=rotation.pk,
        time_zone=rotation.time_zone,
        members=tuple(rotation.members),
        starts_at=rotation.starts_at,
        ends_at=rotation.ends_at,
        length=rotation.turn_length * UNITS[rotation.turn_unit],
        windows=tuple(Window.read(window) for window in rotation.windows),
        shifts=tuple(shifts) if rotation.from_calendar else None,
    )


def _stretch(row: ImportedShift | RotaOverride | Absence) -> Stretch:
    return Stretch(row.pk, row.seat_id, row.starts_at, row.ends_at)


def _taken(swap: ShiftSwap) -> TakenSwap:
    if swap.taken_by_id is None or swap.settled_at is None:
        raise ValueError("A taken swap names nobody, or no time; the constraint forbids it.")
    return TakenSwap(
        swap.pk, swap.seat_id, swap.starts_at, swap.ends_at, swap.taken_by_id, swap.offered_at, swap.settled_at
    )


def schedule(rota_id: UUID, since: datetime, until: datetime, *, by_turn: bool = False) -> list[Span]:
    """Who answers for a rota, span by span, gaps among them; `by_turn` keeps one person's turns apart."""
    return spans(drawings([rota_id], since, until)[rota_id], since, until, by_turn=by_turn)


def duties_of(seat_id: UUID, since: datetime, until: datetime, *, by_turn: bool = False) -> list[tuple[UUID, Span]]:
    """(rota, span) for each stretch in which a person answers for a rota, in the order of their starts."""
    drawn = drawings(Rota.objects.order_by("pk").values_list("pk", flat=True), since, until)
    found = [
        (rota, span)
        for rota, drawing in drawn.items()
        for span in spans(drawing, since, until, by_turn=by_turn)
        if span.duty.seat == seat_id
    ]
    return sorted(found, key=lambda one: (one[1].starts_at, one[0]))
