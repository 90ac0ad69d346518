"""Deliveries that sign themselves, as Standard Webhooks has it: HMAC-SHA-256 over `id.timestamp.body`.

Thirty lines of `hmac` do not earn the library, which would read the clock by itself and decode five megabytes of JSON
a second time; the library signs and verifies against us in the tests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from core.refusals import Refusal
from listening.sources.seam import SourceKindOf
from listening.sources.secrets import PREFIX

TOLERANCE: Final = timedelta(minutes=5)
MOST_SIGNATURES: Final = 10
_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
# Compared with where there is no source, so that the answer takes as long.
NOBODYS: Final = PREFIX + base64.b64encode(bytes(24)).decode()


class NotSigned(Refusal):
    """The same for a source that does not exist, a signature that is wrong, and a clock that is."""

    code = "not_signed"
    status = 401
    title = "Nothing is taken here without a good signature."


def require_signature(
    body: bytes, *, message_id: str, timestamp: str, signatures: str, secrets: Sequence[str], at: datetime
) -> None:
    """Go on only if one of the secrets signed this message within the last five minutes; else raises NotSigned (401).

    `signatures` is the header as it came: `v1,` and base64, several of them apart by spaces.
    """
    said = signatures.split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]
    good = False
    for secret in secrets or [NOBODYS]:
        made = signature(body, message_id=message_id, timestamp=timestamp, secret=secret)
        for one in said:
            good |= hmac.compare_digest(one.encode("utf-8", "replace"), made.encode())
    fresh = _SECONDS.fullmatch(timestamp) is not None and _is_near(int(timestamp), at)
    if not (good and secrets and fresh and _ID.fullmatch(message_id)):
        raise NotSigned


def signature(body: bytes, *, message_id: str, timestamp: str, secret: str) -> str:
    """`v1,` and the base64 of the MAC of a message."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    signed = b".".join((message_id.encode("utf-8", "replace"), timestamp.encode("utf-8", "replace"), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _is_near(seconds: int, at: datetime) -> bool:
    return abs((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() - seconds) <= TOLERANCE.total_seconds()


KIND: Final = SourceKindOf(name="webhook", network="")
