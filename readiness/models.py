"""What is prepared in good times: crisis plans in immutable versions, and the library of messages."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models

from approvals.models import Approval
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from readiness.states import MessageKind
from tenants.models import Brand, Seat


class Plan(TenantRow):
    """A brand's crisis plan by name; what it says is in its versions. `version` is the newest one's number."""

    brand_path = "brand_id"

    brand = TenantKey(Brand)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField()
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
    body = models.JSONField()
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


class Message(TenantRow):
    """A text of the library, ready for each account; with a live approval it is pre-approved and goes out in one call.

    `deliveries` is [{"account", "text"}] in the order of the account ids; text and digest never change. A better
    text is a new message.
    """

    brand_path = "brand_id"

    brand = TenantKey(Brand)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=MessageKind.choices)
    crisis_kind = models.CharField(max_length=40)
    language = models.CharField(max_length=12)
    deliveries = models.JSONField()
    digest = models.CharField(max_length=64)
    author = TenantKey(Seat, null=True)
    created_at = models.DateTimeField()
    approval = TenantKey(Approval, null=True)  # the newest request
    approved_at = models.DateTimeField(null=True)  # when that request was granted
    expires_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["agency", "brand", "kind", "crisis_kind"], name="fast_lane_asks_the_library"),
            models.Index(fields=["agency", "approval"], name="grants_ask_for_their_message"),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="the_text_of_a_message_never_changes",
                fields=["agency", "brand", "language", "deliveries", "digest", "author"],
            ),
        ]
