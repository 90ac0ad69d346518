"""How a person wants to be told: their rules, their ways, and their quiet hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from alerting.models import ContactMethod, PersonalRules

LONGEST_QUIET = timedelta(hours=24)  # whatever windows are put together
GRAVE = 2  # severities up to this one pass every quiet hour


def proven_ways(seat_ids: Iterable[UUID]) -> dict[UUID, list[ContactMethod]]:
    """The ways of each seat whose owner has shown to read there, in the person's order; without one it is missing."""
    ways: dict[UUID, list[ContactMethod]] = {}
    for way in ContactMethod.objects.all().proven().filter(seat_id__in=list(seat_ids)).order_by("position"):
        ways.setdefault(way.seat_id, []).append(way)
    return ways


def rules_of(seat_id: UUID) -> PersonalRules:
    """A person's rules; who has never said any has those of a new row, which is not saved, of version 0."""
    found: PersonalRules | None = PersonalRules.objects.filter(seat_id=seat_id).first()
    return found or PersonalRules(id=seat_id, seat_id=seat_id, version=0)


def rules_by_seat(seat_ids: Iterable[UUID]) -> dict[UUID, PersonalRules]:
    """What each of these people has said; who has said nothing is missing."""
    return {rules.seat_id: rules for rules in PersonalRules.objects.filter(seat_id__in=list(seat_ids))}


def turns_of(
    ways: Sequence[ContactMethod], steps: Sequence[Mapping[str, Any]], at: datetime
) -> list[tuple[ContactMethod, datetime]]:
    """Each proven way that a person is told by, once, with its time; all of them now, when their steps name none."""
    known = {str(way.pk): way for way in ways}
    turns: dict[str, tuple[ContactMethod, datetime]] = {}
    due = at
    for step in steps:
        due += timedelta(minutes=step["wait_minutes"])
        for contact in step["contacts"]:
            if contact in known and contact not in turns:
                turns[contact] = (known[contact], due)
    return list(turns.values()) or [(way, at) for way in ways]


def heard_from(rules: PersonalRules | None, *, severity: int, due: datetime) -> datetime:
    """When a message that is due may reach its reader: at once, or when their quiet hours end."""
    if rules is None or severity <= GRAVE:
        return due
    return quiet_until(rules.quiet_hours, rules.time_zone, due) or due


def quiet_until(windows: Sequence[Mapping[str, Any]], time_zone: str, at: datetime) -> datetime | None:
    """The end of the quiet hours that an instant lies in, None outside of them. At most a day is quiet at a time."""
    zone, now = ZoneInfo(time_zone), at
    latest = at + LONGEST_QUIET
    while now < latest:
        ends = [end for window in windows if (end := _end_of(window, zone, now)) is not None]
        if not ends:
            break
        now = min(max(ends), latest)
    return now if now > at else None


def _end_of(window: Mapping[str, Any], zone: ZoneInfo, at: datetime) -> datetime | None:
    """When the window that an instant lies in ends. A window whose end is not later than its start goes past midnight
    and belongs to the day on which it starts.
    """
    starts, ends = time.fromisoformat(window["starts"]), time.fromisoformat(window["ends"])
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        last = day if ends > starts else day + timedelta(days=1)
        begin = datetime.combine(day, starts, zone).astimezone(UTC)
        end = datetime.combine(last, ends, zone).astimezone(UTC)
        if day.weekday() in window["days"] and begin <= at < end:
            return end
    return None
