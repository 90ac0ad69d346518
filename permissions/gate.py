"""The gate: may this caller do this to that, and what may they see. Nobody else asks guardian.

The wall decides first (another agency's things do not exist); the gate is the door inside it. An agency-wide grant
covers every brand. A key holds what its issuer holds now and its own list allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from core.actor import Actor
from core.refusals import NotAllowed
from permissions.models import AgencyReach, BrandReach
from permissions.needs import Need
from permissions.roles import Side

Rows = TypeVar("Rows", bound=Model)
FOR_EVERYONE_INSIDE = frozenset({Need.AGENCY_READ, Need.SEATS_READ, Need.ROTAS_READ})


@dataclass(frozen=True)
class Caller:
    """Who asks, in which agency, and when. Made at sign-in and by jobs that ask again on a person's behalf."""

    actor: Actor
    agency_id: UUID
    seat_id: UUID
    user_id: UUID
    side: Side
    at: datetime
    key_needs: frozenset[str] | None = None  # None: not a key
    key_brands: frozenset[UUID] = frozenset()  # empty: no restriction beyond the issuer's

    # What DRF asks of `request.user`.
    is_authenticated = True
    is_active = True

    @cached_property
    def agency_needs(self) -> frozenset[str]:
        """The needs held on the whole agency; one query, once a request."""
        rows = AgencyReach.objects.filter(_live(self), user_id=self.user_id, content_object_id=self.agency_id)
        return frozenset(rows.values_list("permission__codename", flat=True))

    @cached_property
    def _brands_by_need(self) -> dict[Need, frozenset[UUID]]:
        return {}

    def brands_with(self, need: Need) -> frozenset[UUID]:
        """The brands on which the need is held by a brand's grant; one query a need, once a request.

        Told as a list and not as a sub-query: Postgres takes a sub-query of grants for one row, and then reads every
        row of the granted brands for one page.
        """
        if need not in self._brands_by_need:
            self._brands_by_need[need] = frozenset(_granted_brands(self, need))
        return self._brands_by_need[need]

    def key_permits(self, need: Need) -> bool:
        return self.key_needs is None or need.value in self.key_needs


def _live(caller: Caller) -> Q:
    return Q(ends_at=None) | Q(ends_at__gt=caller.at)


def _granted_brands(caller: Caller, need: Need) -> QuerySet[BrandReach, Any]:
    rows = BrandReach.objects.filter(
        _live(caller),
        agency_id=caller.agency_id,
        user_id=caller.user_id,
        permission__codename=need.value,
        permission__content_type__app_label="tenants",
        permission__content_type__model="brand",
    )
    if caller.key_brands:
        rows = rows.filter(content_object_id__in=caller.key_brands)
    return rows.values_list("content_object_id", flat=True)


def everywhere(caller: Caller, need: Need) -> bool:
    """Whether the caller holds the need on the whole agency."""
    return caller.key_permits(need) and not caller.key_brands and need.value in caller.agency_needs


def anywhere(caller: Caller, need: Need) -> bool:
    """Whether the caller holds the need on the agency or on at least one brand."""
    if not caller.key_permits(need):
        return False
    return need.value in caller.agency_needs or bool(caller.brands_with(need))


def allowed(caller: Caller, need: Need, obj: Model | None) -> bool:
    """Whether the caller may do `need` to `obj`; None and things without a brand belong to the whole agency."""
    if not caller.key_permits(need):
        return False
    brand = brand_of(obj)
    if brand is None:
        return anywhere(caller, need) if need in FOR_EVERYONE_INSIDE else everywhere(caller, need)
    if caller.key_brands and brand not in caller.key_brands:
        return False
    return need.value in caller.agency_needs or brand in caller.brands_with(need)


def require(caller: Caller, need: Need, obj: Model | None) -> None:
    """Raise NotAllowed (403) when the caller may not."""
    if not allowed(caller, need, obj):
        raise NotAllowed(need=need.value)


def visible(rows: QuerySet[Rows], *, to: Caller, need: Need) -> QuerySet[Rows]:
    """Only the rows on which the caller holds `need`; what the caller holds is asked for once a request."""
    if not to.key_permits(need):
        return rows.none()
    path: str | None = getattr(rows.model, "brand_path", None)
    if need.value in to.agency_needs:
        return rows.filter(**{f"{path}__in": to.key_brands}) if to.key_brands and path else rows
    if path is None:  # the agency's own things: some are for everyone who works on any brand
        return rows if need in FOR_EVERYONE_INSIDE and to.brands_with(need) else rows.none()
    return rows.filter(**{f"{path}__in": to.brands_with(need)})


def brand_of(obj: Model | None) -> UUID | None:
    """The brand a thing belongs to, by the model's `brand_path`."""
    path: str | None = getattr(obj, "brand_path", None)
    if obj is None or path is None:
        return None
    found: Any = obj
    for part in path.split("__"):
        found = getattr(found, part)
    return found if found is None else UUID(str(found))
