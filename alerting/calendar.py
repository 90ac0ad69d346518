"""Duty as iCalendar (RFC 5545): written for calendar programs, and read from one that keeps a rota."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from icalendar import Calendar, Event

from alerting import unfolding
from alerting.unfolding import NotACalendar

__all__ = ["NotACalendar", "Said", "Shown", "read", "uid_of", "written"]

MAKER: Final = "-//crisisapi//duty//EN"
REFRESH: Final = timedelta(minutes=30)
ROOT: Final = Path(__file__).resolve().parent.parent
LONGEST_READING: Final = timedelta(seconds=20)


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


def uid_of(rota_id: UUID, starts_at: datetime) -> str:
    """A stretch of a rota is known by when it begins."""
    return f"{rota_id}-{starts_at.astimezone(UTC):%Y%m%dT%H%M%SZ}@crisisapi"


@dataclass(frozen=True, slots=True)
class Said:
    """One stretch that a calendar says. `who` are the mail addresses in it, small; `uid` and `summary` name it."""

    uid: str
    summary: str
    who: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime


def read(text: str, *, time_zone: str, since: datetime, until: datetime) -> list[Said]:
    """The stretches between two instants, repetitions unfolded, exceptions left out, in order.

    Times without a zone, and whole days, are of `time_zone`. Events that are cancelled are left out. Raises
    NotACalendar, also for one that takes more than 8 s or 1 GB to read.
    """
    asked = {"text": text, "time_zone": time_zone, "since": since.isoformat(), "until": until.isoformat()}
    command = [sys.executable, "-m", unfolding.__name__]
    try:
        done = subprocess.run(  # noqa: S603 - our own program; what somebody wrote goes to its standard input
            command,
            input=json.dumps(asked).encode(),
            capture_output=True,
            cwd=ROOT,
            env={},
            timeout=LONGEST_READING.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise NotACalendar("It takes too long to read: its rules repeat too much.") from late
    if done.returncode != 0:
        raise NotACalendar("It takes too much time or memory to read, or makes no sense.")
    answer = json.loads(done.stdout)
    if "problem" in answer:
        raise NotACalendar(answer["problem"])
    return [
        Said(
            uid=one["uid"],
            summary=one["summary"],
            who=tuple(one["who"]),
            starts_at=datetime.fromisoformat(one["starts_at"]),
            ends_at=datetime.fromisoformat(one["ends_at"]),
        )
        for one in answer["said"]
    ]
