"""What a statement says on each account: its own text, in its own language, with its own pictures. Pure shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture by its digest, and what it shows in words."""

    sha256: str
    alt: str


@dataclass(frozen=True, slots=True)
class Variant:
    """The words for one account. `language` None: that of the statement."""

    account_id: UUID
    text: str
    language: str | None = None
    media: tuple[Medium, ...] = ()


Variants = Sequence[Variant]


def variants_of(payload: Mapping[str, Any]) -> list[Variant]:
    """The variants of a version as it was written, whichever the format of its payload."""
    return [
        Variant(
            UUID(delivery["account"]),
            delivery["text"],
            delivery.get("language"),
            tuple(Medium(one["sha256"], one["alt"]) for one in delivery.get("media", ())),
        )
        for delivery in payload["deliveries"]
    ]
