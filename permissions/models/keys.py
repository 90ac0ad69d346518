"""API keys of integrations."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from core.wall import TenantKey, TenantRow


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
    networks = ArrayField(models.CharField(max_length=50), default=list, blank=True)  # CIDR; empty: from anywhere
    rate_per_minute = models.PositiveIntegerField(default=600, db_default=600)
    replaces_id = models.UUIDField(null=True)  # the key that this one took over from
    exposed_at = models.DateTimeField(null=True)  # when it was seen where a key must never be, such as in an address
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
