"""Bluesky: posts that a search finds, and posts as its records tell them.

Two calls do not earn the SDK: importing it takes seconds, and it brings models of everything that Bluesky knows. The
client here is `createSession` with an app password and `searchPosts`, through `core.outbound`. Sessions are counted by
Bluesky (some hundreds a day), so one is used until it ends; it lives in the memory of this process and nowhere else.

A search shows its newest first, ordered by when a post was written or, if that is later, indexed; a post may be found
some time after it was written. So each walk goes two minutes further back than the last one began.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from listening.ingest import Item, Kind
from listening.sources.fetching import fetch, fetch_json
from listening.sources.seam import (
    Asked,
    Fetched,
    Garbage,
    RefusedByHost,
    SourceKindOf,
    instant_of,
    made_author,
    made_item,
    possible,
)
from listening.sources.walk import Page, walk

PAGE: Final = 100
PAGES_A_RUN: Final = 5
OVERLAP: Final = timedelta(minutes=2)
SESSION_S: Final = 45 * 60.0  # theirs last for two hours
MOST_SESSIONS: Final = 1_000
POSTS: Final = "app.bsky.feed.post"


class _Sessions:
    """Tokens by a digest of what they were got with, the least used forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def get(self, key: str) -> str | None:
        with self._lock:
            ends, token = self._kept.get(key, (0.0, ""))
            return token if time.monotonic() < ends else None

    def put(self, key: str, token: str) -> None:
        with self._lock:
            self._kept[key] = (time.monotonic() + SESSION_S, token)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_SESSIONS:
                self._kept.popitem(last=False)

    def drop(self, key: str) -> None:
        with self._lock:
            self._kept.pop(key, None)


sessions: Final = _Sessions()


def ask_search(asked: Asked) -> Fetched:
    """What a search finds since the cursor."""
    cursor = dict(asked.cursor or {})
    since: str = cursor.get("since", "")
    if since and "newest" not in cursor:
        cursor["since"] = _sortable(datetime.fromisoformat(since) - OVERLAP)
    got = walk(cursor or None, lambda below: _page(asked, below), order=lambda place: place, pages=PAGES_A_RUN)
    if got.more or not since:
        return got
    reached: str = (got.cursor or {}).get("since", "")
    return Fetched(got.items, {"since": max(since, reached)}, gap=got.gap)


def _page(asked: Asked, below: str) -> Page:
    query: dict[str, str | int] = {"q": asked.place["q"], "sort": "latest", "limit": PAGE}
    if below:
        query["cursor"] = below
    said = _with_session(asked, query)
    posts = said.get("posts") if isinstance(said, dict) else None
    if not isinstance(posts, list) or not all(isinstance(post, dict) for post in posts):
        raise Garbage("The answer is no search result.")
    found = [read for post in posts if (read := _found(post, asked.at)) is not None]
    further = said.get("cursor")
    return Page(found, below=further if posts and isinstance(further, str) else "")


def _with_session(asked: Asked, query: Mapping[str, str | int]) -> Any:
    """The answer to a search; a session that is no longer good is replaced once."""
    key = hashlib.sha256(msgspec.json.encode([asked.place["server"], dict(asked.credentials)])).hexdigest()
    token, kept = sessions.get(key), True
    for _ in range(2):
        if token is None:
            token, kept = _signed_in(asked), False
            sessions.put(key, token)
        try:
            said, _answer = fetch_json(
                f"{asked.place['server']}/xrpc/app.bsky.feed.searchPosts",
                query=query,
                until=asked.until,
                secrets={"Authorization": f"Bearer {token}"},
            )
        except RefusedByHost:
            sessions.drop(key)
            if not kept:
                raise
            token = None
        else:
            return said
    raise Garbage("No session of this host is good.")


def _signed_in(asked: Asked) -> str:
    said = {"identifier": asked.credentials.get("identifier"), "password": asked.credentials.get("app_password")}
    answer = fetch(
        f"{asked.place['server']}/xrpc/com.atproto.server.createSession",
        until=asked.until,
        headers={"Content-Type": "application/json"},
        method="POST",
        body=msgspec.json.encode(said),
    )
    try:
        token = msgspec.json.decode(answer.body)["accessJwt"]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, IndexError):
        raise Garbage("The answer is no session.") from None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not 0 < len(token) < 4_000:  # noqa: PLR2004
        raise Garbage("The answer is no session.")
    return token


def _found(post: Mapping[str, Any], at: datetime) -> tuple[str, Item] | None:
    """A post of a search, with its place in the order."""
    author = post.get("author")
    writer: Mapping[str, Any] = author if isinstance(author, Mapping) else {}
    indexed = possible(instant_of(post.get("indexedAt")), at) or at
    uri, record = post.get("uri"), post.get("record")
    if not isinstance(uri, str) or not isinstance(record, Mapping):
        return None
    item = item_of(record, uri=uri, seen_at=indexed, at=at, handle=writer.get("handle"), name=writer.get("displayName"))
    return (_sortable(min(item.posted_at, indexed)), item) if item is not None else None


def item_of(
    record: Mapping[str, Any], *, uri: str, seen_at: datetime, at: datetime, handle: object = "", name: object = ""
) -> Item | None:
    """A post's record as a mention; None for one without words.

    Writers may claim any time for their posts; one later than the network saw it is not believed, nor one that is
    more than a day earlier, as of posts that were moved here from elsewhere.
    """
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        return None
    written = possible(instant_of(record.get("createdAt")), at)
    believed = written if written is not None and seen_at - timedelta(days=1) <= written <= seen_at else seen_at
    langs = record.get("langs")
    return made_item(
        external_id=uri,
        posted_at=believed,
        text=text,
        at=at,
        author=made_author(handle=handle, name=name),
        language=langs[0] if isinstance(langs, list) and langs else None,
        url=_web_address(uri),
        kind=_kind(record),
        in_reply_to=_parent(record),
    )


def _kind(record: Mapping[str, Any]) -> Kind:
    if isinstance(record.get("reply"), Mapping):
        return "reply"
    embed = record.get("embed")
    quoted = isinstance(embed, Mapping) and str(embed.get("$type", "")).startswith("app.bsky.embed.record")
    return "quote" if quoted else "post"


def _parent(record: Mapping[str, Any]) -> str:
    reply = record.get("reply")
    parent = reply.get("parent") if isinstance(reply, Mapping) else None
    uri = parent.get("uri") if isinstance(parent, Mapping) else None
    return uri if isinstance(uri, str) else ""


def _web_address(uri: str) -> str:
    did, _, rest = uri.removeprefix("at://").partition("/")
    collection, _, key = rest.partition("/")
    return f"https://bsky.app/profile/{did}/post/{key}" if collection == POSTS and key else ""


def _sortable(instant: datetime) -> str:
    """An instant as a text whose order is that of time."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


SEARCH: Final = SourceKindOf(name="bluesky_search", network="bluesky", ask=ask_search, every_s=120, least_every_s=60)
