"""The gate: may this caller do this to that, and what may they see. Nobody else asks guardian.

The wall decides first (another agency's things do not exist); the gate is the door inside it. A grant on the agency
covers every brand, a grant on a brand what belongs to it, a grant on an incident that incident alone. Deny rules and
restricted incidents take away, whatever was granted. A key holds what its issuer holds now and its own list allows.
Times are compared as the question is asked: a grant begins and ends to the instant, however late the workers are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import F, Model, Q, QuerySet

from core.actor import Actor
from core.refusals import NotAllowed, Refusal
from permissions.models import BrandReach, IncidentReach
from permissions.models.grants import holds_at
from permissions.needs import Need
from permissions.pages import HeldBrands, InBrands
from permissions.roles import OVERSEERS, OWNER, Side

Rows = TypeVar("Rows", bound=Model)
# What can still be done on an archived brand: reading, taking away, and opening it again.
ON_ARCHIVED = frozenset({need for need in Need if need.reads} | {Need.BRANDS_CHANGE, Need.ROLES_GRANT})
FOR_EVERYONE_INSIDE = frozenset(
    {Need.AGENCY_READ, Need.CONTACTS_READ, Need.POLICIES_READ, Need.ROTAS_READ, Need.SEATS_READ}
)

# All that a caller's every question turns on, in one statement. What somebody holds on brands is asked need by need.
STANDING = """
SELECT 'agency', p.codename, coalesce(g.role, ''), NULL::uuid
  FROM permissions_agencyreach r
  JOIN auth_permission p ON p.id = r.permission_id
  LEFT JOIN permissions_grant g ON g.id = r.grant_id
 WHERE r.user_id = %(user)s AND r.agency_id = %(agency)s AND r.content_object_id = %(agency)s
   AND (r.starts_at IS NULL OR r.starts_at <= %(at)s) AND (r.ends_at IS NULL OR r.ends_at > %(at)s)
UNION ALL
SELECT 'incident', p.codename, '', r.content_object_id
  FROM permissions_incidentreach r
  JOIN auth_permission p ON p.id = r.permission_id
 WHERE r.user_id = %(user)s AND r.agency_id = %(agency)s
   AND (r.starts_at IS NULL OR r.starts_at <= %(at)s) AND (r.ends_at IS NULL OR r.ends_at > %(at)s)
UNION ALL
SELECT 'restricted', '', '', incident_id
  FROM permissions_restriction WHERE agency_id = %(agency)s AND lifted_at IS NULL
UNION ALL
SELECT CASE WHEN seat_id IS NULL THEN 'rival' ELSE 'denied' END, id::text, '', unnest(brand_ids)
  FROM permissions_denyrule
 WHERE agency_id = %(agency)s AND lifted_at IS NULL AND (ends_at IS NULL OR ends_at > %(at)s)
   AND (seat_id IS NULL OR seat_id = %(seat)s)
UNION ALL
SELECT 'twin', '', '', id
  FROM tenants_brand WHERE agency_id = %(agency)s AND drill_of_id IS NOT NULL
"""


class BrandArchived(Refusal):
    """An archived brand can be read; nothing is done in its name."""

    code = "brand_archived"
    title = "This brand is archived."


@dataclass(frozen=True)
class Standing:
    """What a person holds beside their brands, and what is closed to them whatever they hold."""

    agency: Mapping[str, frozenset[str]] = field(default_factory=dict)  # need -> the roles it comes from
    incidents: Mapping[str, frozenset[UUID]] = field(default_factory=dict)  # need -> incidents
    restricted: frozenset[UUID] = frozenset()
    denied: frozenset[UUID] = frozenset()
    rivals: tuple[frozenset[UUID], ...] = ()
    twins: frozenset[UUID] = frozenset()  # of drills: left out of lists that do not ask for them

    @property
    def roles(self) -> frozenset[str]:
        return frozenset().union(*self.agency.values())


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
    # When the person last proved who they are, and how; None for a key and for jobs.
    proved_at: datetime | None = None
    second_factor: bool = False

    # What DRF asks of `request.user`.
    is_authenticated = True
    is_active = True

    @cached_property
    def standing(self) -> Standing:
        """One query, once a request."""
        return _standing(self)

    @property
    def agency_needs(self) -> frozenset[str]:
        """The needs held on the whole agency."""
        return frozenset(self.standing.agency)

    @cached_property
    def _held(self) -> dict[Need, HeldBrands]:
        return {}

    def held_brands(self, need: Need) -> HeldBrands:
        """The brands on which the need is held by a brand's grant; one indexed query a need, once a request."""
        if need not in self._held:
            self._held[need] = HeldBrands(
                self.user_id, self.agency_id, need, self.at, closed=self.closed_brands, only=self.key_brands
            )
        return self._held[need]

    def brands_with(self, need: Need) -> frozenset[UUID]:
        """The ids of `held_brands`."""
        return self.held_brands(need).ids

    def incidents_with(self, need: Need) -> frozenset[UUID]:
        """The incidents on which the need is held by a grant on the incident itself."""
        return self.standing.incidents.get(need.value, frozenset())

    @cached_property
    def closed_brands(self) -> frozenset[UUID]:
        """Brands that deny rules keep from this person, whatever they were granted."""
        closed = set(self.standing.denied)
        rivals = self.standing.rivals
        if rivals and not self.standing.roles & OVERSEERS:
            mine = brands_held(self.user_id, among=frozenset().union(*rivals), at=self.at)
            for group in rivals:
                # One side of the wall at most; whoever stands on two stands on none.
                own = group & mine
                closed |= group - own if len(own) == 1 else group
        return frozenset(closed)

    @property
    def closed_incidents(self) -> frozenset[UUID]:
        """Incidents that are open to those with a grant on them alone; none for the owner."""
        return frozenset() if OWNER in self.standing.roles else self.standing.restricted

    def key_permits(self, need: Need) -> bool:
        return self.key_needs is None or need.value in self.key_needs


def _standing(caller: Caller) -> Standing:
    asked: dict[str, Any] = {
        "user": caller.user_id,
        "agency": caller.agency_id,
        "seat": caller.seat_id,
        "at": caller.at,
    }
    agency: dict[str, set[str]] = {}
    incidents: dict[str, set[UUID]] = {}
    restricted: set[UUID] = set()
    denied: set[UUID] = set()
    rivals: dict[str, set[UUID]] = {}
    twins: set[UUID] = set()
    with connection.cursor() as cursor:
        cursor.execute(STANDING, asked)
        for kind, word, role, thing in cursor.fetchall():
            match kind:
                case "agency":
                    agency.setdefault(word, set()).add(role)
                case "incident":
                    incidents.setdefault(word, set()).add(thing)
                case "restricted":
                    restricted.add(thing)
                case "denied":
                    denied.add(thing)
                case "twin":
                    twins.add(thing)
                case _:
                    rivals.setdefault(word, set()).add(thing)
    return Standing(
        agency={need: frozenset(roles) for need, roles in agency.items()},
        incidents={need: frozenset(things) for need, things in incidents.items()},
        restricted=frozenset(restricted),
        denied=frozenset(denied),
        rivals=tuple(frozenset(group) for group in rivals.values()),
        twins=frozenset(twins),
    )


def brands_held(user_id: UUID, *, among: Iterable[UUID], at: datetime) -> frozenset[UUID]:
    """Those of the brands on which, or on an incident of which, a person holds anything by a grant there."""
    brands = list(among)
    here = BrandReach.objects.filter(holds_at(at), user_id=user_id, content_object_id__in=brands)
    inside = IncidentReach.objects.filter(holds_at(at), user_id=user_id, content_object__brand_id__in=brands)
    held = here.values_list("content_object_id").union(inside.values_list("content_object__brand_id"))
    return frozenset(brand for (brand,) in held)


def everywhere(caller: Caller, need: Need) -> bool:
    """Whether the caller holds the need on the whole agency."""
    return caller.key_permits(need) and not caller.key_brands and need.value in caller.agency_needs


def anywhere(caller: Caller, need: Need) -> bool:
    """Whether the caller holds the need on the agency, on at least one brand, or on one incident."""
    if not caller.key_permits(need):
        return False
    return need.value in caller.agency_needs or bool(caller.incidents_with(need)) or caller.held_brands(need).any


def allowed(caller: Caller, need: Need, obj: Model | None) -> bool:
    """Whether the caller may do `need` to `obj`; None and things without a brand belong to the whole agency.

    Nothing is done in the name of an archived brand.
    """
    brand = brand_of(obj)
    return _holds(caller, need, obj) and (brand is None or need in ON_ARCHIVED or not archived(brand))


def _holds(caller: Caller, need: Need, obj: Model | None) -> bool:
    if not caller.key_permits(need):
        return False
    brand, incident = brand_of(obj), incident_of(obj)
    if brand is None:
        return anywhere(caller, need) if need in FOR_EVERYONE_INSIDE else everywhere(caller, need)
    if brand in caller.closed_brands or (caller.key_brands and brand not in caller.key_brands):
        return False
    if incident is not None:
        if incident in caller.incidents_with(need):
            return True
        if incident in caller.closed_incidents:
            return False
    return need.value in caller.agency_needs or brand in caller.brands_with(need)


def require(caller: Caller, need: Need, obj: Model | None) -> None:
    """Raise NotAllowed (403) when the caller may not, BrandArchived (409) when nobody may any more."""
    if not _holds(caller, need, obj):
        raise NotAllowed(need=need.value)
    brand = brand_of(obj)
    if brand is not None and need not in ON_ARCHIVED and archived(brand):
        raise BrandArchived(brand=str(brand))


def archived(brand_id: UUID) -> bool:
    """Whether a brand is closed for work."""
    brands: Any = apps.get_model("tenants", "Brand").objects
    return bool(brands.filter(pk=brand_id, stage="ARCHIVED").exists())


def visible(rows: QuerySet[Rows], *, to: Caller, need: Need) -> QuerySet[Rows]:
    """Only the rows on which the caller holds `need`; what the caller holds is asked for once a request."""
    if not to.key_permits(need):
        return rows.none()
    path: str | None = getattr(rows.model, "brand_path", None)
    everywhere_here = need.value in to.agency_needs
    if path is None:  # the agency's own things: some are for everyone who works on any brand
        inside = need in FOR_EVERYONE_INSIDE and anywhere(to, need)
        return rows if inside or everywhere(to, need) else rows.none()
    incident_path: str | None = getattr(rows.model, "incident_path", None)
    own = to.incidents_with(need) if incident_path else frozenset()
    hidden = to.closed_incidents - own if incident_path else frozenset()
    if not everywhere_here:
        by_brand = InBrands(F(path), to.held_brands(need))
        rows = rows.filter(by_brand if not own else Q(by_brand) | Q(**{f"{incident_path}__in": own}))
    if hidden:
        rows = rows.filter(~Q(**{f"{incident_path}__in": hidden}))
    if to.key_brands:
        rows = rows.filter(**{f"{path}__in": to.key_brands})
    if to.closed_brands:
        rows = rows.filter(~Q(**{f"{path}__in": to.closed_brands}))
    return rows


def without_twins(rows: QuerySet[Rows], *, to: Caller) -> QuerySet[Rows]:
    """The rows without those of drills' twins; the rows as they are where the agency has never had a drill."""
    path: str | None = getattr(rows.model, "brand_path", None)
    if path is None or not to.standing.twins:
        return rows
    return rows.filter(~Q(**{f"{path}__in": to.standing.twins}))


def brand_of(obj: Model | None) -> UUID | None:
    """The brand a thing belongs to, by the model's `brand_path`."""
    return _at_end_of(getattr(obj, "brand_path", None), obj)


def incident_of(obj: Model | None) -> UUID | None:
    """The incident a thing belongs to, by the model's `incident_path`; None when it belongs to none."""
    return _at_end_of(getattr(obj, "incident_path", None), obj)


def _at_end_of(path: str | None, obj: Any) -> UUID | None:
    if obj is None or path is None:
        return None
    for part in path.split("__"):
        obj = getattr(obj, part)
        if obj is None:
            return None
    return UUID(str(obj))
