"""Agencies, the brands they look after, and the accounts they do it with."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from core.ids import uuid7
from core.sealed import SealedJSONField
from core.wall import TenantKey, TenantRow
from permissions.needs import AS_PERMISSIONS
from tenants.states import BRAND_LIFECYCLE, BrandStage, Health


class Agency(models.Model):
    """A tenant. Global: signing in looks it up by its slug before any wall stands."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC")
    requires_second_factor = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        default_permissions = ()
        permissions = AS_PERMISSIONS


class Brand(TenantRow):
    """A client's brand: the door that grants open."""

    brand_path = "id"

    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC")
    locale = models.CharField(max_length=12, default="en")
    sector = models.CharField(max_length=60, default="", blank=True)
    stage = models.CharField(
        max_length=8, choices=BrandStage.choices, default=BrandStage.ACTIVE, db_default=BrandStage.ACTIVE.value
    )
    drill_of = TenantKey("self", null=True)  # a twin on which this brand's plan is tried out
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        default_permissions = ()
        permissions = AS_PERMISSIONS
        constraints = [
            models.UniqueConstraint(fields=["agency", "slug"], name="a_slug_names_one_brand_of_an_agency"),
        ]
        triggers = [pgtrigger.FSM(name="brand_moves", field="stage", transitions=BRAND_LIFECYCLE.pairs())]


class SocialAccount(TenantRow):
    """A brand's account on a network. Its credentials are sealed and no answer ever shows them."""

    brand_path = "brand_id"

    brand = TenantKey(Brand)
    network = models.CharField(max_length=32)
    handle = models.CharField(max_length=120)
    credentials = SealedJSONField(null=True)
    # What the last call to the network with these credentials showed.
    health = models.CharField(
        max_length=12, choices=Health.choices, default=Health.UNKNOWN, db_default=Health.UNKNOWN.value
    )
    health_detail = models.CharField(max_length=300, default="", db_default="", blank=True)
    health_checked_at = models.DateTimeField(null=True)
    connected_at = models.DateTimeField()
    connected_by_id = models.UUIDField(null=True)  # the seat whose own log-in at the network was used
    credentials_set_at = models.DateTimeField(null=True)  # the age of the token; null: since it was connected
    disconnected_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "network", "handle"],
                condition=Q(disconnected_at=None),
                name="an_account_is_connected_once",
            ),
        ]
