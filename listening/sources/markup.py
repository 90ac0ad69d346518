"""HTML to text, in one pass over the text: no tree is built, so nothing can nest or unfold."""

from __future__ import annotations

import html
import re
from typing import Final

# Nothing is kept of a longer one anyway: texts are clipped at 10 000 characters.
LONGEST: Final = 200_000

# A tag ends at its `>` or at the next `<`; so every character is looked at once.
_PIECE: Final = re.compile(
    r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?P<rest>[^<>]*)>|<[!?/][^<>]*>|(?P<text>[^<]+|<)"
)
_ENDS_A_LINE: Final = frozenset({
    "br", "p", "div", "li", "ul", "ol", "tr", "table", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6",
    "article", "section", "header", "footer", "figure", "hr",
})  # fmt: skip
_IS_NO_TEXT: Final = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "title"})
# Python refuses to read very long numbers, and no character has more digits than this.
_LONG_NUMBER: Final = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
_SPACES: Final = re.compile(r"[ \t\r\f\v]+")
_LINES: Final = re.compile(r" ?\n[ \n]*")


def text_of(markup: str) -> str:
    """The words of an HTML fragment, a line for each paragraph. Linear in its length; of a very long one the head."""
    if "<" not in markup and "&" not in markup:
        return markup[:LONGEST].strip()
    words: list[str] = []
    silent = ""
    for piece in _PIECE.finditer(markup[:LONGEST]):
        name = (piece["name"] or "").lower()
        if silent:
            silent = "" if piece["end"] and name == silent else silent
        elif name in _IS_NO_TEXT and not piece["end"]:
            # A tag that closes itself silences nobody.
            silent = "" if (piece["rest"] or "").endswith("/") else name
        elif name in _ENDS_A_LINE:
            words.append("\n")
        elif piece["text"]:
            words.append(piece["text"])
    text = html.unescape(_LONG_NUMBER.sub("\N{REPLACEMENT CHARACTER}", "".join(words)))
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()
