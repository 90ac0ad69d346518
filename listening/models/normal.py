"""How much is said of a brand each minute, what is normal for it, and how it wants to be watched."""

from __future__ import annotations

from django.db import models

from core.wall import TenantKey, TenantRow
from listening.models.base import DenseRow, RealField


class Bucket(DenseRow):
    """What one minute of one brand held, from one source in one language. A minute without mentions has no row.

    Distinct authors are those of the row: summed over sources and languages they are an upper bound.
    """

    brand = TenantKey("tenants.Brand", db_index=False)
    minute = models.DateTimeField()
    source_id = models.UUIDField()
    language = models.CharField(max_length=12)
    volume = models.IntegerField()
    negative = models.IntegerField()
    reach = models.BigIntegerField()  # followers of the authors, one summand for each mention
    authors = models.IntegerField()  # distinct within the row
    loudest = models.BigIntegerField(default=0)  # the most followers that one of the authors has
    watched = models.IntegerField(default=0)  # mentions that hold a watched term

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "minute", "source_id", "language"], name="a_minute_is_counted_in_one_bucket"
            ),
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


class ListeningSettings(TenantRow):
    """How one brand wants to be watched; a brand without a row has the defaults.

    `detector` holds what differs from the detector's default settings, `calibration` what its own history and the
    reviews of its signals came to. `watched_terms` are added to the built-in ones.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    false_alarms_per_month = RealField(default=1.0)
    monitor_only = models.BooleanField(default=False)  # signals are listed and wake nobody
    detector = models.JSONField(default=dict, blank=True)
    calibration = models.JSONField(default=dict, blank=True)
    watched_terms = models.JSONField(default=list, blank=True)
    quorum = models.JSONField(default=dict, blank=True)  # severity ("1".."4") -> people who must agree to end it
    review_minutes = models.JSONField(default=dict, blank=True)  # severity -> minutes in which to decide
    retention_days = models.PositiveIntegerField(default=395)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand"], name="a_brand_is_watched_in_one_way"),
            models.CheckConstraint(
                name="a_budget_is_between_none_and_one_a_day",
                condition=models.Q(false_alarms_per_month__gt=0, false_alarms_per_month__lte=30),
            ),
            models.CheckConstraint(
                name="mentions_are_kept_a_month_to_five_years",
                condition=models.Q(retention_days__gte=30, retention_days__lte=1830),
            ),
        ]


class ExpectedEvent(TenantRow):
    """Something for which people will talk: a launch, a match, a campaign.

    Between the two instants `factor` times the normal is expected, and less than that alarms nobody.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    name = models.CharField(max_length=120)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    factor = RealField(default=3.0)
    cancelled_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="an_event_ends_after_it_starts", condition=models.Q(ends_at__gt=models.F("starts_at"))
            ),
            models.CheckConstraint(
                name="an_event_multiplies_by_1_to_1000", condition=models.Q(factor__gte=1, factor__lte=1000)
            ),
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


class Backtest(TenantRow):
    """What some settings would have raised in the past. `result` is null until a worker has replayed it."""

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    settings = models.JSONField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    problem = models.CharField(max_length=200, default="", blank=True)
