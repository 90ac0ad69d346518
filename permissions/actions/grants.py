"""Granting and withdrawing roles, and what they come to in guardian's rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.db.models import F, QuerySet

from core.actor import Actor
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from ledger.actions import record, records_held_back
from permissions.gate import Caller
from permissions.models import AgencyReach, BrandReach, DenyRule, Grant, IncidentReach, SeparationRule
from permissions.queries.conflicts import Hold, brands_of_incidents, clashing, crossing, holds_at_or_after
from permissions.queries.holders import needs_held, role_named
from permissions.revocation import counted, line
from permissions.roles import OWNER, Role

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


class GrantOver(Refusal):
    """What is over or withdrawn stays so; a new grant is another grant."""

    code = "grant_over"
    title = "This grant is over."


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
        return [cls(brand_id=brand) for brand in dict.fromkeys(brand_ids)] or [cls()]


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
    hold_rules_still()
    wanted = role_named(role)
    _check_times(starts_at=starts_at, ends_at=ends_at, at=at)
    if role == OWNER and Place() in places and (ends_at is not None or (starts_at and starts_at > at)):
        refuse_last_owner({seat_id}, at=at)  # an owner for a while, or one day, does not count
    # Held until the commit: whoever ends this seat waits for us or has ended it before we look.
    seat: Any = apps.get_model("tenants", "Seat").objects.locked(seat_id)
    if seat.stage == "ENDED":
        raise SeatEnded(seat=str(seat_id))
    if wanted.side != seat.side or (wanted.side == "client" and Place() in places):
        raise WrongSide(role=role, side=seat.side)
    if sponsor is not None:
        refuse_beyond(sponsor, wanted, places)
    _refuse_conflicts(seat_id=seat_id, role=role, places=places, starts_at=starts_at, ends_at=ends_at, at=at)
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
    same = Grant.objects.all().live().filter(seat_id=seat_id, role=role)
    replaced = [old for old in _locked(same) if Place(old.brand_id, old.incident_id) in places]
    _withdraw(replaced, at=at)
    Grant.objects.bulk_create(grants)
    project(grants, {role: wanted})
    needs = sorted(need.value for need in wanted.needs)
    with records_held_back():
        for old in replaced:
            record("role.withdrawn", on=old, by=by, at=at, seat_id=seat_id, role=role, reason="granted anew")
        for grant in grants:
            record(
                "role.granted", on=grant, by=by, at=at, seat_id=seat_id, role=role, needs=needs, reason=reason,
                starts_at=starts_at, ends_at=ends_at,
            )  # fmt: skip
    return grants


@transaction.atomic
def withdraw_role(*, grant_id: UUID, reason: str, by: Actor, at: datetime) -> Grant:
    """Take a role back; its needs end with it. Raises LastOwner when nobody would be left to own the agency."""
    hold_rules_still()  # before any grant: who takes one role and gives another holds the rules from the start
    seen: Grant = Grant.objects.found(grant_id)
    if _owns(seen) and seen.withdrawn_at is None:
        refuse_last_owner({seen.seat_id}, at=at)  # owners before grants: the order in which a goodbye locks
    grant: Grant = Grant.objects.locked(grant_id)
    if grant.withdrawn_at is None:
        _withdraw([grant], at=at)
        record("role.withdrawn", on=grant, by=by, at=at, seat_id=grant.seat_id, role=grant.role, reason=reason)
    return grant


@transaction.atomic
def withdraw_roles(*, reasons: Mapping[UUID, str], by: Actor, at: datetime) -> list[Grant]:
    """Take many roles back at once, each for its reason, none of which makes an owner.

    Returns those that nobody had taken back before.
    """
    grants = _locked(Grant.objects.all().live().filter(pk__in=reasons))
    if any(_owns(grant) for grant in grants):
        raise LastOwner("Owners are taken back one by one.")
    _withdraw(grants, at=at)
    with records_held_back():
        for grant in grants:
            why = reasons[grant.pk]
            record("role.withdrawn", on=grant, by=by, at=at, seat_id=grant.seat_id, role=grant.role, reason=why)
    return grants


@transaction.atomic
def reschedule_role(
    *, grant_id: UUID, ends_at: datetime | None, reason: str, sponsor: Caller | None, by: Actor, at: datetime
) -> Grant:
    """Let a grant end at another instant; None is never. To lengthen it asks for all that granting does.

    Raises GrantOver, Invalid, and what `grant_role` raises.
    """
    hold_rules_still()
    seen: Grant = Grant.objects.found(grant_id)
    if _owns(seen) and ends_at is not None:
        refuse_last_owner({seen.seat_id}, at=at)
    seat: Any = apps.get_model("tenants", "Seat").objects.locked(seen.seat_id)
    grant: Grant = Grant.objects.locked(grant_id)
    if grant.withdrawn_at is not None or (grant.ends_at is not None and grant.ends_at <= at):
        raise GrantOver(grant=str(grant_id))
    if seat.stage == "ENDED":
        raise SeatEnded(seat=str(seat.pk))
    _check_times(starts_at=grant.starts_at, ends_at=ends_at, at=at)
    before = grant.ends_at
    if before is not None and (ends_at is None or ends_at > before):
        place = Place(grant.brand_id, grant.incident_id)
        if sponsor is not None:
            refuse_beyond(sponsor, role_named(grant.role), [place])
        _refuse_conflicts(
            seat_id=grant.seat_id, role=grant.role, places=[place], starts_at=grant.starts_at, ends_at=ends_at, at=at
        )
    if ends_at != before:
        grant.ends_at = ends_at
        grant.version += 1
        grant.save(update_fields=["ends_at", "version"])
        for reach in REACHES:
            reach.objects.filter(grant_id=grant_id).update(ends_at=ends_at)
        record(
            "role.rescheduled", on=grant, by=by, at=at, seat_id=grant.seat_id, role=grant.role, before=before,
            ends_at=ends_at, reason=reason,
        )  # fmt: skip
    return grant


def hold_rules_still(*, to_change: bool = False) -> None:
    """Until the commit nobody changes rules or roles while grants are made by them, and the other way round.

    The first lock of a transaction that takes it: those who change rules wait for every grant that has begun.
    """
    take = "pg_advisory_xact_lock" if to_change else "pg_advisory_xact_lock_shared"
    digest = hashlib.sha256(b"permissions.rules" + standing_agency().bytes).digest()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {take}(%s)", [int.from_bytes(digest[:8], signed=True)])


def _check_times(*, starts_at: datetime | None, ends_at: datetime | None, at: datetime) -> None:
    if (starts_at and ends_at and starts_at >= ends_at) or (ends_at and ends_at <= at):
        raise Invalid("A grant begins before it ends, and ends in the future.", starts_at=starts_at, ends_at=ends_at)


def _owns(grant: Grant) -> bool:
    """Whether the grant makes an owner of the agency."""
    return grant.role == OWNER and grant.brand_id is None and grant.incident_id is None


def _locked(grants: QuerySet[Grant]) -> list[Grant]:
    """Hold the grants until the commit; everybody takes many of them in this order."""
    return list(grants.order_by("pk").select_for_update(of=("self",), no_key=True))


def _withdraw(grants: list[Grant], *, at: datetime) -> None:
    for grant in grants:
        grant.withdrawn_at = at
        grant.version += 1
    Grant.objects.bulk_update(grants, ["withdrawn_at", "version"], batch_size=500)
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
    seats: Any = apps.get_model("tenants", "Seat").objects
    held = seats.filter(pk__in=owning.values("seat_id")).order_by("pk").select_for_update(of=("self",), no_key=True)
    mine = {seat.pk for seat in held}
    # Asked again in a statement of its own: whoever we waited for may have taken a role and left the seat as it was.
    owners = set(seats.filter(stage="ACTIVE", pk__in=owning.values("seat_id")).values_list("pk", flat=True)) & mine
    if not owners - leaving and owners & leaving:
        raise LastOwner


def _refuse_conflicts(
    *,
    seat_id: UUID,
    role: str,
    places: Sequence[Place],
    starts_at: datetime | None,
    ends_at: datetime | None,
    at: datetime,
) -> None:
    """Separation of duties and deny rules, asked of what the seat holds, or will hold, at an instant of this grant."""
    of_incident = brands_of_incidents(place.incident_id for place in places if place.incident_id)
    grounds = {of_incident[place.incident_id] if place.incident_id else place.brand_id for place in places}
    wanted = [Hold(seat_id, role, ground, starts_at, ends_at) for ground in grounds]
    others = [hold for hold in holds_at_or_after(at, seat_id=seat_id) if hold.role != role]
    for rule in SeparationRule.objects.filter(lifted_at=None, roles__contains=[role]):
        # What was accepted when the rule was made is not this grant's fault.
        clashes = [clash for hold in others for each in wanted for clash in clashing([hold, each], rule.roles)]
        if clashes:
            held = sorted({name for clash in clashes for name in clash.roles} - {role})
            raise DutiesConflict(rule=str(rule.pk), name=rule.name, held=held)
    brands = {ground for ground in grounds if ground}
    if not brands:
        return
    held_now = holds_at_or_after(at, seat_id=seat_id)
    for denial in DenyRule.objects.all().live().filter(brand_ids__overlap=list(brands)):
        if denial.ends_at is not None and denial.ends_at <= at:
            continue
        rivals = set(denial.brand_ids)
        if denial.seat_id == seat_id or (denial.seat_id is None and crossing([*held_now, *wanted], rivals)):
            ours = {hold.brand_id for hold in [*held_now, *wanted] if hold.brand_id} & rivals
            raise BehindBarrier(rule=str(denial.pk), brands=sorted(str(brand) for brand in ours))


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
    hold_rules_still()
    agency_id = standing_agency()
    grants = _locked(Grant.objects.all().lasting(at).filter(user_id=user_id))
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


def grants_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    """Grants that nobody has withdrawn, and rows of guardian's that outlived theirs."""
    left = Counter(counted(Grant.objects.all().live().filter(seat_id__in=seat_ids), "seat_id"))
    for reach in REACHES:
        left.update(counted(reach.objects.filter(grant__seat_id__in=seat_ids), "grant__seat_id"))
    return left


@line("roles and grants", left=grants_left, covers={"permissions.Grant.seat"})
def end_grants(seat_id: UUID, _by: Actor, at: datetime) -> int:
    """However many there are, in a few statements. A new seat of the same person keeps what it has been given."""
    mine = Grant.objects.filter(seat_id=seat_id)
    live = [grant.pk for grant in _locked(mine.filter(withdrawn_at=None).only("pk"))]
    Grant.objects.filter(pk__in=live).update(withdrawn_at=at, version=F("version") + 1)
    seats: Any = apps.get_model("tenants", "Seat").objects
    user_id = seats.found(seat_id).user_id
    elsewhere = seats.filter(user_id=user_id).exclude(pk=seat_id).exclude(stage="ENDED").exists()
    for reach in REACHES:
        reach.objects.filter(grant_id__in=mine.values("pk")).delete()
        if not elsewhere:  # also what was written before rows named their grant
            reach.objects.filter(user_id=user_id, agency_id=standing_agency(), grant=None).delete()
    return len(live)
