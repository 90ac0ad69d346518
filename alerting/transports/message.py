"""What every transport is given, and the only two ways in which it may fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person. `id` is the same on every repeat, and `reference` is its short form for people."""

    id: UUID
    reference: str
    subject: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)  # the same for programs


class TransportError(Exception):
    """The message did not go out. Permanent: trying again will not help; else it may, at the earliest after `after`.

    The text is short and ours: it is shown to the agency, so it tells nothing about the network and holds no address.
    """

    def __init__(self, message: str, *, permanent: bool, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.after = after
