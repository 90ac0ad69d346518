"""What groups of the directory stand for here: mapping them to roles, and keeping their members' grants in step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from core.actor import Actor
from core.refusals import Refusal
from core.wall import standing_agency
from ledger.actions import record, records_held_back
from permissions.actions.grants import (
    Place,
    WrongSide,
    grant_role,
    hold_rules_still,
    refuse_beyond,
    withdraw_role,
)
from permissions.gate import Caller
from permissions.models import Grant
from permissions.queries.holders import role_named
from permissions.roles import OWNER
from tenants.models import DirectoryGroup, DirectoryMembership
from tenants.states import SeatStage

NO_SEAT = "no_seat"  # the member has no address to be seated by, or their seat was ended here


def hold_directory() -> None:
    """Until the commit nobody else writes the agency's directory: the first lock of whoever does.

    Whom a person becomes, which groups they are in and what those stand for are decided together.
    """
    hold_rules_still()
    digest = hashlib.sha256(b"tenants.directory" + standing_agency().bytes).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], signed=True)])


@transaction.atomic
def map_group(
    *,
    group_id: UUID,
    role: str,
    brand_ids: Sequence[UUID],
    mapper: Caller,
    check: Callable[[DirectoryGroup], None],
    by: Actor,
    at: datetime,
) -> DirectoryGroup:
    """Let a group stand for a role on brands, or on the whole agency: its members hold it as long as they are in it.

    Raises RoleTooHigh (403) when the mapper lacks a right of the role there, WrongSide (400) for a role of clients,
    Invalid (400) for no role. `check` may refuse the row as it is. A member who must not hold the role stays a
    member without it, with the refusal's code.
    """
    with records_held_back():
        hold_directory()
        group = _group(group_id)
        check(group)
        wanted = role_named(role)
        if wanted.side != "staff":
            raise WrongSide("A directory seats staff.", role=role, side="staff")
        refuse_beyond(mapper, wanted, Place.each(brand_ids))
        memberships = memberships_of(group=group)
        brands = [str(brand) for brand in dict.fromkeys(brand_ids)]
        if (group.role, sorted(group.brand_ids)) != (role, sorted(brands)):
            take(memberships, reason=group_reason("is mapped anew", group), by=by, at=at)
        group.role, group.brand_ids, group.mapped_by_id = role, brands, mapper.seat_id
        group.version += 1
        group.save(update_fields=["role", "brand_ids", "mapped_by_id", "version"])
        give(memberships, group=group, at=at)
        record("directory_group.mapped", on=group, by=by, at=at, role=role, brand_ids=brands)
    return group


@transaction.atomic
def unmap_group(
    *, group_id: UUID, reason: str, check: Callable[[DirectoryGroup], None], by: Actor, at: datetime
) -> DirectoryGroup:
    """Let a group stand for nothing: its members lose exactly what it gave them. Repeating changes nothing."""
    with records_held_back():
        hold_directory()
        group = _group(group_id)
        check(group)
        if group.role:
            take(memberships_of(group=group), reason=reason, by=by, at=at)
            before, group.role, group.brand_ids, group.mapped_by_id = group.role, "", [], None
            group.version += 1
            group.save(update_fields=["role", "brand_ids", "mapped_by_id", "version"])
            record("directory_group.unmapped", on=group, by=by, at=at, role=before, reason=reason)
    return group


def _group(group_id: UUID) -> DirectoryGroup:
    DirectoryGroup.objects.all().filter(deleted_at=None).found(group_id)
    group: DirectoryGroup = DirectoryGroup.objects.locked(group_id)
    return group


def memberships_of(*which: Q, **also: Any) -> list[DirectoryMembership]:
    """Memberships with their group, member and seat."""
    rows = DirectoryMembership.objects.select_related("group", "member__seat").filter(*which, **also)
    return list(rows.order_by("pk"))


def settle(member_id: UUID, *, at: datetime) -> None:
    """Give a person what the groups that they are in stand for."""
    for membership in memberships_of(member_id=member_id):
        give([membership], group=membership.group, at=at)


def give(memberships: Iterable[DirectoryMembership], *, group: DirectoryGroup, at: datetime) -> None:
    """Grant the group's role to members who never had it through this membership; the directory is held.

    What somebody here took back stays taken back until the person leaves the group and comes again. What the member
    holds for good by another grant is left as it is.
    """
    for membership in memberships:
        before = membership.grant_ids, membership.problem
        membership.problem = ""
        if group.role:
            _give_one(membership, group, at=at)
        if before != (membership.grant_ids, membership.problem):
            membership.save(update_fields=["grant_ids", "problem"])


def _give_one(membership: DirectoryMembership, group: DirectoryGroup, *, at: datetime) -> None:
    seat = membership.member.seat
    if not membership.member.active:
        return  # nothing is due to who has left
    if seat is None or seat.stage == SeatStage.ENDED:
        membership.problem = NO_SEAT
        return
    places = Place.each([UUID(brand) for brand in group.brand_ids])
    given = Grant.objects.filter(pk__in=membership.grant_ids, seat=seat)
    had = {Place(grant.brand_id, grant.incident_id) for grant in given}
    standing = Grant.objects.all().live().filter(seat=seat, role=group.role)
    held = {Place(grant.brand_id, grant.incident_id): grant for grant in standing}
    shared = _given_to(membership.member_id, except_by={membership.pk})
    missing = []
    for place in places:
        if place in had:
            continue
        grant = held.get(place)
        if grant is not None and str(grant.pk) in shared:
            membership.grant_ids = [*membership.grant_ids, str(grant.pk)]
        elif grant is None or grant.ends_at is not None or (grant.starts_at and grant.starts_at > at):
            missing.append(place)
    if not missing:
        return
    try:
        grants = grant_role(
            seat_id=seat.pk,
            role=group.role,
            places=missing,
            reason=group_reason("member of", group),
            starts_at=None,
            ends_at=None,
            sponsor=None,  # the right of whoever mapped the group was asked for then
            by=Actor(kind="rule", name="directory", seat_id=group.mapped_by_id),
            at=at,
        )
    except Refusal as refusal:
        # The directory says who is in a group, whatever the rules here make of it.
        membership.problem = refusal.code
        return
    membership.grant_ids = [*membership.grant_ids, *(str(grant.pk) for grant in grants)]


def take(memberships: Sequence[DirectoryMembership], *, reason: str, by: Actor, at: datetime) -> None:
    """Withdraw what memberships gave, save what another of the person's groups gives as well. Raises LastOwner."""
    for membership in memberships:
        shared = _given_to(membership.member_id, except_by={membership.pk})
        live = Grant.objects.all().live().filter(pk__in=set(membership.grant_ids) - shared)
        # Owners first: they are locked before other grants everywhere.
        for grant in sorted(live, key=lambda grant: (grant.role != OWNER, grant.pk)):
            withdraw_role(grant_id=grant.pk, reason=reason[:500], by=by, at=at)
        membership.grant_ids, membership.problem = [], ""
        membership.save(update_fields=["grant_ids", "problem"])


def _given_to(member_id: UUID, *, except_by: set[UUID]) -> set[str]:
    """The grants that a person's other memberships gave."""
    others = DirectoryMembership.objects.filter(~Q(pk__in=except_by), member_id=member_id)
    return {grant for grants in others.values_list("grant_ids", flat=True) for grant in grants}


def group_reason(what: str, group: DirectoryGroup) -> str:
    return f"{what} the directory's group {group.display_name}"[:500]
