"""A request that several people agree to one exact text, and what each of them said."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from approvals.states import APPROVAL_LIFECYCLE, ApprovalStage, Verdict
from core.sealed import SealedTextField
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from tenants.models import Brand, Seat


class ApprovalQuerySet(TenantQuerySet["Approval"]):
    def live(self) -> ApprovalQuerySet:
        """Those that wait for voices, or that are granted and not yet used."""
        return self.filter(stage__in=[ApprovalStage.PENDING, ApprovalStage.GRANTED])

    def about(self, kind: str, thing_id: UUID) -> ApprovalQuerySet:
        return self.filter(about_kind=kind, about_id=thing_id)


class Approval(TenantRow):
    """Do these people agree to exactly this payload? What is asked never changes; another text is another request.

    `stages` is the frozen process, in order: [{"name", "role", "side", "quorum"}]. `stage_index` is the stage whose
    voices are wanted now. `digest` binds the payload. A granted approval is good for one use, until it expires.
    """

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey(Brand)
    about_kind = models.CharField(max_length=60)  # what the text belongs to, e.g. "incidents.statement_version"
    about_id = models.UUIDField()
    incident_id = models.UUIDField(null=True)  # whose timeline tells of it; a plain id, for incidents lie above
    payload = models.JSONField()
    digest = models.CharField(max_length=64)
    stages = models.JSONField()
    stage_index = models.PositiveSmallIntegerField(default=0)
    stage = models.CharField(max_length=8, choices=ApprovalStage.choices, default=ApprovalStage.PENDING)
    author_seat_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    # Whoever decides has proved shortly before who they are; set by whoever asks, who knows how grave the matter is.
    needs_step_up = models.BooleanField(default=False, db_default=False)
    requested_at = models.DateTimeField()
    granted_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    spent_at = models.DateTimeField(null=True)
    spent_on = models.UUIDField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(ApprovalQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "about_kind", "about_id"],
                condition=Q(stage__in=["PENDING", "GRANTED"]),
                name="a_thing_has_one_live_approval",
            ),
            models.CheckConstraint(
                name="a_granted_approval_says_when",
                condition=~Q(stage__in=["GRANTED", "SPENT"]) | Q(granted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="a_spent_approval_says_when_and_on_what",
                condition=Q(stage="SPENT", spent_at__isnull=False, spent_on__isnull=False)
                | (~Q(stage="SPENT") & Q(spent_at=None, spent_on=None)),
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "brand", "stage", "-id"], name="inbox_asks_brand_and_stage"),
            models.Index(fields=["agency", "about_id"], name="history_asks_about_what"),
        ]
        triggers = [
            pgtrigger.FSM(name="approval_moves", field="stage", transitions=APPROVAL_LIFECYCLE.pairs()),
            pgtrigger.ReadOnly(
                name="what_was_asked_never_changes",
                fields=[
                    "agency", "brand", "about_kind", "about_id", "payload", "digest", "stages", "author_seat_ids",
                    "expires_at", "needs_step_up",
                ],
            ),
        ]  # fmt: skip

    def expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at


class DecisionLink(TenantRow):
    """One person's way to one decision: sent by e-mail, short, good once, and only for the text it was made for."""

    brand_path = "approval__brand_id"
    incident_path = "approval__incident_id"

    approval = TenantKey(Approval)
    seat = TenantKey(Seat)
    digest = models.CharField(max_length=64)
    secret_sha256 = models.CharField(max_length=64)
    token_to_send = SealedTextField(null=True)  # until the e-mail is out
    created_at = models.DateTimeField()
    created_by_id = models.UUIDField(null=True)  # a seat
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["agency", "seat"], name="goodbye_asks_for_links")]

    def over(self, at: datetime) -> bool:
        return self.used_at is not None or self.voided_at is not None or self.expires_at <= at


class Decision(TenantRow):
    """What one person said, once, about exactly the text with this digest. Never changed, never taken away."""

    brand_path = "approval__brand_id"
    incident_path = "approval__incident_id"

    approval = TenantKey(Approval)
    stage_index = models.PositiveSmallIntegerField()
    seat = TenantKey(Seat)
    # The human behind the seat: whoever comes back in a new seat is still the same person.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    digest = models.CharField(max_length=64)
    comment = models.CharField(max_length=2000, default="", blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["approval", "seat"], name="a_seat_decides_once"),
            models.UniqueConstraint(fields=["approval", "person"], name="a_person_decides_once"),
        ]
        indexes = [models.Index(fields=["agency", "seat"], name="goodbye_asks_who_decided_what")]
        triggers = [
            pgtrigger.Protect(name="decisions_are_never_changed", operation=pgtrigger.Update | pgtrigger.Delete),
        ]
