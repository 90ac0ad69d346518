"""Signed names of a message: whoever shows one was sent the message. They travel in links and key presses."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from django.core import signing

SALT = "alerting.acknowledge"
_SIZE = 16 + 16 + 2


@dataclass(frozen=True, slots=True)
class Named:
    """The message that a token names, and the climb of its page that it belongs to."""

    agency_id: UUID
    notification_id: UUID
    cycle: int


def token_of(named: Named) -> str:
    """Ninety characters, so that it fits a text message, and the same on every repeat; how long it is good is asked
    of the message's row.
    """
    raw = named.agency_id.bytes + named.notification_id.bytes + named.cycle.to_bytes(2)
    return _signer().sign(base64.urlsafe_b64encode(raw).decode().rstrip("="))


def named_by(token: str) -> Named | None:
    """What a token names, None when we have not signed it."""
    try:
        raw = base64.urlsafe_b64decode(_signer().unsign(token) + "==")
    except (signing.BadSignature, binascii.Error, ValueError):
        return None
    if len(raw) != _SIZE:
        return None
    return Named(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), int.from_bytes(raw[32:]))


def about(agency_id: UUID, notification_id: UUID) -> str:
    """How receipts name a message. It is no proof: whoever says it has to sign."""
    return f"{agency_id.hex}.{notification_id.hex}"


def read_about(text: str) -> tuple[UUID, UUID] | None:
    """Agency and notification, None for any other text."""
    try:
        agency_id, notification_id = (UUID(hex=part) for part in text.split("."))
    except ValueError:
        return None
    return agency_id, notification_id


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT, sep=".")
