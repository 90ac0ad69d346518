"""VADER: a lexicon of English social-media words, emoticons and emojis, with rules for negation and emphasis.

It knows English only. Texts in another language are read by their emojis and emoticons alone: German "die" or
Spanish "no" would otherwise count as anger. Without such signs they are neutral, on the basis of nothing.
A text in Latin script whose language cannot be told is read as English, since a hit in the lexicon is evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final, Literal

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from listening.mood.language import UNKNOWN, guess_language, primary
from listening.mood.seam import Mood, readable

# Its rules look at all words again for each word, so its time grows with the square of the length (a second for a
# hostile text of 10 000 characters). It reads pieces of this many characters, at most the first three and the last.
_PIECE: Final = 280
_FIRST_PIECES: Final = 3

# Emojis of a storm whose descriptions its lexicon does not know ("pouting face"), or takes for the opposite ("broken
# heart"), described in words that it knows. The version says "+1" because of them.
EMOJI_WORDS: Final = {
    "😡": "furious",
    "🤬": "furious",
    "🤮": "disgusting",
    "🤢": "disgusting",
    "👎": "bad",
    "💔": "sad",
    "😤": "annoyed",
    "🖕": "hate",
    "😒": "annoyed",
    "🙄": "annoyed",
    "👍": "good",
    "👏": "applause",
    "🤩": "great",
}

# The authors' thresholds of the compound score.
_NEUTRAL_WITHIN: Final = 0.05

_EMOTICON = re.compile(r"(?<!\S)[<>]?[:;=8xX]'?[-o*]?[)(\]\[dDpP/\\|@]+(?!\S)|<3|</3|[\^][_.-]*[\^]")
_WEB_ADDRESS = re.compile(r"https?://\S+|www\.\S+")
_SIGNS_FROM = 0x2190  # arrows, symbols, dingbats and emojis start here
_EMOJI_FROM = 0x1F000


class Vader:
    """Reads moods with vaderSentiment. Safe to share between threads: nothing changes after it is made."""

    name = "vader"
    version = f"{version('vaderSentiment')}+1"

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()
        self._analyzer.emojis.update(EMOJI_WORDS)

    def score(self, texts: Sequence[str], *, languages: Sequence[str | None] | None = None) -> list[Mood]:
        """One mood for each text, in order. About ten thousand tweets a second on one core."""
        known = languages if languages is not None else [None] * len(texts)
        return [self._mood(readable(text), language) for text, language in zip(texts, known, strict=True)]

    def _mood(self, text: str, said: str | None) -> Mood:
        language = primary(said) or guess_language(text)
        if language in {"en", UNKNOWN}:
            compound = self._compound(_WEB_ADDRESS.sub(" ", text))
            hit = compound != 0.0
            return _mood(compound, language, "words" if hit or language == "en" else "nothing")
        signs = _signs(text)
        compound = self._compound(signs) if signs else 0.0
        return _mood(compound, language, "signs" if compound != 0.0 else "nothing")

    def _compound(self, text: str) -> float:
        """VADER's compound score, -1 to 1; of a long text, the mean over its pieces, as its authors advise."""
        if len(text) <= _PIECE:
            return float(self._analyzer.polarity_scores(text)["compound"])
        compounds = [float(self._analyzer.polarity_scores(piece)["compound"]) for piece in _pieces(text)]
        return sum(compounds) / len(compounds)


def _pieces(text: str) -> list[str]:
    """The first pieces and the last of a long text, cut at white space where there is some."""
    pieces: list[str] = []
    rest = text
    while rest and len(pieces) < _FIRST_PIECES:
        cut = len(rest) if len(rest) <= _PIECE else rest.rfind(" ", 0, _PIECE + 1)
        cut = cut if cut > 0 else _PIECE
        pieces.append(rest[:cut])
        rest = rest[cut:].lstrip(" ")
    if rest:
        tail = rest[-_PIECE:]
        pieces.append(tail[tail.find(" ") + 1 :] if len(rest) > _PIECE else tail)
    return pieces


def _signs(text: str) -> str:
    """What needs no language: emojis, emoticons and, beside them, exclamation marks."""
    emojis = [letter for letter in text if ord(letter) >= _EMOJI_FROM or _SIGNS_FROM <= ord(letter) < 0x2C00]  # noqa: PLR2004
    signs = emojis + [match.group() for match in _EMOTICON.finditer(_WEB_ADDRESS.sub(" ", text))]
    return " ".join(signs) + "!" * min(text.count("!"), 3) if signs else ""


def _mood(compound: float, language: str, basis: Literal["words", "signs", "nothing"]) -> Mood:
    """Turn a compound score into probabilities that agree with the authors' labels.

    VADER gives no probabilities; this is a monotone map of our own, not a calibration. Beyond the neutral zone the
    side's probability rises from 0.45 to 0.95, and what is left goes mostly to neutral.
    """
    strength = min(abs(compound), 1.0)
    if strength < _NEUTRAL_WITHIN:
        neutral = 0.6 if basis == "words" else 0.4
        lean = compound * 2.0
        other = (1.0 - neutral) / 2.0
        return Mood("neutral", other - lean * 0.5, neutral, other + lean * 0.5, language, basis)
    side = 0.45 + 0.5 * strength
    against = (1.0 - side) * 0.25
    neutral = 1.0 - side - against
    if compound < 0:
        return Mood("negative", side, neutral, against, language, basis)
    return Mood("positive", against, neutral, side, language, basis)
