"""What every transport is given, what it gives back, and the only two ways in which it may fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. `id` is the same on every repeat, and `reference` is its short form for people."""

    id: UUID
    reference: str
    subject: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)  # the same for programs
    language: str = "en"
    short: str = ""  # for a text message
    spoken: str = ""  # what a voice reads
    about: str = ""  # what receipts name again; empty when nobody waits for them
    token: str = ""  # what a pressed key sends back; empty when there is nothing to press


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was handed over. `receipt` is the carrier's own id; `arrived`: the far end has it already."""

    receipt: str = ""
    arrived: bool = False


class TransportError(Exception):
    """The message did not go out. Permanent: trying again will not help; else it may, at the earliest after `after`.

    The text is short and ours: it is shown to the agency, so it tells nothing about the network and holds no address.
    """

    def __init__(self, message: str, *, permanent: bool, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.after = after
