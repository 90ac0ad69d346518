"""Every post of Bluesky, read once for all agencies, from Jetstream.

Jetstream and not `subscribeRepos`: it says the same in JSON of one collection, a tenth of the bytes, with no blocks
to decode and no import of seconds. It leaves out the signatures, which nobody here would check.

The cursor is the network's own time in microseconds. A reader goes back a few seconds when it opens the line again;
whatever comes twice is stored once. Jetstream keeps some days: whoever was away for longer has a gap.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from core.outbound import OutboundFailed, websocket
from listening.ingest import Item
from listening.sources.bluesky import POSTS, item_of
from listening.sources.seam import SourceKindOf, Temporary

NAME: Final = "bluesky"
OVERLAP_US: Final = 5_000_000
GAP_US: Final = 60_000_000
FLUSH_S: Final = 1.0
MOST_AT_ONCE: Final = 1_000
SILENT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What came since the last one: new posts, the addresses of deleted ones, and how far the stream has been read."""

    items: Sequence[Item]
    gone: Sequence[str]
    time_us: int
    gap: bool


def listen(url: str, *, since_us: int | None, until: float) -> Iterator[Heard]:
    """What the stream says until an instant of time.monotonic(), about once a second; raises Temporary."""
    asked = {"wantedCollections": POSTS} | ({"cursor": str(since_us - OVERLAP_US)} if since_us else {})
    try:
        with websocket(f"{url}?{urlencode(asked)}") as line:
            yield from _read(line, since_us=since_us, until=until)
    except OutboundFailed as failed:
        raise Temporary(str(failed)) from None
    except ConnectionClosed:
        raise Temporary("The stream was cut.") from None


@dataclass(slots=True)
class _Collected:
    """What came since it was handed on last."""

    since_us: int | None
    newest: int
    items: list[Item]
    gone: list[str]
    said: bool = False
    gap: bool = False

    def take(self, event: Mapping[str, Any]) -> None:
        if not self.said and self.since_us is not None:
            self.gap = event["time_us"] - self.since_us > GAP_US
        self.said, self.newest = True, max(self.newest, event["time_us"])
        _take(event, self.items, self.gone)

    def hand_on(self) -> Heard:
        heard = Heard(self.items, self.gone, self.newest, self.gap)
        self.items, self.gone, self.gap = [], [], False
        return heard


def _read(line: Any, *, since_us: int | None, until: float) -> Iterator[Heard]:
    collected = _Collected(since_us, since_us or 0, [], [])
    flushed = last = time.monotonic()
    cut: ConnectionClosed | None = None
    while cut is None and (left := until - time.monotonic()) > 0:
        message = None
        try:
            message = line.recv(timeout=min(FLUSH_S, left))
        except TimeoutError:
            pass  # nothing was said for a while
        except ConnectionClosed as closed:
            cut = closed
        now = time.monotonic()
        if (event := _decoded(message)) is not None:
            last = now
            collected.take(event)
        elif now - last > SILENT_S:
            raise Temporary("The stream fell silent.")
        if collected.said and (len(collected.items) >= MOST_AT_ONCE or now - flushed >= FLUSH_S):
            yield collected.hand_on()
            flushed = now
    if collected.said:
        yield collected.hand_on()
    if cut is not None:
        raise cut


def _decoded(message: Any) -> Mapping[str, Any] | None:
    """An event, None for what is none."""
    if message is None:
        return None
    try:
        event = msgspec.json.decode(message)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    good = isinstance(event, dict) and isinstance(event.get("time_us"), int) and 0 < event["time_us"] < 1 << 53
    return event if good else None


def _take(event: Mapping[str, Any], items: list[Item], gone: list[str]) -> None:
    commit, did = event.get("commit"), event.get("did")
    if event.get("kind") != "commit" or not isinstance(commit, Mapping) or not isinstance(did, str):
        return
    key = commit.get("rkey")
    if commit.get("collection") != POSTS or not isinstance(key, str):
        return
    uri = f"at://{did}/{POSTS}/{key}"
    record = commit.get("record")
    if commit.get("operation") == "delete":
        gone.append(uri)
    elif isinstance(record, Mapping):
        seen = datetime.fromtimestamp(event["time_us"] / 1_000_000, UTC)
        item = item_of(record, uri=uri, seen_at=seen, at=timezone.now(), handle=did)
        if item is not None:
            items.append(item)


KIND: Final = SourceKindOf(name="bluesky_firehose", network="bluesky", shared=True)
