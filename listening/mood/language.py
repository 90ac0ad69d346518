"""A cheap guess at a text's language: by script, by letters that give a language away, by stop words.

It knows en, es, fr, de, it, pt, ar, hi (Devanagari and Latin), ru, tr and uz (Latin and Cyrillic), and says `und` when
it cannot tell. It is meant for short texts, not as a statement about the author. Networks often state the language of
a post; where they do, prefer that. Evidence is a sum over words, so that what a word is worth can be kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
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

# The columns of a word's evidence: letters of each script, then points for each language of the Latin and of the
# Cyrillic script, then sounds that speak for Uzbek if anything else does.
_SCRIPTS: Final = ("latin", "cyrillic", "ar", "hi")
_LATIN: Final = ("en", "es", "fr", "de", "it", "pt", "tr", "uz", "hi-latn")
_CYRILLIC: Final = ("ru", "uz-cyrl")
_COLUMNS: Final = {name: column for column, name in enumerate((*_SCRIPTS, *_LATIN, *_CYRILLIC, "uz-sounds"))}
WIDTH: Final = len(_COLUMNS)
_LATIN_FROM: Final = len(_SCRIPTS)
_CYRILLIC_FROM: Final = len(_SCRIPTS) + len(_LATIN)
_UZBEK: Final = _LATIN.index("uz")
NO_POINTS: Final = (0,) * WIDTH

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
_LETTERS_OF: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "latin": re.compile(r"[a-z\u00df-\u024f]"),
        "cyrillic": re.compile(r"[\u0400-\u052f]"),
        "ar": re.compile(r"[\u0600-\u077f]"),
        "hi": re.compile(r"[\u0900-\u097f]"),
    }
)
# A stop word's worth, divisible by the number of languages that may share it.
_WHOLE: Final = 60
# Less than half a stop word of one's own is no evidence.
_ENOUGH: Final = 30
_SOUND: Final = 30
_SOUNDS_AT_MOST: Final = 120
_KEPT_WORDS: Final = 20_000
_LONGEST_WORD: Final = 40


def guess_language(text: str) -> str:
    """The most likely language of `text` as an ISO 639-1 code, or `und`. Reads the first 600 characters only."""
    sample = _NOT_LANGUAGE.sub(" ", text[:_READ_AT_MOST]).casefold()
    points = [points_of(word[:_LONGEST_WORD]) for word in _WORDS.findall(sample)]
    marks = sum(sample.count(mark) for mark in "¿¡")
    if not points:
        return UNKNOWN
    sums = [sum(column) for column in zip(*points, strict=True)]
    sums[_COLUMNS["es"]] += _WHOLE * min(marks, 1)
    return decide(sums)


@lru_cache(maxsize=_KEPT_WORDS)
def points_of(word: str) -> tuple[int, ...]:
    """What a word in small letters says about the language of its text: one number for each of WIDTH columns."""
    points = [0] * WIDTH
    if word.isascii() and word.isalpha():
        points[_COLUMNS["latin"]] = len(word)
    else:
        for script, letters in _LETTERS_OF.items():
            points[_COLUMNS[script]] = len(letters.findall(word))
        for letter in set(word):
            if (language := _TELLING_LETTERS.get(letter)) is not None:
                points[_COLUMNS[language]] += _WHOLE
    languages = _LANGUAGES_OF_WORD.get(word.translate(_APOSTROPHES), ())
    for language in languages:
        # A word that several languages share tells little about each of them.
        points[_COLUMNS[language]] += _WHOLE // len(languages)
    if _UZBEK_LETTER.search(word):
        points[_COLUMNS["uz"]] += 1
    points[_COLUMNS["uz-sounds"]] = _SOUND * len(_UZBEK_SOUND.findall(word))
    return tuple(points)


def decide(sums: Sequence[int]) -> str:
    """The language of a text, of the sums over its words: one number for each of WIDTH columns, first."""
    latin, cyrillic, arabic, devanagari = sums[:_LATIN_FROM]
    most = max(latin, cyrillic, arabic, devanagari)
    if most == 0:
        return UNKNOWN
    if latin != most:
        if cyrillic == most:
            return "uz" if sums[_CYRILLIC_FROM + 1] > sums[_CYRILLIC_FROM] else "ru"
        return "ar" if arabic == most else "hi"
    points = list(sums[_LATIN_FROM:_CYRILLIC_FROM])
    if points[_UZBEK]:
        points[_UZBEK] += min(sums[WIDTH - 1], _SOUNDS_AT_MOST)
    best = max(points)
    if best < _ENOUGH or points.count(best) > 1:
        return UNKNOWN
    return _LATIN[points.index(best)].removesuffix("-latn")


def primary(said: str | None) -> str | None:
    """The primary tag, en of en-GB; None for tags that say nothing."""
    tag = (said or "").split("-")[0].split("_")[0].strip().lower()
    return tag if tag not in {"", UNKNOWN, "zxx", "mis", "mul", "qme", "qst"} else None
