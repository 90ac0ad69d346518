"""What one brand's corrections teach: a small addition to the log odds of its words, and whether it helps.

A correction is one text and the label that a person gave it. The additions are the most likely ones under a normal
prior around zero, so that a word needs several corrections before it counts much, and each is bounded. Labels that
agree with the scorer teach too: they hold the words in place. Everything is deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from listening.mood.encode import ENDS, LENGTH_PRIOR
from listening.mood.linear import Lexicon, Linear, tokens_in
from listening.mood.seam import Label
from listening.mood.stopwords import STOP_WORDS
from listening.mood.training import descend

LABELS: Final[tuple[Label, Label, Label]] = ("negative", "neutral", "positive")

# Fewer corrections teach nothing that could be measured.
LEAST: Final = 8
MOST: Final = 2_000
FOLDS: Final = 5

# The prior's precision: with it one correction moves a short text by about half of what would turn it over.
_PRECISION: Final = 0.25
# At most so much for each token, before the text's length is divided out.
_BOUND: Final = 6.0
_TOKENS: Final = 4_000
_STEPS: Final = 50
# Punctuation, and words of every text.
_DUMB: Final = ENDS | {'"'} | frozenset().union(*STOP_WORDS.values())

Additions = Mapping[str, tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learned of `corrections` texts, and the shares of them that the scorer agrees with, without and with
    it. The second is measured by cross-validation: each text is judged by what the others teach.
    """

    additions: Additions
    corrections: int
    agreement_before: float
    agreement_after: float

    @property
    def helps(self) -> bool:
        """Whether it is worth using: it changes something, and texts that it has not seen come out no worse."""
        return bool(self.additions) and self.agreement_after >= self.agreement_before


def learn_lesson(linear: Linear, texts: Sequence[str], labels: Sequence[Label]) -> Lesson | None:
    """What these corrections teach; None when there are too few. Only the last MOST are read."""
    texts, labels = texts[-MOST:], labels[-MOST:]
    if len(texts) < LEAST:
        return None
    wanted = np.array([LABELS.index(label) for label in labels])
    base = linear.logits(texts)
    counted = [_counted(text) for text in texts]
    agreed_after = 0
    for fold in range(FOLDS):
        held = np.arange(len(texts)) % FOLDS == fold
        taught = [tokens for tokens, out in zip(counted, held, strict=True) if not out]
        additions = _additions(taught, base[~held], wanted[~held])
        lexicon = Lexicon(0, additions, linear.weights)
        judged = linear.score_with(lexicon, [text for text, out in zip(texts, held, strict=True) if out], None)
        agreed_after += sum(
            LABELS[right] == mood.label for right, mood in zip(wanted[held].tolist(), judged, strict=True)
        )
    agreed_before = sum(mood.label == label for mood, label in zip(linear.score(texts), labels, strict=True))
    return Lesson(
        additions=_additions(counted, base, wanted),
        corrections=len(texts),
        agreement_before=agreed_before / len(texts),
        agreement_after=agreed_after / len(texts),
    )


def _counted(text: str) -> dict[str, float]:
    """Each token that may learn, with its weight in the text."""
    tokens = tokens_in(text)
    damped = 1.0 / float(np.sqrt(len(tokens) + LENGTH_PRIOR))
    counted: dict[str, float] = {}
    for token in tokens:
        if _may_learn(token):
            counted[token] = counted.get(token, 0.0) + damped
    return counted


def _may_learn(token: str) -> bool:
    """Words that carry meaning, hashtags, emojis and emoticons; neither masks nor the words of every text."""
    is_mask = token.startswith("<") and token not in {"<3", "</3"}
    return not is_mask and token not in _DUMB


def _additions(
    counted: Sequence[Mapping[str, float]], base: npt.NDArray[np.float64], wanted: npt.NDArray[np.int64]
) -> Additions:
    """The most likely additions, by L-BFGS on a convex loss."""
    told: dict[str, int] = {}
    for tokens in counted:
        for token in tokens:
            told[token] = told.get(token, 0) + 1
    chosen = sorted(told, key=lambda token: (-told[token], token))[:_TOKENS]
    if not chosen:
        return {}
    column = {token: place for place, token in enumerate(sorted(chosen))}
    entries = [
        (row, column[token], weight)
        for row, tokens in enumerate(counted)
        for token, weight in tokens.items()
        if token in column
    ]
    rows, columns = (np.array([entry[part] for entry in entries], np.int64) for part in (0, 1))
    weights = np.array([weight for _, _, weight in entries])[:, None]
    targets = np.eye(3)[wanted]

    def loss(point: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        added = point.reshape(-1, 3)
        logits = base.copy()
        np.add.at(logits, rows, added[columns] * weights)
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        sums = powers.sum(axis=1, keepdims=True)
        value = float(np.log(sums).sum() - (targets * logits).sum()) + _PRECISION / 2 * float(np.square(point).sum())
        slope = np.zeros_like(added)
        np.add.at(slope, columns, (powers / sums - targets)[rows] * weights)
        return value, (slope + _PRECISION * added).ravel()

    point, _ = descend(loss, np.zeros(len(column) * 3), steps=_STEPS)
    bounded = np.round(np.clip(point.reshape(-1, 3), -_BOUND, _BOUND), 4)
    return {
        token: (float(row[0]), float(row[1]), float(row[2]))
        for token, row in zip(column, bounded, strict=True)
        if row.any()
    }
