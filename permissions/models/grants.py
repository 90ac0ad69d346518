"""Grants of roles, and what they come to in single needs, stored by guardian."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from guardian.models import UserObjectPermissionBase

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow, standing_agency


def holds_at(at: datetime) -> Q:
    """Begun and not over: exact to the instant, whatever the workers are doing."""
    return (Q(starts_at=None) | Q(starts_at__lte=at)) & (Q(ends_at=None) | Q(ends_at__gt=at))


class GrantQuerySet(TenantQuerySet["Grant"]):
    def live(self) -> GrantQuerySet:
        """Those that nobody has withdrawn; some may not have begun, some may be over."""
        return self.filter(withdrawn_at=None)

    def counting(self, at: datetime) -> GrantQuerySet:
        """Those that give something at this instant."""
        return self.live().filter(holds_at(at))

    def lasting(self, at: datetime) -> GrantQuerySet:
        """Those that give something now or will: neither withdrawn nor over."""
        return self.live().filter(Q(ends_at=None) | Q(ends_at__gt=at))


class Grant(TenantRow):
    """A seat holds a role: on the whole agency, on one brand, or on one incident. Why, on whose word, and when."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    seat = TenantKey("tenants.Seat")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)
    brand = TenantKey("tenants.Brand", null=True)
    incident = TenantKey("incidents.Incident", null=True)
    reason = models.CharField(max_length=500)
    sponsor_id = models.UUIDField(null=True)  # the seat on whose word; null for the operator and for an owner's first
    granted_at = models.DateTimeField()
    starts_at = models.DateTimeField(null=True)  # null: from the moment it was granted
    ends_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1, db_default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(GrantQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seat", "role", "brand", "incident"],
                condition=Q(withdrawn_at=None),
                nulls_distinct=False,
                name="a_seat_holds_a_role_on_one_thing_once",
            ),
            models.CheckConstraint(
                name="a_grant_is_on_a_brand_or_an_incident", condition=Q(brand=None) | Q(incident=None)
            ),
        ]
        indexes = [models.Index(fields=["agency", "brand"], name="matrix_asks_by_brand")]


class Reach(UserObjectPermissionBase):
    """One need that a person holds on one thing through one grant: guardian's row, inside the wall, with its times.

    The key has a name from the other side, `reach`: that is how guardian's own questions find these tables.
    """

    walled: ClassVar[bool] = True

    agency = models.ForeignKey(
        "tenants.Agency", on_delete=models.PROTECT, related_name="+", default=standing_agency, editable=False
    )
    grant = TenantKey(Grant, null=True, on_delete=models.CASCADE)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True
        # Two grants may give the same need for different times; each has its own row.
        unique_together = []


class BrandReach(Reach):
    content_object = TenantKey("tenants.Brand", on_delete=models.CASCADE, related_name="reach")

    class Meta(Reach.Meta):
        abstract = False
        indexes = [
            models.Index(fields=["user", "permission", "content_object"], name="gate_asks_which_brands"),
        ]


class AgencyReach(Reach):
    content_object = models.ForeignKey("tenants.Agency", on_delete=models.CASCADE, related_name="reach")

    class Meta(Reach.Meta):
        abstract = False


class IncidentReach(Reach):
    """What a person holds on one incident by a grant on it: the only door to one that is restricted."""

    content_object = TenantKey("incidents.Incident", on_delete=models.CASCADE, related_name="reach")

    class Meta(Reach.Meta):
        abstract = False
        indexes = [
            models.Index(fields=["user", "permission", "content_object"], name="gate_asks_which_incidents"),
        ]
