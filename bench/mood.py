"""Texts a second that a core reads the mood of, language and all, against the limit of 20 000 and against VADER.

One thread calls `score` with batches as ingest does; both scorers take turns. `mood_known_words` reads English posts
whose words were met before, `mood_new_words` posts that each bring a handle, a link, a number and two words that were
never met, as a stream does; `mood_one_by_one` is one call for each text. The limit is met when the ratio is 1 or more.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from random import Random

from bench import Figure
from crisisapi.story.mentions import normal_days
from listening.mood import Guarded, scorer

LIMIT = 20_000
BATCH, ROUNDS = 5_000, 7
FEW = 500
LETTERS = "aaabcdeeeefghiiijklmnooopqrssttuuvwxyz"


def run() -> Iterator[Figure]:
    linear, vader = scorer("linear"), scorer("vader")
    posts = [one["text"] for one in _english()]
    fresh = _with_new_words(posts, Random(7))
    linear.score(posts)
    vader.score(posts[:FEW])
    known, new, ones, peer = [], [], [], []
    for _ in range(ROUNDS):
        known.append(_rate(linear, posts))
        new.append(_rate(linear, [next(fresh) for _ in range(BATCH)]))
        peer.append(_rate(vader, posts[:FEW]))
        begun = time.perf_counter()
        for text in posts[:FEW]:
            linear.score([text])
        ones.append(FEW / (time.perf_counter() - begun))
    vader_rate = statistics.median(peer)
    for name, rates in (("mood_known_words", known), ("mood_new_words", new)):
        rate = statistics.median(rates)
        met = rate >= LIMIT
        yield Figure(name, rate, "texts/s", f"the limit of {LIMIT} texts/s", rate / LIMIT, ">= 1", met)
    rate = statistics.median(known)
    yield Figure("mood_against_vader", rate, "texts/s", f"VADER's {vader_rate:.0f} texts/s", rate / vader_rate)
    rate = statistics.median(ones)
    yield Figure("mood_one_by_one", rate, "texts/s", f"VADER's {vader_rate:.0f} texts/s", rate / vader_rate)


def _english() -> Sequence[dict[str, str]]:
    days = normal_days(4, "Aurora", datetime(2026, 3, 2, tzinfo=UTC), 19, 3_000)
    return list(islice((one for one in days if one["language"] == "en"), BATCH))


def _with_new_words(posts: Sequence[str], chance: Random) -> Iterator[str]:
    while True:
        for post in posts:
            words = ["".join(chance.choices(LETTERS, k=chance.randint(4, 9))) for _ in range(4)]
            yield f"@{words[0]}{chance.randint(1, 999)} {post} {words[1]} #{words[2]} https://t.co/{words[3]}"


def _rate(reader: Guarded, texts: Sequence[str]) -> float:
    begun = time.perf_counter()
    reader.score(texts)
    return len(texts) / (time.perf_counter() - begun)
