"""Files of mentions taken apart as they come in: into rows, and rows into parts that are read one at a time.

A part is NDJSON whatever the file was; of a CSV file each record becomes an item of the ingest format. A row that
cannot be kept (too long, not UTF-8) leaves a mark in its place, so that rows keep their numbers.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final

import msgspec

from core.http.parser import TooLarge
from core.refusals import Invalid, Refusal
from listening.ingest import Gone, Item, read_items

MOST_BYTES: Final = 50 * 1024 * 1024
MOST_ROW_BYTES: Final = 512 * 1024
MOST_ERRORS: Final = 100
ROWS_OF_A_PART: Final = 1_000
BYTES_OF_A_PART: Final = 1024 * 1024
PIECE: Final = 64 * 1024

REQUIRED: Final = ("external_id", "posted_at", "text")
# What a column of a CSV file can be: a field of an item, the author's with an underscore.
FIELDS: Final = (
    *REQUIRED, "author_handle", "author_name", "author_followers", "language", "url", "kind", "in_reply_to",
    "edited_at", "network", "country",
)  # fmt: skip
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t"}

# No JSON text begins with these.
TOO_LONG: Final = b"\x00too_long"
NOT_UTF8: Final = b"\x00not_utf8"
MARKS: Final = {
    TOO_LONG: ("too_long", f"A row has at most {MOST_ROW_BYTES // 1024} KB."),
    NOT_UTF8: ("not_utf8", "This row is not UTF-8."),
}

csv.field_size_limit(MOST_ROW_BYTES)


class MalformedFile(Refusal):
    """The file cannot be taken apart at all."""

    code = "malformed_file"
    status = 400
    title = "The file cannot be read."


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows: `first_row` is the number of the first one, counted from 1."""

    first_row: int
    rows: int
    body: bytes


def pieces_of(stream: IO[bytes], *, gzipped: bool, most_bytes: int = MOST_BYTES) -> Iterator[bytes]:
    """The bytes of a file as they come, unpacked; never more than `most_bytes`, whatever was declared.

    Raises TooLarge (413) or MalformedFile (400).
    """
    told = 0
    for piece in _unzipped(stream) if gzipped else iter(lambda: stream.read(PIECE), b""):
        told += len(piece)
        if told > most_bytes:
            raise TooLarge(max_bytes=most_bytes)
        yield piece


def _unzipped(stream: IO[bytes]) -> Iterator[bytes]:
    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    begun = False
    try:
        while packed := stream.read(PIECE):
            begun = True
            while packed:
                if unzip.eof:  # one file after the other is one file
                    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
                if piece := unzip.decompress(packed, PIECE):
                    yield piece
                packed = unzip.unused_data or unzip.unconsumed_tail
    except zlib.error as problem:
        raise MalformedFile(f"The file is not gzip: {problem}.") from None
    if begun and not unzip.eof:
        raise MalformedFile("The gzip stream ends too early.")


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The rows of an NDJSON file, without blank ones; one that is too long is not collected."""
    waiting, too_long = b"", False
    for piece in pieces:
        first, *more = piece.split(b"\n")
        waiting, too_long = _longer(waiting, first, too_long=too_long)
        for line in more:
            if row := TOO_LONG if too_long else waiting.strip():
                yield row
            waiting, too_long = _longer(b"", line, too_long=False)
    if row := TOO_LONG if too_long else waiting.strip():
        yield row


def _longer(waiting: bytes, more: bytes, *, too_long: bool) -> tuple[bytes, bool]:
    if too_long or len(waiting) + len(more) > MOST_ROW_BYTES:
        return b"", True
    return waiting + more, False


def records_of(pieces: Iterable[bytes], *, columns: Mapping[str, str], delimiter: str = "comma") -> Iterator[bytes]:
    """The records of a CSV file as items in JSON. The first record names the columns.

    `columns` maps fields of an item to names of columns; those it leaves out are looked for by their own name. Raises
    Invalid (400) when a column is missing, MalformedFile (400) when a field is too long to be read.
    """
    text = io.TextIOWrapper(
        io.BufferedReader(_Reader(pieces)), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    reader = csv.reader(text, delimiter=DELIMITERS[delimiter])
    try:
        header = next(reader, [])
        places = _places(header, columns)
        for record in reader:
            if any(record):
                yield _item_of(record, places)
    except csv.Error as problem:
        raise MalformedFile(f"The file cannot be read at line {reader.line_num}: {problem}.") from None


def _places(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Which column each field stands in."""
    names = [name.strip() for name in header]
    wanted = {field: columns.get(field, field) for field in FIELDS if field in columns or field in names}
    missing = [
        name for name in {**columns, **{f: f for f in REQUIRED if f not in wanted}}.values() if name not in names
    ]
    if missing:
        raise Invalid(
            "The file lacks columns that are needed.",
            errors=[
                {"field": f"columns.{name}"[:120], "code": "no_such_column", "detail": "The file has no such column."}
                for name in sorted(set(missing))
            ],
        )
    return {field: names.index(name) for field, name in wanted.items()}


def _item_of(record: Sequence[str], places: Mapping[str, int]) -> bytes:
    item: dict[str, Any] = {}
    author: dict[str, Any] = {}
    for field, place in places.items():
        value = record[place].strip() if place < len(record) else ""
        if not value and field not in REQUIRED:
            continue
        if field == "author_followers":
            author["followers"] = int(value) if value.isascii() and value.isdecimal() and len(value) < 20 else value  # noqa: PLR2004
        elif field.startswith("author_"):
            author[field.removeprefix("author_")] = value
        else:
            item[field] = value
    if author:
        item["author"] = author
    try:
        row = msgspec.json.encode(item)
    except UnicodeEncodeError:
        return NOT_UTF8
    return row if len(row) <= MOST_ROW_BYTES else TOO_LONG


class _Reader(io.RawIOBase):
    """Pieces as a file to be read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        taken = self._left[: len(buffer)]
        self._left = self._left[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)


def parts_of(rows: Iterable[bytes]) -> Iterator[Part]:
    """Rows in parts of at most a thousand rows and about a megabyte."""
    kept: list[bytes] = []
    size, first = 0, 1
    for row in rows:
        if kept and (len(kept) == ROWS_OF_A_PART or size + len(row) > BYTES_OF_A_PART):
            yield Part(first, len(kept), b"\n".join(kept))
            first, kept, size = first + len(kept), [], 0
        kept.append(row)
        size += len(row) + 1
    if kept:
        yield Part(first, len(kept), b"\n".join(kept))


@dataclass(frozen=True, slots=True)
class ReadPart:
    """The good rows of a part, how many are bad, and what is wrong with the first of those."""

    items: list[Item | Gone]
    bad: int
    errors: list[dict[str, Any]]


def read_part(body: bytes, *, first_row: int, at: datetime) -> ReadPart:
    """The mentions of a part. A bad row is passed over and told: {"row", "field", "code", "detail"}."""
    if b"\x00" not in body:
        try:
            return ReadPart(read_items(body, lines=True, at=at), 0, [])
        except Refusal:
            pass  # some row is bad: one after the other
    items: list[Item | Gone] = []
    errors: list[dict[str, Any]] = []
    bad = 0
    for row, line in enumerate(body.split(b"\n"), start=first_row):
        wrong = _read_row(line, items, at=at)
        bad += bool(wrong)
        errors += [{"row": row, **one} for one in wrong[:5]]
    return ReadPart(items, bad, errors[:MOST_ERRORS])


def _read_row(line: bytes, items: list[Item | Gone], *, at: datetime) -> list[dict[str, str]]:
    """Add the row's mention to `items`; or say what is wrong with it."""
    if line in MARKS:
        code, detail = MARKS[line]
        return [{"field": "", "code": code, "detail": detail}]
    try:
        items += read_items(line, lines=True, at=at)
    except Invalid as refused:
        # Places begin with the item's own number, which is 0 here.
        return [
            {"field": error["field"].partition(".")[2], "code": error["code"], "detail": error["detail"]}
            for error in refused.facts["errors"]
        ]
    except Refusal as refused:
        return [{"field": "", "code": refused.code, "detail": refused.detail[:200]}]
    return []
