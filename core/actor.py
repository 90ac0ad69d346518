"""Who acts. Every action takes `by=`, one `Actor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """A seat of an agency, an API key, a rule of the system, or the operator at the console.

    `id` is the id of the seat or of the key; a rule and the operator have a `name` instead.
    `seat_id` is the person behind the act: the seat itself, or the seat that issued the key.
    """

    kind: Literal["seat", "key", "rule", "operator"]
    id: UUID | None = None
    seat_id: UUID | None = None
    name: str = ""

    @classmethod
    def seat(cls, seat_id: UUID) -> Actor:
        return cls(kind="seat", id=seat_id, seat_id=seat_id)

    @classmethod
    def key(cls, key_id: UUID, *, issued_by: UUID) -> Actor:
        return cls(kind="key", id=key_id, seat_id=issued_by)

    @classmethod
    def rule(cls, name: str) -> Actor:
        return cls(kind="rule", name=name)

    @classmethod
    def operator(cls, name: str) -> Actor:
        return cls(kind="operator", name=name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id or self.name}"
