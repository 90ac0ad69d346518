"""The scorer that ships with the project: a linear model over words, their pieces, and words in a row.

What a token adds is hashed and summed once and then kept, so that a word met before costs a look-up, and the rest is
arithmetic over whole batches. All sums are of integers: the mood of a text depends neither on the texts beside it nor
on what happens to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt

from listening.mood.encode import ENDS, LENGTH_PRIOR, NEGATED, negated, owners, pairs, turns
from listening.mood.features import Hashes, Places, pair_hashes, piece_hashes, salted, word_hashes
from listening.mood.language import NO_POINTS, WIDTH, decide, points_of, primary
from listening.mood.seam import Basis, Label, Mood
from listening.mood.tokens import masked_piece, tokens_of
from listening.mood.weights import Weights, load_weights

LABELS: Final[tuple[Label, Label, Label]] = ("negative", "neutral", "positive")
# The probabilities of a text without any word or sign that the model knows.
_NOTHING_KNOWN: Final = (0.3, 0.4, 0.3)

# Of a text longer than the two together its start and its end are read.
_START: Final = 1_500
_END: Final = 500
_TEXTS_AT_ONCE: Final = 256
# So many tokens and pieces of text are kept; when there are more, all is forgotten and read anew.
_KEPT: Final = 100_000
_KEPT_LETTERS: Final = 4_000_000

_Rows = npt.NDArray[np.int32]
_Array = TypeVar("_Array", bound=npt.NDArray[Any])
# The columns of a token's row: three sums as it stands, three more behind a negation, its language, and four flags.
_PLAIN, _TURNED, _LANGUAGE = slice(0, 3), slice(3, 6), slice(6, 6 + WIDTH)
_IS_WORD, _IS_SIGN, _TURNS, _ENDS = range(6 + WIDTH, 10 + WIDTH)
_TOLD = slice(6, 8 + WIDTH)
_COLUMNS: Final = 10 + WIDTH
# Only of these scripts the model knows words: Latin, Cyrillic, Arabic, Devanagari.
_FOREIGN_FROM: Final = 0x0250
_KNOWN_SCRIPTS: Final = ((0x0400, 0x052F), (0x0600, 0x077F), (0x0900, 0x097F))


class _Kept:
    """What is known of tokens and of pieces of text. One thread at a time may use it."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.pieces: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._letters = 0
        self.rows: _Rows = np.zeros((1024, _COLUMNS), np.int32)
        self.hashes: Hashes = np.zeros(1024, np.uint64)
        # The tokens of all pieces behind one another; where those of each piece begin, and how many they are.
        self.tokens: Places = np.zeros(1024, np.int64)
        self.first: Places = np.zeros(1024, np.int64)
        self.many: Places = np.zeros(1024, np.int64)
        self._end = 0

    def full(self) -> bool:
        return len(self.pieces) > _KEPT or len(self._numbers) > _KEPT or self._letters > _KEPT_LETTERS

    def learn(self, pieces: Sequence[str]) -> None:
        """Take pieces of text apart that are not known yet."""
        split = [tokens_of(piece) for piece in pieces]
        self._letters += sum(map(len, pieces))
        numbers = self._numbers
        begin = len(numbers)
        new = list(dict.fromkeys(token for tokens in split for token in tokens if token not in numbers))
        numbers.update(zip(new, range(begin, begin + len(new)), strict=True))
        if new:
            self._add_rows(new, begin)
        together = [numbers[token] for tokens in split for token in tokens]
        many = np.fromiter(map(len, split), np.int64, len(split))
        known = len(self.pieces)
        end = known + len(pieces)
        self.tokens = _with_room(self.tokens, self._end + len(together))
        self.tokens[self._end : self._end + len(together)] = together
        self.first, self.many = _with_room(self.first, end), _with_room(self.many, end)
        self.first[known:end] = self._end + np.cumsum(many) - many
        self.many[known:end] = many
        self._end += len(together)
        self.pieces.update(zip(pieces, range(known, end), strict=True))

    def _add_rows(self, tokens: list[str], begin: int) -> None:
        end = begin + len(tokens)
        self.rows, self.hashes = _with_room(self.rows, end), _with_room(self.hashes, end)
        hashes = word_hashes(tokens)
        self.hashes[begin:end] = hashes
        self.rows[begin:end] = token_rows(tokens, hashes, self._weights)


def _with_room(array: _Array, length: int) -> _Array:
    """The array, or a longer copy of it."""
    if length <= len(array):
        return array
    longer = np.zeros((max(length, 2 * len(array)), *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return cast("_Array", longer)


def token_rows(tokens: Sequence[str], hashes: Hashes, weights: Weights) -> _Rows:
    """What each token adds to its text."""
    rows = np.zeros((len(tokens), _COLUMNS), np.int32)
    known = np.array([_readable(token) for token in tokens])
    rows[:, _PLAIN] = weights.of(hashes)
    pieces, places = piece_hashes(tokens)
    of_pieces = weights.of(pieces)
    for column in range(3):
        rows[:, column] += np.bincount(places, of_pieces[:, column], minlength=len(tokens)).astype(np.int32)
    rows[:, _TURNED] = weights.of(salted(hashes, NEGATED))
    rows[~known, :6] = 0
    is_word = np.array([token[0].isalpha() or token[0] == "#" for token in tokens])
    tells = known & rows[:, _PLAIN].any(axis=1)
    rows[:, _IS_WORD] = is_word & tells
    rows[:, _IS_SIGN] = np.array([_is_sign(token) for token in tokens]) & tells
    rows[:, _TURNS] = [turns(token) for token in tokens]
    rows[:, _ENDS] = [token in ENDS for token in tokens]
    rows[:, _LANGUAGE] = [points_of(token) if token[0].isalpha() else NO_POINTS for token in tokens]
    return rows


def _readable(token: str) -> bool:
    """Whether the token is a sign, or a word in a script that the model has seen."""
    letter = ord(token[-1])
    if not token[-1].isalpha() or letter < _FOREIGN_FROM:
        return True
    return any(low <= letter <= high for low, high in _KNOWN_SCRIPTS)


def _is_sign(token: str) -> bool:
    """Emojis, emoticons and hearts; not masks and not punctuation."""
    if token[0] in "<#" and token not in {"<3", "</3"}:
        return False
    return token not in ENDS | {'"'} and not token[0].isalnum()


class Lexicon:
    """What one brand's corrections add to words: log odds of negative, neutral and positive for each token."""

    def __init__(self, number: int, additions: Mapping[str, Sequence[float]], weights: Weights) -> None:
        tokens = sorted(additions)
        hashes = word_hashes(tokens)
        order = np.argsort(hashes)
        self.number = number
        self._hashes = hashes[order]
        raw = np.array([additions[token] for token in tokens], np.float64).reshape(-1, 3)
        self._rows = np.rint(raw / weights.unit).astype(np.int64)[order]

    def rows(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        """What it adds for each of these tokens."""
        if not len(self._hashes):
            return np.zeros((len(hashes), 3), np.int64)
        places = np.searchsorted(self._hashes, hashes)
        places[places == len(self._hashes)] = 0
        rows: npt.NDArray[np.int64] = np.where((self._hashes[places] == hashes)[:, None], self._rows[places], 0)
        return rows


@dataclass(frozen=True, slots=True)
class _Reading:
    """Sums over the tokens of each text."""

    logits: npt.NDArray[np.int64]
    told: npt.NDArray[np.int64]
    lengths: Places


class Linear:
    """Reads moods with the project's own weights. Threads may share it; they take turns, a few hundred texts each."""

    name = "linear"

    def __init__(self, weights: Weights | None = None) -> None:
        self.weights = weights or load_weights()
        self.version = self.weights.version
        self._kept = _Kept(self.weights)
        self._lock = Lock()

    def score(self, texts: Sequence[str], *, languages: Sequence[str | None] | None = None) -> list[Mood]:
        """One mood for each text, in order. Made for batches."""
        return self.score_with(None, texts, languages)

    def score_with(
        self, lexicon: Lexicon | None, texts: Sequence[str], languages: Sequence[str | None] | None
    ) -> list[Mood]:
        """One mood for each text, in order, with a brand's additions on top."""
        said = languages if languages is not None else [None] * len(texts)
        if len(said) != len(texts):
            raise ValueError("There must be as many languages as texts.")
        moods: list[Mood] = []
        for first in range(0, len(texts), _TEXTS_AT_ONCE):
            some = slice(first, first + _TEXTS_AT_ONCE)
            moods += self._moods(self._read(texts[some], lexicon), said[some])
        return moods

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log odds of negative, neutral and positive: one row for each text."""
        parts = [
            self._logits(self._read(texts[first : first + _TEXTS_AT_ONCE], None))
            for first in range(0, len(texts), _TEXTS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 3))

    def _read(self, texts: Sequence[str], lexicon: Lexicon | None) -> _Reading:
        split = [_both_ends(text).split() for text in texts]
        with self._lock:
            if self._kept.full():
                self._kept = _Kept(self.weights)
            kept = self._kept
            together = list(chain.from_iterable(split))
            numbered = list(map(kept.pieces.get, together))
            if None in numbered:
                masks = {
                    piece: masked_piece(piece)
                    for piece, number in zip(together, numbered, strict=True)
                    if number is None
                }
                kept.learn(sorted({mask for mask in masks.values() if mask not in kept.pieces}))
                numbered = [
                    kept.pieces[masks[piece]] if number is None else number
                    for piece, number in zip(together, numbered, strict=True)
                ]
            pieces = np.array(numbered, np.int64)
            many = kept.many[pieces]
            sums = np.concatenate(([0], np.cumsum(many)))
            ends = np.cumsum(np.fromiter(map(len, split), np.int64, len(split)))
            ends = np.concatenate(([0], ends))
            lengths = sums[ends[1:]] - sums[ends[:-1]]
            places = np.repeat(kept.first[pieces] - sums[:-1], many) + np.arange(int(sums[-1]))
            numbers = kept.tokens[places]
            rows, hashes = kept.rows[numbers], kept.hashes[numbers]
        return self._sums(rows, hashes, lengths, lexicon)

    def _sums(self, rows: _Rows, hashes: Hashes, lengths: Places, lexicon: Lexicon | None) -> _Reading:
        logits = np.zeros((len(lengths), 3), np.int64)
        told = np.zeros((len(lengths), WIDTH + 2), np.int64)
        if not len(rows):
            return _Reading(logits, told, lengths)
        owner = owners(lengths)
        starts = np.concatenate(([True], owner[1:] != owner[:-1]))
        turned = negated(rows[:, _TURNS] != 0, rows[:, _ENDS] != 0, starts)
        worth = rows[:, _PLAIN] + rows[:, _TURNED] * turned[:, None]
        behind = pairs(owner)
        worth[behind] += self.weights.of(pair_hashes(hashes[behind - 1], hashes[behind]))
        if lexicon is not None:
            worth = worth + lexicon.rows(hashes)
        filled = np.flatnonzero(lengths)
        first = np.flatnonzero(starts)
        logits[filled] = np.add.reduceat(worth, first, axis=0)
        told[filled] = np.add.reduceat(rows[:, _TOLD], first, axis=0)
        return _Reading(logits, told, lengths)

    def _logits(self, reading: _Reading) -> npt.NDArray[np.float64]:
        damped = np.sqrt(reading.lengths + LENGTH_PRIOR)[:, None]
        logits: npt.NDArray[np.float64] = reading.logits * self.weights.unit / damped + self.weights.bias
        return logits

    def _moods(self, reading: _Reading, said: Sequence[str | None]) -> list[Mood]:
        logits = self._logits(reading)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        # Rounded, so that the last bits of a machine's exponential do not matter.
        shares = np.round(powers / powers.sum(axis=1, keepdims=True), 6)
        shares[:, 1] = np.round(1.0 - shares[:, 0] - shares[:, 2], 6)
        words, signs = reading.told[:, WIDTH], reading.told[:, WIDTH + 1]
        shares[(words == 0) & (signs == 0)] = _NOTHING_KNOWN
        best = shares.argmax(axis=1).tolist()
        told = reading.told.tolist()
        return [
            Mood(
                LABELS[label], negative, neutral, positive, (tag and primary(tag)) or decide(evidence), _basis(evidence)
            )
            for (negative, neutral, positive), label, evidence, tag in zip(
                shares.tolist(), best, told, said, strict=True
            )
        ]


class Adjusted:
    """The linear scorer with a brand's lexicon on top. Its version names both."""

    def __init__(self, linear: Linear, lexicon: Lexicon) -> None:
        self._linear = linear
        self._lexicon = lexicon
        self.name = linear.name
        self.version = f"{linear.version}+lexicon-{lexicon.number}"

    def score(self, texts: Sequence[str], *, languages: Sequence[str | None] | None = None) -> list[Mood]:
        return self._linear.score_with(self._lexicon, texts, languages)


def tokens_in(text: str) -> list[str]:
    """The tokens of a text as the scorer reads it."""
    return [token for piece in _both_ends(text).split() for token in tokens_of(piece)]


def _basis(evidence: Sequence[int]) -> Basis:
    if evidence[WIDTH]:
        return "words"
    return "signs" if evidence[WIDTH + 1] else "nothing"


def _both_ends(text: str) -> str:
    return text if len(text) <= _START + _END else f"{text[:_START]} {text[-_END:]}"
