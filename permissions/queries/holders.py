"""Who holds a role or a need, here and now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from core.refusals import Invalid
from permissions.gate import Caller
from permissions.models import BrandReach, CustomRole, Grant
from permissions.models.grants import holds_at
from permissions.needs import Need
from permissions.queries.conflicts import brands_of_incidents
from permissions.queries.twins import held_on
from permissions.roles import ROLES, Role


def role_named(name: str) -> Role:
    """A built-in role, or one of the agency's own; raises Invalid when there is none."""
    if name in ROLES:
        return ROLES[name]
    own = CustomRole.objects.filter(slug=name, retired_at=None).first()
    if own is None:
        raise Invalid("There is no such role.", role=name, known=sorted(ROLES))
    return as_role(own)


def roles_known() -> dict[str, Role]:
    """Every role that can be held in the agency, by name: the built-in ones and those it made for itself."""
    return {**ROLES, **{own.slug: as_role(own) for own in CustomRole.objects.filter(retired_at=None)}}


def as_role(own: CustomRole) -> Role:
    """An agency's own role in the shape of a built-in one; a need that no longer exists is passed over."""
    needs = frozenset(Need(need) for need in own.needs if need in Need.values)
    return Role(own.slug, own.label, "client" if own.side == "client" else "staff", needs)


def holds_role(*, seat_id: UUID, role: str, brand_id: UUID, at: datetime) -> bool:
    """Whether a seat holds a role on a brand, by a grant on the brand or on the whole agency."""
    return seat_id in seats_with_role(role=role, brand_id=brand_id, at=at)


def seats_with_role(*, role: str, brand_id: UUID | None, at: datetime) -> list[UUID]:
    """The seats that hold a role on a brand (or, for None, on the whole agency), longest-serving first.

    On a drill's twin only grants on the twin itself count.
    """
    here = held_on(brand_id) if brand_id else Q(brand_id=None)
    grants = Grant.objects.all().counting(at).filter(here, role=role, incident=None).order_by("granted_at", "pk")
    return list(dict.fromkeys(grants.values_list("seat_id", flat=True)))


def seats_with_need(*, need: Need, brand_id: UUID, at: datetime) -> list[UUID]:
    """The seats that some role gives a need on a brand, by a grant there or on the whole agency."""
    roles = [name for name, role in roles_known().items() if need in role.needs]
    grants = Grant.objects.all().counting(at).filter(held_on(brand_id), role__in=roles)
    return list(
        dict.fromkeys(grants.filter(incident=None).order_by("granted_at", "pk").values_list("seat_id", flat=True))
    )


def needs_held(caller: Caller, places: Sequence[Any]) -> list[frozenset[Need]]:
    """What a caller holds in each of the places, now; a key holds no more than it was issued for.

    One query for brands, one for incidents: who holds a need on a brand holds it on the brand's incidents.
    """
    of_incident = brands_of_incidents(place.incident_id for place in places if place.incident_id)
    grounds = [of_incident[place.incident_id] if place.incident_id else place.brand_id for place in places]
    brands = {ground for ground in grounds if ground} - caller.closed_brands
    on_brands: dict[UUID, set[str]] = {}
    if brands:
        rows = BrandReach.objects.filter(holds_at(caller.at), user_id=caller.user_id, content_object_id__in=brands)
        for brand, codename in rows.values_list("content_object_id", "permission__codename"):
            on_brands.setdefault(brand, set()).add(codename)
    return [
        _held_in(caller, place.incident_id, ground, on_brands) for place, ground in zip(places, grounds, strict=True)
    ]


def _held_in(
    caller: Caller, incident: UUID | None, brand: UUID | None, on_brands: dict[UUID, set[str]]
) -> frozenset[Need]:
    if brand in caller.closed_brands or (caller.key_brands and brand not in caller.key_brands):
        return frozenset()
    held = set(caller.agency_needs) | (on_brands.get(brand, set()) if brand else set())
    if incident is not None:
        own = {need for need, incidents in caller.standing.incidents.items() if incident in incidents}
        held = own if incident in caller.closed_incidents else held | own
    return frozenset(need for need in Need if need.value in held and caller.key_permits(need))
