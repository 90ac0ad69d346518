"""Contacts as tables (CSV) and as cards (vCard 3.0 and 4.0): read row by row with each mistake, written back alike."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from core.refusals import Invalid
from permissions.tables import FORMULAS
from readiness.cards import NotACard, Property, cards_in, escaped, folded, property_of
from readiness.contact_form import Fault, check_contact, hours_from_words, hours_in_words
from readiness.states import ChannelKind

MOST_ROWS: Final = 2_000
COLUMNS: Final = (
    "id", "name", "organisation", "department", "job_title", "outside", "language", "time_zone", "hours", "channels",
    "tags", "legal_basis", "confirm_days", "note",
)  # fmt: skip
# Columns with one kind of channel, for tables that people write by hand.
BY_KIND: Final = {kind.value: kind for kind in ChannelKind}
ONLY_TOLD: Final = frozenset({"confirmed_at", "confirm_due_at", "brand"})  # of an export; read over when it comes back
MUST_SAY: Final = frozenset({"language", "time_zone", "legal_basis", "confirm_days"})  # an empty cell says nothing
_YES, _NO = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0", ""})
_QUOTED: Final = tuple(f"'{sign}" for sign in FORMULAS)
_MOBILE: Final = frozenset({"cell", "mobile", "text"})


class NotReadable(ValueError):
    """It is no table, or no cards, at all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contact of a file: its number (from 1, the head not counted), what it says, and what is wrong with it."""

    number: int
    said: dict[str, Any] = field(default_factory=dict)
    contact_id: UUID | None = None
    faults: tuple[Fault, ...] = ()


def _row(number: int, build: Callable[[], tuple[dict[str, Any], str]]) -> Row:
    """Build and check one row; what is wrong with it is kept beside it."""
    try:
        given, written_id = build()
        return Row(number, check_contact(given), UUID(written_id) if written_id else None)
    except Invalid as wrong:
        return Row(number, faults=tuple(wrong.facts["errors"]))
    except _Unreadable as wrong:
        return Row(number, faults=({"field": wrong.field, "code": "invalid", "detail": wrong.detail},))


class _Unreadable(Exception):
    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = name, detail


# -- tables ---------------------------------------------------------------------------------------------------------


def read_table(text: str) -> list[Row]:
    """The rows of a CSV file, with `;` and tabs too. Its head names the columns; raises NotReadable.

    A column that is not there says nothing; an empty cell says that there is none.
    """
    body = text.removeprefix("\ufeff")
    head_line = body.split("\n", 1)[0]
    delimiter = max(",;\t", key=head_line.count)
    reader = csv.reader(StringIO(body, newline=""), delimiter=delimiter, strict=True)
    try:
        head = [name.strip().casefold() for name in next(reader, [])]
        _check_head(head)
        rows: list[Row] = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(rows) == MOST_ROWS:
                    raise NotReadable(f"At most {MOST_ROWS} rows at a time.")
                rows.append(_row(len(rows) + 1, lambda cells=cells: _from_cells(head, cells)))  # type: ignore[misc]
    except csv.Error as wrong:
        raise NotReadable(f"Line {reader.line_num}: {wrong}.") from None
    return rows


def _check_head(head: list[str]) -> None:
    known = {*COLUMNS, *BY_KIND, *ONLY_TOLD}
    if "name" not in head:
        raise NotReadable("The first line names the columns, and one of them is name.")
    if unknown := [name for name in head if name not in known]:
        raise NotReadable(f"There is no column {unknown[0]!r}: {', '.join((*COLUMNS, *BY_KIND))}.")
    if len(set(head)) != len(head):
        raise NotReadable("A column stands there twice.")


def _from_cells(head: list[str], cells: list[str]) -> tuple[dict[str, Any], str]:
    if len(cells) > len(head):
        raise _Unreadable("row", f"{len(cells)} cells for {len(head)} columns.")
    said = dict(zip(head, (_plain(cell) for cell in cells), strict=False))
    given: dict[str, Any] = {}
    channels: list[dict[str, str]] | None = None
    for name, cell in said.items():
        if name in BY_KIND or name == "channels":
            channels = [*(channels or []), *_channels_in(name, cell)]
        elif name in MUST_SAY and not cell:
            continue
        elif name in READ:
            given[name] = READ[name](cell)
        elif name not in ONLY_TOLD and name != "id":
            given[name] = cell
    if channels is not None:
        given["channels"] = channels
    return given, _id_in(said.get("id", ""))


def _plain(cell: str) -> str:
    """Without the quote that keeps a spreadsheet from computing with it."""
    text = cell.strip()
    return text[1:] if text.startswith(_QUOTED) else text


def _id_in(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        raise _Unreadable("id", "The id of a contact, or nothing.") from None


def _channels_in(column: str, cell: str) -> Iterator[dict[str, str]]:
    for part in filter(None, (piece.strip() for piece in cell.split(";"))):
        kind, _, address = part.partition(":") if column == "channels" else (column, "", part)
        if kind.strip() not in BY_KIND:
            raise _Unreadable("channels", "Channels are written as in email:ana@example.org; mobile:+49….")
        yield {"kind": kind.strip(), "address": address.strip()}


def _yes_or_no(cell: str) -> bool:
    if cell.casefold() not in _YES | _NO:
        raise _Unreadable("outside", "yes or no.")
    return cell.casefold() in _YES


def _hours_in(cell: str) -> list[dict[str, Any]]:
    try:
        return hours_from_words(cell)
    except ValueError as wrong:
        raise _Unreadable("hours", str(wrong)) from None


def _number_in(cell: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", cell):
        raise _Unreadable("confirm_days", "A number of days.")
    return int(cell)


READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "outside": _yes_or_no,
    "hours": _hours_in,
    "tags": lambda cell: [tag.strip() for tag in cell.split(";") if tag.strip()],
    "confirm_days": _number_in,
}


def as_cells(contact: Mapping[str, Any]) -> list[Any]:
    """A contact (as `check_contact` gives it, with "id") in the order of COLUMNS."""
    written = {
        **contact,
        "outside": "yes" if contact["outside"] else "no",
        "hours": hours_in_words(contact["hours"]),
        "tags": "; ".join(contact["tags"]),
        "channels": "; ".join(f"{channel['kind']}:{channel['address']}" for channel in contact["channels"]),
    }
    return [written[name] for name in COLUMNS]


# -- cards ----------------------------------------------------------------------------------------------------------


def read_cards(text: str) -> list[Row]:
    """The cards of a vCard file, 3.0 or 4.0; raises NotReadable. What a card does not say, stays as it is."""
    rows: list[Row] = []
    try:
        for lines in cards_in(text):
            if len(rows) == MOST_ROWS:
                raise NotReadable(f"At most {MOST_ROWS} cards at a time.")
            rows.append(_row(len(rows) + 1, lambda lines=lines: _from_card(lines)))  # type: ignore[misc]
    except NotACard as wrong:
        raise NotReadable(f"Card {len(rows) + 1}: {wrong}") from None
    if not rows:
        raise NotReadable("There is no card in it.")
    return rows


def _from_card(lines: list[str]) -> tuple[dict[str, Any], str]:
    try:
        card = [property_of(line) for line in lines]
    except NotACard as wrong:
        raise _Unreadable("card", str(wrong)) from None
    said: dict[str, Property] = {}
    for one in card:
        said.setdefault(one.name, one)
    if "VERSION" not in said or said["VERSION"].text not in ("3.0", "4.0"):
        raise _Unreadable("version", "Cards of version 3.0 or 4.0.")

    def first(name: str) -> str:
        return said[name].text if name in said else ""

    organisation, *units = said["ORG"].parts(";") if "ORG" in said else [""]
    given: dict[str, Any] = {
        "name": first("FN") or (_name_in(said["N"]) if "N" in said else ""),
        "organisation": organisation,
        "department": units[0] if units else "",
        "job_title": first("TITLE"),
        "note": first("NOTE"),
        "channels": [_channel_of(one) for one in _in_order(card)],
    }
    if first("LANG"):
        given["language"] = first("LANG")
    if first("TZ") in available_timezones():  # most programs write an offset there, which is no clock
        given["time_zone"] = first("TZ")
    if "CATEGORIES" in said:
        given["tags"] = [tag for one in card if one.name == "CATEGORIES" for tag in one.parts(",")]
    return given, _uid_in(first("UID"))


def _name_in(name: Property) -> str:
    """Prefix, given, additional, family and suffix, in the order in which they are said."""
    family, given, additional, prefix, suffix, *_ = [*name.parts(";"), *[""] * 5]
    return " ".join(part for part in (prefix, given, additional, family, suffix) if part)


def _in_order(card: list[Property]) -> list[Property]:
    """The ways to reach somebody, the preferred first: PREF=1 … 100 in 4.0, TYPE=pref in 3.0."""

    def preference(one: Property) -> int:
        said = next(iter(one.parameters.get("pref", ())), "")
        if said.isdecimal():
            return int(said[:4])
        return 0 if "pref" in one.types else 101

    ways = ("EMAIL", "TEL", "IMPP")
    return sorted((one for one in card if one.name in ways), key=lambda one: (preference(one), ways.index(one.name)))


def _channel_of(one: Property) -> dict[str, str]:
    if one.name == "EMAIL":
        kind, address = ChannelKind.EMAIL, one.text
    elif one.name == "TEL":
        kind = ChannelKind.MOBILE if one.types & _MOBILE else ChannelKind.PHONE
        address = one.text.removeprefix("tel:").partition(";")[0]
    else:
        kind, address = ChannelKind.MESSAGE, one.text
    return {"kind": kind.value, "address": address}


def _uid_in(text: str) -> str:
    """Our own id in a card; other programs have names of their own for cards."""
    try:
        return str(UUID(text.removeprefix("urn:uuid:"))) if text.startswith("urn:uuid:") else ""
    except ValueError:
        return ""


def as_cards(contacts: Iterable[Mapping[str, Any]], *, version: str) -> str:
    """The contacts as cards of version 3.0 or 4.0."""
    return "".join(folded(line) for contact in contacts for line in _card(contact, version))


def _card(contact: Mapping[str, Any], version: str) -> Iterator[str]:
    *given, family = contact["name"].split(" ")
    yield "BEGIN:VCARD"
    yield f"VERSION:{version}"
    yield f"UID:urn:uuid:{contact['id']}"
    yield f"FN:{escaped(contact['name'])}"
    yield f"N:{escaped(family)};{escaped(' '.join(given))};;;"
    if contact["organisation"] or contact["department"]:
        yield f"ORG:{escaped(contact['organisation'])};{escaped(contact['department'])}"
    if contact["job_title"]:
        yield f"TITLE:{escaped(contact['job_title'])}"
    for place, channel in enumerate(contact["channels"], start=1):
        yield _channel_line(channel, place, version)
    yield f"TZ:{contact['time_zone']}" if version == "4.0" else f"TZ;VALUE=text:{contact['time_zone']}"
    if version == "4.0":
        yield f"LANG:{contact['language']}"
    if contact["tags"]:
        yield f"CATEGORIES:{','.join(escaped(tag) for tag in contact['tags'])}"
    if contact["note"]:
        yield f"NOTE:{escaped(contact['note'])}"
    yield "END:VCARD"


def _channel_line(channel: Mapping[str, str], place: int, version: str) -> str:
    kind, address = channel["kind"], channel["address"]
    newer = version == "4.0"
    preferred = f";PREF={place}" if newer else ";TYPE=pref" if place == 1 else ""
    match kind:
        case ChannelKind.EMAIL:
            return f"EMAIL{preferred}:{escaped(address)}"
        case ChannelKind.MESSAGE:
            return f"IMPP{preferred}:{address}"
    word = "cell" if kind == ChannelKind.MOBILE else "voice"
    return f"TEL;VALUE=uri;TYPE={word}{preferred}:tel:{address}" if newer else f"TEL;TYPE={word}{preferred}:{address}"
