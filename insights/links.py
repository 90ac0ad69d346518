"""Signed links to a report: what they say, and whether they still open anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.core import signing

SALT = "insights.report"
LONGEST = timedelta(hours=24)
LONGEST_TOKEN = 1_000


@dataclass(frozen=True, slots=True)
class ReportLink:
    """Which report, on whose word, for whom to read, until when.

    `seat_epoch` is the seat's `auth_epoch` when the link was made: ending or resetting the seat ends the link.
    `key_id` is the API key that made it, None for a person. `audience` is staff or client.
    """

    agency_id: UUID
    incident_id: UUID
    seat_id: UUID
    seat_epoch: int
    key_id: UUID | None
    audience: str
    expires_at: datetime

    def token(self) -> str:
        said = [
            self.agency_id.hex,
            self.incident_id.hex,
            self.seat_id.hex,
            self.seat_epoch,
            self.key_id.hex if self.key_id else "",
            self.audience,
            int(self.expires_at.timestamp()),
        ]
        return signing.dumps(said, salt=SALT)


def opened(token: str, *, at: datetime) -> ReportLink | None:
    """What a token says; None when it was not made by us or its time is over."""
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        agency, incident, seat, epoch, key, audience, expires = signing.loads(token, salt=SALT, max_age=LONGEST)
    except signing.BadSignature:
        return None
    link = ReportLink(
        agency_id=UUID(hex=agency),
        incident_id=UUID(hex=incident),
        seat_id=UUID(hex=seat),
        seat_epoch=epoch,
        key_id=UUID(hex=key) if key else None,
        audience=audience,
        expires_at=datetime.fromtimestamp(expires, tz=UTC),
    )
    return link if at < link.expires_at else None
