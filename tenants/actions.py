"""Making agencies, brands, accounts and seats; inviting people; ending a seat."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency, wall
from ledger.actions import open_ledger, record
from permissions.actions import RoleTooHigh, WrongSide, grant_role, highest_rank, role_named
from permissions.gate import Caller
from permissions.models import Grant
from permissions.revocation import line, undo_everything
from tenants.models import Agency, Brand, Invitation, Seat, SocialAccount, User
from tenants.states import SEAT_LIFECYCLE

INVITATION_LASTS = timedelta(hours=72)
REASONS = ("left", "moved", "compromised", "expired")


class SlugTaken(Refusal):
    code = "slug_taken"
    title = "This slug is taken."


class AccountKnown(Refusal):
    code = "account_known"
    title = "This account is connected already."


class InvitationDead(Refusal):
    """Wrong secret, used, void and expired answer alike."""

    code = "invitation_dead"
    status = 404
    title = "This invitation is not valid."


class AlreadySeated(Refusal):
    code = "already_seated"
    title = "This person has a seat in this agency already."


class LastOwner(Refusal):
    """An agency is never without an owner."""

    code = "last_owner"
    title = "This is the agency's last owner."


def check_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise Invalid("There is no such time zone.", field="time_zone", given=name)
    return name


@transaction.atomic
def create_agency(
    *, slug: str, name: str, time_zone: str, owner_email: str, by: Actor, at: datetime
) -> tuple[Agency, str]:
    """Found an agency and invite its first owner; returns the agency and the secret of the invitation."""
    if Agency.objects.filter(slug=slug).exists():
        raise SlugTaken(slug=slug)
    agency = Agency.objects.create(slug=slug, name=name, time_zone=check_time_zone(time_zone), created_at=at)
    with wall(agency.pk):
        open_ledger(agency_id=agency.pk)
        record("agency.created", on=agency, by=by, at=at, slug=slug)
        invited = send_invitation(
            email=owner_email, side="staff", role="owner", brand_ids=[], inviter=None, by=by, at=at
        )
    return agency, invited.token


@transaction.atomic
def create_brand(*, slug: str, name: str, time_zone: str, locale: str, sector: str, by: Actor, at: datetime) -> Brand:
    """Add a brand to the agency."""
    if Brand.objects.filter(slug=slug).exists():
        raise SlugTaken(slug=slug)
    brand = Brand(
        slug=slug, name=name, time_zone=check_time_zone(time_zone), locale=locale, sector=sector, created_at=at
    )
    brand.save(force_insert=True)
    record("brand.created", on=brand, by=by, at=at, slug=slug)
    return brand


@transaction.atomic
def connect_account(
    *, brand_id: UUID, network: str, handle: str, credentials: dict[str, Any], by: Actor, at: datetime
) -> SocialAccount:
    """Connect a brand's account on a network; its credentials are sealed."""
    if SocialAccount.objects.filter(network=network, handle=handle).exists():
        raise AccountKnown(network=network, handle=handle)
    account = SocialAccount(
        id=uuid7(), brand_id=brand_id, network=network, handle=handle, credentials=credentials, connected_at=at
    )
    account.save(force_insert=True)
    record("account.connected", on=account, by=by, at=at, network=network, account_handle=handle)
    return account


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation and its secret token, which goes out by e-mail and is stored nowhere."""

    invitation: Invitation
    token: str


@transaction.atomic
def send_invitation(
    *,
    email: str,
    side: str,
    role: str,
    brand_ids: Sequence[UUID],
    inviter: Caller | None,
    by: Actor,
    at: datetime,
) -> Invited:
    """Offer a seat to an address; the offer goes out by e-mail and lasts 72 hours."""
    wanted = role_named(role)
    places: Sequence[UUID | None] = brand_ids or [None]
    if wanted.side != side or (side == "client" and not brand_ids):
        raise WrongSide(role=role, side=side)
    if inviter is not None and any(wanted.rank > highest_rank(inviter.seat_id, on_brand=brand) for brand in places):
        raise RoleTooHigh(role=role)
    invitation_id, secret = uuid7(), secrets.token_urlsafe(24)
    token = f"cin_{standing_agency().hex}_{invitation_id.hex}_{secret}"
    invitation = Invitation(
        id=invitation_id,
        email=email.lower(),
        side=side,
        role=role,
        brand_ids=list(brand_ids),
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        token_to_send=token,
        inviter_id=inviter.seat_id if inviter else None,
        created_at=at,
        expires_at=at + INVITATION_LASTS,
    )
    invitation.save(force_insert=True)
    record("invitation.sent", on=invitation, by=by, at=at, role=role, side=side, brands=list(brand_ids))
    return Invited(invitation, token)


@transaction.atomic
def forget_token(*, invitation_id: UUID) -> None:
    """The invitation has been sent: only its hash stays."""
    Invitation.objects.filter(pk=invitation_id).update(token_to_send=None)


@transaction.atomic
def accept_invitation(*, token: str, name: str, password: str, at: datetime) -> Seat:
    """Take the seat that was offered: makes the person when the address is new, the seat, and its first grant.

    The token proves the address. A person who is known already keeps name and password.
    """
    kind, agency_hex, invitation_hex, secret = [*token.split("_", 3), "", "", "", ""][:4]
    try:
        agency_id, invitation_id = UUID(hex=agency_hex), UUID(hex=invitation_hex)
    except ValueError:
        raise InvitationDead from None
    if kind != "cin":
        raise InvitationDead
    with wall(agency_id):
        invitation: Invitation | None = (
            Invitation.objects.select_for_update(of=("self",), no_key=True).filter(pk=invitation_id).first()
        )
        if invitation is None or not _still_good(invitation, secret, at):
            raise InvitationDead
        user = _person(email=invitation.email, name=name, password=password, at=at)
        if Seat.objects.all().active().filter(user=user).exists():
            raise AlreadySeated
        seat = Seat(id=uuid7(), user=user, side=invitation.side, created_at=at)
        seat.save(force_insert=True)
        invitation.accepted_at = at
        invitation.save(update_fields=["accepted_at"])
        actor = Actor.seat(seat.pk)
        record("seat.created", on=seat, by=actor, at=at, side=seat.side, role=invitation.role)
        grant_role(
            seat_id=seat.pk,
            user_id=user.pk,
            side=seat.side,
            role=invitation.role,
            brand_ids=invitation.brand_ids,
            reason="accepted an invitation",
            ends_at=None,
            sponsor=None,
            by=Actor.seat(invitation.inviter_id) if invitation.inviter_id else actor,
            at=at,
        )
        record("invitation.accepted", on=invitation, by=actor, at=at, seat_id=seat.pk)
    return seat


def _still_good(invitation: Invitation, secret: str, at: datetime) -> bool:
    right = hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), invitation.secret_sha256)
    open_ = invitation.accepted_at is None and invitation.voided_at is None and invitation.expires_at > at
    inviter_sits = (
        invitation.inviter_id is None or Seat.objects.all().active().filter(pk=invitation.inviter_id).exists()
    )
    return right and open_ and inviter_sits


def _person(*, email: str, name: str, password: str, at: datetime) -> User:
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        return known
    user = User(id=uuid7(), email=email, name=name, date_joined=at)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            "Choose another password.",
            errors=[{"field": "password", "code": "weak", "detail": text} for text in error.messages],
        ) from None
    user.set_password(password)
    user.save(force_insert=True)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


@transaction.atomic
def revoke_seat(*, seat_id: UUID, reason: str, by: Actor, at: datetime) -> Seat:
    """End a seat at once and undo everything the person could reach through it; repeating changes nothing.

    `reason` is one of left, moved, compromised, expired. Every registered line runs in this transaction; the counts
    of what each ended are kept on the seat and in the ledger.
    """
    if reason not in REASONS:
        raise Invalid("There is no such reason.", reason=reason, known=list(REASONS))
    # Owners are locked together, so that two of them cannot remove each other at once.
    owners = list(
        Seat.objects.all()
        .active()
        .filter(pk__in=Grant.objects.all().live().filter(role="owner", brand=None).values("seat_id"))
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    seat: Seat = Seat.objects.locked(seat_id)
    if seat.stage == "ENDED":
        return seat
    if [owner.pk for owner in owners] == [seat.pk]:
        raise LastOwner
    seat.stage = SEAT_LIFECYCLE.step("revoke", from_=seat.stage)
    seat.auth_epoch += 1
    seat.ended_at, seat.end_reason = at, reason
    seat.ended_counts = undo_everything(seat_id=seat.pk, by=by, at=at)
    seat.save(update_fields=["stage", "auth_epoch", "ended_at", "end_reason", "ended_counts"])
    record("seat.revoked", on=seat, by=by, at=at, reason=reason, ended=seat.ended_counts)
    return seat


@line("invitations sent")
def void_invitations(seat_id: UUID, _by: Actor, at: datetime) -> int:
    pending = Invitation.objects.filter(inviter_id=seat_id, accepted_at=None, voided_at=None)
    voided: int = pending.update(voided_at=at, token_to_send=None)
    return voided


@line("sessions")
def end_sessions(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """Sessions belong to the person. Each request asks for a live seat, so other agencies' work may go on."""
    user_id = Seat.objects.found(seat_id).user_id
    sessions = list(UserSession.objects.filter(user_id=user_id))
    for session in sessions:
        session.end()
    return len(sessions)
