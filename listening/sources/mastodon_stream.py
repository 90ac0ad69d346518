"""Posts under a hashtag as they are written: Mastodon's streaming API over server-sent events.

A stream tells nothing of what happened before it was opened, so each turn first opens it, then reads the hashtag's
timeline from where the last one ended, and then listens: what was posted in between comes twice, and is stored once.
Posts that are edited or deleted while we listen follow their network.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from core.outbound import OutboundFailed, Stream, StreamBroken, stream
from listening.ingest import Gone, Item
from listening.sources.fetching import USER_AGENT, fetch_json, hold_back, host_of
from listening.sources.mastodon import ask_hashtag, bearer, item_of, order
from listening.sources.seam import Asked, Fetched, Garbage, RefusedByHost, SourceKindOf, Temporary
from listening.sources.sse import EventReader, TooLongAnEvent

MOST_AT_ONCE: Final = 200
FLUSH_S: Final = 1.0
# Servers number a post by when its author wrote it, though it may reach them later: so far we look back.
OVERLAP_MS: Final = 10 * 60 * 1000
SNOWFLAKE: Final = 1 << 50
NEVER: Final = (404, 405, 501)


def listen(asked: Asked) -> Iterator[Fetched]:
    """What is posted until `asked.until`; each batch with the cursor that stands after it.

    Raises Temporary, RefusedByHost or Garbage; what was given before counts.
    """
    cursor = dict(asked.cursor or {})
    address = f"{_base(asked)}/api/v1/streaming/hashtag?tag={asked.place['hashtag']}"
    headers = {"Accept": "text/event-stream", "User-Agent": USER_AGENT, **bearer(asked.credentials)}
    hold_back(host_of(address))
    try:
        with stream(_quoted(address), headers=headers, seconds=asked.until - time.monotonic()) as opened:
            _require_stream(opened)
            for back in _backfill(asked, cursor):
                cursor = dict(back.cursor or {})
                yield back
            yield from _live(asked, opened, cursor)
    except OutboundFailed as failed:
        raise Temporary(str(failed)) from None
    except StreamBroken:
        raise Temporary("The stream was cut.") from None
    except TooLongAnEvent:
        raise Garbage("An event of the stream is too long.") from None


def _base(asked: Asked) -> str:
    """Where the server streams from, as it says itself; the server's own address when it says nothing."""
    server: str = asked.place["server"]
    try:
        said, _ = fetch_json(f"{server}/api/v2/instance", until=asked.until)
    except (RefusedByHost, Garbage):
        return server
    return _streaming_of(said) or server


def _streaming_of(said: object) -> str:
    place = said
    for name in ("configuration", "urls", "streaming"):
        place = place.get(name) if isinstance(place, Mapping) else None
    if not isinstance(place, str) or len(place) > 300:  # noqa: PLR2004 - as long as a server's address may be
        return ""
    scheme, found, rest = place.rstrip("/").partition("://")
    known = {"wss": "https", "https": "https", "ws": "http", "http": "http"}.get(scheme)
    return f"{known}://{rest}" if known and found and rest else ""


def _quoted(address: str) -> str:
    return "".join(
        letter if letter.isascii() else "".join(f"%{byte:02X}" for byte in letter.encode()) for letter in address
    )


def _require_stream(opened: Stream) -> None:
    if opened.status == 200:  # noqa: PLR2004 - success
        return
    if opened.status in (429, 408) or opened.status >= 500:  # noqa: PLR2004 - the classes of HTTP
        raise Temporary(f"The host answered {opened.status}.")
    if opened.status in NEVER:
        raise RefusedByHost("This server does not stream.")
    raise RefusedByHost(f"The host answered {opened.status}.")


def _backfill(asked: Asked, cursor: Mapping[str, Any]) -> Iterator[Fetched]:
    """The timeline since the cursor, or its newest page at the first time."""
    newest: str = cursor.get("min_id", "")
    reading: dict[str, Any] | None = {"min_id": _a_little_before(newest)} if newest else None
    while True:
        got = ask_hashtag(replace(asked, cursor=reading))
        reading = dict(got.cursor) if got.cursor else None
        newest = max(newest, (reading or {}).get("min_id", ""), key=order)
        yield Fetched(got.items, {**cursor, **({"min_id": newest} if newest else {})})
        if not got.more:
            return


def _a_little_before(post_id: str) -> str:
    """An id ten minutes earlier, where ids are Mastodon's own, which begin with the time."""
    if not post_id.isascii() or not post_id.isdecimal() or int(post_id) < SNOWFLAKE:
        return post_id
    return str(int(post_id) - (OVERLAP_MS << 16))


def _live(asked: Asked, opened: Stream, cursor: Mapping[str, Any]) -> Iterator[Fetched]:
    reader = EventReader()
    waiting: list[Item | Gone] = []
    newest: str = cursor.get("min_id", "")
    flushed, cut = time.monotonic(), False
    pieces = opened.pieces(every=FLUSH_S)
    while True:
        try:
            piece = next(pieces, None)
        except StreamBroken:
            piece, cut = None, True
        for name, data in reader.feed(piece or b""):
            said = _said(name, data, asked)
            if said is None:
                continue
            waiting.append(said)
            if isinstance(said, Item):
                newest = max(newest, said.external_id, key=order)
        now = time.monotonic()
        if waiting and (piece is None or len(waiting) >= MOST_AT_ONCE or now - flushed >= FLUSH_S):
            yield Fetched(waiting, {**cursor, "min_id": newest} if newest else cursor)
            waiting = []
        if not waiting:
            flushed = now
        if cut:
            raise StreamBroken
        if piece is None:
            return


def _said(name: str, data: str, asked: Asked) -> Item | Gone | None:
    """What an event tells; None for what concerns us not, or makes no sense."""
    if name == "delete":
        post_id = data.strip()
        return Gone(post_id, deleted=True) if 0 < len(post_id) <= 100 and post_id.isprintable() else None  # noqa: PLR2004
    if name not in ("update", "status.update"):
        return None
    try:
        post = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    return item_of(post, asked.at) if isinstance(post, dict) else None


KIND: Final = SourceKindOf(name="mastodon_stream", network="mastodon", listen=listen)
