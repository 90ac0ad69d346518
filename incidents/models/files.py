"""Files of an incident, and the pictures that its words go out with."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantRow
from incidents.models.incident import Incident
from incidents.models.statement import StatementVersion


class IncidentFile(TenantRow):
    """A file on an incident's timeline. What it is called stays here; the ledger holds its digest."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    name = models.CharField(max_length=120)
    note = models.CharField(max_length=1000, default="", blank=True)  # what it shows; of a picture, its alt text
    file = TenantKey("tenants.StoredFile", null=True)  # None: it was removed
    kind = models.CharField(max_length=80)  # its media type
    size = models.PositiveIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    uploaded_sha256 = models.CharField(max_length=64)  # of what was sent, before a picture was made anew
    shared_with_client = models.BooleanField(default=False)
    author_seat_id = models.UUIDField(null=True)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="a_file_has_its_content_until_it_is_removed",
                condition=Q(removed_at=None, file__isnull=False) | Q(removed_at__isnull=False, file=None),
            ),
        ]
        indexes = [
            models.Index(fields=["incident", "id"], name="a_timeline_asks_for_files"),
            models.Index(fields=["file"], name="forgetting_asks_for_files"),
        ]


class StatementMedium(TenantRow):
    """A picture that a version of a statement goes out with: its content is kept as long as the version is."""

    brand_path = "brand_id"
    incident_path = "version__statement__incident_id"

    brand = TenantKey("tenants.Brand")
    version = TenantKey(StatementVersion)
    file = TenantKey("tenants.StoredFile")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "file"], name="a_version_keeps_a_content_once"),
        ]
        indexes = [models.Index(fields=["file"], name="forgetting_asks_for_media")]
