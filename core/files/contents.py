"""What a file is, decided by its bytes: never by its name or by what the sender calls it. Pure functions.

Only kinds that their content tells reliably are known; everything else is refused.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from typing import Final

from core.refusals import Refusal

PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
GIF: Final = "image/gif"
WEBP: Final = "image/webp"
PDF: Final = "application/pdf"
TEXT: Final = "text/plain"
CSV: Final = "text/csv"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

PICTURES: Final = frozenset({PNG, JPEG, GIF, WEBP})
KINDS: Final = PICTURES | {PDF, TEXT, CSV, DOCX, XLSX}
# How a file of each kind is called when it is given out.
ENDINGS: Final = {
    PNG: (".png",),
    JPEG: (".jpg", ".jpeg"),
    GIF: (".gif",),
    WEBP: (".webp",),
    PDF: (".pdf",),
    TEXT: (".txt",),
    CSV: (".csv",),
    DOCX: (".docx",),
    XLSX: (".xlsx",),
}
LONGEST_NAME: Final = 120
MOST_UNPACKED: Final = 100 * 1024 * 1024  # bytes that an office file may say it unpacks to
MOST_MEMBERS: Final = 2_000
CONTENT_TYPES: Final = "[Content_Types].xml"
LONGEST_CONTENT_TYPES: Final = 256 * 1024
_OFFICE: Final = {b"wordprocessingml.document.main+xml": DOCX, b"spreadsheetml.sheet.main+xml": XLSX}
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_ROWS_LOOKED_AT: Final = 50


class UnknownKind(Refusal):
    """Fact `kinds`: the media types that are taken."""

    code = "unknown_kind"
    status = 415
    title = "What this file is cannot be told from its content, or files of its kind are not taken."


class BrokenFile(Refusal):
    """It begins like a file of a kind, and is none."""

    code = "broken_file"
    status = 400
    title = "This file is damaged, or not what it begins like."


@dataclass(frozen=True, slots=True)
class Size:
    """Of a picture, in pixels."""

    width: int
    height: int


def kind_of(content: bytes) -> str:
    """The media type of a file, one of `KINDS`; raises UnknownKind (415) or BrokenFile (400)."""
    if found := _by_first_bytes(content):
        return found
    if content.startswith(b"%PDF-"):
        if b"%%EOF" not in content[-1024:]:
            raise BrokenFile
        return PDF
    if content.startswith(b"PK\x03\x04"):
        return _office_kind(content)
    return _text_kind(content)


def _by_first_bytes(content: bytes) -> str | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    if content.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    return WEBP if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def _office_kind(content: bytes) -> str:
    """A text or a sheet of an office program. What unpacks to too much, or brings a program with it, is refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            members = package.infolist()
            unpacked = sum(member.file_size for member in members)
            if len(members) > MOST_MEMBERS or unpacked > MOST_UNPACKED:
                raise BrokenFile
            names = {member.filename.lower() for member in members}
            if CONTENT_TYPES.lower() not in names or any(name.endswith("vbaproject.bin") for name in names):
                raise UnknownKind(kinds=sorted(KINDS))
            with package.open(CONTENT_TYPES) as listed:
                says = listed.read(LONGEST_CONTENT_TYPES)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, OSError, ValueError, EOFError) as problem:
        raise BrokenFile from problem
    found = [kind for mark, kind in _OFFICE.items() if mark in says]
    if len(found) != 1 or b"macroEnabled" in says:
        raise UnknownKind(kinds=sorted(KINDS))
    return found[0]


def _text_kind(content: bytes) -> str:
    """A table or any other text: UTF-8 without what no text has."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UnknownKind(kinds=sorted(KINDS)) from problem
    if not text.strip() or _CONTROL.search(text):
        raise UnknownKind(kinds=sorted(KINDS))
    return CSV if _is_table(text) else TEXT


def _is_table(text: str) -> bool:
    """Whether its first rows have the same number of columns, at least two."""
    first = io.StringIO(text, newline="")
    for delimiter in (",", ";", "\t"):
        first.seek(0)
        try:
            rows = csv.reader(first, delimiter=delimiter, strict=True)
            widths = [len(row) for row, _ in zip(rows, range(_ROWS_LOOKED_AT), strict=False) if row]
        except csv.Error:
            continue
        if len(widths) > 1 and len(set(widths)) == 1 and widths[0] > 1:
            return True
    return False


def safe_name(said: str, kind: str) -> str:
    """What a file is called from here on: what somebody called it without folders, without what is not seen or turns
    writing round, not too long, and with an ending that its content bears out.
    """
    name = unicodedata.normalize("NFC", said.replace("\\", "/").rsplit("/", 1)[-1])
    name = "".join(char for char in name if unicodedata.category(char)[0] != "C" and char not in '<>:"|?*')
    name = " ".join(name.split()).strip(". ")
    endings = ENDINGS[kind]
    if not name.lower().endswith(endings) or len(name) <= len(endings[0]):
        name = (name or "file") + endings[0]
    if len(name) > LONGEST_NAME:
        ending = next(ending for ending in endings if name.lower().endswith(ending))
        name = name[: LONGEST_NAME - len(ending)].rstrip(". ") + ending
    return name
