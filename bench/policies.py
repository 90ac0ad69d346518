"""Processor time to check a text against 360 rules with 4 000 words, and how it grows when the text is twice as long.

The rules are a large agency's: banned words, confidential names, disclaimers, hosts, forty patterns. `policies_check`
is one statement of 2 000 characters against the limit of 50 ms, in which a composer feels no delay.
`policies_growth` is the worst ratio over texts that are made to be slow (runs of marks and of spaces, halves of words,
chains of dots, letters apart), 40 000 characters against 20 000 measured in turn: 2 for linear work, 4 for quadratic.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

from bench import Figure
from readiness.policy_body import check_policy
from readiness.policy_rules import Context, Media, PolicyRules

RULES, WORDS_OF_A_RULE, PATTERNS = 360, 11, 40
STATEMENT, LIMIT_MS = 2_000, 50.0
SHORT, ROUNDS = 20_000, 7
MOST_GROWTH = 2.6
CONTEXT = Context(
    at=datetime(2030, 1, 1, tzinfo=UTC), network="sandbox", language="en", kind="post", claims=frozenset(),
    media=Media(2, 1),
)  # fmt: skip
SLOW = {
    "marks": "\u0301",
    "marked letters": "e" + "\u0301" * 29,
    "spaces": " \n",
    "invisible": "\u200b",
    "halves of words": "safe saf sa s ",
    "letters": "a",
    "letters apart": "f a l c o n ",
    "dots": "a.",
    "hosts": "a.de ",
    "links": "https://a.b/c ",
    "hangul": "\u1112\u1161\u11ab",
    "wide": "\uff21",
}


def run() -> Iterator[Figure]:
    chance = Random(5)
    words = [_word(chance) for _ in range(RULES * WORDS_OF_A_RULE)]
    rules = PolicyRules([(uuid4(), check_policy({"rules": _rules(words[n::2], n, chance)})["rules"]) for n in range(2)])
    text = " ".join(chance.choices([*words, "and", "the", "we", "are", "sorry"], k=STATEMENT))[:STATEMENT]
    took = statistics.median(_ms(rules, text) for _ in range(50))
    yield Figure(
        "policies_check", took, "ms", f"the limit of {LIMIT_MS:.0f} ms", took / LIMIT_MS, "<= 1", took <= LIMIT_MS
    )
    worst, name = max((_growth(rules, unit), name) for name, unit in SLOW.items())
    yield Figure(
        "policies_growth", worst, "times the work", f"half the text, of {name}", worst, f"<= {MOST_GROWTH}",
        worst <= MOST_GROWTH,
    )  # fmt: skip


def _ms(rules: PolicyRules, text: str) -> float:
    start = time.process_time()
    rules.check(text, CONTEXT)
    return (time.process_time() - start) * 1000


def _growth(rules: PolicyRules, unit: str) -> float:
    short = (unit * (SHORT // len(unit) + 1))[:SHORT]
    pairs = [(_ms(rules, short), _ms(rules, short + short)) for _ in range(ROUNDS)]
    return statistics.median(long for _, long in pairs) / statistics.median(one for one, _ in pairs)


def _word(chance: Random) -> str:
    return "".join(chance.choices("abcdefghilmnoprstu", k=chance.randint(4, 11)))


def _rules(words: list[str], salt: int, chance: Random) -> list[dict[str, Any]]:
    """180 rules with words, a name, a disclaimer, hosts, and as many patterns as fit in a policy."""
    said: list[dict[str, Any]] = [
        {"kind": "banned", "words": words[n * WORDS_OF_A_RULE : (n + 1) * WORDS_OF_A_RULE]}
        for n in range(RULES // 2 - PATTERNS // 2 - 4)
    ]
    said += [
        {"kind": "banned", "words": [f"{'a' * n}*" for n in range(1, 20)] + ["safe", "saf s", "*e\u0301"]},
        {"kind": "confidential", "names": [*words[-20:], "Falcon", "a" * 12]},
        {"kind": "disclaimer", "texts": ["no advice"], "triggers": words[:20]},
        {"kind": "links", "allowed": [f"{word}.org" for word in words[:100]]},
    ]
    said += [
        {
            "kind": "pattern",
            "pattern": chance.choice((r"\b{}\w+\d", "(a*)*{}", r"[^.]*{}\.", "{}|(e.?)*x")).format(word),
        }
        for word in words[: PATTERNS // 2]
    ]
    return [{"id": f"r{salt}-{n}", "severity": "warn"} | rule for n, rule in enumerate(said)]
