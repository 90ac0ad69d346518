"""Secrets of webhooks that deliver to us: `whsec_` and 24 random bytes in base64, as Standard Webhooks has them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

PREFIX: Final = "whsec_"
BYTES: Final = 24
OVERLAP: Final = timedelta(days=1)


def fresh_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def rotated(credentials: Mapping[str, Any] | None, *, at: datetime) -> tuple[dict[str, Any], str]:
    """What is to be kept, and the new secret: the present one stays good until the overlap ends."""
    fresh = fresh_secret()
    kept: dict[str, Any] = {"secret": fresh}
    if credentials and "secret" in credentials:
        kept |= {"old": credentials["secret"], "old_until": (at + OVERLAP).isoformat()}
    return kept, fresh


def good_secrets(credentials: Mapping[str, Any] | None, *, at: datetime) -> list[str]:
    """The secrets that open now, the newest first."""
    if not credentials or "secret" not in credentials:
        return []
    found = [str(credentials["secret"])]
    if "old" in credentials and at < datetime.fromisoformat(credentials["old_until"]):
        found.append(str(credentials["old"]))
    return found
