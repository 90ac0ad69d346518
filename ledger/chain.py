"""How events are hashed and how a chain is checked; no Django, so that a stand-alone verifier can use it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DOMAIN = b"crisisapi.ledger.1\n"
GENESIS = "0" * 64
FIELDS = (
    "agency_id", "seq", "name", "subject_kind", "subject_id", "brand_id", "incident_id",
    "actor_kind", "actor_id", "actor_name", "at", "facts",
)  # fmt: skip


def canonical(value: Any) -> bytes:
    """One spelling for one value: sorted keys, no spaces, UTF-8, instants in UTC with microseconds."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value)


def link(entry: Mapping[str, Any], prev_hash: str) -> str:
    """The hash of an event: SHA-256 over the domain tag, the previous hash and the canonical entry."""
    body = canonical({name: entry[name] for name in FIELDS})
    return hashlib.sha256(DOMAIN + prev_hash.encode() + b"\n" + body).hexdigest()


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a chain does not hold, and why."""

    seq: int
    reason: str


def breaks(entries: Iterable[Mapping[str, Any]], *, head_seq: int, head_hash: str) -> Iterator[Break]:
    """Walk a chain from its first event; yield every place where order, link or hash does not hold."""
    expected, previous = 1, GENESIS
    for entry in entries:
        if entry["seq"] != expected:
            yield Break(expected, f"expected event {expected}, found {entry['seq']}")
            expected = entry["seq"]
        if entry["prev_hash"] != previous:
            yield Break(expected, "does not follow the event before it")
        if link(entry, entry["prev_hash"]) != entry["hash"]:
            yield Break(expected, "its content is not what was recorded")
        previous, expected = entry["hash"], expected + 1
    if (expected - 1, previous) != (head_seq, head_hash):
        yield Break(expected, f"the head says event {head_seq}; the newest events are missing or changed")
