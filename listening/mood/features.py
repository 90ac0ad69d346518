"""Which numbers stand for a token and for two tokens in a row: the hashed features of the linear scorer.

A token has itself as a feature and, if it is a word, each of its pieces of three to five letters, `<` and `>` marking
its ends. Everything is arithmetic on 64-bit integers that wrap around, so that training and scoring, on any machine,
agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

SHORTEST: Final = 3
LONGEST: Final = 5

_PRIME: Final = np.uint64(0x100000001B3)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_STIR: Final = np.uint64(0xD6E8FEB86659FD93)
_HALF: Final = np.uint64(32)
_SECOND_OF_PAIR: Final = np.uint64(0xC2B2AE3D27D4EB4F)
# Start values, so that the word "not", the piece "not" and the pair differ.
_OF_WORD: Final = np.uint64(0x517CC1B727220A95)
_OPEN, _CLOSE = ord("<"), ord(">")


def word_hashes(tokens: Sequence[str]) -> Hashes:
    """A hash for each whole token."""
    letters, lengths = _letters(tokens, marked=False)
    if not len(tokens):
        return np.zeros(0, np.uint64)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    within = np.arange(len(letters)) - np.repeat(starts, lengths)
    powers = np.cumprod(np.full(int(lengths.max()) + 1, _PRIME))
    sums: Hashes = np.add.reduceat(_stir(letters + _OF_WORD) * powers[within], starts)
    return _stir(sums)


def piece_hashes(tokens: Sequence[str]) -> tuple[Hashes, Places]:
    """The hashes of the pieces of all words among the tokens, and which token each belongs to."""
    of_word = [place for place, token in enumerate(tokens) if token[0].isalnum()]
    if not of_word:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    letters, lengths = _letters([tokens[place] for place in of_word], marked=True)
    owners = np.repeat(np.asarray(of_word), lengths)
    ends = np.repeat(np.cumsum(lengths), lengths)
    here = np.arange(len(letters))
    hashes, places = [], []
    rolling = np.zeros(len(letters), np.uint64)
    for length in range(1, LONGEST + 1):
        rolling = rolling[: len(letters) - length + 1] * _PRIME + _stir(letters[length - 1 :])
        if length >= SHORTEST:
            inside = here[: len(rolling)] + length <= ends[: len(rolling)]
            hashes.append(_stir(rolling[inside] + np.uint64(length)))
            places.append(owners[: len(rolling)][inside])
        if len(rolling) <= 1:
            break
    if not hashes:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    return np.concatenate(hashes), np.concatenate(places)


def pair_hashes(first: Hashes, second: Hashes) -> Hashes:
    """A hash for each two tokens in a row, of the hashes of the tokens."""
    return _stir(first * _SPREAD + second * _SECOND_OF_PAIR)


def salted(hashes: Hashes, salt: int) -> Hashes:
    """The same features in another role, as the words after "not"."""
    return _stir(hashes ^ (np.uint64(salt) * _SPREAD))


def _stir(values: Hashes) -> Hashes:
    values = values * _SPREAD
    values = (values ^ (values >> _HALF)) * _STIR
    return values ^ (values >> _HALF)


def _letters(tokens: Sequence[str], *, marked: bool) -> tuple[Hashes, Places]:
    """The code points of all tokens behind one another, and the length of each."""
    text = "".join([f"<{token}>" for token in tokens] if marked else tokens)
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens)) + (2 if marked else 0)
    return np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64), lengths
