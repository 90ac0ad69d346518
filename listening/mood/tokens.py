# ruff: noqa: RUF001 - words of several scripts
"""Words as moods are read from them: links, handles and numbers masked, hashtags split, long letters shortened.

`tokens_of` reads one piece of text without white space, so that its answer can be kept for the next time.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

LINK: Final = "<link>"
HANDLE: Final = "<handle>"
NUMBER: Final = "<number>"
SHOUT: Final = "<shout>"
DRAWN_OUT: Final = "<long>"

# A word longer than this is clipped, and of a longer piece only its start is read: neither is language.
LONGEST_WORD: Final = 32
LONGEST_PIECE: Final = 128

_MARKS: Final = "'`´\u2018\u2019\u02bb\u02bc"
# Signs that belong to the letter before them, which Python does not count as letters: accents written apart, Arabic
# and Devanagari vowels.
_SIGNS: Final = "\u0300-\u036f\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"
_LETTER: Final = rf"(?:[^\W\d_]|[{_SIGNS}])"
_EMOJI: Final = "\u2190-\u21ff\u2300-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"

_TOKEN: Final = re.compile(
    rf"""
      (?P<link>https?(?:://\S*)?$|https?://\S+|www\.\S+)
    | (?P<handle>@\w+)
    | (?P<tag>\#\w(?:\w|[{_SIGNS}])*)
    | (?P<heart></?3+)
    | (?P<face>[<>]?[:;=][\-'o*^]*[)\](\[dDpP/\\|@oO03*]+(?![a-zA-Z]) | [xX]D+\b | [\^][_.\-]*[\^] | [\-][_.]+[\-]
        | [(\[][\-'o*^]*[:;=])
    | (?P<number>[0-9]+(?:[.,:/][0-9]+)*(?:%|st|nd|rd|th)?(?!\w))
    | (?P<word>[0-9]{{0,2}}{_LETTER}(?:{_LETTER}|[0-9])*(?:[{_MARKS}]{_LETTER}+)*)
    | (?P<calls>[!?¡¿]+)
    | (?P<dots>\.\.+|…)
    | (?P<emoji>[{_EMOJI}])
    | (?P<stop>[.,;:"“”«»])
    """,
    re.VERBOSE,
)
_APOSTROPHES: Final = str.maketrans(
    {**dict.fromkeys(_MARKS, "'"), "ё": "е", "\u0307": "", "\u0640": "", "أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي"}
    | {chr(sign): "" for sign in range(0x064B, 0x0660)}
)
_DRAWN_OUT: Final = re.compile(r"(.)\1{2,}")
_AGAIN: Final = re.compile(r"(.)\1+")
# theRedCar, HTMLCode, end2end, under_score
_PARTS: Final = re.compile(rf"[0-9]+|(?:[A-Z]+(?![a-z])|[A-Z]?(?:(?![A-Z_0-9])\w|[{_SIGNS}])+)")
_STOPS: Final = frozenset(".,;:")
_MOUTHS: Final = str.maketrans({"]": ")", "d": "D", "[": "(", "=": ":", "p": "P", "\\": "/", "o": "O", "0": "O"})
_SHOUTED: Final = 3


def tokens_of(piece: str) -> tuple[str, ...]:
    """The tokens of a piece of text without white space, in order. Time is linear; a long piece is clipped."""
    if not piece:
        return ()
    piece = piece[:LONGEST_PIECE]
    # The quick way for most pieces; not for those that may be a link or a face such as xD.
    if piece.isascii() and piece.isalpha() and piece[0] not in "hHxX":
        return tuple(_word(piece))
    if "&" in piece:
        piece = html.unescape(piece)
    tokens: list[str] = []
    for match in _TOKEN.finditer(piece):
        tokens.extend(_READ[match.lastgroup or "emoji"](match.group()))
    return tuple(tokens)


def masked_piece(piece: str) -> str:
    """One piece for all links and one for all handles, which have the same tokens; others as they are.

    There are as many links and handles as posts, so that keeping each would only take room.
    """
    if piece.startswith(("https://", "http://")):
        return "https://"
    if piece[0] == "@" and piece[1:].replace("_", "a").isalnum():
        return "@a"
    return piece


def plain(word: str) -> str:
    """A word as the model knows it: small letters, one kind of apostrophe, no drawn-out letters, not too long."""
    return _DRAWN_OUT.sub(r"\1\1", word[:LONGEST_WORD].lower().translate(_APOSTROPHES))


def _word(word: str) -> list[str]:
    small = word.lower().translate(_APOSTROPHES)[:LONGEST_WORD]
    short = _DRAWN_OUT.sub(r"\1\1", small)
    if not short:  # nothing but accents
        return []
    shouted = len(word) >= _SHOUTED and word.isupper() and word.lower() != word
    return [SHOUT] * shouted + [short] + [DRAWN_OUT] * (short != small)


def _hashtag(tag: str) -> list[str]:
    words = [NUMBER if part[0].isdigit() else plain(part) for part in _PARTS.findall(tag)]
    return ["#" + plain(tag[1:]), *filter(None, words)]


def _face(said: str) -> list[str]:
    """One spelling for each face, without nose: :-)) is :)."""
    if said[0] in "-^":
        return [said[0] + "_" + said[0]]
    return [_AGAIN.sub(r"\1", said.replace("-", "").translate(_MOUTHS))]


def _calls(said: str) -> list[str]:
    asks = "?" in said or "¿" in said
    if asks and ("!" in said or "¡" in said):
        return ["?!"]
    return [("?" if asks else "!") * min(len(said), 2)]


_READ: Final[Mapping[str, Callable[[str], Sequence[str]]]] = MappingProxyType(
    {
        "link": lambda _: (LINK,),
        "handle": lambda _: (HANDLE,),
        "tag": _hashtag,
        "heart": lambda said: ("<3" if said[1] != "/" else "</3",),
        "face": _face,
        "number": lambda _: (NUMBER,),
        "word": _word,
        "calls": _calls,
        "dots": lambda _: ("...",),
        "stop": lambda said: (said if said in _STOPS else '"',),
        "emoji": lambda said: (said,),
    }
)
