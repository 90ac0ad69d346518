"""Who holds what where: people by brands, and who sees one incident."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet

from permissions import gate
from permissions.gate import Caller
from permissions.models import CustomRole, Grant, IncidentReach
from permissions.models.grants import holds_at
from permissions.needs import Need
from permissions.queries.picture import Held, closing_walls, grounded, walls_now
from permissions.roles import OWNER, ROLES


@dataclass(slots=True)
class Row:
    """One person: their roles on the whole agency, on brands and on incidents, and the brands kept from them."""

    seat: Any
    agency: list[str] = field(default_factory=list)
    brands: dict[UUID, list[str]] = field(default_factory=dict)
    incidents: dict[UUID, list[str]] = field(default_factory=dict)
    denied: list[UUID] = field(default_factory=list)


def grants_seen(caller: Caller, need: Need) -> QuerySet[Grant]:
    """The grants where the caller holds the need: on the agency, on brands, on incidents that they may see."""
    # By name: permissions lie below incidents and know their table, not their code.
    incidents = gate.visible(apps.get_model("incidents", "Incident").objects.all(), to=caller, need=need)
    rows = gate.visible(Grant.objects.all(), to=caller, need=need)
    on_incidents = Exists(incidents.filter(pk=OuterRef("incident_id")))
    return rows.filter(incident=None) | Grant.objects.filter(on_incidents, incident__isnull=False)


def roles_with(need: Need) -> list[str]:
    """The names of the roles that hold a need; one query."""
    own = CustomRole.objects.filter(needs__contains=[need.value], retired_at=None).values_list("slug", flat=True)
    return [*(name for name, role in ROLES.items() if need in role.needs), *own]


def seats_in_matrix(
    caller: Caller, *, brand: UUID | None = None, role: str | None = None, need: Need | None = None,
    side: str | None = None,
) -> QuerySet[Any]:  # fmt: skip
    """The people of the matrix that a caller may see, narrowed. Whoever explains a brand sees who holds it."""
    seats: Any = apps.get_model("tenants", "Seat").objects.exclude(stage="ENDED").select_related("user")
    grants = grants_seen(caller, Need.ACCESS_EXPLAIN).filter(holds_at(caller.at), withdrawn_at=None)
    if brand is not None:
        whole = Q(brand=None, incident=None)
        grants = grants.filter(whole | Q(brand_id=brand) | Q(incident__brand_id=brand))
    if role is not None:
        grants = grants.filter(role=role)
    if need is not None:
        grants = grants.filter(role__in=roles_with(need))
    narrowed = brand or role or need
    if narrowed or not gate.everywhere(caller, Need.ACCESS_EXPLAIN):
        seats = seats.filter(Exists(grants.filter(seat_id=OuterRef("pk"))))
    rows: QuerySet[Any] = seats if side is None else seats.filter(side=side)
    return rows


def rows_of(seats: Sequence[Any], *, caller: Caller) -> list[Row]:
    """What these people hold, as far as the caller may know; three queries, however many they are."""
    seen = set(
        grants_seen(caller, Need.ACCESS_EXPLAIN)
        .filter(holds_at(caller.at), withdrawn_at=None, seat__in=[seat.pk for seat in seats])
        .values_list("pk", flat=True)
    )
    held = held_by([seat.pk for seat in seats], at=caller.at)
    walls = walls_now()
    whole = gate.everywhere(caller, Need.ACCESS_EXPLAIN)
    rows = []
    for seat in seats:
        row = Row(seat)
        theirs = held.get(seat.pk, [])
        for one in theirs:
            if one.grant_id not in seen:
                continue
            if one.incident_id is not None:
                row.incidents.setdefault(one.incident_id, []).append(one.role)
            elif one.brand_id is not None:
                row.brands.setdefault(one.brand_id, []).append(one.role)
            else:
                row.agency.append(one.role)
        closed = closing_walls(theirs, walls, seat_id=seat.pk, at=caller.at).keys()
        known = closed - caller.closed_brands if whole else closed & caller.brands_with(Need.ACCESS_EXPLAIN)
        row.denied = sorted(known)
        rows.append(row)
    return rows


def held_by(seat_ids: Iterable[UUID], *, at: datetime) -> dict[UUID, list[Held]]:
    """What counts of each seat's grants, without their needs, in the order of the roles' names; one query."""
    found: dict[UUID, list[Held]] = {}
    for grant in grounded().counting(at).filter(seat_id__in=list(seat_ids)).order_by("role", "pk"):
        found.setdefault(grant.seat_id, []).append(Held.of(grant, frozenset()))
    return found


def who_sees(incident: Any, *, at: datetime) -> list[tuple[Any, str]]:
    """The active seats that see an incident although it is restricted, each with `owner` or the role on it."""
    seats: dict[UUID, Any] = {
        seat.pk: seat
        for seat in apps.get_model("tenants", "Seat").objects.filter(stage="ACTIVE").select_related("user").filter(
            Exists(_opening(incident.pk, at).filter(seat_id=OuterRef("pk")))
        ).order_by("created_at", "pk")
    }  # fmt: skip
    held, walls = held_by(seats, at=at), walls_now()
    told = []
    for pk, seat in seats.items():
        theirs = held.get(pk, [])
        if incident.brand_id in closing_walls(theirs, walls, seat_id=pk, at=at):
            continue
        owner = any(one.on_agency and one.role == OWNER for one in theirs)
        own = [one.role for one in theirs if one.incident_id == incident.pk]
        told.append((seat, OWNER if owner else own[0]))
    return told


def _opening(incident_id: UUID, at: datetime) -> QuerySet[Grant]:
    """The grants through which a restricted incident is seen."""
    reading = IncidentReach.objects.filter(
        content_object_id=incident_id, permission__codename=Need.INCIDENTS_READ.value
    ).values("grant_id")
    owner = Q(role=OWNER, brand=None, incident=None)
    rows: QuerySet[Grant] = Grant.objects.all().counting(at).filter(owner | Q(pk__in=reading))
    return rows
