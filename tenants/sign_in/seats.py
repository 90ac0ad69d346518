"""Which seat a session opens in an agency. Every way in asks here, and so does whoever links an identity to a seat."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tenants.models import Identity, Seat, User
from tenants.sign_in.records import Proof, Vouched


@dataclass(frozen=True, slots=True)
class Opened:
    seat: Seat
    second_factor: bool


def provider_name(agency_id: UUID, provider_id: UUID) -> str:
    """How allauth and browsers call an identity provider; it says whose it is before any wall stands."""
    return f"{agency_id.hex}-{provider_id.hex}"


def ids_in(name: str) -> tuple[UUID, UUID] | None:
    """The agency and the provider that a name names; None for what is no such name."""
    agency, _, provider = name.partition("-")
    try:
        ids = UUID(hex=agency), UUID(hex=provider)
    except ValueError:
        return None
    return ids if provider_name(*ids) == name else None


def seat_opened(user: User, proof: Proof) -> Opened | None:
    """The person's live seat, if this session opens it; inside the wall.

    It does not when it signed in before the seat was given (back), or when a provider vouched for it that is not this
    agency's, or that knows them here no more: one agency's provider speaks for that agency alone.
    """
    seat: Seat | None = Seat.objects.all().active().filter(user_id=user.pk).first()
    if seat is None or not user.is_active or _older(proof, seat):
        return None
    identities = [identity_of(vouched, seat) for vouched in proof.vouched]
    known = [identity for identity in identities if identity is not None]
    if len(known) < len(identities):
        return None
    return Opened(seat, proof.second_factor or any(identity.provider.proves_second_factor for identity in known))


def identity_of(vouched: Vouched, seat: Seat) -> Identity | None:
    """The living link between what a provider said and this seat."""
    ids = ids_in(vouched.provider)
    if ids is None or ids[0] != seat.agency_id:
        return None
    living = Identity.objects.filter(ended_at=None, provider__removed_at=None).select_related("provider")
    found: Identity | None = living.filter(provider_id=ids[1], subject=vouched.subject, seat_id=seat.pk).first()
    return found


def _older(proof: Proof, seat: Seat) -> bool:
    """Whether the session signed in before the seat was given, or given back."""
    return seat.signed_in_after is not None and (proof.first_at is None or proof.first_at < seat.signed_in_after)
