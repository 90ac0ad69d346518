"""Letters that apps want mailed and do not mail themselves: they register how one is written, alerting posts it.

An app registers a kind of letter in its `jobs.py`, and records an event when one is to go out; the letter is written
when it is posted, so that what is no longer true is not sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail. `id` is the same on every repeat, so that a mailbox can drop the second one.

    Every letter says which brand it is about and whose seat it goes to, None for neither: about the twin of a drill
    nobody is written to but those who play.
    """

    id: UUID
    address: str
    subject: str
    text: str
    brand_id: UUID | None
    seat_id: UUID | None


@dataclass(frozen=True, slots=True)
class Desk:
    """`write(id, at)` gives the letter, or None when it is not to be sent any more; `posted(id)` hears that it went.

    Both run inside the agency's wall, each in a transaction of its own.
    """

    write: Callable[[UUID, datetime], Letter | None]
    posted: Callable[[UUID], None]


DESKS: dict[str, Desk] = {}


def register_letters(kind: str, desk: Desk) -> None:
    if kind in DESKS:
        raise ValueError(f"Letters of the kind {kind!r} are registered twice.")
    DESKS[kind] = desk
