"""Issuing, rotating and revoking keys of integrations."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import Q

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from ledger.actions import record
from permissions.actions.grants import SeatEnded
from permissions.gate import Caller, anywhere
from permissions.models import ApiKey
from permissions.needs import Need
from permissions.queries.keys import alive_at, key_alive
from permissions.revocation import Tried, counted, line, trying

DEFAULT_RATE = 600  # requests a minute
EXPOSURE = Actor.rule("key exposure")


class KeyTooWide(Refusal):
    """A key never holds what its issuer does not."""

    code = "key_too_wide"
    status = 403
    title = "A key cannot hold a right that you do not hold."


class PeopleIssueKeys(Refusal):
    """A key that could make keys would outlive its own end, its networks and its brands. It may rotate itself."""

    code = "people_issue_keys"
    status = 403
    title = "Keys are issued by people."


class KeyEnded(Refusal):
    """What opens nothing any more has nothing to hand on."""

    code = "key_ended"
    title = "This key has ended: issue a new one."


class KeyRotated(Refusal):
    """Fact `key_id`: the key that took over, and is alive."""

    code = "key_rotated"
    title = "Another key has taken over from this one."


class IssuerRotates(Refusal):
    """A key that names no brands reaches those of its issuer. In other hands it would reach other brands."""

    code = "issuer_rotates"
    status = 403
    title = "Only its issuer rotates a key that is not bound to brands: issue a new one."


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
    networks: Sequence[str] = (),
    rate_per_minute: int = DEFAULT_RATE,
) -> IssuedKey:
    """Make a key for an integration: no wider than its issuer, now and at every later use.

    `networks` in CIDR, none for anywhere. Raises PeopleIssueKeys and KeyTooWide (403), SeatEnded (409), Invalid (400)
    for networks that are none and an end in the past.
    """
    if issuer.key_needs is not None:
        raise PeopleIssueKeys
    seat = _seat_held(issuer)
    if expires_at is not None and expires_at <= at:
        detail = "The end lies in the past."
        raise Invalid(detail, errors=[{"field": "expires_at", "code": "in_the_past", "detail": detail}])
    issued = _write_key(
        issuer=issuer,
        seat=seat,
        at=at,
        name=name,
        needs=_needs_within(issuer, needs),
        brand_ids=list(brand_ids),
        networks=checked_networks(networks),
        rate_per_minute=rate_per_minute,
        expires_at=expires_at,
        replaces_id=None,
    )
    _record_issue(issued.key, by=by, at=at)
    return issued


@transaction.atomic
def rotate_key(*, key_id: UUID, overlap: timedelta, rotator: Caller, by: Actor, at: datetime) -> IssuedKey:
    """Make the successor of a key, and let the old one end when the overlap is over; never later than it would have.

    The successor has the same needs, brands, networks, rate and length of life, and whoever rotates is its issuer: it
    is held to their rights. A key rotates nothing but itself. Raises KeyEnded and KeyRotated (409), KeyTooWide,
    IssuerRotates and PeopleIssueKeys (403).
    """
    if rotator.key_needs is not None and rotator.actor.id != key_id:
        raise PeopleIssueKeys
    seat = _seat_held(rotator)
    old: ApiKey = ApiKey.objects.locked(key_id)
    if not key_alive(ApiKey.objects.select_related("seat__user").get(pk=old.pk), at):
        raise KeyEnded
    if not old.brand_ids and old.seat_id != seat.pk:
        raise IssuerRotates
    successor = ApiKey.objects.filter(alive_at(at), replaces_id=old.pk).first()
    if successor is not None:
        raise KeyRotated(key_id=successor.pk)
    issued = _write_key(
        issuer=rotator,
        seat=seat,
        at=at,
        name=old.name,
        needs=_needs_within(rotator, [Need(need) for need in old.needs]),
        brand_ids=old.brand_ids,
        networks=old.networks,
        rate_per_minute=old.rate_per_minute,
        expires_at=None if old.expires_at is None else at + (old.expires_at - old.created_at),
        replaces_id=old.pk,
    )
    ends = at + overlap
    if old.expires_at is None or old.expires_at > ends:
        old.expires_at = ends
        old.save(update_fields=["expires_at"])
    _record_issue(issued.key, by=by, at=at)
    record(
        "key.rotated", on=old, by=by, at=at, prefix=old.prefix, successor_id=issued.key.pk, expires_at=old.expires_at
    )
    return issued


def _seat_held(issuer: Caller) -> Any:
    """The issuer's seat, held until the commit, as for a grant: no key outlives a goodbye that it raced."""
    seat: Any = apps.get_model("tenants", "Seat").objects.locked(issuer.seat_id)
    if seat.stage != "ACTIVE":
        raise SeatEnded(seat=str(issuer.seat_id))
    return seat


def _needs_within(issuer: Caller, needs: Iterable[Need]) -> list[str]:
    wanted = sorted({Need(need) for need in needs})
    if lacking := [need.value for need in wanted if not anywhere(issuer, need)]:
        raise KeyTooWide(needs=lacking)
    return [need.value for need in wanted]


def checked_networks(networks: Sequence[str]) -> list[str]:
    """The networks in their plain form, each once; raises Invalid with the place of each that is none."""
    plain, errors = [], []
    for place, network in enumerate(networks):
        try:
            plain.append(str(ip_network(network)))
        except ValueError:
            detail = "This is no network such as 192.0.2.0/24 or 2001:db8::/32, without bits beyond its length."
            errors.append({"field": f"networks.{place}", "code": "not_a_network", "detail": detail})
    if errors:
        raise Invalid("Some networks make no sense.", errors=errors)
    return list(dict.fromkeys(plain))


def _write_key(*, issuer: Caller, seat: Any, at: datetime, **fields: Any) -> IssuedKey:
    key_id, secret = uuid7(), secrets.token_urlsafe(32)
    # The agency stands in the key, so that it can be looked up inside that agency's wall and nowhere else.
    prefix = f"csk_{issuer.agency_id.hex}_{key_id.hex[-12:]}"
    key = ApiKey(
        id=key_id,
        seat_id=seat.pk,
        seat_epoch=seat.auth_epoch,
        prefix=prefix,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        created_at=at,
        **fields,
    )
    key.save(force_insert=True)
    return IssuedKey(key, f"{prefix}_{secret}")


def _record_issue(key: ApiKey, *, by: Actor, at: datetime) -> None:
    record(
        "key.issued",
        on=key,
        by=by,
        at=at,
        prefix=key.prefix,
        needs=key.needs,
        brand_ids=key.brand_ids,
        expires_at=key.expires_at,
    )


@transaction.atomic
def revoke_key(*, key_id: UUID, reason: str, by: Actor, at: datetime) -> ApiKey:
    """End a key; the next request with it is refused."""
    key: ApiKey = ApiKey.objects.locked(key_id)
    if key.revoked_at is None:
        key.revoked_at = at
        key.save(update_fields=["revoked_at"])
        record("key.revoked", on=key, by=by, at=at, prefix=key.prefix, reason=reason)
    return key


@transaction.atomic
def mark_exposed(*, key_id: UUID, where: str, at: datetime) -> ApiKey:
    """Note that a key was sent where addresses are logged, `where` is query or path; the first time counts.

    The key goes on working. The request that exposed it was refused, so its maker notices; to end a key that feeds
    mentions is to blind an agency in the middle of a crisis, and that is for its owner to choose: rotate, or revoke.
    """
    key: ApiKey = ApiKey.objects.locked(key_id)
    if key.exposed_at is None:
        key.exposed_at = at
        key.save(update_fields=["exposed_at"])
        record("key.exposed", on=key, by=EXPOSURE, at=at, prefix=key.prefix, where=where)
    return key


def note_key_use(*, key_id: UUID, at: datetime) -> None:
    """Remember when a key was last used; the caller asks at most once a minute."""
    ApiKey.objects.filter(pk=key_id).update(last_used_at=at)


def keys_left(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    """Keys that would open something if their issuer sat: nobody has revoked them, and their time is not over."""
    unended = Q(expires_at=None) | Q(expires_at__gt=at)
    return counted(ApiKey.objects.filter(unended, seat_id__in=seat_ids, revoked_at=None), "seat_id")


@line("API keys", left=keys_left, covers={"permissions.ApiKey.seat"})
def end_keys(seat_id: UUID, _by: Actor, at: datetime) -> int:
    ended: int = ApiKey.objects.filter(seat_id=seat_id, revoked_at=None).update(revoked_at=at)
    return ended


@trying("API keys")
def try_keys(seat_id: UUID, at: datetime) -> Tried:
    """Ask of each key what the door asks of a key that is shown to it."""
    keys = list(ApiKey.objects.select_related("seat__user").filter(seat_id=seat_id))
    return Tried(len(keys), sum(key_alive(key, at) for key in keys))
