"""What an agency lays down about rights: its own roles, and what nobody may hold or see, whatever they were granted."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow


class CustomRole(TenantRow):
    """A role that an agency made for itself; used by its slug wherever a built-in role is."""

    slug = models.SlugField(max_length=40)
    label = models.CharField(max_length=120)
    side = models.CharField(max_length=6, choices=[("staff", "Staff"), ("client", "Client")])
    needs = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "slug"], name="a_slug_names_one_role_of_an_agency"),
        ]


class SeparationRule(TenantRow):
    """Separation of duties: nobody holds two of these roles on one brand. Agency-wide roles are held on every brand."""

    name = models.CharField(max_length=120)
    roles = ArrayField(models.CharField(max_length=40))
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)


class DenyRuleQuerySet(TenantQuerySet["DenyRule"]):
    def live(self) -> DenyRuleQuerySet:
        return self.filter(lifted_at=None)


class DenyRule(TenantRow):
    """Who never reaches a brand, whatever they were granted.

    With a seat: this person reaches none of the brands. Without: the brands are rivals. Whoever holds a role on one
    of them reaches none of the others, and a role on the whole agency opens none of them, but for owner and admin.
    """

    seat = TenantKey("tenants.Seat", null=True)
    brand_ids = ArrayField(models.UUIDField())
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(DenyRuleQuerySet)


class Restriction(TenantRow):
    """An incident that only its own grants, and the owner, open."""

    incident = TenantKey("incidents.Incident")
    reason = models.CharField(max_length=500)
    restricted_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident"], condition=Q(lifted_at=None), name="an_incident_is_restricted_once"
            )
        ]
