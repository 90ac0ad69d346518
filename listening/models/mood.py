"""What people say that the mood of a mention is, and what the scorer learns from it."""

from __future__ import annotations

from django.db import models

from core.wall import TenantKey, TenantRow
from listening.models.base import RealField
from listening.models.mentions import MoodLabel


class MoodCorrection(TenantRow):
    """A person's word against the scorer's. The last one of a mention counts.

    `text` is kept because the lexicon is learned from it; it is erased together with the mention's.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", db_index=False)
    mention_id = models.UUIDField()
    was = models.CharField(max_length=8, choices=MoodLabel.choices)
    label = models.CharField(max_length=8, choices=MoodLabel.choices)
    scorer = models.CharField(max_length=60)  # whose label it was
    language = models.CharField(max_length=12)
    text = models.TextField()
    seat = TenantKey("tenants.Seat", null=True)
    corrected_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "mention_id"], name="a_mention_has_one_correction"),
        ]


class BrandLexicon(TenantRow):
    """How one brand's words differ in mood from everybody's: immutable, numbered, and used from `adopted_at` on.

    `agreement_before` and `agreement_after` are shares of the corrections that the scorer agrees with, without and
    with it, measured on corrections that it did not learn from.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", db_index=False)
    number = models.PositiveIntegerField()
    base = models.CharField(max_length=40)  # name and version of the scorer that it stands upon
    weights = models.JSONField()  # token -> additions to the log odds of negative, neutral, positive
    corrections = models.PositiveIntegerField()
    agreement_before = RealField()
    agreement_after = RealField()
    made_at = models.DateTimeField()
    adopted_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    retired_because = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "number"], name="a_lexicon_of_a_brand_has_one_number"),
            models.UniqueConstraint(
                fields=["brand"],
                condition=models.Q(adopted_at__isnull=False, retired_at=None),
                name="a_brand_uses_one_lexicon",
            ),
        ]
