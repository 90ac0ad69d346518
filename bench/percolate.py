"""Posts a second that a core matches against 10 000 brand queries at once, against the limit of 20 000 and 100 queries.

The queries are those of brands: a name of one or two words, its hashtag and handle, what is feared of it, what is
excluded. Three posts in a hundred name a brand; all are short texts in several languages, with links, handles, hashtags
and emoji. One thread, one post after the other, each cut and matched anew; what is timed is the processor's time.
`percolate_agreement` is the share of sampled posts for which the percolator names the very queries that are found by
asking every query. The limit is met when the ratio is 1 or more.
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
from listening.query import CompiledQuery, Percolator, Post, compile_query

LIMIT = 20_000
MANY, FEW = 10_000, 100
POSTS, ROUNDS, SAMPLED = 20_000, 5, 100
NAMING = 0.03
SYLLABLES = [
    "ba", "co", "di", "fa", "ga", "hel", "in", "jo", "ka", "lu", "ma", "no", "or", "pi", "qui", "ra", "so", "tel",
    "um", "va", "wex", "yo", "zan", "bru", "cla", "dre", "fli", "gro", "sta", "tri",
]  # fmt: skip
FEARED = [
    "boycot*", "recall", "lawsuit", "scam", "fraud", "strike", "racist", "outage", "refund", "hacked", "leak",
    "poisoning", "closed", "angry", "terrible", "broken",
]  # fmt: skip
TOPICS = [
    "bank", "coffee", "energy", "airline", "phone", "shoes", "insurance", "grocery", "telecom", "hotel", "software",
    "pizza", "beauty", "cars",
]  # fmt: skip


def run() -> Iterator[Figure]:
    chance = Random(11)
    names = _names(chance)
    queries = [_query(name, chance) for name in names]
    posts = _posts(names, chance)
    many, few = Percolator(enumerate(queries)), Percolator(list(enumerate(queries))[:: MANY // FEW])
    rates: dict[int, list[float]] = {MANY: [], FEW: []}
    for _ in range(ROUNDS):
        rates[MANY].append(_rate(many, posts))
        rates[FEW].append(_rate(few, posts))
    rate, peer = statistics.median(rates[MANY]), statistics.median(rates[FEW])
    yield Figure(
        "percolate_many", rate, "posts/s", f"the limit of {LIMIT} posts/s", rate / LIMIT, ">= 1", rate >= LIMIT
    )
    yield Figure("percolate_few", peer, "posts/s", f"{rate:.0f} posts/s with {MANY} queries", peer / rate)
    agreed, found = _agreement(many, queries, posts, chance)
    yield Figure(
        "percolate_agreement", agreed, "of sampled posts", f"asking every query, {found} matches", agreed, "= 1",
        agreed == 1 and found > 0,
    )  # fmt: skip


def _names(chance: Random) -> Sequence[str]:
    names: dict[str, None] = {}
    while len(names) < MANY:
        name = "".join(chance.choices(SYLLABLES, k=chance.choice((2, 3, 3))))
        names[f"{name} {chance.choice(TOPICS)}" if chance.random() < 0.3 else name] = None
    return list(names)


def _query(name: str, chance: Random) -> CompiledQuery:
    """What a brand may ask for: most for all that names it, some only for trouble."""
    tag = name.replace(" ", "")
    asked = [f'"{name}"' if " " in name else name, f"#{tag}", f"@{tag}"]
    expression = " OR ".join(asked[: chance.randint(1, 3)])
    trouble = " OR ".join(chance.sample(FEARED, 3))
    shape = chance.random()
    if shape < 0.3:
        expression = f"({expression}) AND ({trouble})"
    elif shape < 0.4:
        expression = f"{asked[0]} NEAR/8 ({trouble})"
    elif shape < 0.45:
        expression = f"({expression}) lang:{chance.choice(('en', 'es', 'de'))}"
    exclude = ["giveaway", f"#{tag}jobs"] if chance.random() < 0.5 else []
    return compile_query(expression, exclude=exclude)


def _posts(names: Sequence[str], chance: Random) -> list[Post]:
    days = normal_days(4, "Aurora", datetime(2026, 3, 2, tzinfo=UTC), 19, POSTS)
    posts = []
    for number, one in enumerate(islice(days, POSTS)):
        text = f"{one['text']} https://t.co/{number:x}"
        if chance.random() < 0.3:
            text = f"@user{number} {text} #{chance.choice(TOPICS)}"
        if chance.random() < NAMING:
            text = f"{chance.choice(names)} {chance.choice(FEARED).strip('*')}: {text}"
        posts.append(Post(text, one["author"]["handle"], one["language"] or ""))
    return posts


def _rate(percolator: Percolator[int], posts: Sequence[Post]) -> float:
    match = percolator.match
    begun = time.process_time()
    for post in posts:
        match(post)
    return len(posts) / (time.process_time() - begun)


def _agreement(
    percolator: Percolator[int], queries: Sequence[CompiledQuery], posts: Sequence[Post], chance: Random
) -> tuple[float, int]:
    """The share of posts that the percolator and every single query agree on, and how many matches there were."""
    hit = [post for post in posts if percolator.match(post)]
    sample = chance.sample(posts, SAMPLED // 2) + chance.sample(hit, min(len(hit), SAMPLED // 2))
    agreed = found = 0
    for post in sample:
        wanted = [number for number, query in enumerate(queries) if query.matches(post)]
        agreed += sorted(percolator.match(post)) == wanted
        found += len(wanted)
    return agreed / len(sample), found
