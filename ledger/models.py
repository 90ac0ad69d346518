"""What happened, in order, for ever."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models

from core.wall import TenantRow


class Head(models.Model):
    """The newest link of one agency's chain; locking it puts the agency's events in commit order."""

    walled: ClassVar[bool] = True

    agency = models.OneToOneField("tenants.Agency", on_delete=models.PROTECT, primary_key=True, related_name="+")
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)


class Event(TenantRow):
    """One thing that happened. Facts hold ids and small values, never anybody's words."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    seq = models.BigIntegerField()
    name = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=48)
    subject_id = models.UUIDField()
    brand_id = models.UUIDField(null=True)
    incident_id = models.UUIDField(null=True)
    actor_kind = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=80, default="", blank=True)
    at = models.DateTimeField()
    facts = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "seq"], name="an_agency_numbers_its_events_once"),
        ]
        indexes = [
            models.Index(fields=["agency", "incident_id", "seq"], name="timeline_asks_by_incident"),
            models.Index(fields=["agency", "subject_id", "seq"], name="audit_asks_by_subject"),
            models.Index(fields=["agency", "brand_id", "seq"], name="stream_asks_by_brand"),
        ]
        triggers = [
            pgtrigger.Protect(name="events_are_never_changed", operation=pgtrigger.Update | pgtrigger.Delete),
        ]
