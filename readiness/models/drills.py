"""Drills: a crisis that is played with a brand's real plan, and that nobody outside hears of."""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantRow
from readiness.models.plans import PlanVersion
from readiness.states import DRILL_LIFECYCLE, DrillStage
from tenants.models import Brand, Seat


class Drill(TenantRow):
    """A brand's plan is tried out on a twin of the brand, whose accounts are all in the sandbox.

    `speed` is how much faster its clocks run. `scenario` says what is heard: see `readiness.scenarios`.
    """

    brand_path = "brand_id"

    brand = TenantKey(Brand)
    twin = TenantKey(Brand, null=True, related_name="+")  # made when it starts
    name = models.CharField(max_length=120)
    scenario = models.JSONField()
    speed = models.PositiveSmallIntegerField(default=1)
    stage = models.CharField(max_length=9, choices=DrillStage.choices, default=DrillStage.PLANNED)
    participants = ArrayField(models.UUIDField(), default=list)  # seats
    plan_version = TenantKey(PlanVersion, null=True)  # what was tried out
    scores = models.JSONField(default=dict)
    author = TenantKey(Seat, null=True)
    planned_for = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand"], condition=Q(stage="RUNNING"), name="a_brand_plays_one_drill"),
            models.CheckConstraint(name="a_drill_is_not_slower_than_life", condition=Q(speed__gte=1)),
        ]
        indexes = [models.Index(fields=["agency", "brand", "-id"], name="drill_list_asks_by_brand")]
        triggers = [pgtrigger.FSM(name="drill_moves", field="stage", transitions=DRILL_LIFECYCLE.pairs())]
