"""Files that an agency keeps: their content lies in the store of files, once, whoever has put it there."""

from __future__ import annotations

import pgtrigger
from django.db import models

from core.wall import TenantRow


class StoredFile(TenantRow):
    """The content of a file. What it is for, and who may see it, is said by the rows that point here.

    It belongs to the agency: the same picture may stand in a library, in an incident and in a post. Nobody reaches it
    but through one of those. A content to which no row points any more is forgotten.
    """

    sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=80)  # its media type, told by its content
    size = models.PositiveIntegerField()  # bytes
    width = models.PositiveIntegerField(null=True)  # of a picture, in pixels
    height = models.PositiveIntegerField(null=True)
    path = models.CharField(max_length=200)  # in the store of files
    stored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "sha256"], name="an_agency_keeps_a_content_once"),
        ]
        triggers = [
            pgtrigger.Protect(name="stored_files_never_change", operation=pgtrigger.Update),
        ]
