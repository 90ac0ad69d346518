"""What the agency's directory writes: its people, who come and go here with it, and its groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.db.models import Q

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from ledger.actions import record, records_held_back
from tenants.actions.directory_roles import (
    give,
    group_reason,
    hold_directory,
    memberships_of,
    settle,
    take,
)
from tenants.actions.goodbyes import revoke_seat
from tenants.actions.invitations import take_seat
from tenants.models import DirectoryGroup, DirectoryMembership, DirectoryUser, Seat, User
from tenants.states import SeatStage

DIRECTORY = Actor.rule("directory")


class UserNameTaken(Refusal):
    """Compared without case."""

    code = "user_name_taken"
    title = "Another user of this directory has this userName."


class PersonTaken(Refusal):
    """Two users of one directory are two people: one address cannot be both."""

    code = "person_taken"
    title = "Another active user of this directory is the person with this e-mail address."


class NoSuchMember(Refusal):
    """Only users are members; groups in groups are not kept."""

    code = "no_such_member"
    status = 400
    title = "A member is no user of this directory."


@dataclass(frozen=True, slots=True)
class Written:
    """A user as the directory writes them. `active` None: nothing is said. `email` is "" when there is none."""

    user_name: str
    external_id: str
    email: str
    display_name: str
    active: bool | None
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WrittenGroup:
    """A group as the directory writes it."""

    display_name: str
    external_id: str
    member_ids: Sequence[UUID]


# -- people ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_directory_user(*, said: Written, by: Actor, at: datetime) -> DirectoryUser:
    """Take a person into the directory, and seat them here when they are active and have an address.

    The seat has no role until a mapped group gives one. Raises UserNameTaken and PersonTaken (409).
    """
    with records_held_back():
        hold_directory()
        _refuse_taken(said.user_name)
        row = DirectoryUser(
            id=uuid7(),
            user_name=said.user_name,
            external_id=said.external_id,
            email=said.email,
            display_name=said.display_name,
            attributes=said.attributes,
            active=said.active is not False,
            created_at=at,
            changed_at=at,
        )
        if row.active:
            row.seat = _seat_of_person(row, by=by, at=at)
        row.save(force_insert=True)
        record("directory_user.created", on=row, by=by, at=at, seat_id=row.seat_id, active=row.active)
    return row


@transaction.atomic
def change_directory_user(
    *, user_id: UUID, change: Callable[[DirectoryUser], Written], by: Actor, at: datetime
) -> DirectoryUser:
    """Write a person anew: `change` makes what is said of them from the row as it is, which nobody else changes.

    From active to inactive ends their seat with everything; from inactive to active is a new seat, and only what
    their groups stand for now is granted. Repeating changes nothing. Raises UserNameTaken, PersonTaken, LastOwner
    (409), NotFound.
    """
    with records_held_back():
        hold_directory()
        row = _present(user_id)
        said = change(row)
        active = row.active if said.active is None else said.active
        wanted = {
            "user_name": said.user_name, "external_id": said.external_id, "email": said.email,
            "display_name": said.display_name, "attributes": said.attributes, "active": active,
        }  # fmt: skip
        changed = sorted(name for name, value in wanted.items() if getattr(row, name) != value)
        if not changed:
            return row
        if row.user_name.lower() != said.user_name.lower():
            _refuse_taken(said.user_name, except_id=row.pk)
        was = row.active
        for name in changed:
            setattr(row, name, wanted[name])
        row.changed_at = at
        row.version += 1
        if was and not active:
            _end_seat(row, by=by, at=at)
        elif active and (not was or row.seat_id is None):
            row.seat = _seat_of_person(row, by=by, at=at)
        row.save(update_fields=[*changed, "changed_at", "version", "seat"])
        if was == active:
            record("directory_user.changed", on=row, by=by, at=at, fields=changed)
        else:
            name = "directory_user.activated" if active else "directory_user.deactivated"
            record(name, on=row, by=by, at=at, seat_id=row.seat_id)
        if active:
            settle(row.pk, at=at)
    return row


@transaction.atomic
def delete_directory_user(
    *, user_id: UUID, check: Callable[[DirectoryUser], None], by: Actor, at: datetime
) -> DirectoryUser:
    """Take a person out of the directory: their seat ends, they are in no group. Raises LastOwner (409), NotFound.

    The row is kept, without what the directory had written about them. `check` may refuse it as it is.
    """
    with records_held_back():
        hold_directory()
        row = _present(user_id)
        check(row)
        if row.active:
            _end_seat(row, by=by, at=at)
        DirectoryMembership.objects.filter(member=row).delete()
        row.active, row.deleted_at, row.changed_at, row.attributes = False, at, at, {}
        row.version += 1
        row.save(update_fields=["active", "deleted_at", "changed_at", "attributes", "version"])
        record("directory_user.deleted", on=row, by=by, at=at, seat_id=row.seat_id)
    return row


def _present(user_id: UUID) -> DirectoryUser:
    DirectoryUser.objects.all().filter(deleted_at=None).found(user_id)
    row: DirectoryUser = DirectoryUser.objects.locked(user_id)
    return row


def _refuse_taken(user_name: str, *, except_id: UUID | None = None) -> None:
    if DirectoryUser.objects.filter(user_name__iexact=user_name, deleted_at=None).exclude(pk=except_id).exists():
        raise UserNameTaken


def _seat_of_person(row: DirectoryUser, *, by: Actor, at: datetime) -> Seat | None:
    """A new seat for the person with this address; the one that they sit in already, when they came another way."""
    if not row.email:
        return None
    user = _person(email=row.email, name=row.display_name, at=at)
    seat: Seat | None = Seat.objects.filter(user=user).exclude(stage=SeatStage.ENDED).first()
    if seat is None:
        return take_seat(user=user, side="staff", role="", at=at, by=by)
    others = DirectoryUser.objects.filter(seat=seat, active=True, deleted_at=None)
    if others.exclude(pk=row.pk).exists():
        raise PersonTaken
    return seat


def _person(*, email: str, name: str, at: datetime) -> User:
    """The person with this address, who is the same in every agency; a new one cannot sign in by password yet."""
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        return known
    user = User(id=uuid7(), email=email.lower(), name=name, date_joined=at)
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:  # another agency took the same person in at this moment
        return User.objects.get(email__iexact=email)
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    return user


def _end_seat(row: DirectoryUser, *, by: Actor, at: datetime) -> None:
    """End the person's present seat, also one that they were given another way since the directory seated them."""
    if row.seat_id is None:
        return
    seats = Seat.objects.filter(user_id=Seat.objects.found(row.seat_id).user_id).exclude(stage=SeatStage.ENDED)
    for seat_id in seats.values_list("pk", flat=True):
        revoke_seat(seat_id=seat_id, reason="left", by=by, at=at)
    # What the groups gave went with the seat; a new seat is given it anew.
    DirectoryMembership.objects.filter(member=row).update(grant_ids=[], problem="")


# -- groups ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_directory_group(*, said: WrittenGroup, by: Actor, at: datetime) -> DirectoryGroup:
    """Take a group into the directory. It stands for nothing until somebody here maps it. Raises NoSuchMember."""
    with records_held_back():
        hold_directory()
        group = DirectoryGroup(
            id=uuid7(), display_name=said.display_name, external_id=said.external_id, created_at=at, changed_at=at
        )
        group.save(force_insert=True)
        added, _ = _set_members(group, said.member_ids, by=by, at=at)
        record("directory_group.created", on=group, by=by, at=at, members=len(added))
    return group


@transaction.atomic
def change_directory_group(
    *, group_id: UUID, change: Callable[[DirectoryGroup], WrittenGroup], by: Actor, at: datetime
) -> DirectoryGroup:
    """Write a group anew; who comes is given what it stands for, who goes loses exactly that.

    Raises NoSuchMember (400), LastOwner (409), NotFound.
    """
    with records_held_back():
        hold_directory()
        group = _present_group(group_id)
        said = change(group)
        wanted = {"display_name": said.display_name, "external_id": said.external_id}
        changed = sorted(name for name, value in wanted.items() if getattr(group, name) != value)
        for name in changed:
            setattr(group, name, wanted[name])
        added, removed = _set_members(group, said.member_ids, by=by, at=at)
        if changed or added or removed:
            group.changed_at = at
            group.version += 1
            group.save(update_fields=[*changed, "changed_at", "version"])
            record(
                "directory_group.changed", on=group, by=by, at=at, fields=changed,
                added=sorted(map(str, added)), removed=sorted(map(str, removed)),
            )  # fmt: skip
    return group


@transaction.atomic
def delete_directory_group(
    *, group_id: UUID, check: Callable[[DirectoryGroup], None], by: Actor, at: datetime
) -> DirectoryGroup:
    """Take a group out of the directory; its members lose what it gave. Raises LastOwner (409), NotFound."""
    with records_held_back():
        hold_directory()
        group = _present_group(group_id)
        check(group)
        _, removed = _set_members(group, [], by=by, at=at)
        group.deleted_at = group.changed_at = at
        group.version += 1
        group.save(update_fields=["deleted_at", "changed_at", "version"])
        record("directory_group.deleted", on=group, by=by, at=at, members=len(removed))
    return group


def _present_group(group_id: UUID) -> DirectoryGroup:
    DirectoryGroup.objects.all().filter(deleted_at=None).found(group_id)
    group: DirectoryGroup = DirectoryGroup.objects.locked(group_id)
    return group


def _set_members(
    group: DirectoryGroup, wanted: Sequence[UUID], *, by: Actor, at: datetime
) -> tuple[set[UUID], set[UUID]]:
    """Make these the group's members; returns who was added and who was removed."""
    present = {membership.member_id: membership for membership in DirectoryMembership.objects.filter(group=group)}
    added, removed = set(wanted) - set(present), set(present) - set(wanted)
    known = DirectoryUser.objects.filter(pk__in=added, deleted_at=None).values_list("pk", flat=True)
    if unknown := added - set(known):
        raise NoSuchMember(members=sorted(map(str, unknown))[:20])
    gone = [present[member_id] for member_id in sorted(removed)]
    take(gone, reason=group_reason("no longer in", group), by=by, at=at)
    DirectoryMembership.objects.filter(pk__in=[membership.pk for membership in gone]).delete()
    DirectoryMembership.objects.bulk_create(
        [DirectoryMembership(group=group, member_id=member_id, added_at=at) for member_id in sorted(added)],
        batch_size=500,
    )
    if group.role:
        # Those who could not have the role before are asked about again: what stood against it may be gone.
        due = Q(member_id__in=added) | ~Q(problem="")
        give(memberships_of(due, group=group), group=group, at=at)
    return added, removed
