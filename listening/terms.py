"""Which words make now different from the brand's normal: weighted log-odds with an informative Dirichlet prior.

The method is that of Monroe, Colaresi and Quinn, "Fightin' Words" (2008): it neither drowns in common words nor falls
for words that occur twice. A term is a word, a pair of neighbouring words, a hashtag, a handle, an emoji or the host
of a link, and counts once for each text, so that one text that repeats itself counts no more than another.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from listening.mood.stopwords import STOP_WORDS

CLIP_AT: Final = 10_000

# The weight of the prior in occurrences, about those of 500 posts: much less, and a term that is new in every post
# would rank beneath an old one that doubled, because nothing would be known of its past.
_PRIOR_WEIGHT: Final = 5000.0
_LEAST_COUNT: Final = 3
# Two overlapping terms say the same when the rarer occurs in this share of the texts of the commoner.
_SAME_STORY: Final = 0.75
_LONGEST_WORD: Final = 40

_STOP: Final = frozenset().union(*STOP_WORDS.values())
_SHORTENERS: Final = frozenset({"t.co", "bit.ly", "tinyurl.com", "ow.ly", "buff.ly", "is.gd", "goo.gl", "lnkd.in"})

# Alternatives in order: link, handle, hashtag, emoji, word (with inner apostrophes or hyphens). Nothing here backtracks
# over more than one word, so that time is linear in the text.
_MARKS: Final = "'\u2018\u2019\u02bb`-"
_TOKEN = re.compile(
    r"(?P<link>(?:https?://|www\.)[^\s<>\"]+)"
    r"|(?P<handle>@[\w.]*\w)"
    r"|(?P<hashtag>[#\uff03]\w+)"
    r"|(?P<emoji>[\u2600-\u27bf\U0001f300-\U0001faff])"
    rf"|(?P<word>\w+(?:[{_MARKS}]\w+)*)"
    r"|(?P<stop>[^\w\s])"
)
_STRAIGHT = str.maketrans(dict.fromkeys("\u2018\u2019\u02bb`", "'"))


@dataclass(frozen=True, slots=True)
class Term:
    """A term that stands out now: in how many texts it occurs, in how many one would expect it, and how surely.

    `log_odds` is the change of its log odds, `z` the same in standard deviations; terms are ranked by `z`.
    """

    term: str
    count: int
    expected: float
    log_odds: float
    z: float


def terms_of(text: str) -> set[str]:
    """The distinct terms of one text, case-folded. Reads the first 10 000 characters."""
    terms: set[str] = set()
    before = ""
    for match in _TOKEN.finditer(text[:CLIP_AT]):
        kind, token = match.lastgroup, match.group()
        word = ""
        if kind == "word":
            word = _word(token)
            if word:
                terms.add(word)
                if before:
                    terms.add(f"{before} {word}")
        elif kind == "link":
            if host := _host(token):
                terms.add(host)
        elif kind != "stop":
            terms.add(token.casefold().replace("\uff03", "#"))
        # A pair needs two words with nothing but space between them, and neither may be a stop word.
        before = word
    return terms


def count_terms(texts: Iterable[str]) -> Counter[str]:
    """In how many of the texts each term occurs. Counters of several periods may be added."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(terms_of(text))
    return counts


def top_terms(now_texts: Iterable[str], normal_counts: Mapping[str, int], k: int) -> list[Term]:
    """The `k` terms that stand out most in `now_texts` against the brand's normal, the surest first.

    `normal_counts` is what `count_terms` gave for the brand's normal texts; it may be empty, and then the commonest
    terms come first. Terms in fewer than three texts are left out; of two terms that tell the same story (`boycott`,
    `boycott acme`) only the surer stays. Takes time in proportion to the texts and the distinct terms.
    """
    now = count_terms(now_texts)
    total_now, total_normal = sum(now.values()), sum(normal_counts.values())
    if total_now == 0 or k <= 0:
        return []
    found = []
    for term, count in now.items():
        if count >= _LEAST_COUNT:
            scored = _score(term, count, normal_counts.get(term, 0), total_now, total_normal)
            if scored.z > 0:
                found.append(scored)
    found.sort(key=lambda scored: (-scored.z, -scored.term.count(" "), scored.term))
    return _distinct(found, k)


def _word(token: str) -> str:
    """The word as a term, or nothing for stop words, numbers, single letters and endless words."""
    word = token.casefold().translate(_STRAIGHT)
    if word in _STOP or word == "rt" or len(word) > _LONGEST_WORD:
        return ""
    return word if len(word) > 1 and not word.isdecimal() else ""


def _host(link: str) -> str:
    """The host of a link without www, or nothing where the link is broken or shortened."""
    try:
        host = urlsplit(link if "://" in link else f"https://{link}").hostname or ""
    except ValueError:
        return ""
    host = host.removeprefix("www.")
    return host if "." in host and host not in _SHORTENERS else ""


def _score(term: str, count: int, normal: int, total_now: int, total_normal: int) -> Term:
    total = total_now + total_normal
    prior = _PRIOR_WEIGHT * (count + normal) / total
    # With nothing to compare with, the prior alone is the other side.
    here, there = count + prior, normal + prior
    odds_here = math.log(here / max(total_now + _PRIOR_WEIGHT - here, 1e-9))
    odds_there = math.log(there / max(total_normal + _PRIOR_WEIGHT - there, 1e-9))
    log_odds = odds_here - odds_there
    expected = total_now * normal / total_normal if total_normal else 0.0
    if total_normal == 0:
        # The odds are equal by construction; what is frequent is then all that can be said.
        return Term(term, count, 0.0, 0.0, math.sqrt(count))
    return Term(term, count, round(expected, 2), log_odds, log_odds / math.sqrt(1.0 / here + 1.0 / there))


def _distinct(ranked: list[Term], k: int) -> list[Term]:
    """The first `k` that do not merely repeat a surer one in other words."""
    kept: list[Term] = []
    counts_by_word: dict[str, list[int]] = {}
    for term in ranked:
        words = term.term.split(" ")
        if any(
            min(term.count, other) >= _SAME_STORY * max(term.count, other)
            for word in words
            for other in counts_by_word.get(word, ())
        ):
            continue
        kept.append(term)
        for word in words:
            counts_by_word.setdefault(word, []).append(term.count)
        if len(kept) == k:
            break
    return kept
