"""Letters of other apps, which only say how they are written."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.wall import standing_agency
from jobs.actions import later


@transaction.atomic
def queue_letter(*, kind: str, thing_id: UUID, at: datetime) -> None:
    """A letter goes out by e-mail, at once."""
    later(
        "alerting.deliver_letter",
        key=f"{kind}:{thing_id}",
        agency_id=standing_agency(),
        at=at,
        args={"kind": kind, "thing_id": str(thing_id)},
    )
