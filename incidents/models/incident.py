"""The incident and the work in it: duties, tasks, clocks, notes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from incidents.states import (
    INCIDENT_LIFECYCLE,
    OFFER_LIFECYCLE,
    OPEN_STAGES,
    RUNNING_STAGES,
    TASK_LIFECYCLE,
    ClockKind,
    LinkKind,
    NoteKind,
    OfferStage,
    Relation,
    Stage,
    TaskStage,
    Urgency,
)
from permissions.needs import AS_PERMISSIONS


class ReferenceCounter(TenantRow):
    """The last number that an agency gave to an incident in a year."""

    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "year"], name="an_agency_counts_a_years_incidents_once"),
        ]


class IncidentQuerySet(TenantQuerySet["Incident"]):
    def open(self) -> IncidentQuerySet:
        """Those that people still work on."""
        return self.filter(stage__in=OPEN_STAGES)


class Incident(TenantRow):
    """A crisis of one brand. What the plan said when it was activated is copied here and stays."""

    brand_path = "brand_id"
    incident_path = "id"

    brand = TenantKey("tenants.Brand")
    reference = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    severity = models.PositiveSmallIntegerField()  # how bad it is: 1 is the worst
    priority = models.PositiveSmallIntegerField(default=3, db_default=3)  # what is worked on first: 1 is the first
    urgency = models.CharField(max_length=4, choices=Urgency.choices, default=Urgency.HIGH, db_default="high")
    # What the plan's matrix made of what was known, and why people said otherwise; empty when nothing was assessed.
    assessment = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    stage = models.CharField(max_length=12, choices=Stage.choices, default=Stage.ASSESSING)
    cause_kind = models.CharField(max_length=48, default="", blank=True)
    cause_id = models.UUIDField(null=True)
    plan_version = TenantKey("readiness.PlanVersion", null=True)
    plan = models.JSONField(default=dict)  # the frozen copy; empty when the brand had no plan
    pause = TenantKey("publishing.Pause", null=True)
    opened_at = models.DateTimeField()
    # The first time each stage was reached; a reopened incident keeps them.
    activated_at = models.DateTimeField(null=True)
    contained_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    reviewed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    merged_at = models.DateTimeField(null=True)
    merged_into = TenantKey("self", null=True)
    split_from = TenantKey("self", null=True)
    stood_down_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(IncidentQuerySet)

    class Meta:
        default_permissions = ()
        permissions = AS_PERMISSIONS
        constraints = [
            models.UniqueConstraint(fields=["agency", "reference"], name="a_reference_names_one_incident"),
            models.CheckConstraint(name="severity_is_one_to_four", condition=Q(severity__gte=1, severity__lte=4)),
            models.CheckConstraint(name="priority_is_one_to_four", condition=Q(priority__gte=1, priority__lte=4)),
            models.CheckConstraint(
                name="only_a_merged_incident_says_into_which",
                condition=Q(stage="MERGED", merged_into__isnull=False) | (~Q(stage="MERGED") & Q(merged_into=None)),
            ),
            models.CheckConstraint(
                name="a_crisis_says_when_it_was_activated",
                condition=Q(stage__in=[Stage.ASSESSING, Stage.STOOD_DOWN, Stage.MERGED])
                | Q(activated_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "brand", "-id"], name="incident_list_asks_by_brand"),
            models.Index(fields=["agency", "-id"], name="incident_list_asks_for_newest"),
            models.Index(fields=["agency", "cause_id"], name="a_cause_asks_its_incident"),
            models.Index(
                fields=["agency", "merged_into"],
                condition=Q(merged_into__isnull=False),
                name="timelines_ask_what_was_merged",
            ),
        ]
        triggers = [pgtrigger.FSM(name="incident_moves", field="stage", transitions=INCIDENT_LIFECYCLE.pairs())]

    @property
    def running(self) -> bool:
        """Whether words may go out in its name."""
        return self.stage in RUNNING_STAGES


class Duty(TenantRow):
    """A role in one incident (commander, legal, …): who holds it and who stands in."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    duty = models.CharField(max_length=80)
    seat = TenantKey("tenants.Seat", null=True)
    deputy = TenantKey("tenants.Seat", null=True)
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "duty"], name="an_incident_has_a_duty_once"),
            models.CheckConstraint(
                name="nobody_deputises_for_themselves",
                condition=Q(seat=None) | Q(deputy=None) | ~Q(seat=models.F("deputy")),
            ),
        ]
        indexes = [
            models.Index(fields=["seat"], name="revocation_asks_for_duties"),
            models.Index(fields=["deputy"], name="revocation_asks_for_deputies"),
        ]


class DutyOffer(TenantRow):
    """A duty is handed over to somebody who has to accept it; until then its holder keeps it."""

    brand_path = "brand_id"
    incident_path = "duty__incident_id"

    brand = TenantKey("tenants.Brand")
    duty = TenantKey(Duty)
    from_seat = TenantKey("tenants.Seat", null=True)
    to_seat = TenantKey("tenants.Seat")
    note = models.CharField(max_length=500, default="", blank=True)
    stage = models.CharField(max_length=9, choices=OfferStage.choices, default=OfferStage.OFFERED)
    offered_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["duty"], condition=Q(stage="OFFERED"), name="a_duty_is_offered_to_one_person_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["agency", "to_seat"], name="goodbye_asks_for_offered_duty")]
        triggers = [pgtrigger.FSM(name="duty_offer_moves", field="stage", transitions=OFFER_LIFECYCLE.pairs())]


class IncidentLink(TenantRow):
    """What an incident has to do with: a signal, another incident, a mention, a post, an address outside."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    kind = models.CharField(max_length=8, choices=LinkKind.choices)
    target_id = models.UUIDField(null=True)
    url = models.CharField(max_length=2000, default="", blank=True)
    relation = models.CharField(max_length=12, choices=Relation.choices, default=Relation.RELATED)
    note = models.CharField(max_length=500, default="", blank=True)
    author_seat_id = models.UUIDField(null=True)
    linked_at = models.DateTimeField()
    unlinked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "kind", "target_id", "url"],
                condition=Q(unlinked_at=None),
                nulls_distinct=False,
                name="an_incident_links_a_thing_once",
            ),
            models.CheckConstraint(
                name="a_link_leads_to_a_thing_or_an_address",
                condition=Q(kind="url", target_id=None) | (~Q(kind="url") & Q(target_id__isnull=False)),
            ),
        ]
        indexes = [models.Index(fields=["agency", "target_id"], name="a_thing_asks_what_links_it")]


class Task(TenantRow):
    """Something to be done in an incident, by a person or the holder of a duty."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    title = models.CharField(max_length=200)
    duty = models.CharField(max_length=80, default="", blank=True)
    seat = TenantKey("tenants.Seat", null=True)  # who does it; None: whoever holds the duty
    due_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)  # when it was found to be late
    stage = models.CharField(max_length=8, choices=TaskStage.choices, default=TaskStage.OPEN)
    finished_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["incident", "id"], name="an_incident_lists_its_tasks"),
            models.Index(fields=["agency", "seat"], name="goodbye_asks_for_tasks"),
        ]
        triggers = [pgtrigger.FSM(name="task_moves", field="stage", transitions=TASK_LIFECYCLE.pairs())]


class ClockQuerySet(TenantQuerySet["Clock"]):
    def running(self) -> ClockQuerySet:
        """Neither met nor stopped; a breached clock runs on until it is met late."""
        return self.filter(met_at=None, stopped_at=None)


class Clock(TenantRow):
    """A promise with a deadline: somebody takes it, first public words, the next update."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    kind = models.CharField(max_length=16, choices=ClockKind.choices)
    minutes = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    met_at = models.DateTimeField(null=True)
    breached_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)  # the incident ended before the clock did

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(ClockQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "kind"],
                condition=Q(met_at=None, stopped_at=None),
                name="an_incident_runs_one_clock_of_a_kind",
            ),
        ]

    def state(self, at: datetime) -> str:
        """`met`, `met_late`, `stopped`, `breached` or `running`."""
        if self.met_at is not None:
            return "met" if self.met_at <= self.due_at else "met_late"
        if self.stopped_at is not None:
            return "stopped" if self.breached_at is None else "breached"
        return "breached" if self.breached_at is not None or at >= self.due_at else "running"


class Note(TenantRow):
    """What somebody wrote into the timeline. Its words stay here; the ledger holds the note's id only."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    kind = models.CharField(max_length=8, choices=NoteKind.choices, default=NoteKind.NOTE)
    text = models.TextField(max_length=10_000)
    reason = models.TextField(max_length=2_000, default="", db_default="", blank=True)  # why it was decided so
    shared_with_client = models.BooleanField(default=False)
    author_seat_id = models.UUIDField(null=True)
    written_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["incident", "id"], name="a_timeline_asks_for_notes")]
