"""Texts and queries as they are compared: folded, then cut into words. Both sides go through the same two functions.

Folding: NFKC, small letters, Latin and Greek accents dropped, one kind of apostrophe, nothing invisible. Cutting: a
word is a run of letters, digits, `_` and the signs that belong to letters; everything else parts words, apostrophes
and hyphens too. Scripts that write no spaces give one word for each character; an emoji is a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

# Marks that are written on other letters and may be left out: of the Latin and Greek scripts everywhere but after
# Cyrillic, where they make another letter; Hebrew points, Arabic vowels.
_ACCENTS: Final = re.compile("(?<![\u0400-\u052f])[\u0300-\u036f]+|[\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670]+")
# Soft hyphen, joiners and zero-width signs, marks of direction, tatweel, variation selectors, skin tones.
_INVISIBLE: Final = (
    *(0xAD, 0x34F, 0x61C, 0x640, 0x180E, 0xFEFF),
    *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x2070),
    *range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400), *range(0xE0000, 0xE01F0),
)  # fmt: skip
_FOLDED: Final = (
    dict.fromkeys(_INVISIBLE, "")
    | dict.fromkeys(map(ord, "`\u00b4\u2018\u2019\u02bb\u02bc\u02b9"), "'")
    # NFKC would write letters for these, and glue them to the word before.
    | dict.fromkeys(map(ord, "\u2122\u00ae\u00a9\u2120"), " ")
    | {0x451: "\u0435", 0x401: "\u0435", 0x131: "i", 0x130: "i"}  # Cyrillic io is ie; Turkish i with a dot or without
)

# Han with its repetition marks, kana, Thai, Lao, Myanmar, Khmer: written without spaces between words.
_DENSE_RANGES: Final = (
    (0x0E01, 0x0E4E), (0x0E81, 0x0ECD), (0x1000, 0x109F), (0x1780, 0x17D3), (0x3005, 0x3007), (0x3041, 0x309F),
    (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0x1B000, 0x1B16F), (0x20000, 0x323AF),
)  # fmt: skip
_EMOJI: Final = "\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"


def _ranges(points: Iterable[int]) -> str:
    """The points, ascending, as the inside of a character class."""
    spans: list[list[int]] = []
    for point in points:
        if spans and spans[-1][1] == point - 1:
            spans[-1][1] = point
        else:
            spans.append([point, point])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in spans)


_DENSE: Final = "".join(f"{chr(first)}-{chr(last)}" for first, last in _DENSE_RANGES)
_dense: Final = re.compile(f"[{_DENSE}]")
# Signs that belong to the letter before them and are no letters for Python: vowels of Indian scripts, for one.
_SIGNS: Final = _ranges(
    point
    for point in range(0x300, 0x10000)
    if unicodedata.category(chr(point)) in ("Mn", "Mc") and not _dense.match(chr(point))
)
_peculiar: Final = re.compile(f"[{_DENSE}{_SIGNS}]")
_LETTERS: Final = f"(?:[^\\W{_DENSE}]|[{_SIGNS}])+"
_NAME: Final = f"(?:\\w|[{_SIGNS}{_DENSE}])"


def _pieces(letter: str, words: str, *, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """A hashtag, a handle (with a server or a domain), or a word. No character can stand in two parts of a piece, so
    that reading is linear.
    """
    before = f"(?<!{letter})"
    return re.compile(f"{words}|{before}@{letter}+(?:[.@-]{letter}+)*|{before}#{letter}+", flags)


_ASCII: Final = _pieces(r"\w", r"\w+", flags=re.ASCII)
_PLAIN: Final = _pieces(r"\w", rf"\w+|[{_EMOJI}]")
_ANY: Final = _pieces(_NAME, f"{_LETTERS}|[{_DENSE}]|[{_EMOJI}]")
_WORDS_OF_NAME: Final = re.compile(f"{_LETTERS}|[{_DENSE}]")
_SERVER: Final = re.compile(r"(?<=.)[.@].*", re.DOTALL)
_special: Final = re.compile("[" + _ranges(sorted(_FOLDED)) + "]")


def fold(text: str) -> str:
    """The text as it is compared; folding twice changes nothing more."""
    if text.isascii():
        return text.lower().replace("`", "'")
    if unicodedata.is_normalized("NFKC", text):
        folded = text.translate(_LETTER_BY_LETTER)
        if _NOT_ALONE not in folded:
            return folded
    return _fold_whole(text)


def _fold_whole(text: str) -> str:
    small = unicodedata.normalize("NFKC", _cleaned(unicodedata.normalize("NFC", text))).casefold()
    if small.isascii():
        return small.replace("`", "'")
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", small)).casefold()
    return unicodedata.normalize("NFKC", _cleaned(bare))


class _Letters(dict[int, str]):
    """What becomes of each character that can be folded alone, as it is met; marks and Hangul letters depend on what
    stands beside them, and become _NOT_ALONE.
    """

    def __missing__(self, point: int) -> str:
        letter = chr(point)
        depends = point not in _FOLDED and (unicodedata.category(letter)[0] == "M" or _is_jamo(point))
        self[point] = folded = _NOT_ALONE if depends else _fold_whole(letter)
        return folded


def _is_jamo(point: int) -> bool:
    return 0x1100 <= point <= 0x11FF or 0xA960 <= point <= 0xA97F or 0xD7B0 <= point <= 0xD7FF  # noqa: PLR2004


# Half a surrogate pair, which no text that was read from UTF-8 can hold; one that does is folded whole.
_NOT_ALONE: Final[str] = chr(0xD800)
_LETTER_BY_LETTER: Final = _Letters()


def _cleaned(text: str) -> str:
    return text.translate(_FOLDED) if _special.search(text) else text


def cut(folded: str) -> list[str]:
    """Words, hashtags, handles and emojis of a folded text, in order."""
    if folded.isascii():
        return _ASCII.findall(folded)
    return (_ANY if _peculiar.search(folded) else _PLAIN).findall(folded)


def is_dense(word: str) -> bool:
    """Whether a word of `cut` is a character of a script that writes no spaces."""
    return len(word) == 1 and not word.isascii() and _dense.match(word) is not None


def has_dense(folded: str) -> bool:
    return not folded.isascii() and _dense.search(folded) is not None


def places(pieces: Sequence[str]) -> list[tuple[str, ...]]:
    """What can be found at each place of a text: the word, and the hashtag or handle that begins with it.

    The words of a hashtag or handle are words of the text: `@acme.example` is `@acme.example` and `@acme` and `acme`
    at one place, and `example` at the next.
    """
    found: list[tuple[str, ...]] = []
    for piece in pieces:
        if piece[0] == "#":
            names: tuple[str, ...] = (piece,)
        elif piece[0] == "@":
            head = name_of(piece)
            names = (piece,) if head == piece else (piece, head)
        else:
            found.append((piece,))
            continue
        first, *rest = _WORDS_OF_NAME.findall(piece)
        found.append((*names, first))
        found.extend((word,) for word in rest)
    return found


def name_of(handle: str) -> str:
    """A handle without its server or domain: `acme` of `acme@social.example` and of `acme.example`."""
    return _SERVER.sub("", handle)


def words_of(pieces: Sequence[str], *, named: bool) -> set[str]:
    """Everything that `places` finds anywhere; `named` says whether there may be hashtags or handles."""
    words = set(pieces)
    if named:
        for piece in pieces:
            if piece[0] in "#@":
                words.update(_WORDS_OF_NAME.findall(piece))
                if piece[0] == "@":
                    words.add(name_of(piece))
    return words


def folded_handle(said: str) -> str:
    """An author's handle as it is compared, without @."""
    return fold(said).strip().removeprefix("@")
