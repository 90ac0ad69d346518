"""Whether words keep to the policies in force, asked by whoever is about to say them: at writing, and at release."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.refusals import Refusal
from readiness.policy_rules import Context, Finding, Media, PolicyRules
from readiness.queries.policies import policies_for

NO_MEDIA = Media(0)


class AgainstPolicy(Refusal):
    """Fact `findings`: what the rules that block object to, each with its `place`, rule, span and advice."""

    code = "against_policy"
    title = "A social media policy forbids this text."


@dataclass(frozen=True, slots=True)
class Said:
    """A text that is to appear on a network. `place` names it for whoever wrote it, as in `deliveries.0.text`."""

    place: str
    text: str
    network: str
    language: str | None = None
    media: Media = NO_MEDIA


@dataclass(frozen=True, slots=True)
class Objection:
    """What a rule objects to, and in which text."""

    place: str
    finding: Finding

    def facts(self) -> dict[str, Any]:
        found = self.finding
        return {
            "place": self.place,
            "version_id": found.version_id,
            "rule": found.rule,
            "kind": found.kind,
            "severity": found.severity,
            "start": found.start,
            "end": found.end,
            "advice": found.advice,
        }


def objections(
    brand_id: UUID,
    said: Iterable[Said],
    *,
    kind: str,
    at: datetime,
    claims: Collection[str] | None = None,
) -> list[Objection]:
    """What the brand's and the agency's policies object to, text by text. One query, however many texts.

    `kind` is what rules call it: post, statement, holding, answer or reply; `at` when it is to appear. Rules that turn
    on what is None object to nothing.
    """
    rules = policies_for(brand_id).rules
    return objections_of(rules, said, kind=kind, at=at, claims=claims)


def objections_of(
    rules: PolicyRules,
    said: Iterable[Said],
    *,
    kind: str,
    at: datetime,
    claims: Collection[str] | None = None,
) -> list[Objection]:
    """The same by rules at hand, for whoever has many texts."""
    known = None if claims is None else frozenset(claims)
    return [
        Objection(one.place, finding)
        for one in said
        for finding in rules.check(one.text, Context(at, one.network, one.language, kind, known, one.media)).findings
    ]


def refuse_against_policy(
    brand_id: UUID,
    said: Iterable[Said],
    *,
    kind: str,
    at: datetime,
    claims: Collection[str] | None = None,
) -> None:
    """Raise AgainstPolicy (409) where a rule that blocks objects; warnings and advice let it pass."""
    found = objections(brand_id, said, kind=kind, at=at, claims=claims)
    if blocking := [one.facts() for one in found if one.finding.blocks]:
        raise AgainstPolicy(findings=blocking)
