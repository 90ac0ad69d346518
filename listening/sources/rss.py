"""RSS and Atom feeds. feedparser reads the bytes that came through the one door; it never sees an address.

The cursor holds the host's validators (`etag`, `modified`) and a fingerprint of each entry of the last answer, so that
what was seen is not delivered again. A feed that has moved on entirely since it was last asked has a gap: whatever
stood between is not in it any more.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from calendar import timegm
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import feedparser

from listening.ingest import Item
from listening.sources.fetching import fetch
from listening.sources.markup import text_of
from listening.sources.seam import Asked, Fetched, Garbage, SourceKindOf, made_author, made_item

MOST_BYTES: Final = 2 * 1024 * 1024
MOST_ENTRIES: Final = 400
LONGEST_WAIT_S: Final = 3_600.0
ACCEPT: Final = (
    "application/atom+xml, application/rss+xml, application/feed+json;q=0.5, application/xml;q=0.8, */*;q=0.1"
)
NOT_MODIFIED: Final = 304
# A document type declares entities, and a feed has no need of its own: what it could unfold to is not worth reading.
_DECLARES: Final = re.compile(rb"<!ENTITY", re.IGNORECASE)
_MAX_AGE: Final = re.compile(r"max-age=(\d{1,9})")


def ask(asked: Asked) -> Fetched:
    """The entries of a feed that are new, or say something else, since the cursor."""
    cursor = dict(asked.cursor or {})
    headers = {"Accept": ACCEPT}
    if etag := cursor.get("etag"):
        headers["If-None-Match"] = etag
    if modified := cursor.get("modified"):
        headers["If-Modified-Since"] = modified
    answer = fetch(asked.place["url"], until=asked.until, headers=headers, most_bytes=MOST_BYTES)
    wait_s = _wait_of(answer.headers.get("cache-control", ""))
    if answer.status == NOT_MODIFIED:
        return Fetched((), cursor, wait_s=wait_s)
    entries = _entries(answer.body, answer.headers)
    seen: Mapping[str, str] = cursor.get("seen", {})
    prints: dict[str, str] = {}
    items = []
    for entry in entries[:MOST_ENTRIES]:
        item = _item(entry, asked.at)
        if item is None:
            continue
        key, content = _short(item.external_id), _short(item.text)
        if key not in prints and seen.get(key) != content:
            items.append(item)
        prints[key] = content
    moved_on = bool(seen) and bool(prints) and not (prints.keys() & seen.keys())
    kept = {
        "etag": _plain(answer.headers.get("etag")),
        "modified": _plain(answer.headers.get("last-modified")),
        # An empty feed is remembered as the one before: it may be half written.
        "seen": prints or dict(seen),
    }
    return Fetched(items, kept, gap=moved_on, wait_s=wait_s)


def _entries(body: bytes, headers: Mapping[str, str]) -> list[Any]:
    if _DECLARES.search(body):
        raise Garbage("The feed declares entities of its own.")
    kind = headers.get("content-type", "")
    told = {"content-type": kind} if kind.isprintable() else {}
    try:
        read = feedparser.parse(
            io.BytesIO(body), response_headers=told, sanitize_html=False, resolve_relative_uris=False
        )
    except (ValueError, TypeError, LookupError, RecursionError, AssertionError, AttributeError):
        # What its parsers raise for input that nobody thought of.
        raise Garbage("The feed cannot be read.") from None
    entries: list[Any] = read.get("entries", [])
    if not entries and not read.get("version"):
        raise Garbage("The answer is no feed.")
    return entries


def _item(said: Mapping[str, Any], at: datetime) -> Item | None:
    entry = dict(said)  # their own kind of mapping answers with other keys than were asked for
    title = text_of(_said(entry.get("title")))
    link = _said(entry.get("link"))
    body = _body(entry)
    text = f"{title}\n{body}" if body and title and not body.startswith(title) else body or title
    if not text:
        return None
    written = _instant(entry.get("published_parsed")) or _instant(entry.get("updated_parsed"))
    updated = _instant(entry.get("updated_parsed"))
    author = _said(entry.get("author"))
    return made_item(
        external_id=_said(entry.get("id")) or link or hashlib.sha256(text.encode()).hexdigest(),
        posted_at=written,
        text=text,
        at=at,
        author=made_author(handle=author, name=author),
        url=link,
        kind="article",
        edited_at=updated if updated != written else None,
    )


def _body(entry: Mapping[str, Any]) -> str:
    """The longest of what an entry says of itself, without its markup."""
    said = [text_of(_said(part.get("value"))) for part in entry.get("content", [])[:4] if isinstance(part, Mapping)]
    said.append(text_of(_said(entry.get("summary"))))
    return max(said, key=len)


def _said(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _plain(value: str | None) -> str:
    """A validator as it can be sent back: one line of plain ASCII."""
    return value if value and value.isascii() and value.isprintable() and len(value) <= 500 else ""  # noqa: PLR2004


def _instant(parsed: object) -> datetime | None:
    if not isinstance(parsed, time.struct_time):
        return None
    try:
        return datetime.fromtimestamp(timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _wait_of(cache_control: str) -> float:
    found = _MAX_AGE.search(cache_control)
    return min(float(found[1]), LONGEST_WAIT_S) if found else 0.0


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


KIND: Final = SourceKindOf(name="rss", network="news", ask=ask, every_s=300, least_every_s=60)
