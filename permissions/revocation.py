"""The revocation engine: a registry of lines. Each app registers what it must undo for a person who goes.

Local lines run in the transaction that ends the seat. A line returns how many things it ended.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from core.actor import Actor
from ledger.actions import records_held_back

Line = Callable[[UUID, Actor, datetime], int]
LINES: dict[str, Line] = {}


def line(name: str) -> Callable[[Line], Line]:
    """Register `function(seat_id, by, at) -> count` as one line of the revocation checklist."""

    def register(function: Line) -> Line:
        if name in LINES:
            raise ValueError(f"The line {name!r} is registered twice.")
        LINES[name] = function
        return function

    return register


def undo_everything(*, seat_id: UUID, by: Actor, at: datetime) -> dict[str, int]:
    """Run every line; inside the agency's wall and the transaction that ends the seat."""
    with records_held_back():
        return {name: undo(seat_id, by, at) for name, undo in sorted(LINES.items())}
