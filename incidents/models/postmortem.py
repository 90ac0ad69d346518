"""What was learned."""

from __future__ import annotations

import pgtrigger
from django.db import models

from core.wall import TenantKey, TenantRow
from incidents.models.incident import Incident
from incidents.states import POSTMORTEM_LIFECYCLE, PostMortemStage


class PostMortem(TenantRow):
    """The review of one incident: the events that it looks at, what people wrote about them, and the lessons."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    stage = models.CharField(max_length=8, choices=PostMortemStage.choices, default=PostMortemStage.DRAFT)
    timeline = models.JSONField(default=list)  # ids of the incident's events, oldest first
    sections = models.JSONField(default=dict)  # name -> text
    lessons = models.JSONField(default=list)  # [{"text", "owner_seat_id" or null, "due_on" or null}]
    drafted_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    waived_at = models.DateTimeField(null=True)  # somebody said by name that there will be none
    waived_by_id = models.UUIDField(null=True)  # a seat
    waived_because = models.CharField(max_length=500, default="", db_default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident"], name="an_incident_has_one_postmortem")]
        triggers = [pgtrigger.FSM(name="postmortem_moves", field="stage", transitions=POSTMORTEM_LIFECYCLE.pairs())]
