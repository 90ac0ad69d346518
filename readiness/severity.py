"""How grave a crisis is, by a matrix that people can read: each thing we know says a severity, and why. Pure.

A matrix is {"agree": n, "volume": [step, ...], ...}. For the dimensions that are measured a step is {"at_least": x,
"severity": s}; for those that are named it is {"is": word, "severity": s}. The severity is the gravest one to which
`agree` dimensions come; 1 is the worst, and 4 is said of what no step speaks of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MILDEST: Final = 4
# What is measured, and what its number means.
MEASURED: Final = {
    "volume": "mentions, as a multiple of what is usual",
    "sentiment": "share of negative mentions, 0 to 1",
    "reach": "people who may have seen it",
    "spread": "networks on which it is talked of",
    "authors": "different authors",
}
# What somebody says.
NAMED: Final = {"kind": "the type of crisis", "topic": "what it is about", "legal": "legal exposure"}
LEGAL: Final = ("none", "possible", "likely", "certain")
AGREE = 1

DEFAULT_MATRIX: Final[dict[str, Any]] = {
    "agree": 1,
    "volume": [
        {"at_least": 20, "severity": 1},
        {"at_least": 8, "severity": 2},
        {"at_least": 3, "severity": 3},
    ],
    "sentiment": [{"at_least": 0.8, "severity": 2}, {"at_least": 0.5, "severity": 3}],
    "reach": [
        {"at_least": 5_000_000, "severity": 1},
        {"at_least": 500_000, "severity": 2},
        {"at_least": 50_000, "severity": 3},
    ],
    "spread": [{"at_least": 4, "severity": 2}, {"at_least": 2, "severity": 3}],
    "kind": [
        {"is": "account_compromise", "severity": 1},
        {"is": "product_failure", "severity": 2},
        {"is": "employee_conduct", "severity": 2},
    ],
    "legal": [{"is": "certain", "severity": 1}, {"is": "likely", "severity": 2}, {"is": "possible", "severity": 3}],
}


@dataclass(frozen=True, slots=True)
class Reason:
    """What one dimension says. `step` is the step of the matrix that spoke, None when none did."""

    dimension: str
    fact: float | str
    severity: int
    step: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """The severity, what each dimension said (gravest first), and the dimensions of which nothing is known."""

    severity: int
    reasons: tuple[Reason, ...]
    unknown: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        reasons = [
            {"dimension": one.dimension, "fact": one.fact, "severity": one.severity, "step": one.step}
            for one in self.reasons
        ]
        return {"severity": self.severity, "reasons": reasons, "unknown": list(self.unknown)}


def assess(matrix: Mapping[str, Any], facts: Mapping[str, float | str]) -> Assessment:
    """How grave these facts are. `facts` holds numbers and words by dimension; what is missing says nothing."""
    reasons, unknown = [], []
    for dimension in (*MEASURED, *NAMED):
        steps = matrix.get(dimension)
        if not steps:
            continue
        fact = facts.get(dimension)
        if fact is None:
            unknown.append(dimension)
            continue
        spoken = [step for step in steps if _speaks(step, fact)]
        gravest = min(spoken, key=lambda step: step["severity"], default=None)
        reasons.append(Reason(dimension, fact, gravest["severity"] if gravest else MILDEST, gravest))
    reasons.sort(key=lambda one: one.severity)
    agree = min(matrix.get("agree", AGREE), max(len(reasons), 1))
    severity = reasons[agree - 1].severity if reasons else MILDEST
    return Assessment(severity, tuple(reasons), tuple(unknown))


def _speaks(step: Mapping[str, Any], fact: float | str) -> bool:
    if "is" in step:
        return bool(step["is"] == fact)
    return isinstance(fact, int | float) and bool(fact >= step["at_least"])
