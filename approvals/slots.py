"""Templates with typed slots: whether a text is the template with every slot filled by a value of its type.

A slot stands in a template as `{name}`. A name that stands twice has one value. Nothing else of the template may differ
by a byte. Pure functions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

TYPES = ("number", "date", "time", "place", "name", "text")
MOST_SLOTS = 20
LONGEST_VALUE = 280
SLOT = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
# A match tries at most so many readings of a text; what is more ambiguous than that is not covered.
MOST_READINGS = 20_000

_NUMBER = re.compile(r"[+\u2212-]?\d{1,3}(?:[ \u00a0\u202f.,']?\d{1,3}){0,8}(?:[.,]\d{1,6})?(?: ?%)?")
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{4}"
    r"|\d{1,2}\.? [^\W\d_]{3,12} \d{4}|[^\W\d_]{3,12} \d{1,2}, \d{4}"
)
_TIME = re.compile(r"\d{1,2}[:.]\d{2}(?::\d{2})?(?: ?(?:[AaPp]\.?[Mm]\.?|UTC|GMT|[A-Z]{2,5}))?")
# In the name of somebody or of a place stands nothing that a network would make a link, a mention or a tag of.
_NAMING = frozenset(" -'\u2019.,()&/\u02bb\u02bc\u00b7")


def _named(value: str) -> bool:
    spelled = all(char in _NAMING or unicodedata.category(char)[0] in "LMN" for char in value)
    return spelled and value == value.strip() and any(char.isalpha() for char in value)


def _one_line(value: str) -> bool:
    return value == value.strip() and all(unicodedata.category(char)[0] != "C" for char in value)


FITS: dict[str, Callable[[str], object]] = {
    "number": _NUMBER.fullmatch,
    "date": _DATE.fullmatch,
    "time": _TIME.fullmatch,
    "place": _named,
    "name": _named,
    "text": _one_line,
}


def fits(value: str, slot: Mapping[str, Any]) -> bool:
    """Whether a value is of a slot's type and not too long; `slot` is {"type": …, "longest": characters}."""
    return 1 <= len(value) <= int(slot["longest"]) and bool(FITS[slot["type"]](value))


def slots_in(template: str) -> list[str]:
    """The names of the slots of a template, in the order in which they stand, each as often as it stands."""
    return SLOT.findall(template)


def longest_of(template: str, slots: Mapping[str, Mapping[str, Any]]) -> int:
    """How many characters the template has at most when its slots are filled."""
    pieces = SLOT.split(template)
    filled = sum(int(slots[name]["longest"]) for name in pieces[1::2])
    return filled + sum(len(literal) for literal in pieces[::2])


def fills(template: str, slots: Mapping[str, Mapping[str, Any]], text: str) -> bool:
    """Whether the text is the template with every slot filled. Where that cannot be told in due time: no."""
    pieces = SLOT.split(template)  # literal, name, literal, name, …, literal
    if any(name not in slots for name in pieces[1::2]):
        return False
    readings = 0

    def reads(piece: int, start: int, known: dict[str, str]) -> bool:
        """Whether the rest of the text is the rest of the template, from a literal piece on."""
        nonlocal readings
        literal = pieces[piece]
        if not text.startswith(literal, start):
            return False
        start += len(literal)
        if piece == len(pieces) - 1:
            return start == len(text)
        name = pieces[piece + 1]
        if name in known:
            value = known[name]
            return text.startswith(value, start) and reads(piece + 2, start + len(value), known)
        for end in range(start + 1, min(start + int(slots[name]["longest"]), len(text)) + 1):
            readings += 1
            if readings > MOST_READINGS:
                return False
            value = text[start:end]
            if fits(value, slots[name]) and reads(piece + 2, end, {**known, name: value}):
                return True
        return False

    return reads(0, 0, {})
