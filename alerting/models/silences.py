"""What people do not want to be woken for, for a while."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow


class SilenceKind(models.TextChoices):
    SILENCE = "silence", "Silence"
    MAINTENANCE = "maintenance", "Maintenance"


class SilenceQuerySet(TenantQuerySet["Silence"]):
    def live(self) -> SilenceQuerySet:
        return self.filter(ended_at=None)


class Silence(TenantRow):
    """Pages that match it wake nobody; they are kept on its list. Never one of severity 1.

    What is empty matches everything: a brand of None every brand, no cause kinds every kind. `gravest` is the gravest
    severity that it swallows, 2 to 4.
    """

    brand_path = "brand_id"

    kind = models.CharField(max_length=11, choices=SilenceKind.choices, default=SilenceKind.SILENCE)
    brand = TenantKey("tenants.Brand", null=True)
    cause_kinds = ArrayField(models.CharField(max_length=48), default=list)
    topics = ArrayField(models.CharField(max_length=80), default=list)
    gravest = models.PositiveSmallIntegerField(default=2)
    reason = models.CharField(max_length=500)
    author = TenantKey("tenants.Seat", null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = TenantKey("tenants.Seat", null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(SilenceQuerySet)

    class Meta:
        constraints = [
            models.CheckConstraint(name="a_silence_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(
                name="a_silence_covers_severity_2_to_4", condition=Q(gravest__gte=2, gravest__lte=4)
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "ends_at"], condition=Q(ended_at=None), name="pages_ask_for_silences"),
        ]
