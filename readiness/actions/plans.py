"""Crisis plans and their templates: begun, changed, looked through, announced when they are stale."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from alerting.actions import queue_letter
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from ledger.actions import record
from permissions.revocation import Todo, human_line
from readiness.actions.plan_drafts import note_review, write_draft
from readiness.models import (
    Plan,
    PlanDraft,
    PlanTemplate,
    PlanTemplateVersion,
    PlanVersion,
)
from readiness.plan_body import check_parts, people_named
from readiness.queries.health import stale_plans

STALE_LETTER: Final = "readiness.stale_plan"
TOLD_AGAIN_AFTER: Final = timedelta(days=7)
PLANS_REVISED_WITHIN = timedelta(hours=24)


class PlanExists(Refusal):
    """Fact `plan_id`."""

    code = "plan_exists"
    title = "This brand has a plan of this name; write a draft of its next version."


class TemplateExists(Refusal):
    """Fact `template_id`."""

    code = "template_exists"
    title = "There is a template of this name."


# -- templates ------------------------------------------------------------------------------------------------


@transaction.atomic
def publish_template(
    *, name: str, body: dict[str, Any], template_id: UUID | None = None, by: Actor, at: datetime
) -> PlanTemplateVersion:
    """Say what the plans of the brands have in common; a new template, or the next version of one.

    `body` holds any parts of a plan. Plans take the template as it stands when their next version is published.
    Raises Invalid (400) and TemplateExists (409).
    """
    said = check_parts(body)
    if template_id is None:
        if known := PlanTemplate.objects.filter(name=name).first():
            raise TemplateExists(template_id=known.pk)
        template = PlanTemplate(id=uuid7(), name=name, created_at=at, version=1)
        template.save(force_insert=True)
    else:
        template = PlanTemplate.objects.locked(template_id)
        template.name, template.version = name, template.version + 1
        template.save(update_fields=["name", "version"])
    version = PlanTemplateVersion(
        id=uuid7(), template=template, number=template.version, body=said, published_at=at, publisher_id=by.seat_id
    )
    version.save(force_insert=True)
    record("plan_template.published", on=template, by=by, at=at, name=name, number=version.number)
    return version


# -- drafts ---------------------------------------------------------------------------------------------------


@transaction.atomic
def create_plan(
    *,
    brand_id: UUID,
    name: str,
    own: dict[str, Any],
    template_id: UUID | None = None,
    review_days: int | None = None,
    reason: str = "",
    by: Actor,
    at: datetime,
) -> PlanDraft:
    """Begin a plan: it has a draft of its first version, and is in force when that has been signed off.

    `own` is what the brand says itself; what it leaves out comes from the template. Raises Invalid with each mistake's
    path (400) and PlanExists (409).
    """
    if known := Plan.objects.filter(brand_id=brand_id, name=name).first():
        raise PlanExists(plan_id=known.pk)
    plan = Plan(id=uuid7(), brand_id=brand_id, name=name, template_id=template_id, created_at=at)
    if review_days is not None:
        plan.review_days = review_days
    plan.save(force_insert=True)
    record("plan.created", on=plan, by=by, at=at, name=name, template_id=template_id)
    return write_draft(plan, own, reason, by=by, at=at)


@transaction.atomic
def change_plan(
    *,
    plan_id: UUID,
    name: str | None = None,
    template_id: UUID | None = None,
    forget_template: bool = False,
    review_days: int | None = None,
    by: Actor,
    at: datetime,
) -> Plan:
    """Change a plan's name, from what it inherits, or how long a review is good for; what is None stays."""
    plan: Plan = Plan.objects.locked(plan_id)
    fields = []
    if name is not None and name != plan.name:
        if known := Plan.objects.filter(brand_id=plan.brand_id, name=name).first():
            raise PlanExists(plan_id=known.pk)
        plan.name = name
        fields.append("name")
    if template_id is not None or forget_template:
        plan.template_id = template_id
        fields.append("template")
    if review_days is not None:
        plan.review_days = review_days
        if plan.reviewed_at is not None:
            plan.review_due_at = plan.reviewed_at + timedelta(days=review_days)
        fields += ["review_days", "review_due_at"]
    if fields:
        plan.save(update_fields=fields)
        record("plan.changed", on=plan, by=by, at=at, fields=fields)
    return plan


@transaction.atomic
def review_plan(*, plan_id: UUID, note: str, by: Actor, at: datetime) -> Plan:
    """Somebody has looked through the plan and found that it still holds: it is fresh for its days of review."""
    plan: Plan = Plan.objects.locked(plan_id)
    note_review(plan, at)
    plan.save(update_fields=["reviewed_at", "review_due_at", "told_stale_at"])
    record("plan.reviewed", on=plan, by=by, at=at, number=plan.version, due_at=plan.review_due_at, note=note)
    return plan


@transaction.atomic
def tell_stale_plans(*, by: Actor, at: datetime) -> list[Plan]:
    """Announce the plans whose review is overdue, each once a week: an event, and a letter to whoever keeps it."""
    stale = stale_plans(at, told_before=at - TOLD_AGAIN_AFTER)
    held = list(
        Plan.objects.filter(pk__in=[plan.pk for plan in stale])
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )
    for plan in held:
        plan.told_stale_at = at
        plan.save(update_fields=["told_stale_at"])
        queue_letter(kind=STALE_LETTER, thing_id=plan.pk, at=at)
    for plan in held:
        record("plan.went_stale", on=plan, by=by, at=at, number=plan.version, due_at=plan.review_due_at)
    return held


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
