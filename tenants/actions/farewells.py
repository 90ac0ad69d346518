"""What a goodbye cannot do by itself: people have to, with a deadline each. And the directory's memory of a leaver."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from core.actor import Actor
from permissions import gate
from permissions.gate import Caller, anywhere, visible
from permissions.needs import Need
from permissions.revocation import Todo, counted, human_line, line
from tenants.actions.directory_roles import NO_SEAT
from tenants.models import DirectoryMembership, IdentityProvider, Seat, SocialAccount
from tenants.queries import caller_for

AT_ONCE = timedelta(hours=4)
SOON = timedelta(hours=24)


def _leaver(seat_id: UUID, at: datetime) -> Caller:
    """The person as they stand, while the seat can still be asked what it reaches."""
    return caller_for(Seat.objects.found(seat_id), at=at)


def _connected() -> QuerySet[SocialAccount]:
    return SocialAccount.objects.filter(disconnected_at=None).order_by("network", "handle")


@human_line("roles at the networks")
def leave_networks(seat_id: UUID, at: datetime) -> list[Todo]:
    """Networks keep their own lists of who runs an account, which no call of ours can change."""
    leaver = _leaver(seat_id, at)
    if leaver.side == "client":
        return []  # the client's own people on the client's own accounts
    reached = visible(_connected(), to=leaver, need=Need.BRANDS_READ)
    return [
        Todo(f"Take the leaver off those who run {account.handle} on {account.network}.", AT_ONCE)
        for account in reached
    ]


@human_line("secrets they could read")
def rotate_secrets(seat_id: UUID, at: datetime) -> list[Todo]:
    """What they typed in or were shown once, and may remember.

    Accounts connected with the leaver's own log-in are not among them: that access is revoked at the network.
    """
    leaver = _leaver(seat_id, at)
    theirs = visible(_connected(), to=leaver, need=Need.ACCOUNTS_CONNECT).exclude(connected_by_id=seat_id)
    todos = [Todo(f"Renew the credentials of {account.handle} on {account.network}.", SOON) for account in theirs]
    if gate.everywhere(leaver, Need.IDENTITY_CONNECT):
        providers = IdentityProvider.objects.filter(removed_at=None, client_secret__isnull=False).order_by("pk")
        todos += [Todo(f"Renew the client secret of {provider.name}.", SOON) for provider in providers]
    return todos


@human_line("shared log-ins")
def change_shared_passwords(seat_id: UUID, at: datetime) -> list[Todo]:
    """Nobody here knows what passwords a team shares outside; somebody there does."""
    leaver = _leaver(seat_id, at)
    if leaver.side == "client" or not anywhere(leaver, Need.BRANDS_READ):
        return []
    return [Todo("Change every password that the leaver shared: mailboxes, network log-ins, vaults.", AT_ONCE)]


def memberships_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(
        DirectoryMembership.objects.filter(member__seat_id__in=seat_ids).exclude(grant_ids=[]), "member__seat_id"
    )


@line("directory link", left=memberships_left, covers={"tenants.DirectoryUser.seat"}, late=True)
def close_directory_link(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """What groups of the directory gave is over, and they say so. Late: grants are locked before memberships.

    The directory's user goes on naming the ended seat. Only a change from inactive to active there seats them again,
    in a new one.
    """
    theirs = DirectoryMembership.objects.filter(member__seat_id=seat_id).exclude(grant_ids=[])
    closed: int = theirs.update(grant_ids=[], problem=NO_SEAT)
    return closed
