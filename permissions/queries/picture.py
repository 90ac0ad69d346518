"""What a person's rights turned on at an instant: read from the tables as they are, or folded from the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import F, Model
from django.utils.dateparse import parse_datetime

from ledger.models import Event
from permissions.gate import archived, brand_of, incident_of
from permissions.models import AgencyReach, BrandReach, CustomRole, DenyRule, Grant, IncidentReach, Restriction
from permissions.roles import OVERSEERS, OWNER

ACTIVE, SUSPENDED, ENDED = "ACTIVE", "SUSPENDED", "ENDED"


@dataclass(frozen=True, slots=True)
class Held:
    """A grant as it stood: what it gave, where, and for which time. `ground` is its brand or its incident's."""

    grant_id: UUID
    role: str
    needs: frozenset[str]
    brand_id: UUID | None
    incident_id: UUID | None
    ground: UUID | None
    reason: str
    sponsor_id: UUID | None
    granted_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None

    @classmethod
    def of(cls, grant: Any, needs: frozenset[str]) -> Held:
        """A grant of `grounded()` as its row says."""
        return cls(
            grant_id=grant.pk,
            role=grant.role,
            needs=needs,
            brand_id=grant.brand_id,
            incident_id=grant.incident_id,
            ground=grant.brand_id or grant.incident_brand,
            reason=grant.reason,
            sponsor_id=grant.sponsor_id,
            granted_at=grant.granted_at,
            starts_at=grant.starts_at,
            ends_at=grant.ends_at,
        )

    def counts(self, at: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or self.ends_at > at)

    @property
    def on_agency(self) -> bool:
        return self.brand_id is None and self.incident_id is None


@dataclass(frozen=True, slots=True)
class Wall:
    """A deny rule as it stood."""

    rule_id: UUID
    seat_id: UUID | None
    brands: frozenset[UUID]
    reason: str
    ends_at: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.ends_at is None or self.ends_at > at


@dataclass(frozen=True, slots=True)
class Picture:
    """One person and one object (None: the agency) at one instant."""

    at: datetime
    seat_id: UUID
    stage: str | None  # of the seat; None: it was not there yet
    held: tuple[Held, ...]
    walls: tuple[Wall, ...] = ()
    brand_id: UUID | None = None
    incident_id: UUID | None = None
    restriction: tuple[UUID, str] | None = None  # its id and reason
    archived: bool = False
    exists: bool = True

    @property
    def counting(self) -> list[Held]:
        return [held for held in self.held if held.counts(self.at)]


def closing_walls(held: Iterable[Held], walls: Iterable[Wall], *, seat_id: UUID, at: datetime) -> dict[UUID, Wall]:
    """The brands that deny rules keep from a person, each with the rule that does; `held` is what counts."""
    held = list(held)
    closed: dict[UUID, Wall] = {}
    above = any(one.on_agency and one.role in OVERSEERS for one in held)
    mine = {one.ground for one in held if one.ground}
    for wall in walls:
        if not wall.holds(at):
            continue
        if wall.seat_id == seat_id:
            closed.update(dict.fromkeys(wall.brands, wall))
        elif wall.seat_id is None and not above:
            own = wall.brands & mine
            # One side of the wall at most; whoever stands on two stands on none.
            closed.update(dict.fromkeys(wall.brands - own if len(own) == 1 else wall.brands, wall))
    return closed


def walls_now() -> list[Wall]:
    """The deny rules in force; one query."""
    return [_wall(rule) for rule in DenyRule.objects.all().live()]


def owns(held: Iterable[Held]) -> bool:
    return any(one.on_agency and one.role == OWNER for one in held)


# -- as things are ------------------------------------------------------------------------------------------------


def picture_now(seat: Any, obj: Model | None, *, at: datetime) -> Picture:
    """Read from the same rows as the gate reads."""
    brand, incident = brand_of(obj), incident_of(obj)
    restriction = Restriction.objects.filter(incident_id=incident, lifted_at=None).first() if incident else None
    return Picture(
        at=at,
        seat_id=seat.pk,
        stage=str(seat.stage),
        held=tuple(Held.of(grant, needs) for grant, needs in _grants_with_needs(seat)),
        walls=tuple(walls_now()),
        brand_id=brand,
        incident_id=incident,
        restriction=(restriction.pk, restriction.reason) if restriction else None,
        archived=brand is not None and archived(brand),
    )


def _grants_with_needs(seat: Any) -> list[tuple[Grant, frozenset[str]]]:
    grants = list(grounded().live().filter(seat_id=seat.pk).order_by("granted_at", "pk"))
    needs: dict[UUID, set[str]] = {}
    for reach in (AgencyReach, BrandReach, IncidentReach):
        rows = reach.objects.filter(user_id=seat.user_id, grant_id__in=[grant.pk for grant in grants])
        for grant_id, codename in rows.values_list("grant_id", "permission__codename"):
            needs.setdefault(grant_id, set()).add(codename)
    return [(grant, frozenset(needs.get(grant.pk, ()))) for grant in grants]


def grounded() -> Any:
    """Grants, each with `incident_brand`, the brand of its incident."""
    return Grant.objects.all().annotate(incident_brand=F("incident__brand_id"))


def _wall(rule: DenyRule) -> Wall:
    return Wall(rule.pk, rule.seat_id, frozenset(rule.brand_ids), rule.reason, rule.ends_at)


# -- as things were -----------------------------------------------------------------------------------------------


@dataclass
class _Fold:
    """The state that events leave behind, one after the other."""

    rows: dict[UUID, Any]  # the seat's grants, withdrawn ones too: what never changes is read from them
    rules: dict[UUID, DenyRule]
    stage: str = ACTIVE
    held: dict[UUID, Held] = field(default_factory=dict)
    walls: dict[UUID, Wall] = field(default_factory=dict)
    restriction: tuple[UUID, str] | None = None
    archived: bool = False

    def hear(self, event: Event) -> None:  # noqa: C901, PLR0912 - one case an event
        subject, told = event.subject_id, event.facts
        match event.name:
            case "seat.suspended":
                self.stage = SUSPENDED
            case "seat.resumed":
                self.stage = ACTIVE
            case "seat.revoked":
                self.stage, self.held = ENDED, {}
            case "role.granted":
                row = Held.of(self.rows[subject], frozenset(told["needs"]))
                self.held[subject] = replace(row, ends_at=_instant(told["ends_at"]))
            case "role.projected" if subject in self.held:
                self.held[subject] = replace(self.held[subject], needs=frozenset(told["needs"]))
            case "role.rescheduled" if subject in self.held:
                self.held[subject] = replace(self.held[subject], ends_at=_instant(told["ends_at"]))
            case "role.withdrawn":
                self.held.pop(subject, None)
            case "role.revised":
                for grant_id, one in self.held.items():
                    if one.role == told["slug"]:
                        self.held[grant_id] = replace(one, needs=frozenset(told["needs"]))
            case "deny_rule.created":
                self.walls[subject] = _wall(self.rules[subject])
            case "deny_rule.lifted":
                self.walls.pop(subject, None)
            case "incident.restricted":
                self.restriction = (UUID(told["restriction_id"]), told["reason"])
            case "incident.restriction_lifted":
                self.restriction = None
            case "brand.archived":
                self.archived = True
            case "brand.restored":
                self.archived = False


def picture_at(seat: Any, obj: Model | None, *, at: datetime) -> Picture:
    """Fold what the ledger tells of the seat, its grants, their roles, the rules and the object, up to an instant."""
    brand, incident = brand_of(obj), incident_of(obj)
    rows = {grant.pk: grant for grant in grounded().filter(seat_id=seat.pk)}
    rules = {rule.pk: rule for rule in DenyRule.objects.all()}
    own_roles = CustomRole.objects.filter(slug__in={grant.role for grant in rows.values()}).values_list("pk", flat=True)
    fold = _Fold(rows, rules)
    about = [seat.pk, *rows, *rules, *own_roles, *(thing for thing in (brand, incident) if thing)]
    for event in Event.objects.filter(subject_id__in=about, at__lte=at).order_by("seq"):
        fold.hear(event)
    return Picture(
        at=at,
        seat_id=seat.pk,
        stage=fold.stage if seat.created_at <= at else None,
        held=tuple(sorted(fold.held.values(), key=lambda held: (held.granted_at, held.grant_id))),
        walls=tuple(fold.walls.values()),
        brand_id=brand,
        incident_id=incident,
        restriction=fold.restriction,
        archived=fold.archived,
        exists=_was_there(brand, obj, at=at),
    )


def _was_there(brand: UUID | None, obj: Model | None, *, at: datetime) -> bool:
    began: datetime | None = getattr(obj, "opened_at", None)
    if began is None and brand is not None:
        began = apps.get_model("tenants", "Brand").objects.filter(pk=brand).values_list("created_at", flat=True).first()
    return began is None or began <= at


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_datetime(text)
