"""Whether a key opens anything: asked at every request, and by whoever tries an old key to see that it is dead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.db.models import F, Q

from permissions.models import ApiKey


def key_alive(key: ApiKey, at: datetime) -> bool:
    """Whether a key may be used at all: not revoked, not over, and its issuer in the same seat as when it was made.

    `key` was loaded inside the wall with `select_related("seat__user")`. What it may do is the gate's to say.
    """
    seat = key.seat
    return (
        key.revoked_at is None
        and (key.expires_at is None or key.expires_at > at)
        and seat.stage == "ACTIVE"
        and seat.auth_epoch == key.seat_epoch
        and seat.user.is_active
    )


def alive_at(at: datetime) -> Q:
    """`key_alive` as a filter on keys."""
    return Q(revoked_at=None, seat__stage="ACTIVE", seat__auth_epoch=F("seat_epoch"), seat__user__is_active=True) & (
        Q(expires_at=None) | Q(expires_at__gt=at)
    )


def in_state(state: str, at: datetime) -> Q:
    """Keys that are live, expired, revoked, or exposed; a key whose issuer is out is in none but perhaps the last."""
    states: dict[str, Any] = {
        "live": alive_at(at),
        "expired": Q(revoked_at=None, expires_at__lte=at),
        "revoked": Q(revoked_at__isnull=False),
        "exposed": Q(exposed_at__isnull=False),
    }
    found: Q = states[state]
    return found


def reached_from(address: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks; every address does when none is named, no unknown one else.

    An IPv4 address that arrives in its IPv6 form (::ffff:192.0.2.1) counts as itself.
    """
    wanted = [ip_network(network) for network in networks]
    if not wanted:
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in wanted)
