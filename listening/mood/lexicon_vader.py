"""The words and signs of VADER's lexicon as the linear scorer's tokens, each with its mean valence (-4 to 4)."""

from __future__ import annotations

from collections.abc import Mapping

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from listening.mood.tokens import tokens_of
from listening.mood.vader import EMOJI_WORDS


def vader_lexicon() -> Mapping[str, float]:
    """Token to valence. An emoji has the strongest valence among the words that describe it."""
    analyzer = SentimentIntensityAnalyzer()
    analyzer.emojis.update(EMOJI_WORDS)
    valences: dict[str, float] = {}
    for entry, valence in analyzer.lexicon.items():
        tokens = [token for token in tokens_of(entry) if token[0] != "<" or token[-1] == "3"]
        if len(tokens) == 1 and " " not in entry:
            valences.setdefault(tokens[0], float(valence))
    for emoji, description in analyzer.emojis.items():
        tokens = list(tokens_of(emoji))
        known = [float(analyzer.lexicon[word]) for word in description.split() if word in analyzer.lexicon]
        if known and len(tokens) == 1:
            valences[tokens[0]] = max(known, key=abs)
    return valences
