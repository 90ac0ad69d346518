"""Which social media policies hold for a brand, and what they say of a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Q

from readiness.models import Policy, PolicyVersion
from readiness.policy_rules import PolicyRules
from readiness.states import RuleKind

# How many brands' rules a process keeps ready. What is kept is named by its versions, and versions never change.
KEPT: Final = 128


@dataclass(frozen=True, slots=True)
class PoliciesInForce:
    """The newest versions of a brand's and its agency's policies, the agency's first, and their rules compiled."""

    versions: tuple[PolicyVersion, ...]
    rules: PolicyRules


def versions_in_force(brand_id: UUID) -> list[PolicyVersion]:
    """The newest version of each policy of the brand and of the agency that is not retired; one query."""
    here = Q(policy__brand_id=brand_id) | Q(policy__brand_id=None)
    newest = PolicyVersion.objects.filter(here, policy__retired_at=None, number=F("policy__number"))
    return list(
        newest.select_related("policy")
        .defer("chapters", "rules", "policy__draft")
        .order_by(F("policy__brand_id").asc(nulls_first=True), "policy__name", "pk")
    )


def policies_for(brand_id: UUID) -> PoliciesInForce:
    """What texts of this brand must keep to, now. One query, and another when these versions are met for the first
    time by this process.
    """
    versions = versions_in_force(brand_id)
    return PoliciesInForce(tuple(versions), _compiled(tuple(version.pk for version in versions)))


@lru_cache(maxsize=KEPT)
def _compiled(version_ids: tuple[UUID, ...]) -> PolicyRules:
    if not version_ids:
        return PolicyRules(())
    said = dict(PolicyVersion.objects.filter(pk__in=version_ids).values_list("pk", "rules"))
    return PolicyRules((version_id, said[version_id]) for version_id in version_ids)


def newest_version_of(policy: Policy) -> PolicyVersion | None:
    """What a policy says now; None while nothing was published."""
    found: PolicyVersion | None = PolicyVersion.objects.filter(policy_id=policy.pk, number=policy.number).first()
    return found


def said_by(version: PolicyVersion | None) -> dict[str, Any]:
    """All that a version says, in the form of a draft."""
    if version is None:
        return {"chapters": [], "rules": [], "audience": {}}
    return {"chapters": version.chapters, "rules": version.rules, "audience": version.audience}


def without_names(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rules for people who may not know the confidential names: only how many there are."""
    return [
        {**rule, "names": [], "hidden": len(rule["names"])} if rule["kind"] == RuleKind.CONFIDENTIAL else dict(rule)
        for rule in rules
    ]


def applies_to(versions: Sequence[PolicyVersion]) -> list[dict[str, Any]]:
    """The versions in words, for whoever was checked by them."""
    return [
        {"policy": version.policy_id, "version": version.pk, "name": version.policy.name, "number": version.number}
        for version in versions
    ]
