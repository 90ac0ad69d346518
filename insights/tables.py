"""The report as tables: one part of it at a time, as CSV. The timeline comes whole, however long it is, in pieces."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any, Final
from uuid import UUID

from core.wall import inside
from incidents.models import Incident
from insights.queries.story import entries_after
from permissions.tables import cell

Row = Sequence[Any]
TIMELINE: Final = "timeline"
POINT: Final = ("at", "volume", "negative", "reach", "authors", "expected", "low", "high", "negative_share")
TIMELINE_COLUMNS: Final = ("seq", "at", "name", "text", "actor", "actor_kind", "note", "reason")


Table = tuple[tuple[str, ...], Callable[[dict[str, Any]], Iterable[Row]]]


def _flat(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> list[list[Any]]:
    return [[row[column] for column in columns] for row in rows]


def _list(key: str, *columns: str) -> Table:
    """A list of the report that is a table already."""
    return columns, lambda report: _flat(columns, report[key])


def _numbers(report: dict[str, Any]) -> Iterable[Row]:
    return sorted(report["numbers"].items())


def _statements(report: dict[str, Any]) -> Iterable[Row]:
    for found in report["statements"]:
        agreed = [voice for voice in found["voices"] if voice["verdict"] == "approve" and voice["of_these_words"]]
        people = "; ".join(f"{voice['stage']}: {voice['person'] or 'somebody'}" for voice in agreed)
        bypass = "; ".join(" and ".join(one or "somebody" for one in made["people"]) for made in found["bypasses"])
        for part in found["texts"]:
            yield (
                found["title"], found["kind"], found["stage"], found["version"], found["language"], part["account"],
                part["network"], part["text"], part["published_at"], people, bypass, found["digest"],
            )  # fmt: skip


def _review(report: dict[str, Any]) -> Iterable[Row]:
    postmortem = report["postmortem"] or {"sections": {}, "ratings": {"questions": []}, "lessons": []}
    for name, text in postmortem["sections"].items():
        yield "section", name, text, None, None
    for rated in postmortem["ratings"]["questions"]:
        if rated["average"] is not None:
            yield "rating", rated["question"], f"{rated['average']:.1f}", None, None
    for lesson in postmortem["lessons"]:
        yield "improvement", None, lesson["text"], lesson["owner"], lesson["due_on"]


PARTS: Final[dict[str, Table]] = {
    "clocks": _list("clocks", "kind", "minutes", "started_at", "due_at", "met_at", "state"),
    "decisions": _list("decisions", "at", "text", "reason", "by"),
    "duties": _list("duties", "duty", "holder", "deputy"),
    "marks": _list("marks", "at", "name", "label"),
    "numbers": (("name", "value"), _numbers),
    "pauses": _list(
        "pauses", "reason", "scope", "started_at", "started_by", "effective_at", "lifted_at", "lift_reason", "held"
    ),
    "review": (("kind", "name", "text", "owner", "due_on"), _review),
    "series": (POINT, lambda report: _flat(POINT, report["series"]["points"])),
    "severity": _list("severity", "at", "severity", "by", "reason"),
    "statements": (
        (
            "title", "kind", "stage", "version", "language", "account", "network", "text", "published_at",
            "approved_by", "bypassed_by", "digest",
        ),
        _statements,
    ),
    "tasks": _list("tasks", "title", "duty", "stage", "due_at", "finished_at"),
}  # fmt: skip


def table_of(report: dict[str, Any], part: str) -> bytes:
    """One part of a report as CSV (RFC 4180, UTF-8)."""
    columns, rows = PARTS[part]
    return _written(columns, rows(report))


def timeline_lines(incident_id: UUID, *, agency_id: UUID, audience: str, at: datetime) -> Iterator[bytes]:
    """The whole timeline as CSV. Each piece is read in a short transaction of its own, while the last is on its way."""
    yield _written(TIMELINE_COLUMNS, [])
    after: int | None = 0
    while after is not None:
        with inside(agency_id):
            incident: Incident = Incident.objects.found(incident_id)
            entries, after = entries_after(incident, internal=audience == "staff", at=at, after=after)
        yield _written(None, _flat(TIMELINE_COLUMNS, entries))


def _written(columns: Sequence[str] | None, rows: Iterable[Row]) -> bytes:
    text = StringIO()
    writer = csv.writer(text)
    if columns is not None:
        writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()
