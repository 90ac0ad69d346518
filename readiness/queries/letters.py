"""What people are written about what they keep ready."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from core.letters import Letter
from permissions.queries.holders import seats_with_role
from readiness.models import Acknowledgement, Plan
from readiness.queries.health import health_of
from readiness.queries.plans import newest_version_of
from tenants.models import Seat
from tenants.states import SeatStage


def keeper_of(plan: Plan, at: datetime) -> Seat | None:
    """Who is told when a plan goes stale: whoever published it, else a crisis lead of the brand, else an owner."""
    newest = newest_version_of(plan)
    wanted = [newest.publisher_id] if newest and newest.publisher_id else []
    for role in ("crisis_lead", "owner"):
        wanted += seats_with_role(role=role, brand_id=plan.brand_id, at=at)
    there = {seat.pk: seat for seat in Seat.objects.all().active().filter(pk__in=wanted).select_related("user")}
    return next((there[seat] for seat in wanted if seat in there), None)


def stale_letter(plan_id: UUID, at: datetime) -> Letter | None:
    """That a plan should have been reviewed; None when it has been meanwhile, or nobody keeps it."""
    plan: Plan = Plan.objects.select_related("brand").get(pk=plan_id)
    keeper = keeper_of(plan, at)
    if keeper is None or plan.review_due_at is None or plan.review_due_at > at:
        return None
    health = health_of(plan, at)
    problems = [f"- {problem}" for check in health.checks for problem in check.problems]
    text = "\n".join(
        [
            f"The crisis plan {plan.name} of {plan.brand.name} was to be reviewed by {plan.review_due_at:%Y-%m-%d}.",
            f"Its health is {health.score} of 100.",
            "",
            *(problems or ["Nothing else speaks against it."]),
            "",
            "Look through it and say that it still holds, or draft its next version.",
        ]
    )
    return Letter(plan.pk, keeper.user.email, f"The crisis plan of {plan.brand.name} is stale", text)


def nothing_to_note(_thing_id: UUID) -> None:
    """The letter leaves no trace here: it says what is true when it is posted."""


def acknowledge_letter(acknowledgement_id: UUID, _at: datetime) -> Letter | None:
    """That somebody is to acknowledge a policy; None when they have, need not any more, or are gone."""
    rows = Acknowledgement.objects.select_related("version__policy__brand", "version__policy__agency", "seat__user")
    row: Acknowledgement = rows.get(pk=acknowledgement_id)
    if row.acknowledged_at is not None or row.excused_at is not None or row.seat.stage != SeatStage.ACTIVE:
        return None
    policy = row.version.policy
    whose = policy.brand.name if policy.brand else policy.agency.name
    again = f" This is reminder {row.reminders}." if row.reminders else ""
    text = "\n".join(
        [
            f"Please read the policy {policy.name} of {whose}, version {row.version.number}, and acknowledge it",
            f"by {row.due_at:%Y-%m-%d}.{again}",
            "",
            *(f"- {chapter['title']}" for chapter in row.version.chapters),
            "",
            f"Sign in to {policy.agency.name} to read it; it waits under your acknowledgements.",
        ]
    )
    return Letter(uuid5(row.pk, str(row.reminders)), row.seat.user.email, f"To acknowledge: {policy.name}", text)
