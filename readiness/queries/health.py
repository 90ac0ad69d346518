"""How fit a plan is for tonight: what it relies on is looked up, and what would fail is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from alerting.models import EscalationPolicy
from permissions.queries.holders import seats_with_role
from readiness.models import Contact, ContactChannel, Message, Plan, PlanVersion
from readiness.queries.library import standing_ready
from readiness.queries.plans import newest_template_version, newest_version_of
from readiness.states import MessageKind
from tenants.models import Seat

FIT: Final = 80  # from this score on nobody needs to worry


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the plan relies on: its weight, how much of it holds (0 to 1), and what does not, in words."""

    name: str
    weight: int
    holds: float
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """`score` is 0 to 100: the weighted share of what holds."""

    version: int
    score: int
    checks: tuple[Check, ...]

    @property
    def fit(self) -> bool:
        return self.score >= FIT


def health_of(plan: Plan, at: datetime) -> Health:
    """How fit what the plan says now is; a plan that says nothing yet has no score to speak of: 0."""
    version = newest_version_of(plan)
    if version is None:
        return Health(0, 0, (Check("published", 1, 0, ("No version has been signed off.",)),))
    body = version.body
    holders = _holders(body, plan.brand_id, at)
    in_office = set(Seat.objects.all().active().values_list("pk", flat=True))
    checks = (
        _review(plan, at),
        _template(plan, version),
        _duties(body, holders, in_office),
        _approvers(body, holders),
        _ladder(body, plan.brand_id),
        _contacts(body, plan.brand_id, at),
        _messages(body, plan.brand_id, at),
    )
    weight = sum(check.weight for check in checks)
    score = round(100 * sum(check.weight * check.holds for check in checks) / weight)
    return Health(version.number, score, checks)


def _holders(body: Mapping[str, Any], brand_id: UUID, at: datetime) -> dict[str, set[UUID]]:
    steps = [*body["approval"]["stages"], *(s for rule in body["approval"].get("rules", []) for s in rule["stages"])]
    roles = {duty["role"] for duty in body["duties"]} | {step["role"] for step in steps}
    return {role: set(seats_with_role(role=role, brand_id=brand_id, at=at)) for role in sorted(roles)}


def _review(plan: Plan, at: datetime) -> Check:
    due = plan.review_due_at
    if due is None or due <= at:
        return Check("review", 2, 0, ("The plan has not been reviewed in time.",))
    return Check("review", 2, 1)


def _template(plan: Plan, version: PlanVersion) -> Check:
    newest = newest_template_version(plan)
    if newest is not None and newest.pk != version.template_version_id:
        return Check("template", 1, 0, (f"The template has a newer version, {newest.number}.",))
    return Check("template", 1, 1)


def _duties(body: Mapping[str, Any], holders: Mapping[str, set[UUID]], in_office: set[UUID]) -> Check:
    problems = []
    for duty in body["duties"]:
        named = {UUID(seat) for seat in (duty["seat"], duty["deputy"]) if seat}
        gone = len(named - in_office)
        able = (named & in_office) | holders[duty["role"]]
        if gone:
            problems.append(f"{duty['duty']}: {gone} of the people named for it {'is' if gone == 1 else 'are'} gone.")
        elif not able:
            problems.append(f"{duty['duty']}: nobody can take it.")
        elif len(able) == 1:
            problems.append(f"{duty['duty']}: nobody could deputise.")
    return _share("duties", 3, len(body["duties"]), problems)


def _approvers(body: Mapping[str, Any], holders: Mapping[str, set[UUID]]) -> Check:
    rules = body["approval"].get("rules", [])
    stages = [*body["approval"]["stages"], *(stage for rule in rules for stage in rule["stages"])]
    # One more than the quorum: whoever wrote the words has no voice.
    problems = [
        f"{stage['name']}: {stage['quorum']} must agree, and {len(holders[stage['role']])} can."
        for stage in stages
        if len(holders[stage["role"]]) < stage["quorum"] + (stage["side"] == "staff")
    ]
    return _share("approvers", 3, len(stages), problems)


def _ladder(body: Mapping[str, Any], brand_id: UUID) -> Check:
    named = body["alert"]["escalation_policy"]
    found = EscalationPolicy.objects.filter(Q(pk=named) | Q(brand_id=brand_id) | Q(brand_id=None))
    if not found.exists():
        return Check("escalation", 2, 0, ("No escalation policy: every owner is woken.",))
    return Check("escalation", 2, 1)


def _contacts(body: Mapping[str, Any], brand_id: UUID, at: datetime) -> Check:
    """Those whom the plan names; where it names none, those of the brand."""
    whose = Q(pk__in=body.get("contacts") or []) if body.get("contacts") else Q(brand_id=brand_id)
    proved = ContactChannel.objects.filter(contact_id=OuterRef("pk"), proved_at__isnull=False)
    rows = list(
        Contact.objects.filter(whose, removed_at=None)
        .annotate(proved=Exists(proved))
        .order_by("name", "pk")
        .values_list("name", "proved", "confirm_due_at")
    )
    if not rows:
        return Check("contacts", 2, 0, ("There are no contacts.",))
    problems = []
    for name, reached, due in rows:
        if not reached:
            problems.append(f"{name}: no way to reach them has been proved.")
        elif due <= at:
            problems.append(f"{name}: has not confirmed in time.")
    return _share("contacts", 2, len(rows), problems)


def _messages(body: Mapping[str, Any], brand_id: UUID, at: datetime) -> Check:
    """A holding statement for each crisis type that people have agreed to, that has not expired and is not spent."""
    ready = set(
        standing_ready(
            Message.objects.filter(brand_id=brand_id, kind=MessageKind.HOLDING), at=at, ready=True
        ).values_list("crisis_kind", flat=True)
    )
    kinds = body["crisis_kinds"]
    problems = [f"{kind}: no holding statement is ready." for kind in kinds if kind not in ready]
    return _share("messages", 3, len(kinds), problems)


def _share(name: str, weight: int, whole: int, problems: list[str]) -> Check:
    return Check(name, weight, 1 - len(problems) / whole if whole else 1, tuple(problems))


def stale_plans(at: datetime, *, told_before: datetime) -> list[Plan]:
    """Plans in force whose review is overdue, and whose people were last told of it before an instant."""
    unheard = Q(told_stale_at=None) | Q(told_stale_at__lte=told_before)
    found = Plan.objects.filter(unheard, brand__drill_of=None, review_due_at__lte=at, version__gte=1)
    return list(found.order_by("pk"))
