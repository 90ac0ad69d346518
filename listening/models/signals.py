"""Stories that people tell about a brand, the signals that follow, and what people make of them."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from listening.models.base import DenseRow
from listening.states import SIGNAL_LIFECYCLE, UNDECIDED, SignalKind, SignalStage


class Story(TenantRow):
    """What many near-duplicate mentions of one brand are about.

    `sketch` is the MinHash of its texts, by which a new mention is found to belong to it. A story that was merged
    lives on in another; its history is in the ledger.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", db_index=False)
    title = models.CharField(max_length=200)
    terms = models.JSONField(default=list)
    sketch = ArrayField(models.BigIntegerField(), default=list)
    mentions = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    merged_into = TenantKey("self", null=True)
    split_from = TenantKey("self", null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["brand", "-last_at"], name="clustering_asks_for_stories"),
        ]


class StoryMention(DenseRow):
    """That a mention tells a story; a mention tells one."""

    brand_id = models.UUIDField()
    story = TenantKey(Story)
    mention_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand_id", "mention_id"], name="a_mention_tells_one_story"),
        ]


class SignalQuerySet(TenantQuerySet["Signal"]):
    def undecided(self) -> SignalQuerySet:
        return self.filter(stage__in=UNDECIDED)


class Signal(TenantRow):
    """A departure of a brand from its own normal that people must look at.

    `severity_hint` runs from 1 (hardly) to 10 (gravest). `starts_at` is where the departure began, `seen_at` the end
    of the newest bin that still departs, `alarmed_at` the bin that alarmed last. `kind` is the detector that spoke
    first, `kinds` all that have spoken since.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", db_index=False)
    story = TenantKey(Story, null=True)
    kind = models.CharField(max_length=12, choices=SignalKind.choices)
    kinds = ArrayField(models.CharField(max_length=12), default=list, db_default=[])
    stage = models.CharField(max_length=10, choices=SignalStage.choices, default=SignalStage.OPEN)
    severity_hint = models.PositiveSmallIntegerField()
    monitor_only = models.BooleanField(default=False, db_default=False)
    starts_at = models.DateTimeField()
    alarmed_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    raised_at = models.DateTimeField()
    review_due_at = models.DateTimeField()
    escalated_at = models.DateTimeField(null=True)  # the deadline passed and nobody had decided
    escalations = models.PositiveSmallIntegerField(default=0, db_default=0)
    false_alarm = models.BooleanField(null=True)  # what people said when they dismissed it
    reviewed_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, default="", blank=True)
    explanation = models.JSONField()
    page = TenantKey("alerting.Page", null=True)
    incident = TenantKey("incidents.Incident", null=True)
    merged_into = TenantKey("self", null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(SignalQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "story"],
                condition=Q(stage__in=["OPEN", "WATCHING"]),
                nulls_distinct=False,
                name="a_brand_has_one_open_signal_of_a_story",
            ),
            models.CheckConstraint(
                name="an_activated_signal_has_an_incident", condition=~Q(stage="ACTIVATED") | Q(incident__isnull=False)
            ),
            models.CheckConstraint(
                name="a_merged_signal_lives_on_in_another", condition=~Q(stage="MERGED") | Q(merged_into__isnull=False)
            ),
            models.CheckConstraint(
                name="a_severity_hint_runs_from_1_to_10", condition=Q(severity_hint__gte=1) & Q(severity_hint__lte=10)
            ),
        ]
        indexes = [
            models.Index(fields=["brand", "kind", "-raised_at"], name="detector_asks_for_last_signal"),
        ]
        triggers = [pgtrigger.FSM(name="signal_moves", field="stage", transitions=SIGNAL_LIFECYCLE.pairs())]


class Verdict(TenantRow):
    """What one person says should become of a signal; with enough equal ones it does."""

    brand_path = "signal__brand_id"

    signal = TenantKey(Signal, db_index=False)
    seat = TenantKey("tenants.Seat")
    verdict = models.CharField(max_length=10, choices=[("handle", "Handle individually"), ("dismiss", "Dismiss")])
    reason = models.CharField(max_length=500)
    said_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["signal", "seat"], name="a_person_says_one_thing_of_a_signal"),
        ]


class ContagionQuerySet(TenantQuerySet["Contagion"]):
    def open(self) -> ContagionQuerySet:
        return self.filter(closed_at=None)


class Contagion(TenantRow):
    """One story over several brands of an agency; only who may see all of them learns of it.

    One that people closed has their reason and is not raised again for the same stories; one that closed itself,
    because nothing was heard of it any more, has none.
    """

    title = models.CharField(max_length=200)
    raised_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, default="", db_default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(ContagionQuerySet)

    class Meta:
        indexes = [
            models.Index(fields=["agency", "seen_at"], condition=Q(closed_at=None), name="radar_asks_what_is_open"),
        ]


class ContagionStory(TenantRow):
    """A brand's part in a contagion."""

    brand_path = "brand_id"

    contagion = TenantKey(Contagion, db_index=False)
    brand = TenantKey("tenants.Brand")
    story = TenantKey(Story)
    joined_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contagion", "story"], name="a_story_joins_a_contagion_once"),
        ]


class ContagionWarning(TenantRow):
    """That a person was to be told of a contagion: once, however far it spreads."""

    contagion = TenantKey(Contagion, db_index=False)
    seat = TenantKey("tenants.Seat")
    warned_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contagion", "seat"], name="a_person_is_told_of_a_contagion_once"),
        ]
