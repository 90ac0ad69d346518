"""How a brand is watched: its settings as the detector takes them, its calendar, and how fast people must decide."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from listening.detector import Event, Settings
from listening.models import ExpectedEvent, ListeningSettings

# What a brand may change of the detector's own settings.
OWN: Final = (
    "least_mentions", "least_ratio", "mood_least_mentions", "mood_least_rise", "influential_reach", "watched_least",
    "muted",
)  # fmt: skip
REVIEW_MINUTES: Final = {1: 5, 2: 15, 3: 30, 4: 60}
# So many people must agree that a grave signal is none.
QUORUM: Final = {1: 2, 2: 2, 3: 1, 4: 1}


def watched_as(brand_id: UUID) -> ListeningSettings:
    """The brand's row, or one of defaults that is not stored; its id is the brand's, its version then 0."""
    row: ListeningSettings | None = ListeningSettings.objects.filter(brand_id=brand_id).first()
    return row or ListeningSettings(id=brand_id, brand_id=brand_id, version=0)


def settings_of(row: ListeningSettings) -> Settings:
    """The detector's settings; raises ValueError for what they may not be."""
    own = {name: value for name, value in row.detector.items() if name in OWN}
    return Settings(
        **{
            "false_alarms_per_month": row.false_alarms_per_month,
            "alarm_score_shift": float(row.calibration.get("shift", 0.0)),
            **own,
            "muted": frozenset(own.get("muted", ())),
        }
    )


def shown_settings(row: ListeningSettings) -> dict[str, Any]:
    """All of the detector's settings that a brand may change, with their defaults, as JSON values."""
    settings = settings_of(row)
    shown = {name: getattr(settings, name) for name in OWN}
    return {**shown, "muted": sorted(settings.muted)}


def events_of(brand_id: UUID, start: datetime, end: datetime) -> list[Event]:
    """What is expected of the brand between two instants."""
    rows = ExpectedEvent.objects.filter(brand_id=brand_id, cancelled_at=None, starts_at__lt=end, ends_at__gt=start)
    return [Event(row.starts_at, row.ends_at, float(row.factor)) for row in rows.order_by("starts_at", "id")]


def review_within(row: ListeningSettings, severity: int) -> timedelta:
    """In what time people must have decided on a signal of a severity of 1 (the worst) to 4."""
    return timedelta(minutes=int(row.review_minutes.get(str(severity), REVIEW_MINUTES[severity])))


def people_needed(row: ListeningSettings, severity: int) -> int:
    """How many people must agree before a signal of this severity is dismissed or handled one by one."""
    return int(row.quorum.get(str(severity), QUORUM[severity]))
