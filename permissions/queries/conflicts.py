"""Who holds roles that are kept apart, and who stands on brands that are kept apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models.functions import Coalesce

from core.refusals import NotFound
from permissions.models import Grant
from permissions.roles import OVERSEERS


@dataclass(frozen=True, slots=True)
class Hold:
    """A seat holds a role on a brand, or for None on the whole agency, from `starts_at` until `ends_at`."""

    seat_id: UUID
    role: str
    brand_id: UUID | None
    starts_at: datetime | None
    ends_at: datetime | None

    def meets(self, other: Hold) -> bool:
        """Whether there is an instant at which both count."""
        return _before(self.starts_at, other.ends_at) and _before(other.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class Clash:
    """One seat holds two things that are kept apart."""

    seat_id: UUID
    roles: tuple[str, ...]
    brands: tuple[UUID, ...]  # none: on the whole agency

    def facts(self) -> dict[str, Any]:
        return {"seat": str(self.seat_id), "roles": list(self.roles), "brands": [str(brand) for brand in self.brands]}


def _before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end


def holds_at_or_after(at: datetime, **which: Any) -> list[Hold]:
    """What seats hold now or will hold; a role on an incident is held on the incident's brand. One query."""
    rows = Grant.objects.all().lasting(at).filter(**which).annotate(ground=Coalesce("brand_id", "incident__brand_id"))
    return [Hold(*row) for row in rows.values_list("seat_id", "role", "ground", "starts_at", "ends_at").order_by("pk")]


def brands_of_incidents(incident_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The brand of each incident, no query for none; raises NotFound when one is not here."""
    wanted = set(incident_ids)
    if not wanted:
        return {}
    incidents: Any = apps.get_model("incidents", "Incident").objects
    found = dict(incidents.filter(pk__in=wanted).values_list("pk", "brand_id"))
    if wanted - found.keys():
        raise NotFound
    return found


def clashing(holds: Iterable[Hold], roles: Collection[str]) -> list[Clash]:
    """The seats that hold two of the roles on one brand at one instant; an agency-wide role is held on every brand."""
    found: dict[tuple[UUID, tuple[UUID, ...]], set[str]] = {}
    for a, b in _pairs(hold for hold in holds if hold.role in roles):
        if a.role != b.role and (a.brand_id is None or b.brand_id is None or a.brand_id == b.brand_id):
            brand = a.brand_id or b.brand_id
            found.setdefault((a.seat_id, (brand,) if brand else ()), set()).update((a.role, b.role))
    return [Clash(seat, tuple(sorted(both)), brands) for (seat, brands), both in sorted(found.items())]


def crossing(holds: Iterable[Hold], rivals: Collection[UUID]) -> list[Clash]:
    """The seats that stand on two rival brands at one instant; whoever oversees the agency stands above them."""
    holds = list(holds)
    above = {hold.seat_id for hold in holds if hold.brand_id is None and hold.role in OVERSEERS}
    found: dict[UUID, tuple[set[str], set[UUID]]] = {}
    for a, b in _pairs(hold for hold in holds if hold.brand_id in rivals and hold.seat_id not in above):
        if a.brand_id and b.brand_id and a.brand_id != b.brand_id:
            roles, brands = found.setdefault(a.seat_id, (set(), set()))
            roles.update((a.role, b.role))
            brands.update((a.brand_id, b.brand_id))
    return [Clash(seat, tuple(sorted(roles)), tuple(sorted(brands))) for seat, (roles, brands) in sorted(found.items())]


def _pairs(holds: Iterable[Hold]) -> Iterator[tuple[Hold, Hold]]:
    by_seat: dict[UUID, list[Hold]] = {}
    for hold in holds:
        by_seat.setdefault(hold.seat_id, []).append(hold)
    for theirs in by_seat.values():
        yield from ((a, b) for a, b in combinations(theirs, 2) if a.meets(b))
