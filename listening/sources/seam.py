"""What a kind of source is: how it is asked, what it answers, and the three ways in which that can fail.

A kind's `ask` talks to the network and touches no table. It is called outside any transaction, knows only what is
handed to it, and keeps one deadline. What it returns has been cleaned: every item could be stored as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from listening.ingest import EARLIEST, Author, Gone, Item, Kind
from listening.mood.seam import CLIP_AT

Cursor = Mapping[str, Any]

LONGEST_ID: Final = 200
LONGEST_URL: Final = 2_000
MOST_FOLLOWERS: Final = 10**12
CLOCKS_DIFFER_BY: Final = timedelta(minutes=5)


class SourceFailed(Exception):
    """A source gave nothing usable. `problem` is one line of ours: no secrets, no bodies, nothing of the network's."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Temporary(SourceFailed):
    """It may work another time; `retry_after` is in seconds, where the network named a time.

    `ours` says that we held ourselves back, which tells nothing about the source.
    """

    def __init__(self, problem: str, *, retry_after: float | None = None, ours: bool = False) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        self.ours = ours


class RefusedByHost(SourceFailed):
    """The network refuses these credentials or this query; people have to change something."""


class Garbage(SourceFailed):
    """The answer is not what this kind of source answers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a kind is told: where to ask, with which secrets, how far it has been read, and until when it may take.

    `until` is an instant of time.monotonic(), `at` the wall's clock.
    """

    place: Mapping[str, Any]
    credentials: Mapping[str, Any]
    cursor: Cursor | None
    until: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of asking. `cursor` is where to go on, `more` that there is more at once.

    `gap`: something may have been missed between the cursor and these items. `wait_s`: the network asks not to be
    asked again sooner.
    """

    items: Sequence[Item | Gone]
    cursor: Cursor | None
    more: bool = False
    gap: bool = False
    wait_s: float = 0.0


Ask = Callable[[Asked], Fetched]
# A stream gives what it has whenever it has something, and ends by itself at `until`.
Listen = Callable[[Asked], Iterator[Fetched]]


@dataclass(frozen=True, slots=True)
class SourceKindOf:
    """One kind of source, as the registry knows it.

    `ask` is asked in turns, `listen` is a stream that is held open; what has neither delivers by itself, or is one
    reader's for everybody (`shared`).
    `every_s` is how often it is asked unless the source says otherwise, `least_every_s` the least that it may say.
    """

    name: str
    network: str
    ask: Ask | None = None
    listen: Listen | None = None
    shared: bool = False
    every_s: int | None = None
    least_every_s: int = 30

    @property
    def delivers(self) -> bool:
        """Whether it comes by itself, seen from the source: nothing is asked in its name."""
        return self.ask is None and self.listen is None


def made_item(
    *,
    external_id: str,
    posted_at: datetime | None,
    text: str,
    at: datetime,
    author: Author,
    language: str | None = None,
    url: str = "",
    kind: Kind = "post",
    in_reply_to: str = "",
    edited_at: datetime | None = None,
) -> Item:
    """A mention as a network told it, made storable: what is too long is cut, what cannot be is left empty.

    An instant that is missing, or cannot be, becomes `at`, when it was fetched. A text is cut one character after the
    limit, so that whoever stores it still sees that it was longer.
    """
    return Item(
        external_id=clean_id(external_id),
        posted_at=possible(posted_at, at) or at,
        text=text[: CLIP_AT + 1],
        author=author,
        language=_language(language),
        url=clean_url(url),
        kind=kind,
        in_reply_to=clean_id(in_reply_to) if in_reply_to else "",
        edited_at=possible(edited_at, at),
    )


def made_author(*, handle: object = "", name: object = "", followers: object = 0) -> Author:
    known = followers if isinstance(followers, int) and not isinstance(followers, bool) else 0
    return Author(handle=_line(handle), name=_line(name), followers=min(max(known, 0), MOST_FOLLOWERS))


def clean_id(said: str) -> str:
    """An id as it is, or its digest where it is too long to be kept or holds what cannot be."""
    if 0 < len(said) <= LONGEST_ID and said.isprintable():
        return said
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def clean_url(said: str) -> str:
    url = said.strip()
    good = url.startswith(("https://", "http://")) and len(url) <= LONGEST_URL and url.isprintable()
    return url if good else ""


def possible(instant: datetime | None, at: datetime) -> datetime | None:
    """The instant, None where it cannot be true: before there were networks, or in the future."""
    if instant is None:
        return None
    known = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return known if EARLIEST <= known <= at + CLOCKS_DIFFER_BY else None


def instant_of(said: object) -> datetime | None:
    """An RFC 3339 instant, None for anything else."""
    if not isinstance(said, str) or len(said) > 40:  # noqa: PLR2004 - longer than any instant
        return None
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _line(said: object) -> str:
    return said[:200] if isinstance(said, str) else ""


def _language(said: str | None) -> str | None:
    ok = isinstance(said, str) and 0 < len(said) <= 35 and said.replace("-", "").replace("_", "").isalnum()  # noqa: PLR2004
    return said if ok and said is not None and said.isascii() else None
