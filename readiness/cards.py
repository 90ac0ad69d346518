"""The lines of vCards (RFC 2426 and RFC 6350): read and written in one pass over each. Pure.

Libraries for it match each line with one expression, which on some lines does not end; cards come from strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

FOLD_AT: Final = 75  # octets
LONGEST_LINE: Final = 20_000  # unfolded: what is longer is a picture, and is left out
MOST_LINES: Final = 500  # of one card
_NAME = re.compile(r"(?:[A-Za-z0-9-]+\.)?([A-Za-z0-9-]+)")
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)(?:=((?:"[^"]*"|[^";:,])*(?:,(?:"[^"]*"|[^";:,])*)*))?')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class NotACard(ValueError):
    """The message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Property:
    """One line of a card: its name in capitals, its parameters in small letters, its value as it is written."""

    name: str
    parameters: dict[str, list[str]]
    value: str

    @property
    def text(self) -> str:
        """The value without escapes."""
        return unescaped(self.value).strip()

    def parts(self, separator: str) -> list[str]:
        """The value's parts, such as those of a name (`;`) or of a list (`,`)."""
        return [unescaped(part).strip() for part in _split(self.value, separator)]

    @property
    def types(self) -> set[str]:
        """Its TYPE words; a word alone counts as one, as programs write it."""
        return {word.strip() for said in self.parameters.get("type", ()) for word in said.casefold().split(",")}


def cards_in(text: str) -> Iterator[list[str]]:
    """The unfolded lines of each card, one card after the other; raises NotACard where there is none."""
    card: list[str] | None = None
    for line in re.sub(r"\r?\n[ \t]", "", text.removeprefix("\ufeff")).splitlines():
        mark = line.strip().upper()
        if mark == "BEGIN:VCARD" and card is None:
            card = []
        elif mark == "END:VCARD" and card is not None:
            yield card
            card = None
        elif card is None and mark:
            raise NotACard("Something stands outside of a card.")
        elif card is not None and mark and len(line) <= LONGEST_LINE:
            if len(card) == MOST_LINES:
                raise NotACard(f"A card has more than {MOST_LINES} lines.")
            card.append(line)
    if card is not None:
        raise NotACard("The last card has no end.")


def property_of(line: str) -> Property:
    """One line; raises NotACard."""
    name = _NAME.match(line)
    if name is None:
        raise NotACard(f"This is no line of a card: {line[:60]}")
    place = name.end()
    parameters: dict[str, list[str]] = {}
    while (found := _PARAMETER.match(line, place)) is not None:
        place = found.end()
        # A parameter without a name is a type, as old programs write it: TEL;CELL:…
        key, said = (found[1].casefold(), found[2]) if found[2] is not None else ("type", found[1])
        values = (part.replace('"', "") for part in re.findall(r'(?:"[^"]*"|[^",])+', said))
        parameters.setdefault(key, []).extend(values)
    if line[place : place + 1] != ":":
        raise NotACard(f"This is no line of a card: {line[:60]}")
    return Property(name[1].upper(), parameters, line[place + 1 :])


def _split(value: str, separator: str) -> list[str]:
    parts, start, place = [], 0, 0
    while place < len(value):
        if value[place] == "\\":
            place += 1
        elif value[place] == separator:
            parts.append(value[start:place])
            start = place + 1
        place += 1
    return [*parts, value[start:]]


def unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
    return plain.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def folded(line: str) -> str:
    """The line with its end, broken where it is longer than 75 octets, and never within a letter."""
    pieces, piece, size = [], "", 0
    for char in line:
        width = len(char.encode())
        if size + width > FOLD_AT:
            pieces.append(piece)
            piece, size = " ", 1
        piece, size = piece + char, size + width
    return "\r\n".join([*pieces, piece]) + "\r\n"
