"""Reading what only shows its newest first: down from the newest until what is known is reached.

The cursor is `since` (the newest that was known when the last walk ended), and, while a walk is not at its end,
`newest` (where it began), `below` (where it goes on) and `pages` (how far it has come). A walk goes on in the next
run; one that is not over after MOST_PAGES is given up, and that is a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from listening.ingest import Item
from listening.sources.seam import Cursor, Fetched

MOST_PAGES: Final = 50


@dataclass(frozen=True, slots=True)
class Page:
    """What one call gave, each with its place in the order; `below` is where the next page begins, empty at the end."""

    found: Sequence[tuple[str, Item]]
    below: str


def walk(cursor: Cursor | None, page: Callable[[str], Page], *, order: Callable[[str], Any], pages: int) -> Fetched:
    """Up to `pages` pages of a walk. The first walk of all takes one page: the past is not asked for."""
    state = dict(cursor or {})
    since: str = state.get("since", "")
    newest: str = state.get("newest", "")
    below: str = state.get("below", "")
    walked: int = state.get("pages", 0)
    items: list[Item] = []
    for _ in range(pages):
        got = page(below)
        items += [item for place, item in got.found if not since or order(place) > order(since)]
        places = [place for place, _ in got.found]
        newest = max([newest, *places], key=order)
        walked += 1
        reached = bool(since) and any(order(place) <= order(since) for place in places)
        if reached or not since or not got.below or got.below == below:
            return Fetched(items, _known(max([newest, since], key=order)))
        below = got.below
        if walked >= MOST_PAGES:
            return Fetched(items, _known(newest), gap=True)
    return Fetched(items, {"since": since, "newest": newest, "below": below, "pages": walked}, more=True)


def _known(since: str) -> dict[str, Any] | None:
    return {"since": since} if since else None
