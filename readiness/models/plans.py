"""Crisis plans: what a template of the agency says, what a brand says, and the versions in which it was published."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q

from approvals.models import Approval
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from readiness.states import DRAFT_LIFECYCLE, DraftStage
from tenants.models import Brand, Seat


class PlanTemplate(TenantRow):
    """What the plans of an agency's brands have in common. `version` is the newest version's number."""

    name = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agency", "name"], name="a_name_is_one_template")]


class PlanTemplateVersion(TenantRow):
    """What a template said from an instant on. Never changed."""

    template = TenantKey(PlanTemplate)
    number = models.PositiveIntegerField()
    body = models.JSONField()
    published_at = models.DateTimeField()
    publisher = TenantKey(Seat, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="a_template_numbers_its_versions_once"),
        ]
        triggers = [
            pgtrigger.Protect(name="template_versions_never_change", operation=pgtrigger.Update | pgtrigger.Delete),
        ]


class Plan(TenantRow):
    """A brand's crisis plan by name; what it says is in its versions. `version` is the newest one's number."""

    brand_path = "brand_id"

    brand = TenantKey(Brand)
    name = models.CharField(max_length=120)
    template = TenantKey(PlanTemplate, null=True)  # what it inherits from
    created_at = models.DateTimeField()
    review_days = models.PositiveSmallIntegerField(default=180, db_default=180)  # a review is good for so long
    reviewed_at = models.DateTimeField(null=True)
    review_due_at = models.DateTimeField(null=True)
    told_stale_at = models.DateTimeField(null=True)  # when its owners were last told that it is stale
    version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "brand", "name"], name="a_name_is_one_plan_of_a_brand"),
        ]


class PlanVersionQuerySet(TenantQuerySet["PlanVersion"]):
    def newest_first(self) -> PlanVersionQuerySet:
        return self.order_by("-published_at", "-id")


class PlanVersion(TenantRow):
    """What a plan said from an instant on. Never changed: incidents, drills and reports refer to it for ever."""

    brand_path = "brand_id"

    plan = TenantKey(Plan)
    brand = TenantKey(Brand)
    number = models.PositiveIntegerField()
    body = models.JSONField()  # everything that it says, the template's part included
    own = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))  # what the brand says itself
    template_version = TenantKey(PlanTemplateVersion, null=True)
    approval = TenantKey(Approval, null=True)  # the sign-off
    published_at = models.DateTimeField()
    publisher = TenantKey(Seat, null=True)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(PlanVersionQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="a_plan_numbers_its_versions_once"),
        ]
        indexes = [
            models.Index(fields=["agency", "brand", "-published_at", "-id"], name="activation_asks_plan_in_force"),
        ]
        triggers = [
            pgtrigger.Protect(name="plan_versions_never_change", operation=pgtrigger.Update | pgtrigger.Delete),
        ]


class PlanDraft(TenantRow):
    """The next version of a plan, being written; it is published when people have signed it off.

    `own` is what the brand says itself. `base` is the number of the version that it changes, 0 for the first.
    """

    brand_path = "brand_id"

    plan = TenantKey(Plan)
    brand = TenantKey(Brand)
    base = models.PositiveIntegerField()
    own = models.JSONField()
    reason = models.CharField(max_length=500, default="", blank=True)
    stage = models.CharField(max_length=12, choices=DraftStage.choices, default=DraftStage.DRAFT)
    author_seat_id = models.UUIDField(null=True)
    approval = TenantKey(Approval, null=True)  # the newest request
    published = TenantKey(PlanVersion, null=True)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["plan"], condition=Q(stage="IN_SIGN_OFF"), name="a_plan_has_one_draft_in_sign_off"
            ),
        ]
        indexes = [models.Index(fields=["agency", "plan", "-id"], name="a_plan_lists_its_drafts")]
        triggers = [pgtrigger.FSM(name="plan_draft_moves", field="stage", transitions=DRAFT_LIFECYCLE.pairs())]
