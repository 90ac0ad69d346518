"""Tokens of directories: what an agency's directory signs in with at the SCIM endpoints, and nowhere else."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid
from ledger.actions import record
from permissions.actions.grants import SeatEnded
from permissions.actions.keys import PeopleIssueKeys
from permissions.gate import Caller
from permissions.revocation import Todo, human_line
from tenants.models import DirectoryToken, Seat
from tenants.states import SeatStage

PREFIX = "scm"
ROTATED_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token of a directory and its secret text, which is shown this once and stored nowhere."""

    row: DirectoryToken
    token: str


@transaction.atomic
def issue_directory_token(
    *, issuer: Caller, name: str, expires_at: datetime | None, by: Actor, at: datetime
) -> IssuedToken:
    """Make a token for the agency's directory. It belongs to the agency and stays good when its issuer leaves.

    Raises PeopleIssueKeys (403) for a key that asks, SeatEnded (409), Invalid (400) for an end in the past.
    """
    if issuer.key_needs is not None:
        raise PeopleIssueKeys
    seat: Seat = Seat.objects.locked(issuer.seat_id)
    if seat.stage != SeatStage.ACTIVE:
        raise SeatEnded(seat=str(issuer.seat_id))
    if expires_at is not None and expires_at <= at:
        detail = "The end lies in the past."
        raise Invalid(detail, errors=[{"field": "expires_at", "code": "in_the_past", "detail": detail}])
    token_id, secret = uuid7(), secrets.token_urlsafe(32)
    # The agency stands in the token, so that it can be looked up inside that agency's wall and nowhere else.
    prefix = f"{PREFIX}_{issuer.agency_id.hex}_{token_id.hex[-12:]}"
    row = DirectoryToken(
        id=token_id,
        name=name,
        prefix=prefix,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        created_at=at,
        created_by_id=issuer.seat_id,
        expires_at=expires_at,
    )
    row.save(force_insert=True)
    record("directory_token.issued", on=row, by=by, at=at, prefix=prefix, expires_at=expires_at)
    return IssuedToken(row, f"{prefix}_{secret}")


@transaction.atomic
def revoke_directory_token(*, token_id: UUID, reason: str, by: Actor, at: datetime) -> DirectoryToken:
    """End a token: the next request with it is refused. Repeating changes nothing."""
    row: DirectoryToken = DirectoryToken.objects.locked(token_id)
    if row.revoked_at is None:
        row.revoked_at = at
        row.save(update_fields=["revoked_at"])
        record("directory_token.revoked", on=row, by=by, at=at, prefix=row.prefix, reason=reason)
    return row


def note_token_use(*, token_id: UUID, at: datetime) -> None:
    """Remember when a token was last used; the caller asks at most once a minute."""
    DirectoryToken.objects.filter(pk=token_id).update(last_used_at=at)


@human_line("directory tokens that they were shown", covers={"tenants.DirectoryToken.created_by"})
def tokens_to_rotate(seat_id: UUID, at: datetime) -> list[Todo]:
    """The agency's directory goes on with its token until somebody gives it another: without it nobody would leave."""
    rows = DirectoryToken.objects.filter(created_by=seat_id, revoked_at=None).exclude(expires_at__lte=at)
    names = rows.order_by("pk").values_list("name", flat=True)
    return [Todo(f"Give the directory another token, and revoke: {name}", ROTATED_WITHIN) for name in names]
