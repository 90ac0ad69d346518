"""Files on an incident's timeline: put there, and taken away."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.files.contents import safe_name
from core.ids import uuid7
from core.refusals import Refusal
from core.wall import standing_agency
from incidents.models import Incident, IncidentFile
from ledger.actions import record
from tenants.actions.files import store_file

MOST_FILES: Final = 500  # of one incident


class TooManyFiles(Refusal):
    """Fact `most`."""

    code = "too_many_files"
    title = "This incident has as many files as it can have."


class FileRemoved(Refusal):
    """Fact `removed_at`."""

    code = "file_removed"
    title = "This file was taken away."


@transaction.atomic
def add_incident_file(
    *,
    incident_id: UUID,
    content: bytes,
    name: str,
    note: str = "",
    shared_with_client: bool = False,
    by: Actor,
    at: datetime,
) -> IncidentFile:
    """Put a file on the timeline; `note` says what it shows. The name gets an ending that its content bears out.

    Raises TooManyFiles (409), and what `store_file` refuses.
    """
    incident: Incident = Incident.objects.locked(incident_id)
    if IncidentFile.objects.filter(incident=incident, removed_at=None).count() >= MOST_FILES:
        raise TooManyFiles(most=MOST_FILES)
    stored = store_file(content=content, at=at)
    file = IncidentFile(
        id=uuid7(),
        agency_id=standing_agency(),
        brand_id=incident.brand_id,
        incident=incident,
        name=safe_name(name, stored.kind),
        note=note,
        file=stored,
        kind=stored.kind,
        size=stored.size,
        sha256=stored.sha256,
        uploaded_sha256=hashlib.sha256(content).hexdigest(),
        shared_with_client=shared_with_client,
        author_seat_id=by.seat_id,
        added_at=at,
    )
    file.save(force_insert=True)
    record("file.added", on=file, by=by, at=at, kind=file.kind, size=file.size, sha256=file.sha256)
    return file


@transaction.atomic
def remove_incident_file(*, file_id: UUID, reason: str, by: Actor, at: datetime) -> IncidentFile:
    """Take a file away: its content can be had no more, and is forgotten unless something else needs it.

    That it was there, what it was called and who took it away stays. Raises FileRemoved (409).
    """
    file: IncidentFile = IncidentFile.objects.locked(file_id)
    if file.removed_at is not None:
        raise FileRemoved(removed_at=file.removed_at)
    file.file, file.removed_at = None, at
    file.save(update_fields=["file", "removed_at"])
    record("file.removed", on=file, by=by, at=at, sha256=file.sha256, reason=reason)
    return file
