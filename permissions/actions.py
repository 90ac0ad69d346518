"""Granting and withdrawing roles; issuing and revoking keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from ledger.actions import record
from permissions.gate import Caller, anywhere
from permissions.models import AgencyReach, ApiKey, BrandReach, Grant
from permissions.needs import Need
from permissions.revocation import line
from permissions.roles import ROLES, Role


class RoleTooHigh(Refusal):
    """Nobody grants a role above the highest one they hold themselves."""

    code = "role_too_high"
    status = 403
    title = "You cannot grant a role above your own."


class WrongSide(Refusal):
    """Client seats hold client roles on brands; staff hold staff roles."""

    code = "wrong_side"
    status = 400
    title = "This role is not for this kind of seat."


class KeyTooWide(Refusal):
    """A key never holds what its issuer does not."""

    code = "key_too_wide"
    status = 403
    title = "A key cannot hold a right that you do not hold."


def role_named(name: str) -> Role:
    if name not in ROLES:
        raise Invalid("There is no such role.", role=name, known=sorted(ROLES))
    return ROLES[name]


@transaction.atomic
def grant_role(
    *,
    seat_id: UUID,
    user_id: UUID,
    side: str,
    role: str,
    brand_ids: Sequence[UUID],
    reason: str,
    ends_at: datetime | None,
    sponsor: Caller | None,
    by: Actor,
    at: datetime,
) -> list[Grant]:
    """Give a seat a role on the agency (no brands named) or on brands, and every need that comes with it.

    `sponsor` is the person who grants; None is the operator, or the inviter whose rank was checked at the invitation.
    """
    wanted = role_named(role)
    places: Sequence[UUID | None] = brand_ids or [None]
    if wanted.side != side or (side == "client" and not brand_ids):
        raise WrongSide(role=role, side=side)
    if sponsor is not None and any(wanted.rank > highest_rank(sponsor.seat_id, on_brand=brand) for brand in places):
        raise RoleTooHigh(role=role)
    grants = [
        Grant(
            seat_id=seat_id,
            user_id=user_id,
            role=role,
            brand_id=brand,
            reason=reason,
            sponsor_id=by.seat_id,
            granted_at=at,
            ends_at=ends_at,
        )
        for brand in places
    ]
    for grant in grants:
        Grant.objects.all().live().filter(seat_id=seat_id, role=role, brand_id=grant.brand_id).update(withdrawn_at=at)
        grant.save(force_insert=True)
    project_grants(user_id=user_id)
    record(
        "role.granted",
        on=grants[0],
        by=by,
        at=at,
        seat_id=seat_id,
        role=role,
        brand_ids=list(brand_ids),
        reason=reason,
        ends_at=ends_at,
    )
    return grants


@transaction.atomic
def withdraw_role(*, grant_id: UUID, reason: str, by: Actor, at: datetime) -> Grant:
    """Take a role back; its needs end with it."""
    grant: Grant = Grant.objects.locked(grant_id)
    if grant.withdrawn_at is None:
        grant.withdrawn_at = at
        grant.save(update_fields=["withdrawn_at"])
        project_grants(user_id=grant.user_id)
        record("role.withdrawn", on=grant, by=by, at=at, seat_id=grant.seat_id, role=grant.role, reason=reason)
    return grant


def highest_rank(seat_id: UUID, *, on_brand: UUID | None) -> int:
    """The rank of the highest role that a seat holds on a brand, or on the whole agency for None; 0 for none."""
    here = Q(brand_id=None) | Q(brand_id=on_brand) if on_brand else Q(brand_id=None)
    held = Grant.objects.all().live().filter(here, seat_id=seat_id).values_list("role", flat=True)
    return max((ROLES[name].rank for name in held), default=0)


def project_grants(*, user_id: UUID) -> None:
    """Make guardian's rows say exactly what the person's live grants in this agency come to."""
    agency_id = standing_agency()
    wanted_agency: dict[str, datetime | None] = {}
    wanted_brand: dict[tuple[UUID, str], datetime | None] = {}
    for grant in Grant.objects.all().live().filter(user_id=user_id):
        for need in ROLES[grant.role].needs:
            if grant.brand_id is None:
                wanted_agency[need.value] = _later_end(wanted_agency, need.value, grant.ends_at)
            else:
                place = (grant.brand_id, need.value)
                wanted_brand[place] = _later_end(wanted_brand, place, grant.ends_at)
    ids = _permission_ids()
    AgencyReach.objects.filter(user_id=user_id, agency_id=agency_id).delete()
    AgencyReach.objects.bulk_create(
        AgencyReach(
            user_id=user_id,
            agency_id=agency_id,
            content_object_id=agency_id,
            permission_id=ids["agency", need],
            ends_at=ends_at,
        )
        for need, ends_at in wanted_agency.items()
    )
    BrandReach.objects.filter(user_id=user_id, agency_id=agency_id).delete()
    BrandReach.objects.bulk_create(
        BrandReach(
            user_id=user_id,
            agency_id=agency_id,
            content_object_id=brand_id,
            permission_id=ids["brand", need],
            ends_at=ends_at,
        )
        for (brand_id, need), ends_at in wanted_brand.items()
    )


def _later_end(ends: dict[Any, datetime | None], place: Any, end: datetime | None) -> datetime | None:
    """Of two grants of one need the longer one counts; None is for ever."""
    if place not in ends:
        return end
    known = ends[place]
    return None if known is None or end is None else max(known, end)


def _permission_ids() -> dict[tuple[str, str], int]:
    rows = Permission.objects.filter(
        content_type__app_label="tenants", content_type__model__in=["agency", "brand"], codename__in=Need.values
    )
    return {(model, code): pk for model, code, pk in rows.values_list("content_type__model", "codename", "pk")}


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its secret text, which is shown this once and stored nowhere."""

    key: ApiKey
    token: str


@transaction.atomic
def issue_key(
    *,
    issuer: Caller,
    seat_epoch: int,
    name: str,
    needs: Iterable[Need],
    brand_ids: Sequence[UUID],
    expires_at: datetime | None,
    by: Actor,
    at: datetime,
) -> IssuedKey:
    """Make a key for an integration: no wider than its issuer, now and at every later use."""
    wanted = sorted({Need(need) for need in needs})
    if lacking := [need.value for need in wanted if not anywhere(issuer, need)]:
        raise KeyTooWide(needs=lacking)
    key_id, secret = uuid7(), secrets.token_urlsafe(32)
    # The agency stands in the key, so that it can be looked up inside that agency's wall and nowhere else.
    prefix = f"csk_{issuer.agency_id.hex}_{key_id.hex[-12:]}"
    key = ApiKey(
        id=key_id,
        seat_id=issuer.seat_id,
        seat_epoch=seat_epoch,
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


@line("roles and grants")
def end_grants(seat_id: UUID, _by: Actor, at: datetime) -> int:
    grants = Grant.objects.all().live().filter(seat_id=seat_id)
    user_ids = list(grants.values_list("user_id", flat=True).distinct())
    ended: int = grants.update(withdrawn_at=at)
    for user_id in user_ids:
        project_grants(user_id=user_id)
    return ended


@line("API keys")
def end_keys(seat_id: UUID, _by: Actor, at: datetime) -> int:
    ended: int = ApiKey.objects.filter(seat_id=seat_id, revoked_at=None).update(revoked_at=at)
    return ended
