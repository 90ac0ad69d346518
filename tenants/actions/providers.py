"""An agency's identity providers, the people they know, and when somebody was last seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from core.actor import Actor
from core.ids import uuid7
from core.refusals import NotFound, Refusal
from core.wall import inside
from ledger.actions import record
from permissions.revocation import counted, line
from tenants.models import Identity, IdentityProvider, Seat
from tenants.states import SeatStage

NOTE_SEEN_EVERY = timedelta(hours=1)


class IssuerConnected(Refusal):
    code = "issuer_connected"
    title = "This issuer is connected already."


class IdentityTaken(Refusal):
    """The provider's subject is linked to somebody else."""

    code = "identity_taken"
    title = "This identity belongs to somebody else here."


@transaction.atomic
def connect_provider(
    *,
    name: str,
    issuer: str,
    client_id: str,
    client_secret: str | None,
    proves_second_factor: bool,
    by: Actor,
    at: datetime,
) -> IdentityProvider:
    """Trust an OpenID provider to say who somebody is, in this agency. Raises IssuerConnected."""
    if IdentityProvider.objects.filter(issuer=issuer, removed_at=None).exists():
        raise IssuerConnected(issuer=issuer)
    provider = IdentityProvider(
        id=uuid7(),
        name=name,
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        proves_second_factor=proves_second_factor,
        created_at=at,
    )
    provider.save(force_insert=True)
    record("identity_provider.connected", on=provider, by=by, at=at, second_factor=proves_second_factor)
    return provider


@transaction.atomic
def change_provider(*, provider_id: UUID, by: Actor, at: datetime, **wanted: Any) -> IdentityProvider:
    """Change its name, our registration there, or whether it proves a second factor. The issuer stays what it is."""
    provider = _living(provider_id)
    changed = sorted(name for name, value in wanted.items() if getattr(provider, name) != value)
    if changed:
        for name in changed:
            setattr(provider, name, wanted[name])
        provider.version += 1
        provider.save(update_fields=[*changed, "version"])
        record("identity_provider.changed", on=provider, by=by, at=at, fields=changed)
    return provider


@transaction.atomic
def remove_provider(*, provider_id: UUID, reason: str, by: Actor, at: datetime) -> IdentityProvider:
    """Trust it no more: who signed in through it is out at once, and its identities end for good."""
    provider = _living(provider_id)
    provider.removed_at, provider.client_secret = at, None
    provider.version += 1
    provider.save(update_fields=["removed_at", "client_secret", "version"])
    ended = Identity.objects.filter(provider_id=provider.pk, ended_at=None).update(ended_at=at)
    record("identity_provider.removed", on=provider, by=by, at=at, reason=reason, identities=ended)
    return provider


@transaction.atomic
def link_identity(*, provider_id: UUID, subject: str, seat_id: UUID, by: Actor, at: datetime) -> Identity:
    """From now on this subject of the provider is the person in this seat; linking again changes nothing.

    Raises NotFound when the seat or the provider is not active, IdentityTaken when it is somebody else already.
    """
    seat: Seat = Seat.objects.locked(seat_id)
    provider = _living(provider_id)
    if seat.stage != SeatStage.ACTIVE:
        raise NotFound
    known: Identity | None = Identity.objects.filter(provider_id=provider.pk, subject=subject, ended_at=None).first()
    if known is not None:
        if known.seat_id != seat.pk:
            raise IdentityTaken
        return known
    identity = Identity(
        id=uuid7(), provider_id=provider.pk, subject=subject, user_id=seat.user_id, seat_id=seat.pk, linked_at=at
    )
    identity.save(force_insert=True)
    record("identity.linked", on=identity, by=by, at=at, provider_id=provider.pk, seat_id=seat.pk)
    return identity


def _living(provider_id: UUID) -> IdentityProvider:
    provider: IdentityProvider = IdentityProvider.objects.locked(provider_id)
    if provider.removed_at is not None:
        raise NotFound
    return provider


def living_identities(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(Identity.objects.filter(seat_id__in=seat_ids, ended_at=None), "seat_id")


@line("identities", left=living_identities, covers={"tenants.Identity.seat"})
def end_identities(seat_id: UUID, _by: Actor, at: datetime) -> int:
    """What providers say of this person opens nothing any more; a new seat needs a new link."""
    ended: int = Identity.objects.filter(seat_id=seat_id, ended_at=None).update(ended_at=at)
    return ended


def note_seen(*, agency_id: UUID, seat_id: UUID, at: datetime) -> None:
    """The person has used this seat; at most once an hour, and never moved back. No event: it is no news."""
    with inside(agency_id):
        stale = Q(last_seen_at=None) | Q(last_seen_at__lte=at - NOTE_SEEN_EVERY)
        Seat.objects.filter(stale, pk=seat_id).update(last_seen_at=at)
