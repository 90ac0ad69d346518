"""Grants of roles, what they come to in single needs (stored by guardian), and API keys."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from guardian.models import UserObjectPermissionBase

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow, standing_agency


class GrantQuerySet(TenantQuerySet["Grant"]):
    def live(self) -> GrantQuerySet:
        return self.filter(withdrawn_at=None)


class Grant(TenantRow):
    """A seat holds a role: on the whole agency, or on one brand. Why, on whose word, and until when."""

    brand_path = "brand_id"

    seat = TenantKey("tenants.Seat")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)
    brand = TenantKey("tenants.Brand", null=True)
    reason = models.CharField(max_length=500)
    sponsor_id = models.UUIDField(null=True)  # the seat on whose word; null for the operator and for an owner's first
    granted_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(GrantQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seat", "role", "brand"],
                condition=Q(withdrawn_at=None),
                nulls_distinct=False,
                name="a_seat_holds_a_role_on_a_thing_once",
            )
        ]


class Reach(UserObjectPermissionBase):
    """One need that a person holds on one thing: guardian's row, inside the wall, with the instant it ends."""

    walled: ClassVar[bool] = True

    agency = models.ForeignKey(
        "tenants.Agency", on_delete=models.PROTECT, related_name="+", default=standing_agency, editable=False
    )
    ends_at = models.DateTimeField(null=True)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True


class BrandReach(Reach):
    content_object = TenantKey("tenants.Brand", on_delete=models.CASCADE)

    class Meta(Reach.Meta):
        abstract = False
        indexes = [
            models.Index(fields=["user", "permission", "content_object"], name="gate_asks_which_brands"),
        ]


class AgencyReach(Reach):
    content_object = models.ForeignKey("tenants.Agency", on_delete=models.CASCADE, related_name="+")

    class Meta(Reach.Meta):
        abstract = False


class ApiKey(TenantRow):
    """A key of an integration. The secret is stored hashed; the key never reaches further than its issuer does."""

    seat = TenantKey("tenants.Seat")
    seat_epoch = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=60, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    needs = ArrayField(models.CharField(max_length=40))
    brand_ids = ArrayField(models.UUIDField(), default=list, blank=True)  # empty: every brand that the issuer reaches
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
