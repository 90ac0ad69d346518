"""Inviting people, and seating them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency, wall
from ledger.actions import record, records_held_back
from permissions.actions.grants import Place, WrongSide, grant_role, refuse_beyond
from permissions.gate import Caller
from permissions.queries.holders import role_named
from permissions.queries.twins import is_twin
from permissions.revocation import counted, line
from tenants.models import Invitation, Seat, User
from tenants.queries import caller_in_office
from tenants.states import SeatStage

INVITATION_LASTS = timedelta(hours=72)


class InvitationDead(Refusal):
    """Wrong secret, used, void and expired answer alike."""

    code = "invitation_dead"
    status = 404
    title = "This invitation is not valid."


class InvitationTaken(Refusal):
    code = "invitation_taken"
    title = "This invitation has been accepted; revoke the seat instead."


class DrillInvitesNobody(Refusal):
    """Those who play a drill are people who are here already."""

    code = "drill_invites_nobody"
    title = "Nobody is invited to the twin of a drill."


class AlreadySeated(Refusal):
    code = "already_seated"
    title = "This person has a seat in this agency already."


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
    if wanted.side != side or (side == "client" and not brand_ids):
        raise WrongSide(role=role, side=side)
    if Seat.objects.exclude(stage=SeatStage.ENDED).filter(user__email__iexact=email).exists():
        raise AlreadySeated
    if any(is_twin(brand_id) for brand_id in brand_ids):
        raise DrillInvitesNobody
    if inviter is not None:
        refuse_beyond(inviter, wanted, Place.each(brand_ids))
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
def void_invitation(*, invitation_id: UUID, reason: str, by: Actor, at: datetime) -> Invitation:
    """Take an offer back; repeating changes nothing. Raises InvitationTaken when somebody sits there already."""
    invitation: Invitation = Invitation.objects.locked(invitation_id)
    if invitation.accepted_at is not None:
        raise InvitationTaken
    if invitation.voided_at is None:
        invitation.voided_at, invitation.token_to_send = at, None
        invitation.save(update_fields=["voided_at", "token_to_send"])
        record("invitation.voided", on=invitation, by=by, at=at, reason=reason)
    return invitation


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
        invitation.accepted_at = at
        invitation.save(update_fields=["accepted_at"])
        with records_held_back():
            seat = take_seat(user=user, side=invitation.side, role=invitation.role, at=at)
            actor = Actor.seat(seat.pk)
            grant_role(
                seat_id=seat.pk,
                role=invitation.role,
                places=Place.each(invitation.brand_ids),
                reason="accepted an invitation",
                starts_at=None,
                ends_at=None,
                # Asked again: the inviter may have lost the right to give this since.
                sponsor=caller_in_office(invitation.inviter_id, at=at),
                by=Actor.seat(invitation.inviter_id) if invitation.inviter_id else actor,
                at=at,
            )
            record("invitation.accepted", on=invitation, by=actor, at=at, seat_id=seat.pk)
    return seat


@transaction.atomic
def take_seat(*, user: User, side: str, role: str, at: datetime, by: Actor | None = None) -> Seat:
    """Seat a person in the agency whose wall stands; `role` is for the ledger, the grant is another step.

    Whoever sat here before gets a new seat, and no session from before it opens it. Raises AlreadySeated.
    """
    earlier = Seat.objects.filter(user=user)
    if earlier.exclude(stage=SeatStage.ENDED).exists():
        raise AlreadySeated
    seat = Seat(id=uuid7(), user=user, side=side, created_at=at, signed_in_after=at if earlier.exists() else None)
    seat.save(force_insert=True)
    record("seat.created", on=seat, by=by or Actor.seat(seat.pk), at=at, side=side, role=role)
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


def open_invitations(at: datetime) -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at=None, voided_at=None, expires_at__gt=at)


def invitations_left(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    return counted(open_invitations(at).filter(inviter_id__in=seat_ids), "inviter_id")


@line("invitations sent", left=invitations_left, covers={"tenants.Invitation.inviter"})
def void_invitations(seat_id: UUID, _by: Actor, at: datetime) -> int:
    pending = Invitation.objects.filter(inviter_id=seat_id, accepted_at=None, voided_at=None)
    voided: int = pending.update(voided_at=at, token_to_send=None)
    return voided


def invitations_to_leavers(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    """Offers to their address from before they went; whoever is asked back is asked anew."""
    theirs = open_invitations(at).filter(email__iexact=OuterRef("user__email"), created_at__lte=OuterRef("ended_at"))
    found = theirs.order_by().values("agency_id").annotate(found=Count("pk")).values("found")
    seats = Seat.objects.filter(pk__in=seat_ids).annotate(found=Subquery(found)).filter(found__gt=0)
    return dict(seats.values_list("pk", "found"))


@line("invitations to them", left=invitations_to_leavers)
def void_invitations_to(seat_id: UUID, _by: Actor, at: datetime) -> int:
    """An offer that lies in their mailbox seats them no more."""
    seat: Seat = Seat.objects.select_related("user").get(pk=seat_id)
    before = seat.ended_at or at
    theirs = open_invitations(at).filter(email__iexact=seat.user.email, created_at__lte=before)
    voided: int = theirs.update(voided_at=at, token_to_send=None)
    return voided
