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
class Vouched:
    """An agency's identity provider vouched for this subject of its own."""

    provider: str
    subject: str


@dataclass(frozen=True, slots=True)
class Proof:
    """`first_at` and `last_at`: the session's oldest and newest proof. `vouched`: by identity providers.

    A passkey counts as a second factor even when it was the only one: it is a thing one has, and opens to a PIN or a
    finger only.
    """

    first_at: datetime | None = None
    last_at: datetime | None = None
    second_factor: bool = False
    vouched: frozenset[Vouched] = frozenset()


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
        vouched=frozenset(
            Vouched(str(record["provider"]), str(record["uid"])) for record in records if record["method"] == PROVIDER
        ),
    )
