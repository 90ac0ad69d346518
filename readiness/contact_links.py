"""Signed links by which somebody of the contact book says that their entry is right. Nothing of them is stored.

A link is good for one answer: it names when they were asked, and an answer moves that on.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.core import signing

SALT: Final = "readiness.confirm_contact"
LIVES: Final = timedelta(days=30)
MARK: Final = "csl_"  # logs mask what begins like this
_SIZE: Final = 16 + 16 + 16 + 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which contact was asked, at which channel, when."""

    agency_id: UUID
    contact_id: UUID
    channel_id: UUID
    at: datetime


def token_of(asked: Asked) -> str:
    moment = (asked.at - _EPOCH) // timedelta(microseconds=1)
    raw = asked.agency_id.bytes + asked.contact_id.bytes + asked.channel_id.bytes + moment.to_bytes(8)
    return MARK + _signer().sign(base64.urlsafe_b64encode(raw).decode().rstrip("="))


def asked_in(token: str) -> Asked | None:
    """What a token says; None when we have not signed it."""
    try:
        raw = base64.urlsafe_b64decode(_signer().unsign(token.removeprefix(MARK)) + "==")
    except (signing.BadSignature, binascii.Error, ValueError):
        return None
    if len(raw) != _SIZE or not token.startswith(MARK):
        return None
    agency_id, contact_id, channel_id = (UUID(bytes=raw[start : start + 16]) for start in (0, 16, 32))
    return Asked(agency_id, contact_id, channel_id, _EPOCH + timedelta(microseconds=int.from_bytes(raw[48:])))


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT, sep=".")
