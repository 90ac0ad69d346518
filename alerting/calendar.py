"""Duty as iCalendar (RFC 5545): written for calendar programs, and read from one that keeps a rota. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Event
from icalendar.prop import vText

MAKER: Final = "-//crisisapi//duty//EN"
MOST_EVENTS: Final = 5_000
REFRESH: Final = timedelta(minutes=30)


class NotACalendar(ValueError):
    """What was given is no iCalendar, or one that says too much. The message says which."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One stretch of duty for a calendar program. `uid` is the same whenever the same stretch is written."""

    uid: str
    starts_at: datetime
    ends_at: datetime
    summary: str


def written(shown: Iterable[Shown], *, name: str, at: datetime) -> bytes:
    """A calendar of these stretches, in UTC; the same stretches make the same bytes but for the time of writing."""
    calendar = Calendar()
    calendar.add("prodid", MAKER)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    for one in shown:
        event = Event()
        event.add("uid", one.uid)
        event.add("dtstamp", at.astimezone(UTC))
        event.add("dtstart", one.starts_at.astimezone(UTC))
        event.add("dtend", one.ends_at.astimezone(UTC))
        event.add("summary", one.summary)
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    raw: bytes = calendar.to_ical()
    return raw


@dataclass(frozen=True, slots=True)
class Said:
    """One stretch that a calendar says. `who` are the mail addresses in it, small; `uid` and `summary` name it."""

    uid: str
    summary: str
    who: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime


def read(raw: bytes, *, time_zone: str, since: datetime, until: datetime) -> list[Said]:
    """The stretches between two instants, repetitions unfolded, exceptions left out, in order.

    Times without a zone, and whole days, are of `time_zone`. Events that are cancelled are left out. Raises
    NotACalendar.
    """
    try:
        calendar = Calendar.from_ical(raw)
    except (ValueError, IndexError, KeyError) as wrong:
        raise NotACalendar(f"This is no iCalendar: {wrong}") from wrong
    if calendar.name != "VCALENDAR":
        raise NotACalendar("This is no iCalendar: it has no VCALENDAR.")
    zone = ZoneInfo(time_zone)
    found: list[Said] = []
    try:
        for event in recurring_ical_events.of(calendar, keep_recurrence_attributes=False).between(since, until):
            if str(event.get("STATUS", "")).upper() == "CANCELLED":
                continue
            found.append(_said(event, zone))
            if len(found) > MOST_EVENTS:
                raise NotACalendar(f"It says more than {MOST_EVENTS} stretches.")
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        if isinstance(wrong, NotACalendar):
            raise
        raise NotACalendar(f"Its events make no sense: {wrong}") from wrong
    return sorted((one for one in found if one.starts_at < one.ends_at), key=lambda one: (one.starts_at, one.uid))


def _said(event: Any, zone: ZoneInfo) -> Said:
    begin = event["DTSTART"].dt
    end = event["DTEND"].dt if "DTEND" in event else begin + timedelta(days=1)
    return Said(
        uid=str(event.get("UID", "")),
        summary=str(event.get("SUMMARY", "")),
        who=tuple(dict.fromkeys(_addresses(event))),
        starts_at=_instant(begin, zone),
        ends_at=_instant(end, zone),
    )


def _instant(when: date, zone: ZoneInfo) -> datetime:
    if not isinstance(when, datetime):
        when = datetime.combine(when, time(0))
    return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(UTC)


def _addresses(event: Any) -> Iterator[str]:
    """Of those who take part; where nobody does, what looks like an address in the summary."""
    given = event.get("ATTENDEE", [])
    attendees = [str(one) for one in (given if isinstance(given, list) else [given])]
    found = [one.lower().removeprefix("mailto:").strip() for one in attendees]
    if not found:
        summary: vText | str = event.get("SUMMARY", "")
        found = [word.strip("<>()[],;:\"'").lower() for word in str(summary).split() if "@" in word]
    yield from (one for one in found if one)


def uid_of(rota_id: UUID, starts_at: datetime) -> str:
    """A stretch of a rota is known by when it begins."""
    return f"{rota_id}-{starts_at.astimezone(UTC):%Y%m%dT%H%M%SZ}@crisisapi"
