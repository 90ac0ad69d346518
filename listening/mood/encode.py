# ruff: noqa: SIM905 - words of several scripts, most readable as running text
"""A batch of texts as arrays of token numbers: what training and scoring both begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from listening.mood.features import Places
from listening.mood.tokens import LINK

Flags = npt.NDArray[np.bool_]

# Words that turn what follows; of Turkish and Uzbek, which negate behind the word, two words in a row tell it.
NEGATORS: Final = frozenset(
    "not no never without hardly neither nor none nothing nobody cannot cant dont wont isnt didnt doesnt aint wasnt "
    "couldnt shouldnt wouldnt arent havent hasnt "
    "nunca jamás jamas ni sin tampoco ne pas jamais sans aucun aucune nicht kein keine keinen keiner nie niemals ohne "
    "non mai senza né não nao nem لا لم لن ليس ما بدون مش مو नहीं nahi nahin nhi na mat не ни нет без никогда".split()
)
_NOT: Final = "n't"
ENDS: Final = frozenset({".", ",", ";", ":", "!", "!!", "?", "??", "?!", "...", "but", LINK})
REACH: Final = 3

# The role of a token behind a negation, as features.salted takes it.
NEGATED: Final = 1
# A text's sum is divided by the root of its length plus this, so that long texts are not all certain.
LENGTH_PRIOR: Final = 4.0


def turns(token: str) -> bool:
    """Whether the token negates those after it."""
    return token in NEGATORS or token.endswith(_NOT)


def negated(turning: Flags, ending: Flags, starts: Flags) -> Flags:
    """Which tokens stand at most three behind a negation, with no end of a clause or of the text between."""
    here = np.arange(len(turning))
    nowhere = -(REACH + 1)
    turned = np.maximum.accumulate(np.where(turning, here, nowhere))
    # A negation speaks for what is behind it, not for itself.
    before = np.concatenate(([nowhere], turned[:-1])) if len(here) else turned
    ended = np.maximum.accumulate(np.where(ending, here, np.where(starts, here - 1, nowhere)))
    reached: Flags = (here - before <= REACH) & (before > ended)
    return reached


def owners(lengths: Places) -> Places:
    """The number of the text that each token belongs to."""
    return np.repeat(np.arange(len(lengths)), lengths)


def pairs(owner: Places) -> Places:
    """The places of all tokens that have a neighbour before them in the same text."""
    return np.flatnonzero(owner[1:] == owner[:-1]) + 1


def flat(numbers: Sequence[Sequence[int]]) -> tuple[Places, Places]:
    """All numbers behind one another, and how many each text has."""
    lengths = np.fromiter(map(len, numbers), np.int64, len(numbers))
    together = np.fromiter((number for text in numbers for number in text), np.int64, int(lengths.sum()))
    return together, lengths
