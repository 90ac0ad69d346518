"""Who asked to be forgotten, and how far it has gone."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from core.sealed import SealedTextField
from core.wall import TenantKey, TenantRow


class Erasure(TenantRow):
    """Emptying what one author said, day by day, or mentions that somebody named.

    `handle` is kept only as long as it is looked for, and sealed. `reached` is the id down to which everything has
    been looked at. Without a brand it is done on all brands of the agency.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", null=True)
    network = models.CharField(max_length=20, default="", blank=True)  # empty: on every network
    handle = SealedTextField(null=True)
    reached = models.UUIDField(null=True)
    erased = models.PositiveIntegerField(default=0)
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="a_finished_erasure_has_forgotten_whom", condition=Q(finished_at=None) | Q(handle__isnull=True)
            ),
        ]
