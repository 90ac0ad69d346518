"""Reads an iCalendar that somebody wrote, repetitions unfolded: a program of its own, started by `calendar.read`.

Some of what the format allows never ends (a rule that matches no day), takes more memory than there is (a turn each
second), or is kept by the library for whoever comes next (a time zone of one's own). So it happens in a process that
knows no secrets, may use so much and no more, and is gone afterwards. It asks on its standard input and answers on its
standard output, both JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

MOST_EVENTS: Final = 5_000
CPU_SECONDS: Final = 8
MEMORY_BYTES: Final = 1 << 30
TOO_OFTEN: Final = {"SECONDLY", "MINUTELY"}
SAY_WHEN: Final = ("DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE")
MUST_BE_CLEAR: Final = {*SAY_WHEN, "DURATION", "RRULE", "ATTENDEE", None}


class NotACalendar(ValueError):
    """What was given is no iCalendar, or one that says too much. The message says which."""


def unfold(text: str, *, time_zone: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """What it says between two instants: {"uid", "summary", "who": [address, …], "starts_at", "ends_at"}, in order.

    Events that are cancelled, or last no time, are left out. Raises NotACalendar.
    """
    try:
        calendar = Calendar.from_ical(text.encode())
    except (ValueError, IndexError, KeyError) as wrong:
        raise NotACalendar(f"This is no iCalendar: {wrong}") from wrong
    if calendar.name != "VCALENDAR":
        raise NotACalendar("This is no iCalendar: it has no VCALENDAR.")
    zone = ZoneInfo(time_zone)
    _require_clear(calendar)
    found: list[dict[str, Any]] = []
    try:
        for event in recurring_ical_events.of(calendar, keep_recurrence_attributes=False).between(since, until):
            begin, end = _instant(event["DTSTART"].dt, zone), _instant(event["DTEND"].dt, zone)
            if str(event.get("STATUS", "")).upper() != "CANCELLED" and begin < end:
                found.append(
                    {
                        "uid": str(event.get("UID", "")),
                        "summary": _summary(event),
                        "who": list(dict.fromkeys(_addresses(event))),
                        "starts_at": begin.isoformat(),
                        "ends_at": end.isoformat(),
                    }
                )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as wrong:
        raise NotACalendar(f"Its events make no sense: {wrong}") from wrong
    if len(found) > MOST_EVENTS:
        raise NotACalendar(f"It says more than {MOST_EVENTS} stretches.")
    return sorted(found, key=lambda one: (one["starts_at"], one["uid"]))


def _require_clear(calendar: Any) -> None:
    """The library passes over what it cannot read, and then nobody would be on call. We refuse it."""
    events = calendar.walk("VEVENT")
    if len(events) > MOST_EVENTS:
        raise NotACalendar(f"It has more than {MOST_EVENTS} events.")
    uids = Counter(str(event["UID"]) for event in events if "UID" in event and "RECURRENCE-ID" not in event)
    twice = [uid for uid, times in uids.items() if times > 1]
    if twice:
        raise NotACalendar(f"Several events have the UID {twice[0]!r}; only one of them would count.")
    for event in events:
        named = f"The event {_summary(event)[:80]!r}"
        unread = [str(problem) for name, problem in event.errors if name in MUST_BE_CLEAR]
        if unread:
            raise NotACalendar(f"{named} cannot be read: {unread[0]}")
        if "DTSTART" not in event:
            raise NotACalendar(f"{named} does not say when it starts.")
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            if TOO_OFTEN & {str(often).upper() for often in rule.get("FREQ", [])}:
                raise NotACalendar(f"{named} is repeated more often than each hour.")
        for name in SAY_WHEN:
            for unknown in _unknown_zones(event.get(name, [])):
                raise NotACalendar(f"{named} names a time zone that is not known: {unknown}")


def _unknown_zones(said: Any) -> Iterator[str]:
    """Names of zones that the library passed over: then it takes the time for one without a zone."""
    for one in said if isinstance(said, list) else [said]:
        name = one.params.get("TZID")
        times = [each.dt for each in getattr(one, "dts", [one])]
        for when in (moment[0] if isinstance(moment, tuple) else moment for moment in times):
            if name and isinstance(when, datetime) and when.tzinfo is None:
                yield str(name)


def _summary(event: Any) -> str:
    said = event.get("SUMMARY", "")
    return str(said[0] if isinstance(said, list) else said)


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
        found = [word.strip("<>()[],;:\"'").lower() for word in _summary(event).split() if "@" in word]
    yield from (one for one in found if one)


def main() -> None:
    """Answer {"said": […]} or {"problem": "…"}; ended by the system when it takes more than its share."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    asked = json.load(sys.stdin)
    since, until = (datetime.fromisoformat(asked[name]) for name in ("since", "until"))
    try:
        said = unfold(asked["text"], time_zone=asked["time_zone"], since=since, until=until)
        answer: dict[str, Any] = {"said": said}
    except NotACalendar as problem:
        answer = {"problem": str(problem)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
