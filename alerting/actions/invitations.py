"""The letter that carries an invitation."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.wall import standing_agency
from jobs.actions import later


@transaction.atomic
def queue_invitation_letter(*, invitation_id: UUID, at: datetime) -> None:
    """The invitation goes out by e-mail, at once."""
    key = str(invitation_id)
    later(
        "alerting.deliver_invitation",
        key=key,
        agency_id=standing_agency(),
        at=at,
        args={"invitation_id": key},
    )
