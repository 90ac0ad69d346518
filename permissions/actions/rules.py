"""Separation of duties and deny rules: laying them down and lifting them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.refusals import Invalid, Refusal
from ledger.actions import record
from permissions.actions.grants import DutiesConflict, hold_rules_still
from permissions.models import DenyRule, SeparationRule
from permissions.queries.conflicts import clashing, crossing, holds_at_or_after
from permissions.queries.holders import role_named

FEWEST = 2


class BarrierCrossed(Refusal):
    """Somebody stands on both sides already: decide first where they belong."""

    code = "barrier_crossed"
    title = "People stand on both sides of this barrier already."


@transaction.atomic
def separate_duties(
    *, name: str, roles: Sequence[str], reason: str, accept_existing: bool, by: Actor, at: datetime
) -> SeparationRule:
    """Nobody is granted two of these roles on one brand from now on.

    Raises DutiesConflict, naming the seats that hold two of them, unless that is accepted; they keep them then.
    """
    hold_rules_still(to_change=True)
    wanted = sorted({role_named(role).name for role in roles})
    if len(wanted) < FEWEST:
        raise Invalid("A rule keeps at least two roles apart.", roles=wanted)
    clashes = clashing(holds_at_or_after(at, role__in=wanted), wanted)
    if clashes and not accept_existing:
        raise DutiesConflict("People hold these roles together already.", seats=[clash.facts() for clash in clashes])
    rule = SeparationRule(name=name, roles=wanted, reason=reason, created_at=at)
    rule.save(force_insert=True)
    record(
        "separation_rule.created", on=rule, by=by, at=at, name=name, roles=wanted, reason=reason,
        accepted=len({clash.seat_id for clash in clashes}),
    )  # fmt: skip
    return rule


@transaction.atomic
def lift_separation(*, rule_id: UUID, reason: str, by: Actor, at: datetime) -> SeparationRule:
    """Let the roles be held together again; repeating changes nothing."""
    rule: SeparationRule = SeparationRule.objects.locked(rule_id)
    if rule.lifted_at is None:
        rule.lifted_at = at
        rule.version += 1
        rule.save(update_fields=["lifted_at", "version"])
        record("separation_rule.lifted", on=rule, by=by, at=at, reason=reason)
    return rule


@transaction.atomic
def deny_brands(
    *, seat_id: UUID | None, brand_ids: Sequence[UUID], reason: str, ends_at: datetime | None, by: Actor, at: datetime
) -> DenyRule:
    """Wall brands off: from one person, or as rivals from each other's people. It holds with the commit.

    Raises BarrierCrossed, naming those who stand on two of the rivals now or will.
    """
    hold_rules_still(to_change=True)
    brands = list(dict.fromkeys(brand_ids))
    if ends_at is not None and ends_at <= at:
        raise Invalid("A rule ends in the future.", ends_at=ends_at)
    if seat_id is None:
        if len(brands) < FEWEST:
            raise Invalid("At least two brands are rivals.", brands=[str(brand) for brand in brands])
        if crossed := crossing(holds_at_or_after(at), brands):
            raise BarrierCrossed(seats=[clash.facts() for clash in crossed])
    rule = DenyRule(seat_id=seat_id, brand_ids=brands, reason=reason, created_at=at, ends_at=ends_at)
    rule.save(force_insert=True)
    record("deny_rule.created", on=rule, by=by, at=at, seat_id=seat_id, brands=len(brands), ends_at=ends_at)
    return rule


@transaction.atomic
def lift_denial(*, rule_id: UUID, reason: str, by: Actor, at: datetime) -> DenyRule:
    """Open the brands again to whom they were granted; repeating changes nothing."""
    rule: DenyRule = DenyRule.objects.locked(rule_id)
    if rule.lifted_at is None:
        rule.lifted_at = at
        rule.save(update_fields=["lifted_at"])
        record("deny_rule.lifted", on=rule, by=by, at=at, reason=reason)
    return rule
