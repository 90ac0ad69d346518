"""The ingest format: what a batch of mentions looks like, and what is wrong with one that does not.

A batch is a JSON array or NDJSON (one object a line). It is taken whole or not at all; every bad item is named by its
place in the batch, counted from 0, so that `3.author.followers` is a field of the fourth item. An item with
`"deleted": true` says that a mention is gone at the network; of its other fields only the id and `deleted_at` count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from core.http.parser import MalformedJSON, TooDeep
from core.refusals import Invalid, Refusal

MOST_ITEMS: Final = 5_000
MOST_BYTES: Final = 5 * 1024 * 1024
MOST_ERRORS: Final = 100
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER_BY: Final = timedelta(minutes=10)
WEB: Final = ("https://", "http://")

Text200 = Annotated[str, Meta(max_length=200)]
Followers = Annotated[int, Meta(ge=0, le=10**12)]
Language = Annotated[str, Meta(max_length=35, pattern=r"^[A-Za-z0-9_-]*\Z")]
Instant = Annotated[datetime, Meta(tz=True)]
Network = Annotated[str, Meta(max_length=20, pattern=r"^[a-z0-9._-]*\Z")]
Country = Annotated[str, Meta(pattern=r"^([A-Z]{2})?\Z")]
ExternalId = Annotated[str, Meta(min_length=1, max_length=200)]
Url = Annotated[str, Meta(max_length=2_000)]
Kind = Literal["post", "comment", "reply", "repost", "quote", "review", "article"]


class Author(Struct, frozen=True, forbid_unknown_fields=True):
    """Who said it. An empty handle means that the source does not tell; then nobody is taken for somebody else."""

    handle: Text200 = ""
    name: Text200 = ""
    followers: Followers = 0


NOBODY: Final = Author()


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One mention as a source delivers it.

    `external_id` is the network's own id, unique within the source. `edited_at` is the network's instant of this
    version; of two versions the later one counts, and where neither has one, the one that arrives later.
    """

    external_id: ExternalId
    posted_at: Instant
    text: str
    author: Author = NOBODY
    language: Language | None = None
    url: Url = ""
    kind: Kind = "post"
    in_reply_to: Text200 = ""
    edited_at: Instant | None = None
    network: Network = ""  # empty: that of the source
    country: Country = ""
    deleted: bool = False
    deleted_at: Instant | None = None


class Gone(Struct, frozen=True, forbid_unknown_fields=True):
    """A mention that is gone at the network, as a source tells it: at least `external_id` and `"deleted": true`."""

    external_id: ExternalId
    deleted: bool
    deleted_at: Instant | None = None
    posted_at: Instant | None = None
    text: str | None = None
    author: Author | None = None
    language: Language | None = None
    url: Url | None = None
    kind: Kind | None = None
    in_reply_to: Text200 | None = None
    edited_at: Instant | None = None
    network: Network | None = None
    country: Country | None = None


class TooManyItems(Refusal):
    """The batch holds more mentions than one request may deliver."""

    code = "too_many_items"
    status = 400
    title = f"A batch holds at most {MOST_ITEMS} mentions."


_ITEM = msgspec.json.Decoder(Item)
_GONE = msgspec.json.Decoder(Gone)
_ITEMS = msgspec.json.Decoder(list[Item])
_PIECES = msgspec.json.Decoder(list[msgspec.Raw])

# One escape of a JSON text; the group catches half a surrogate pair, which no UTF-8 can hold.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_PLACE = re.compile(r" - at `\$([^`]*)`\Z")
_MISSING = re.compile(r"Object missing required field `(.+)`\Z", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`\Z", re.DOTALL)
# How msgspec begins its sentences, the first match counts.
_CODES: Final = (
    ("Expected `str` of length", "length"),
    ("Expected `str` matching", "invalid"),
    ("Expected `int` >= ", "out_of_range"),
    ("Expected `int` <= ", "out_of_range"),
    ("Expected `datetime` with", "no_time_zone"),
    ("Expected", "wrong_type"),
    ("Invalid enum value", "invalid_choice"),
)


def read_items(raw: bytes, *, lines: bool, at: datetime) -> list[Item | Gone]:
    """The mentions of a batch, each of them checked; `lines` says that it is NDJSON, `at` when it arrived.

    Raises Invalid (400) with `errors` for the first hundred bad items, MalformedJSON (400) for what cannot be taken
    apart at all, TooManyItems (400).
    """
    try:
        items = _ITEM.decode_lines(raw) if lines else _ITEMS.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_one_by_one(_whole_surrogates(raw), lines=lines, at=at)
    _refuse_many(items)
    latest = at + CLOCKS_DIFFER_BY
    # Most items have nothing to be looked at twice, and a batch of such ones is done here.
    if all(
        EARLIEST <= item.posted_at <= latest
        and item.edited_at is None
        and not item.deleted
        and (not item.url or item.url.startswith(WEB))
        and "\x00" not in item.external_id
        for item in items
    ):
        return list(items)
    _refuse((str(place), *wrong) for place, item in enumerate(items) for wrong in _wrongs(item, at))
    return [_gone(item) if item.deleted else item for item in items]


def _gone(item: Item | Gone) -> Gone:
    """What counts of an item that is deleted."""
    return Gone(item.external_id, deleted=True, deleted_at=item.deleted_at)


def _read_one_by_one(raw: bytes, *, lines: bool, at: datetime) -> list[Item | Gone]:
    """The slow way, for a batch in which something is wrong: every bad item is found, not the first one only."""
    pieces = [line for line in raw.split(b"\n") if line.strip()] if lines else _array(raw)
    _refuse_many(pieces)
    items: list[Item | Gone] = []
    wrong: list[tuple[str, str, str, str]] = []
    for place, piece in enumerate(pieces):
        try:
            item = _read_one(piece)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            wrong.append((str(place), *_told(problem)))
        else:
            items.append(_gone(item) if item.deleted else item)
            wrong += [(str(place), *found) for found in _wrongs(item, at)]
        if len(wrong) >= MOST_ERRORS:
            break
    _refuse(wrong)
    return items


def _read_one(piece: bytes | msgspec.Raw) -> Item | Gone:
    """One item; what lacks a text may be a deletion, which needs none."""
    try:
        return _ITEM.decode(piece)
    except msgspec.ValidationError:
        try:
            gone = _GONE.decode(piece)
        except msgspec.MsgspecError:
            gone = None
        if gone is None or not gone.deleted:
            raise
        return gone


def _array(raw: bytes) -> list[msgspec.Raw]:
    """The members of a JSON array, each still undecoded."""
    try:
        return _PIECES.decode(raw)
    except RecursionError:
        raise TooDeep from None
    except UnicodeDecodeError as problem:
        raise MalformedJSON("The body is not UTF-8.", position=problem.start) from None
    except msgspec.ValidationError:
        raise Invalid(
            "The body must be an array of mentions, or NDJSON with the media type application/x-ndjson.",
            errors=[{"field": "", "code": "wrong_type", "detail": "This must be an array."}],
        ) from None
    except msgspec.DecodeError as problem:
        raise MalformedJSON(f"The body is not valid JSON: {problem}.") from None


def _whole_surrogates(raw: bytes) -> bytes:
    r"""The batch with each escaped half of a surrogate pair replaced by U+FFFD; networks do send such texts."""
    if b"\\ud" not in raw and b"\\uD" not in raw:
        return raw
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], raw)


def _wrongs(item: Item | Gone, at: datetime) -> Iterable[tuple[str, str, str]]:
    """What a shape cannot tell: (field, code, detail) of each thing that is wrong with a decoded item."""
    if "\x00" in item.external_id:
        yield "external_id", "bad_text", "This must not hold a NUL character."
    if item.deleted_at is not None and not EARLIEST <= item.deleted_at <= at + CLOCKS_DIFFER_BY:
        yield "deleted_at", "out_of_range", "This must be an instant of the past."
    if item.deleted or isinstance(item, Gone):
        return
    if item.posted_at < EARLIEST:
        yield "posted_at", "out_of_range", f"This must not be before {EARLIEST.year}."
    elif item.posted_at > at + CLOCKS_DIFFER_BY:
        yield "posted_at", "in_future", "This must not be in the future."
    if item.edited_at is not None and not EARLIEST <= item.edited_at <= at + CLOCKS_DIFFER_BY:
        yield "edited_at", "out_of_range", "This must be an instant of the past."
    # People will click on it: nothing but the web, in whatever frontend it is shown.
    if item.url and not item.url.startswith(WEB):
        yield "url", "invalid_url", "This must begin with https:// or http://."


def _told(problem: Exception) -> tuple[str, str, str]:
    """What kept an item from being read, as (field, code, detail)."""
    if isinstance(problem, RecursionError):
        return "", "too_deep", "This is nested too deeply."
    if isinstance(problem, UnicodeDecodeError):
        return "", "malformed_json", "This is not UTF-8."
    if not isinstance(problem, msgspec.ValidationError):
        return "", "malformed_json", str(problem)[:200]
    place = _PLACE.search(str(problem))
    path = place[1].strip(".") if place else ""
    detail = str(problem)[: place.start()] if place else str(problem)
    if (named := _MISSING.match(detail)) is not None:
        return _below(path, named[1]), "required", "This field is required."
    if (named := _UNKNOWN.match(detail)) is not None:
        return _below(path, named[1][:100]), "unknown_field", "There is no such field."
    code = next((code for start, code in _CODES if detail.startswith(start)), "invalid")
    return path, code, detail[:200]


def _below(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _refuse_many(pieces: Sequence[object]) -> None:
    if len(pieces) > MOST_ITEMS:
        raise TooManyItems(items=len(pieces), most=MOST_ITEMS)


def _refuse(wrong: Iterable[tuple[str, str, str, str]]) -> None:
    """Raise Invalid when there is anything wrong: (place, field, code, detail)."""
    errors = []
    for place, field, code, detail in wrong:
        errors.append({"field": f"{place}.{field}" if field else place, "code": code, "detail": detail})
        if len(errors) == MOST_ERRORS:
            break
    if errors:
        raise Invalid("Nothing of this batch was stored; see errors.", errors=errors)


def newest_versions(items: Iterable[Item]) -> dict[str, Item]:
    """One item for each external id: the newest version, and of equals the one that stands later in the batch."""
    said = list(items)
    newest = {item.external_id: item for item in said}
    if len(newest) == len(said):
        return newest
    newest.clear()
    for item in said:
        known = newest.get(item.external_id)
        if known is None or supersedes(item.edited_at, known.edited_at):
            newest[item.external_id] = item
    return newest


def supersedes(version: datetime | None, stored: datetime | None) -> bool:
    """Whether a version that arrives takes the place of the stored one; a version without an instant is the first."""
    return stored is None or (version is not None and version >= stored)
