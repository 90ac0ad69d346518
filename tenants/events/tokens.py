"""Is a security event token (RFC 8417) what it says it is: by whom, for whom, signed with a key of theirs, and new.

Nothing in the token says where its keys are or which algorithms are good: `jku`, `x5u` and `jwk` are never read.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from core.http.parser import strict_json
from core.refusals import Refusal
from tenants.events.keys import ALGORITHMS, key_for

TYPES = {"secevent+jwt", "application/secevent+jwt"}
SKEW = timedelta(seconds=60)
OLDEST = timedelta(days=1)
SEGMENTS = 3
LONGEST_JTI = 255


class EventRefused(Exception):
    """The token is not taken. `err` is a code of RFC 8935, section 2.4."""

    def __init__(self, err: str, description: str) -> None:
        super().__init__(description)
        self.err = err
        self.description = description


@dataclass(frozen=True, slots=True)
class Trusted:
    """A sender of an agency, as far as verification asks."""

    transmitter_id: UUID
    issuer: str
    audience: str
    jwks_url: str


@dataclass(frozen=True, slots=True)
class Told:
    """One event about one subject; `subject` as RFC 9493 writes it."""

    kind: str
    subject: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that is what it says."""

    jti: str
    events: tuple[Told, ...]


def issuer_of(token: str) -> str:
    """Who the token says it is by, before anything is believed. Raises EventRefused."""
    issuer = _segment(token, 1).get("iss")
    if not isinstance(issuer, str):
        raise EventRefused("invalid_request", "The token names no issuer.")
    return issuer


def verified(token: str, *, by: Trusted, at: datetime) -> Verified:
    """What the token tells, if it is all right; raises EventRefused, and KeysUnavailable when its keys are away.

    May call the sender's host: never inside a transaction.
    """
    header = _segment(token, 0)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise EventRefused("invalid_key", "The algorithm is not accepted.")
    if str(header.get("typ", "")).lower() not in TYPES:
        raise EventRefused("invalid_request", "The type of the token is not secevent+jwt.")
    if "crit" in header or not isinstance(kid, str | None):
        raise EventRefused("invalid_request", "The header says what is not understood.")
    key = key_for(by.jwks_url, kid=kid, algorithm=algorithm)
    if key is None:
        raise EventRefused("invalid_key", "No key of the issuer fits the token.")
    try:
        claims = jwt.decode(
            token,
            key=key,
            algorithms=[algorithm],
            issuer=by.issuer,
            audience=by.audience,
            leeway=SKEW,
            # When it was issued is judged below, by the clock of this request.
            options={"require": ["iss", "iat", "jti", "aud"], "verify_iat": False, "verify_sub": False},
        )
    except jwt.InvalidAudienceError:
        raise EventRefused("invalid_audience", "The token is for somebody else.") from None
    except jwt.InvalidIssuerError:
        raise EventRefused("invalid_issuer", "The token is by somebody else.") from None
    except jwt.InvalidSignatureError:
        raise EventRefused("authentication_failed", "The signature is wrong.") from None
    except jwt.PyJWTError:
        raise EventRefused("invalid_request", "The token is not in order.") from None
    _check_age(claims["iat"], at)
    return Verified(_jti(claims["jti"]), _events(claims))


def _segment(token: str, which: int) -> dict[str, Any]:
    """One part of the token, decoded but not believed, and no stranger than what the API takes elsewhere."""
    parts = token.split(".")
    if len(parts) != SEGMENTS:
        raise EventRefused("invalid_request", "This is no signed token.")
    try:
        raw = base64.urlsafe_b64decode(parts[which] + "=" * (-len(parts[which]) % 4))
        value = strict_json(raw)
    except (binascii.Error, ValueError, Refusal):
        raise EventRefused("invalid_request", "The token cannot be read.") from None
    if not isinstance(value, dict):
        raise EventRefused("invalid_request", "The token cannot be read.")
    return value


def _check_age(issued: Any, at: datetime) -> None:
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise EventRefused("invalid_request", "iat is a number of seconds.")
    age = at.timestamp() - issued
    if age < -SKEW.total_seconds():
        raise EventRefused("invalid_request", "The token comes from the future.")
    if age > OLDEST.total_seconds():
        raise EventRefused("invalid_request", "The token is too old.")


def _jti(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_JTI:
        raise EventRefused("invalid_request", "jti is a text of 1 to 255 characters.")
    return value


def _events(claims: Mapping[str, Any]) -> tuple[Told, ...]:
    events = claims.get("events")
    if not isinstance(events, dict) or not events or not all(isinstance(event, dict) for event in events.values()):
        raise EventRefused("invalid_request", "The token tells no event.")
    whole = claims.get("sub_id")
    told = []
    for kind, event in events.items():
        # Drafts that are still in use name the subject in the event.
        subject = whole if isinstance(whole, dict) else event.get("subject")
        told.append(Told(kind, subject if isinstance(subject, dict) else {}))
    return tuple(told)
