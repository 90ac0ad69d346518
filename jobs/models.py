"""The one queue and every timer: work to be done is a row here, written with its cause."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from core.ids import uuid7


class JobState(models.TextChoices):
    READY = "READY", "Ready"  # waiting for its time, or claimed while its lease lasts
    DONE = "DONE", "Done"
    DEAD = "DEAD", "Dead"  # gave up after its last attempt; can be replayed
    INTERRUPTED = "INTERRUPTED", "Interrupted"  # past its point of no return when its process was lost; never re-run
    CANCELLED = "CANCELLED", "Cancelled"


class Job(models.Model):
    """One piece of deferred work. Global: it holds ids only, and workers read it across agencies."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    handler = models.CharField(max_length=80)
    key = models.CharField(max_length=200)
    agency_id = models.UUIDField(null=True)
    args = models.JSONField(default=dict)
    queue = models.CharField(max_length=16)
    order_key = models.CharField(max_length=200, default="", blank=True)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.READY)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField()
    crossed = models.BooleanField(default=False)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    nudged_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["handler", "key"], condition=Q(state="READY"), name="one_pending_job_for_a_handler_and_key"
            )
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state="READY"), name="sweep_asks_what_is_due"),
            models.Index(
                fields=["order_key", "id"],
                condition=Q(state="READY") & ~Q(order_key=""),
                name="claim_asks_for_older_of_a_line",
            ),
            models.Index(
                fields=["agency_id", "state", "id"],
                condition=Q(state__in=["DEAD", "INTERRUPTED"]),
                name="operators_ask_for_dead_letters",
            ),
            models.Index(
                fields=["finished_at"], condition=Q(state__in=["DONE", "CANCELLED"]), name="purge_asks_for_old"
            ),
        ]


class Pulse(models.Model):
    """When something that has to happen again and again last happened, in seconds; global. The auditor looks at it."""

    name = models.CharField(max_length=20, primary_key=True)  # "sweep": by whomever; "beat": rung by beat
    at = models.DateTimeField()
