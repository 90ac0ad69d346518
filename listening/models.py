"""What is said about a brand, how much of it a minute, and the signals that follow."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow, standing_agency
from listening.states import SIGNAL_LIFECYCLE, UNDECIDED, SignalKind, SignalStage


class RealField(models.FloatField):  # type: ignore[type-arg]
    """Four bytes in Postgres: six digits, enough for a probability and for the edge of a band."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's signature
        return "real"


class MentionKind(models.TextChoices):
    POST = "post", "Post"
    COMMENT = "comment", "Comment"
    REPLY = "reply", "Reply"
    REPOST = "repost", "Repost"
    QUOTE = "quote", "Quote"
    REVIEW = "review", "Review"
    ARTICLE = "article", "Article"


class MoodLabel(models.TextChoices):
    NEGATIVE = "negative", "Negative"
    NEUTRAL = "neutral", "Neutral"
    POSITIVE = "positive", "Positive"
    UNKNOWN = "unknown", "Unknown"


class Source(TenantRow):
    """Where mentions of one brand come from. The first kind is `push`: somebody delivers to the ingest route."""

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    kind = models.CharField(max_length=16, choices=[("push", "Push")], default="push")
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="a_name_is_one_source_of_a_brand"),
        ]


class DenseRow(TenantRow):
    """A tenant row of which there are very many: no index beside those that somebody asks by, and no key to the
    agency of its own, since each has a composite key to a row of that agency.
    """

    brand_path = "brand_id"

    agency = models.ForeignKey(
        "tenants.Agency",
        on_delete=models.PROTECT,
        related_name="+",
        default=standing_agency,
        editable=False,
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        abstract = True


class Mention(DenseRow):
    """One thing that somebody said about a brand, as a source delivered it.

    `posted_at` never changes once stored, so that a mention is counted in one minute for ever. The brand is that of
    the source, whose key is checked; checking the brand's too would cost a fifth of the ingest.
    """

    brand_id = models.UUIDField()
    source = TenantKey(Source, db_index=False)
    external_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=MentionKind.choices, default=MentionKind.POST)
    posted_at = models.DateTimeField()
    received_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)  # the network's own instant of the version that is stored
    author_handle = models.CharField(max_length=200, default="", blank=True)
    author_name = models.CharField(max_length=200, default="", blank=True)
    author_followers = models.BigIntegerField(default=0)
    text = models.TextField()
    clipped = models.BooleanField(default=False)
    language = models.CharField(max_length=12)
    url = models.CharField(max_length=2000, default="", blank=True)
    in_reply_to = models.CharField(max_length=200, default="", blank=True)  # another external id of the source
    mood = models.CharField(max_length=8, choices=MoodLabel.choices)
    mood_negative = RealField()
    mood_neutral = RealField()
    mood_positive = RealField()
    scorer = models.CharField(max_length=60)  # name and version, so that the score can be reproduced

    class Meta:
        constraints = [
            # The agency is not part of it: a source belongs to one.
            models.UniqueConstraint(fields=["source", "external_id"], name="a_source_delivers_a_mention_once"),
        ]
        indexes = [
            models.Index(fields=["brand_id", "-posted_at", "-id"], name="people_ask_for_newest_mentions"),
        ]


class Bucket(DenseRow):
    """What one minute of one brand held. A minute without mentions has no row."""

    brand = TenantKey("tenants.Brand", db_index=False)
    minute = models.DateTimeField()
    volume = models.IntegerField()
    negative = models.IntegerField()
    reach = models.BigIntegerField()  # followers of the authors, one summand for each mention
    authors = models.IntegerField()  # distinct within the minute

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "minute"], name="a_minute_is_counted_in_one_bucket"),
        ]


class DetectorState(TenantRow):
    """What the detector has learned of one brand.

    `state` stands at `settled_to`, some time behind the clock: later minutes are judged again whenever mentions
    arrive late, so that their order of arrival changes nothing. Null: to be learned from the buckets.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    state = models.JSONField(null=True)
    settled_to = models.DateTimeField(null=True)
    heard_to = models.DateTimeField(null=True)  # the last minute before `settled_to` that held anything
    evaluated_to = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand"], name="a_brand_has_one_detector_state"),
        ]


class Band(DenseRow):
    """What the detector expected of one bin before it saw it, for charts: 19 of 20 normal bins lie in low..high."""

    brand = TenantKey("tenants.Brand", db_index=False)
    starts_at = models.DateTimeField()
    minutes = models.SmallIntegerField()
    expected = RealField()
    low = RealField()
    high = RealField()
    negative_share = RealField()  # the brand's normal share of negative mentions

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "starts_at"], name="a_bin_has_one_band"),
        ]


class SignalQuerySet(TenantQuerySet["Signal"]):
    def undecided(self) -> SignalQuerySet:
        return self.filter(stage__in=UNDECIDED)


class Signal(TenantRow):
    """A departure of a brand from its own normal that people must look at.

    `severity_hint` runs from 1 (hardly) to 10 (gravest). `starts_at` is where the departure began, `seen_at` the end
    of the newest bin that still departs, `alarmed_at` the bin that alarmed last.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", db_index=False)
    kind = models.CharField(max_length=8, choices=SignalKind.choices)
    stage = models.CharField(max_length=10, choices=SignalStage.choices, default=SignalStage.OPEN)
    severity_hint = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField()
    alarmed_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    raised_at = models.DateTimeField()
    review_due_at = models.DateTimeField()
    reviewed_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, default="", blank=True)
    explanation = models.JSONField()
    page = TenantKey("alerting.Page", null=True)
    incident = TenantKey("incidents.Incident", null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(SignalQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "kind"],
                condition=Q(stage__in=["OPEN", "WATCHING"]),
                name="a_brand_has_one_open_signal_of_a_kind",
            ),
            models.CheckConstraint(
                name="an_activated_signal_has_an_incident", condition=~Q(stage="ACTIVATED") | Q(incident__isnull=False)
            ),
            models.CheckConstraint(
                name="a_severity_hint_runs_from_1_to_10", condition=Q(severity_hint__gte=1) & Q(severity_hint__lte=10)
            ),
        ]
        indexes = [
            models.Index(fields=["brand", "kind", "-raised_at"], name="detector_asks_for_last_signal"),
        ]
        triggers = [pgtrigger.FSM(name="signal_moves", field="stage", transitions=SIGNAL_LIFECYCLE.pairs())]
