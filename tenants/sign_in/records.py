"""How and when the person behind a session proved who they are, from the records that allauth keeps in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY as RECORDS

PROVIDER = "socialaccount"
SECOND_FACTOR = "mfa"


@dataclass(frozen=True, slots=True)
class Proof:
    """`first_at` and `last_at`: the session's oldest and newest proof. `providers`: identity providers that vouched.

    A passkey counts as a second factor even when it was the only one: it is a thing one has, and opens to a PIN or a
    finger only.
    """

    first_at: datetime | None = None
    last_at: datetime | None = None
    second_factor: bool = False
    providers: tuple[str, ...] = ()


def proof_of(session: Mapping[str, Any]) -> Proof:
    """What the records of a session tell; without records, nothing is proved."""
    records: list[dict[str, Any]] = session.get(RECORDS) or []
    if not records:
        return Proof()
    instants = [record["at"] for record in records]
    return Proof(
        first_at=datetime.fromtimestamp(min(instants), UTC),
        last_at=datetime.fromtimestamp(max(instants), UTC),
        second_factor=any(record["method"] == SECOND_FACTOR for record in records),
        providers=tuple({str(record["provider"]): None for record in records if record["method"] == PROVIDER}),
    )
