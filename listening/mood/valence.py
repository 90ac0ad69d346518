"""The valences of words and signs as the linear scorer's tokens: VADER's lexicon, and the project's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from listening.mood.own_words import BAD, GOOD
from listening.mood.tokens import tokens_of
from listening.mood.vader import EMOJI_WORDS

# What a plainly good word of VADER's has, on its scale from -4 to 4.
_PLAINLY: Final = 2.0


def valences() -> Mapping[str, float]:
    """Token to valence. An emoji has the strongest valence among the words that describe it.

    A word that one language praises with and another curses with has none; English goes before the others.
    """
    found: dict[str, float] = {}
    for word, _, valence in own_words():
        found[word] = 0.0 if found.get(word, valence) != valence else valence
    found.update(_vader())
    return {token: valence for token, valence in sorted(found.items()) if valence}


def own_words() -> Iterator[tuple[str, str, float]]:
    """Each word of the project's own lists as a token, its language, and its valence."""
    for words, valence in ((GOOD, _PLAINLY), (BAD, -_PLAINLY)):
        for language, some in words.items():
            for word in sorted(some):
                tokens = tokens_of(word)
                if len(tokens) == 1:
                    yield tokens[0], language, valence


def _vader() -> dict[str, float]:
    analyzer = SentimentIntensityAnalyzer()
    analyzer.emojis.update(EMOJI_WORDS)
    found: dict[str, float] = {}
    for entry, valence in analyzer.lexicon.items():
        tokens = [token for token in tokens_of(entry) if token[0] != "<" or token[-1] == "3"]
        if len(tokens) == 1 and " " not in entry:
            found.setdefault(tokens[0], float(valence))
    for emoji, description in analyzer.emojis.items():
        tokens = list(tokens_of(emoji))
        known = [float(analyzer.lexicon[word]) for word in description.split() if word in analyzer.lexicon]
        if known and len(tokens) == 1:
            found[tokens[0]] = max(known, key=abs)
    return found
