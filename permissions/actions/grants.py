"""Granting and withdrawing roles, and what they come to in guardian's rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import transaction

from core.actor import Actor
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from ledger.actions import record, records_held_back
from permissions.gate import Caller
from permissions.models import AgencyReach, BrandReach, DenyRule, Grant, IncidentReach, SeparationRule
from permissions.queries.holders import needs_held, role_named
from permissions.revocation import line
from permissions.roles import OVERSEERS, OWNER, Role

REACHES = (AgencyReach, BrandReach, IncidentReach)


class RoleTooHigh(Refusal):
    """Nobody grants a role with a right that they do not hold on the same thing themselves."""

    code = "role_too_high"
    status = 403
    title = "You cannot grant a right that you do not hold."


class WrongSide(Refusal):
    """Client seats hold client roles, on brands or incidents; staff hold staff roles."""

    code = "wrong_side"
    status = 400
    title = "This role is not for this kind of seat."


class SeatEnded(Refusal):
    """The person has left: nothing is granted to an ended seat, not even at the moment it ends."""

    code = "seat_ended"
    title = "This seat has ended."


class DutiesConflict(Refusal):
    """A separation rule of the agency keeps these roles apart."""

    code = "duties_conflict"
    title = "Nobody may hold these roles together."


class BehindBarrier(Refusal):
    """A deny rule keeps this person from this brand."""

    code = "behind_barrier"
    title = "A deny rule keeps this person from this brand."


class LastOwner(Refusal):
    """An agency is never without an owner."""

    code = "last_owner"
    title = "This is the agency's last owner."


@dataclass(frozen=True, slots=True)
class Place:
    """What a grant is on: the whole agency, one brand, or one incident."""

    brand_id: UUID | None = None
    incident_id: UUID | None = None

    @classmethod
    def each(cls, brand_ids: Sequence[UUID]) -> list[Place]:
        """One place a brand; no brands named is the whole agency."""
        return [cls(brand_id=brand) for brand in brand_ids] or [cls()]


@transaction.atomic
def grant_role(
    *,
    seat_id: UUID,
    role: str,
    places: Sequence[Place],
    reason: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    sponsor: Caller | None,
    by: Actor,
    at: datetime,
) -> list[Grant]:
    """Give a seat a role in places, and every need that comes with it, from `starts_at` (now) until `ends_at` (ever).

    `sponsor` is the person on whose word, who holds every right of the role there; None is the operator. A grant of
    the same role in the same place is replaced. Raises Invalid, WrongSide, RoleTooHigh, SeatEnded, DutiesConflict,
    BehindBarrier.
    """
    wanted = role_named(role)
    if (starts_at and ends_at and starts_at >= ends_at) or (ends_at and ends_at <= at):
        raise Invalid("A grant begins before it ends, and ends in the future.", starts_at=starts_at, ends_at=ends_at)
    if role == OWNER and ends_at is not None:
        refuse_last_owner({seat_id}, at=at)  # an owner for a while does not count
    # Held until the commit: whoever ends this seat waits for us or has ended it before we look.
    seat: Any = apps.get_model("tenants", "Seat").objects.locked(seat_id)
    if seat.stage == "ENDED":
        raise SeatEnded(seat=str(seat_id))
    on_agency = any(place == Place() for place in places)
    if wanted.side != seat.side or (wanted.side == "client" and on_agency):
        raise WrongSide(role=role, side=seat.side)
    if sponsor is not None:
        refuse_beyond(sponsor, wanted, places)
    _refuse_conflicts(seat_id=seat_id, role=wanted, places=places, at=at)
    grants = [
        Grant(
            seat_id=seat_id,
            user_id=seat.user_id,
            role=role,
            brand_id=place.brand_id,
            incident_id=place.incident_id,
            reason=reason,
            sponsor_id=by.seat_id,
            granted_at=at,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        for place in places
    ]
    for grant in grants:
        same = Grant.objects.all().live().filter(seat_id=seat_id, role=role)
        _withdraw(list(same.filter(brand_id=grant.brand_id, incident_id=grant.incident_id)), at=at)
    Grant.objects.bulk_create(grants)
    project(grants, {role: wanted})
    needs = sorted(need.value for need in wanted.needs)
    with records_held_back():
        for grant in grants:
            record(
                "role.granted", on=grant, by=by, at=at, seat_id=seat_id, role=role, needs=needs, reason=reason,
                starts_at=starts_at, ends_at=ends_at,
            )  # fmt: skip
    return grants


@transaction.atomic
def withdraw_role(*, grant_id: UUID, reason: str, by: Actor, at: datetime) -> Grant:
    """Take a role back; its needs end with it. Raises LastOwner when nobody would be left to own the agency."""
    seen: Grant = Grant.objects.found(grant_id)
    if seen.role == OWNER and seen.withdrawn_at is None:
        refuse_last_owner({seen.seat_id}, at=at)  # owners before grants: the order in which a goodbye locks
    grant: Grant = Grant.objects.locked(grant_id)
    if grant.withdrawn_at is None:
        _withdraw([grant], at=at)
        record("role.withdrawn", on=grant, by=by, at=at, seat_id=grant.seat_id, role=grant.role, reason=reason)
    return grant


def _withdraw(grants: list[Grant], *, at: datetime) -> None:
    for grant in grants:
        grant.withdrawn_at = at
        grant.save(update_fields=["withdrawn_at"])
    unproject([grant.pk for grant in grants])


def refuse_beyond(sponsor: Caller, role: Role, places: Sequence[Place]) -> None:
    """Raise RoleTooHigh where the sponsor lacks a right of the role."""
    for place, held in zip(places, needs_held(sponsor, places), strict=True):
        if lacking := sorted(need.value for need in role.needs - held):
            raise RoleTooHigh(
                role=role.name, lacking=lacking, brand=place.brand_id and str(place.brand_id),
                incident=place.incident_id and str(place.incident_id),
            )  # fmt: skip


def refuse_last_owner(leaving: set[UUID], *, at: datetime) -> None:
    """Raise LastOwner when no other active seat owns the agency for good.

    Owners are locked together, in one order, so that two of them cannot remove each other at once.
    """
    owning = Grant.objects.all().counting(at).filter(role=OWNER, brand=None, incident=None, ends_at=None)
    seats = apps.get_model("tenants", "Seat").objects.filter(stage="ACTIVE", pk__in=owning.values("seat_id"))
    owners = {seat.pk for seat in seats.order_by("pk").select_for_update(of=("self",), no_key=True)}
    if not owners - leaving and owners & leaving:
        raise LastOwner


def _refuse_conflicts(*, seat_id: UUID, role: Role, places: Sequence[Place], at: datetime) -> None:
    """Separation of duties and deny rules, asked of what the seat holds now or will hold."""
    held = [g for g in Grant.objects.all().live().filter(seat_id=seat_id) if g.ends_at is None or g.ends_at > at]
    for rule in SeparationRule.objects.filter(lifted_at=None, roles__contains=[role.name]):
        clash = [
            grant
            for grant in held
            if grant.role in rule.roles
            and grant.role != role.name
            and grant.incident_id is None
            and any(grant.brand_id is None or p.brand_id is None or grant.brand_id == p.brand_id for p in places)
        ]
        if clash:
            raise DutiesConflict(rule=str(rule.pk), name=rule.name, held=sorted({grant.role for grant in clash}))
    wanted = {place.brand_id for place in places if place.brand_id}
    if not wanted or any(grant.role in OVERSEERS and grant.brand_id is None for grant in held):
        return
    ours = {grant.brand_id for grant in held if grant.brand_id} | wanted
    for denial in DenyRule.objects.all().live().filter(brand_ids__overlap=list(wanted)):
        lasting = denial.ends_at is None or denial.ends_at > at
        rivals = denial.seat_id is None and len(ours & set(denial.brand_ids)) > 1
        if lasting and (denial.seat_id == seat_id or rivals):
            raise BehindBarrier(rule=str(denial.pk), brands=sorted(str(b) for b in ours & set(denial.brand_ids)))


# -- guardian's rows ----------------------------------------------------------------------------------------------


def project(grants: Iterable[Grant], roles: dict[str, Role]) -> None:
    """Write what the grants come to: one row of guardian's a need."""
    ids = _permission_ids()
    agency_id = standing_agency()
    rows: dict[type[Any], list[Any]] = {reach: [] for reach in REACHES}
    for grant in grants:
        thing, kind, reach = _thing_of(grant, agency_id)
        rows[reach] += [
            reach(
                user_id=grant.user_id, agency_id=agency_id, content_object_id=thing,
                permission_id=ids[kind, need.value], grant_id=grant.pk,
                starts_at=grant.starts_at, ends_at=grant.ends_at,
            )
            for need in roles[grant.role].needs
        ]  # fmt: skip
    for reach, made in rows.items():
        reach.objects.bulk_create(made, batch_size=2000)


def _thing_of(grant: Grant, agency_id: UUID) -> tuple[UUID, str, type[Any]]:
    if grant.incident_id:
        return grant.incident_id, "incident", IncidentReach
    if grant.brand_id:
        return grant.brand_id, "brand", BrandReach
    return agency_id, "agency", AgencyReach


def unproject(grant_ids: Sequence[UUID]) -> None:
    """Take away what the grants came to."""
    for reach in REACHES:
        reach.objects.filter(grant_id__in=grant_ids).delete()


@transaction.atomic
def project_anew(*, user_id: UUID, by: Actor, at: datetime) -> None:
    """Make guardian's rows say what a person's live grants come to with the roles as they are now.

    Where a role has gained or lost a need since it was granted, the ledger is told for each grant.
    """
    agency_id = standing_agency()
    grants = list(Grant.objects.all().live().filter(user_id=user_id).order_by("pk"))
    roles = {name: role_named(name) for name in {grant.role for grant in grants}}
    before: dict[UUID, set[str]] = {}
    for reach in REACHES:
        held = reach.objects.filter(user_id=user_id, agency_id=agency_id)
        for grant_id, codename in held.values_list("grant_id", "permission__codename"):
            before.setdefault(grant_id, set()).add(codename)
        held.delete()
    project(grants, roles)
    with records_held_back():
        for grant in grants:
            needs = sorted(need.value for need in roles[grant.role].needs)
            if set(needs) != before.get(grant.pk, set()):
                record("role.projected", on=grant, by=by, at=at, seat_id=grant.seat_id, role=grant.role, needs=needs)


def _permission_ids() -> dict[tuple[str, str], int]:
    rows = Permission.objects.filter(
        content_type__app_label__in=["tenants", "incidents"],
        content_type__model__in=["agency", "brand", "incident"],
    )
    return {(model, code): pk for model, code, pk in rows.values_list("content_type__model", "codename", "pk")}


@line("roles and grants")
def end_grants(seat_id: UUID, _by: Actor, at: datetime) -> int:
    grants = list(Grant.objects.all().live().filter(seat_id=seat_id).values_list("pk", flat=True))
    Grant.objects.filter(pk__in=grants).update(withdrawn_at=at)
    unproject(grants)
    # Also what was written before rows named their grant.
    seat: Any = apps.get_model("tenants", "Seat").objects.found(seat_id)
    for reach in REACHES:
        reach.objects.filter(user_id=seat.user_id, agency_id=standing_agency()).delete()
    return len(grants)
