"""Publishing plans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerting.models import EscalationPolicy
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from ledger.actions import record
from permissions.revocation import Todo, human_line
from readiness.models import Plan, PlanVersion
from readiness.plan_body import check_body, people_named
from tenants.models import Seat

PLANS_REVISED_WITHIN = timedelta(hours=24)


class PlanExists(Refusal):
    """Fact `plan_id`."""

    code = "plan_exists"
    title = "This brand has a plan of this name; publish a new version of it."


class PlanMovedOn(Refusal):
    """Facts `plan_id` and `number`: the version that somebody else has published."""

    code = "plan_moved_on"
    title = "Somebody has published another version of this plan."


@transaction.atomic
def publish_plan(
    *, brand_id: UUID, name: str, body: dict[str, Any], by: Actor, at: datetime, replaces: int | None = None
) -> PlanVersion:
    """Put a new version of a brand's plan into force; the first version makes the plan.

    `body` is described at `readiness.plan_body.check_body`. `replaces` is the number of the version that the
    publisher saw, 0 for a plan that must be new, None for whatever there is. Crises that have begun keep the copy they
    began with. Raises Invalid with each mistake's path, PlanExists, or PlanMovedOn.
    """
    frozen = check_body(body)
    _check_references(frozen, brand_id)
    plan, _ = Plan.objects.get_or_create(brand_id=brand_id, name=name, defaults={"created_at": at})
    plan = Plan.objects.locked(plan.pk)
    if replaces == 0 and plan.version:
        raise PlanExists(plan_id=plan.pk)
    if replaces is not None and replaces != plan.version:
        raise PlanMovedOn(plan_id=plan.pk, number=plan.version)
    plan.version += 1
    plan.save(update_fields=["version"])
    version = PlanVersion(
        id=uuid7(),
        plan_id=plan.pk,
        brand_id=brand_id,
        number=plan.version,
        body=frozen,
        published_at=at,
        publisher_id=by.seat_id,
    )
    version.save(force_insert=True)
    record("plan.published", on=plan, by=by, at=at, name=name, number=plan.version)
    return version


def _check_references(body: dict[str, Any], brand_id: UUID) -> None:
    """The people whom a plan names are here and in office, and its escalation policy is the brand's or the agency's."""
    people = people_named(body)
    in_office = {
        str(seat_id)
        for seat_id in Seat.objects.all().active().filter(pk__in=set(people.values())).values_list("pk", flat=True)
    }
    missing = [path for path, seat_id in people.items() if seat_id not in in_office]
    policy_id = body["alert"]["escalation_policy"]
    usable = EscalationPolicy.objects.filter(Q(brand_id=None) | Q(brand_id=brand_id), pk=policy_id)
    if policy_id is not None and not usable.exists():
        missing.append("alert.escalation_policy")
    if missing:
        raise nothing_there("The plan names something that is not here.", [f"body.{path}" for path in missing])


def nothing_there(detail: str, fields: Sequence[str]) -> Invalid:
    return Invalid(
        detail,
        errors=[{"field": f, "code": "does_not_exist", "detail": "There is no such thing here."} for f in fields],
    )


@human_line("crisis plans that name them")
def revise_plans(seat_id: UUID, _at: datetime) -> list[Todo]:
    """A version of a plan never changes: people publish another. Until then a duty goes to a holder of its role."""
    newest = PlanVersion.objects.all().newest_first().order_by("brand_id", "-published_at", "-id").distinct("brand_id")
    in_force = newest.select_related("plan", "brand")
    return [
        Todo(f"Publish the plan {one.plan.name} of {one.brand.name} without the leaver.", PLANS_REVISED_WITHIN)
        for one in in_force
        if str(seat_id) in people_named(one.body).values()
    ]
