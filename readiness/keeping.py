"""Whether words keep to the policies in force, asked by whoever is about to say them: at writing, and at release."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.refusals import Refusal
from readiness.policy_rules import Context, Finding, Media, PolicyRules
from readiness.queries.policies import policies_for
from readiness.states import RuleKind

# What can be said in the description of a picture, too; the other rules are about the text that it goes with.
SPOKEN: Final = frozenset(
    {RuleKind.BANNED, RuleKind.CONFIDENTIAL, RuleKind.EMBARGO, RuleKind.LINKS, RuleKind.PATTERN, RuleKind.TONE}
)


class AgainstPolicy(Refusal):
    """Fact `findings`: what the rules that block object to, each with its `place`, rule, span and advice."""

    code = "against_policy"
    title = "A social media policy forbids this text."


@dataclass(frozen=True, slots=True)
class Said:
    """A text that is to appear on a network, and what describes each picture that goes with it.

    `place` names it for whoever wrote it, as in `deliveries.0`; its words are `deliveries.0.text` then, and those of
    its first picture `deliveries.0.media.0.alt`.
    """

    place: str
    text: str
    network: str
    language: str | None = None
    pictures: tuple[str, ...] = ()

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each of its texts, the words first, with the name of its place."""
        path = f"{self.place}." if self.place else ""
        yield f"{path}text", self.text
        for number, alt in enumerate(self.pictures):
            yield f"{path}media.{number}.alt", alt


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
    found = []
    for one in said:
        context = Context(at, one.network, one.language, kind, known, Media(len(one.pictures)))
        for number, (place, text) in enumerate(one.texts()):
            findings = rules.check(text, context).findings
            found += [Objection(place, each) for each in findings if number == 0 or _is_spoken(each)]
    return found


def _is_spoken(finding: Finding) -> bool:
    """Whether it is about something that stands there; nothing has to stand in a picture's description."""
    return finding.start is not None and finding.kind in SPOKEN


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
