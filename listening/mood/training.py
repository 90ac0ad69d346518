"""How the weights of the linear scorer are learned: multinomial logistic regression over hashed features, in numpy.

The loss weighs each language and class alike, because macro-recall and macro-F1 do, and is smooth and convex, so that
L-BFGS finds the same weights from the same texts. Features that one text alone has are left out. The words of VADER's
lexicon come in as four more features (positive, negative, and both behind a negation), which afterwards are folded
into the words themselves: scoring needs no lexicon, and knows words that no training text has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from listening.mood.encode import ENDS, LENGTH_PRIOR, NEGATED, flat, negated, owners, pairs, turns
from listening.mood.features import Hashes, Places, pair_hashes, piece_hashes, salted, word_hashes
from listening.mood.tokens import tokens_of
from listening.mood.weights import Weights, build

Real = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]

BITS: Final = 21
_SCALE: Final = 0.1
_KEPT_FROM: Final = 2
_FLAT: Final = 1e-12
_LEXICON_SCALE: Final = 10.0
_LEXICON_ROLES: Final = 4


class Sparse:
    """A matrix of mostly zeros that multiplies from either side, by sums over runs of sorted entries."""

    def __init__(self, rows: Places, columns: Places, values: Real, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._by_row = _runs(rows, columns, values)
        self._by_column = _runs(columns, rows, values)

    def times(self, right: Real) -> Real:
        return _multiply(self._by_row, right, self._shape[0])

    def transposed_times(self, right: Real) -> Real:
        return _multiply(self._by_column, right, self._shape[1])


def _runs(keys: Places, others: Places, values: Real) -> tuple[Places, Places, Places, Real]:
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return found, starts, others[order], values[order]


def _multiply(runs: tuple[Places, Places, Places, Real], right: Real, height: int) -> Real:
    found, starts, others, values = runs
    out = np.zeros((height, right.shape[1]), np.float32)
    if len(found):
        out[found] = np.add.reduceat(right[others] * values[:, None], starts, axis=0)
    return out


@dataclass
class Corpus:
    """Texts as tokens, and the entries of each block of features: which text has which hash."""

    texts: int
    tokens: list[str]
    hashes: Hashes
    numbers: Places
    lengths: Places
    owner: Places
    is_negated: npt.NDArray[np.bool_]
    pieces: tuple[Hashes, Places]


def read_corpus(texts: Sequence[str]) -> Corpus:
    """Take the texts apart."""
    split = [[token for piece in text.split() for token in tokens_of(piece)] or ["<none>"] for text in texts]
    tokens = sorted({token for text in split for token in text})
    number = {token: place for place, token in enumerate(tokens)}
    numbers, lengths = flat([[number[token] for token in text] for text in split])
    owner = owners(lengths)
    starts = np.concatenate(([True], owner[1:] != owner[:-1]))
    turning = np.array([turns(token) for token in tokens])[numbers]
    ending = np.array([token in ENDS for token in tokens])[numbers]
    return Corpus(
        texts=len(texts),
        tokens=tokens,
        hashes=word_hashes(tokens),
        numbers=numbers,
        lengths=lengths,
        owner=owner,
        is_negated=negated(turning, ending, starts),
        pieces=piece_hashes(tokens),
    )


@dataclass
class Block:
    """One kind of feature: the hashes it has weights for, how much each counts, and the matrices before them."""

    hashes: Hashes
    worth: Real
    through: list[Sparse] = field(default_factory=list)


def _worth(frequency: npt.NDArray[np.int64], texts: int) -> Real:
    """Rare features count more: smoothed inverse document frequency."""
    return (np.log((1.0 + texts) / (1.0 + np.minimum(frequency, texts))) + 1.0).astype(np.float32)


def _direct(corpus: Corpus, rows: Places, hashes: Hashes, damping: Real) -> Block:
    found, counts = np.unique(hashes, return_counts=True)
    kept = found[counts >= _KEPT_FROM]
    worth = _worth(counts[counts >= _KEPT_FROM], corpus.texts)
    places, known = _look_up(kept, hashes)
    entries = Sparse(rows[known], places[known], worth[places[known]] * damping[rows[known]], (corpus.texts, len(kept)))
    return Block(kept, worth, [entries])


def _look_up(among: Hashes, hashes: Hashes) -> tuple[Places, npt.NDArray[np.bool_]]:
    places = np.searchsorted(among, hashes)
    places[places == len(among)] = 0
    return places, among[places] == hashes if len(among) else np.zeros(len(hashes), np.bool_)


def blocks_of(corpus: Corpus, lexicon: Mapping[str, float]) -> tuple[list[Block], list[Sparse]]:
    """The blocks (words, pieces, negated words, pairs) and, last, the lexicon's matrix alone."""
    damping = (_SCALE / np.sqrt(corpus.lengths + LENGTH_PRIOR)).astype(np.float32)
    of_token = corpus.hashes[corpus.numbers]
    behind = pairs(corpus.owner)
    words = _direct(corpus, corpus.owner, of_token, damping)
    turned = _direct(corpus, corpus.owner[corpus.is_negated], salted(of_token[corpus.is_negated], NEGATED), damping)
    paired = _direct(corpus, corpus.owner[behind], pair_hashes(of_token[behind - 1], of_token[behind]), damping)

    times_said = np.bincount(corpus.numbers, minlength=len(corpus.tokens))
    piece, place = corpus.pieces
    found, inverse = np.unique(piece, return_inverse=True)
    frequency = np.bincount(inverse, weights=times_said[place]).astype(np.int64)
    enough = frequency >= _KEPT_FROM
    kept = found[enough]
    worth = _worth(frequency[enough], corpus.texts)
    column, known = _look_up(kept, piece)
    in_token = Sparse(place[known], column[known], worth[column[known]], (len(corpus.tokens), len(kept)))
    in_text = Sparse(corpus.owner, corpus.numbers, damping[corpus.owner], (corpus.texts, len(corpus.tokens)))

    valence = np.array([lexicon.get(token, 0.0) for token in corpus.tokens], np.float32)[corpus.numbers]
    role = (valence < 0).astype(np.int64) + 2 * corpus.is_negated
    told = np.flatnonzero(valence)
    lexical = Sparse(
        corpus.owner[told],
        role[told],
        np.abs(valence[told]) * _LEXICON_SCALE * damping[corpus.owner[told]],
        (corpus.texts, _LEXICON_ROLES),
    )
    return [words, Block(kept, worth, [in_text, in_token]), turned, paired], [lexical]


@dataclass
class Learned:
    """What training found: for each block its weights, the lexicon's four rows, and the bias."""

    blocks: list[Block]
    weights: list[Real]
    lexical: Real
    bias: Wide
    steps: int


def learn(
    corpus: Corpus,
    targets: Real,
    importance: Wide,
    *,
    lexicon: Mapping[str, float],
    penalty: float,
    steps: int,
) -> Learned:
    """Weights that make the targets (one row of three shares for each text) likely. Deterministic."""
    blocks, lexical = blocks_of(corpus, lexicon)
    chains = [block.through for block in blocks] + [lexical]
    heights = [len(block.hashes) for block in blocks] + [_LEXICON_ROLES]
    edges = np.concatenate(([0], np.cumsum(heights)))
    share = (importance / importance.sum()).astype(np.float32)

    def loss(point: Wide) -> tuple[float, Wide]:
        rows = point[:-3].reshape(-1, 3).astype(np.float32)
        logits = np.zeros((corpus.texts, 3), np.float32) + point[-3:].astype(np.float32)
        for chain, (low, high) in zip(chains, pairwise(edges), strict=True):
            part = rows[low:high]
            for matrix in reversed(chain):
                part = matrix.times(part)
            logits += part
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        sums = powers.sum(axis=1, keepdims=True)
        value = float((share * (np.log(sums[:, 0]) - (targets * logits).sum(axis=1))).sum(dtype=np.float64))
        value += penalty / 2.0 * float(np.square(point[:-3]).sum())
        slope = (powers / sums - targets) * share[:, None]
        parts = []
        for chain in chains:
            part = slope
            for matrix in chain:
                part = matrix.transposed_times(part)
            parts.append(part)
        gradient = np.concatenate([np.concatenate(parts).ravel() + penalty * rows.ravel(), slope.sum(axis=0)])
        return value, gradient.astype(np.float64)

    point, taken = descend(loss, np.zeros(int(edges[-1]) * 3 + 3), steps=steps)
    rows = point[:-3].reshape(-1, 3).astype(np.float32)
    parts = [rows[low:high] for low, high in pairwise(edges)]
    return Learned(blocks, parts[:-1], parts[-1], point[-3:], taken)


def descend(
    loss: Callable[[Wide], tuple[float, Wide]], start: Wide, *, steps: int, memory: int = 6
) -> tuple[Wide, int]:
    """L-BFGS with a backtracking line search (Nocedal and Wright, Numerical Optimization, 7.2 and 3.1)."""
    point, (value, gradient) = start, loss(start)
    moves: list[tuple[Wide, Wide, float]] = []
    for taken in range(steps):
        direction = _quasi_newton(gradient, moves)
        slope = float(direction @ gradient)
        size = 1.0 if moves else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        for _ in range(20):
            candidate = point + size * direction
            new_value, new_gradient = loss(candidate)
            if new_value <= value + 1e-4 * size * slope:
                break
            size *= 0.5
        else:
            return point, taken
        moved, turned = candidate - point, new_gradient - gradient
        curvature = float(moved @ turned)
        if curvature > _FLAT:
            moves = [*moves[-(memory - 1) :], (moved, turned, 1.0 / curvature)]
        done = value - new_value < 1e-7 * abs(value)
        point, value, gradient = candidate, new_value, new_gradient
        if done:
            return point, taken + 1
    return point, steps


def _quasi_newton(gradient: Wide, moves: list[tuple[Wide, Wide, float]]) -> Wide:
    direction = -gradient
    if not moves:
        return direction
    shares: list[float] = []
    for moved, turned, weight in reversed(moves):
        share = weight * float(moved @ direction)
        direction = direction - share * turned
        shares.append(share)
    moved, turned, weight = moves[-1]
    direction = direction / (weight * float(turned @ turned))
    for (moved, turned, weight), share in zip(moves, reversed(shares), strict=True):
        direction = direction + (share - weight * float(turned @ direction)) * moved
    return direction


def weights_of(
    learned: Learned, lexicon: Mapping[str, float], *, about: Mapping[str, Any], bits: int = BITS
) -> Weights:
    """All weights in one table, the lexicon's folded into its words."""
    hashes = [block.hashes for block in learned.blocks]
    rows = [rows * block.worth[:, None] * _SCALE for block, rows in zip(learned.blocks, learned.weights, strict=True)]
    words = sorted(lexicon)
    of_words = word_hashes(words)
    valence = np.array([lexicon[word] for word in words], np.float64)
    strength = np.abs(valence)[:, None] * _LEXICON_SCALE * _SCALE
    role = (valence < 0).astype(np.int64)
    plainly = learned.lexical[role] * strength
    hashes += [of_words, salted(of_words, NEGATED)]
    rows += [plainly, learned.lexical[role + 2] * strength - plainly]
    return build(np.concatenate(hashes), np.concatenate(rows), learned.bias, bits=bits, about=about)


def evenly(labels: npt.NDArray[np.int64], groups: Sequence[str]) -> Wide:
    """How much each text counts: alike for the classes within a language; a language counts as its texts do."""
    importance = np.zeros(len(labels))
    named = np.asarray(groups)
    for group in sorted(set(groups)):
        of_group = named == group
        for label in np.unique(labels[of_group]):
            chosen = of_group & (labels == label)
            importance[chosen] = of_group.sum() / chosen.sum()
    return importance
