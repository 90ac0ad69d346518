"""Exactly what people agree to, and the digest that binds it. Pure functions; nothing is normalised in silence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core.refusals import Invalid
from ledger.chain import canonical

DOMAIN = b"crisisapi.approval.1\n"
FORMAT = 1


def deliveries_payload(*, brand_id: UUID, language: str, deliveries: Sequence[tuple[UUID, str]]) -> dict[str, Any]:
    """What will be sent: one exact text for each account of a brand, whatever the order they are given in.

    `deliveries` is (account id, text). Shape: {"format": 1, "brand": id, "language": tag, "deliveries": [{"account":
    id, "text": text}]}, sorted by account id. Raises Invalid when nothing would be sent, a text is empty, or an
    account appears twice.
    """
    if not deliveries:
        raise _wrong("deliveries", "empty", "Say at least one account and its text.")
    seen: set[str] = set()
    for place, (account_id, text) in enumerate(deliveries):
        if not text.strip():
            raise _wrong(f"deliveries.{place}.text", "blank", "There is no text to send.")
        if str(account_id) in seen:
            raise _wrong(f"deliveries.{place}.account", "duplicate", "This account has its text already.")
        seen.add(str(account_id))
    return {
        "format": FORMAT,
        "brand": str(brand_id),
        "language": language,
        "deliveries": [
            {"account": account, "text": text}
            for account, text in sorted((str(account_id), text) for account_id, text in deliveries)
        ],
    }


def _wrong(field: str, code: str, detail: str) -> Invalid:
    return Invalid("The deliveries cannot be sent.", errors=[{"field": field, "code": code, "detail": detail}])


def digest_of(payload: dict[str, Any]) -> str:
    """SHA-256 in hex over the domain tag and the canonical JSON of a payload: one changed byte is another digest."""
    return hashlib.sha256(DOMAIN + canonical(payload)).hexdigest()


def covers(payload: dict[str, Any], account_id: UUID, text: str) -> bool:
    """Whether the payload holds exactly this text for this account."""
    return {"account": str(account_id), "text": text} in payload.get("deliveries", [])
