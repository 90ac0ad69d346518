"""The seam between listening and whatever reads moods: a `Scorer` turns texts into `Mood`s."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from listening.mood.language import UNKNOWN

Label = Literal["negative", "neutral", "positive", "unknown"]

# What the label rests on: words of the text; only signs that need no language (emojis, emoticons, "!!!");
# nothing that the scorer understands; or a failure of the scorer.
Basis = Literal["words", "signs", "nothing", "failure"]

CLIP_AT: Final = 10_000

# NUL cannot be stored in Postgres, and lone surrogates cannot be encoded at all.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Mood:
    """The mood of one text. The three probabilities sum to one, and the label is the largest of them.

    `unknown` is the label of a failure only; its probabilities are equal. `basis` says how much the label is worth:
    a neutral label that rests on "nothing" means that the scorer does not know the language.
    """

    label: Label
    negative: float
    neutral: float
    positive: float
    language: str
    basis: Basis


UNKNOWN_MOOD: Final = Mood(
    label="unknown", negative=1 / 3, neutral=1 / 3, positive=1 / 3, language=UNKNOWN, basis="failure"
)


class Scorer(Protocol):
    """Something that reads moods. `name` and `version` are stored with each score, so that it can be reproduced."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def score(self, texts: Sequence[str], *, languages: Sequence[str | None] | None = None) -> list[Mood]:
        """One mood for each text, in order. `languages` are what the network says, where it says anything."""
        ...


def readable(text: str) -> str:
    """The text as a scorer may see it: at most 10 000 characters, without NUL and lone surrogates."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text[:CLIP_AT])
