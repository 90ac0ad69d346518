"""Issuing, rotating and revoking keys of integrations."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from ledger.actions import record
from permissions.actions.grants import SeatEnded
from permissions.gate import Caller, anywhere
from permissions.models import ApiKey
from permissions.needs import Need
from permissions.revocation import line


class KeyTooWide(Refusal):
    """A key never holds what its issuer does not."""

    code = "key_too_wide"
    status = 403
    title = "A key cannot hold a right that you do not hold."


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its secret text, which is shown this once and stored nowhere."""

    key: ApiKey
    token: str


@transaction.atomic
def issue_key(
    *,
    issuer: Caller,
    name: str,
    needs: Iterable[Need],
    brand_ids: Sequence[UUID],
    expires_at: datetime | None,
    by: Actor,
    at: datetime,
) -> IssuedKey:
    """Make a key for an integration: no wider than its issuer, now and at every later use."""
    # Held until the commit, as for a grant: no key outlives a goodbye that it raced.
    seat: Any = apps.get_model("tenants", "Seat").objects.locked(issuer.seat_id)
    if seat.stage != "ACTIVE":
        raise SeatEnded(seat=str(issuer.seat_id))
    wanted = sorted({Need(need) for need in needs})
    if lacking := [need.value for need in wanted if not anywhere(issuer, need)]:
        raise KeyTooWide(needs=lacking)
    key_id, secret = uuid7(), secrets.token_urlsafe(32)
    # The agency stands in the key, so that it can be looked up inside that agency's wall and nowhere else.
    prefix = f"csk_{issuer.agency_id.hex}_{key_id.hex[-12:]}"
    key = ApiKey(
        id=key_id,
        seat_id=issuer.seat_id,
        seat_epoch=seat.auth_epoch,
        name=name,
        prefix=prefix,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        needs=[need.value for need in wanted],
        brand_ids=list(brand_ids),
        created_at=at,
        expires_at=expires_at,
    )
    key.save(force_insert=True)
    record(
        "key.issued",
        on=key,
        by=by,
        at=at,
        prefix=prefix,
        needs=key.needs,
        brand_ids=key.brand_ids,
        expires_at=expires_at,
    )
    return IssuedKey(key, f"{prefix}_{secret}")


@transaction.atomic
def revoke_key(*, key_id: UUID, reason: str, by: Actor, at: datetime) -> ApiKey:
    """End a key; the next request with it is refused."""
    key: ApiKey = ApiKey.objects.locked(key_id)
    if key.revoked_at is None:
        key.revoked_at = at
        key.save(update_fields=["revoked_at"])
        record("key.revoked", on=key, by=by, at=at, prefix=key.prefix, reason=reason)
    return key


def note_key_use(*, key_id: UUID, at: datetime) -> None:
    """Remember when a key was last used; the caller asks at most once a minute."""
    ApiKey.objects.filter(pk=key_id).update(last_used_at=at)


@line("API keys")
def end_keys(seat_id: UUID, _by: Actor, at: datetime) -> int:
    ended: int = ApiKey.objects.filter(seat_id=seat_id, revoked_at=None).update(revoked_at=at)
    return ended
