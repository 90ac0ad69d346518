"""A cheap guess at a text's language: by script, by letters that give a language away, by stop words.

It knows en, es, fr, de, it, pt, ar, hi, ru, tr and uz (Latin and Cyrillic), and says `und` when it cannot tell. It is
meant for routing a short text to a lexicon, not as a statement about the author. Networks often state the language
of a post; where they do, prefer that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from listening.mood.stopwords import STOP_WORDS

UNKNOWN: Final = "und"

_READ_AT_MOST: Final = 600
# Apostrophes as people type them: straight, typographic, the Uzbek turned comma, the backtick.
_MARKS: Final = "'`\u2018\u2019\u02bb"
_APOSTROPHES = str.maketrans(dict.fromkeys(_MARKS, "'"))
_WORDS = re.compile(rf"[^\W\d_]+(?:[{_MARKS}][^\W\d_]+)*")
_NOT_LANGUAGE = re.compile(r"https?://\S+|www\.\S+|[@#]\w+")

_LANGUAGES_OF_WORD: dict[str, tuple[str, ...]] = {}
for _language, _words in STOP_WORDS.items():
    for _word in _words:
        _LANGUAGES_OF_WORD[_word] = (*_LANGUAGES_OF_WORD.get(_word, ()), _language)

# Letters that hardly occur elsewhere among the languages we know. One is worth as much as a stop word.
_TELLING_LETTERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys("ñ¿¡", "es"),
        **dict.fromkeys("ßäü", "de"),
        **dict.fromkeys("œêëîùû", "fr"),
        **dict.fromkeys("ãõ", "pt"),
        **dict.fromkeys("ışğ", "tr"),
        **dict.fromkeys("ìò", "it"),
        **dict.fromkeys("ыэё", "ru"),
        **dict.fromkeys("ўқғҳ", "uz-cyrl"),
    }
)
_UZBEK_SOUND = re.compile(rf"[og][{_MARKS}][a-z]|sh[uia]|ch[iu]|q[aio]")
_UZBEK_LETTER = re.compile(r"[og][\u02bb\u2018]")
_SCRIPTS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "latin": re.compile(r"[a-z\u00df-\u024f]"),
        "cyrillic": re.compile(r"[\u0400-\u052f]"),
        "ar": re.compile(r"[\u0600-\u077f]"),
        "hi": re.compile(r"[\u0900-\u097f]"),
    }
)
# Less than half a stop word of one's own is no evidence.
_ENOUGH: Final = 0.5


def guess_language(text: str) -> str:
    """The most likely language of `text` as an ISO 639-1 code, or `und`. Reads the first 600 characters only."""
    sample = _NOT_LANGUAGE.sub(" ", text[:_READ_AT_MOST]).casefold()
    script = _script(sample)
    if script in {"ar", "hi"}:
        return script
    if script == "":
        return UNKNOWN
    scores = _scores(sample)
    if script == "cyrillic":
        return "uz" if scores.get("uz-cyrl", 0.0) > scores.get("ru", 0.0) else "ru"
    latin = {language: score for language, score in scores.items() if language not in {"ru", "uz-cyrl"}}
    ranking = sorted(latin, key=lambda language: latin[language], reverse=True)
    if not ranking or latin[ranking[0]] < _ENOUGH:
        return UNKNOWN
    if len(ranking) > 1 and latin[ranking[0]] == latin[ranking[1]]:
        return UNKNOWN
    return ranking[0]


def _scores(sample: str) -> dict[str, float]:
    """Points for each language that some letter or word of the sample speaks for."""
    scores: dict[str, float] = {}
    for letter in set(sample):
        if (language := _TELLING_LETTERS.get(letter)) is not None:
            scores[language] = scores.get(language, 0.0) + 1.0
    for word in _WORDS.findall(sample):
        languages = _LANGUAGES_OF_WORD.get(word.translate(_APOSTROPHES), ())
        for language in languages:
            # A word that several languages share tells little about each of them.
            scores[language] = scores.get(language, 0.0) + 1.0 / len(languages)
    if "uz" in scores or _UZBEK_LETTER.search(sample):
        scores["uz"] = scores.get("uz", 0.0) + 0.5 * min(len(_UZBEK_SOUND.findall(sample)), 4)
    return scores


def _script(text: str) -> str:
    """The script of most letters: latin, cyrillic, ar, hi, or nothing."""
    counts = {script: len(letters.findall(text)) for script, letters in _SCRIPTS.items()}
    most = max(counts, key=lambda script: counts[script])
    return most if counts[most] else ""
