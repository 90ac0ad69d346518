"""What happened in an incident, in order: the events that a report tells, in words, with notes and names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from incidents.models import Incident, Note
from incidents.queries import timeline_of
from incidents.states import NoteKind
from insights.words import in_words
from ledger.models import Event
from permissions.models import ApiKey
from tenants.models import Seat

MOST_EVENTS = 1_000
MOST_MARKS = 200
CHUNK = 1_000
# What happened to the brand's posts while the crisis lasted belongs to its story.
OF_THE_BRAND = ("post.takedown_requested", "post.taken_down", "post.takedown_failed")
# Machinery that a reader of a report does not miss; the audit trail has it.
LEFT_OUT = ("page.notification_sent", "page.notification_failed", "report.shared", "clock.started", "post.sending")
# The decisions that are drawn into the charts.
MARKED = {
    "signal.raised": "Signal raised",
    "page.acknowledged": "Acknowledged",
    "incident.activated": "Activated",
    "pause.started": "Posts paused",
    "statement.released": "Statement released",
    "statement.published": "Statement published",
    "post.taken_down": "Post taken down",
    "incident.contained": "Contained",
    "pause.lifted": "Pause lifted",
    "incident.resolved": "Resolved",
    "incident.reopened": "Reopened",
    "incident.stood_down": "Stood down",
}
# How grave it was, and who said so.
OF_SEVERITY = ("incident.opened", "incident.activated", "incident.severity_changed")
SAID_ONCE = {*MARKED, *OF_SEVERITY, "incident.noted"}


def events_of(incident: Incident, *, at: datetime) -> tuple[list[Event], list[Event], bool]:
    """The story's first events in order, those of them that marks are made of, and whether there are more events.

    However long the story is, the second list reaches to its end.
    """
    chosen = _story(incident, at=at)
    events = list(chosen[: MOST_EVENTS + 1])
    if len(events) <= MOST_EVENTS:
        return events, [event for event in events if event.name in SAID_ONCE], False
    return events[:MOST_EVENTS], list(chosen.filter(name__in=SAID_ONCE)[:MOST_EVENTS]), True


def _story(incident: Incident, *, at: datetime) -> QuerySet[Event, Event]:
    end = incident.resolved_at or at
    meanwhile = Event.objects.filter(
        brand_id=incident.brand_id, name__in=OF_THE_BRAND, at__gte=incident.opened_at, at__lte=end
    )
    own = timeline_of(incident).exclude(name__in=LEFT_OUT)
    chosen: QuerySet[Event, Event] = (own | meanwhile).order_by("seq")
    return chosen


def notes_of(incident: Incident, *, internal: bool) -> QuerySet[Note, Note]:
    """What people wrote; for a client's reader what was shared with them."""
    notes: QuerySet[Note, Note] = Note.objects.filter(incident=incident)
    return notes if internal else notes.filter(shared_with_client=True)


def marks_of(events: Iterable[Event], notes: Mapping[UUID, Note]) -> list[dict[str, Any]]:
    """The decisions of a story, as they are drawn into charts."""
    marks = []
    for event in events:
        label = MARKED.get(event.name)
        note = notes.get(event.subject_id)
        if note is not None and note.kind == NoteKind.DECISION:
            label = f"Decision: {note.text}"[:80]
        if event.name == "statement.released" and event.facts["fast_lane"]:
            label = "Holding statement released"
        if label is not None:
            marks.append({"at": event.at, "name": event.name, "label": label})
    return marks[:MOST_MARKS]


def severities_of(events: Iterable[Event], names: Mapping[UUID | None, str]) -> list[dict[str, Any]]:
    """How grave it was said to be, by whom and why: where it began, and each change."""
    said: list[dict[str, Any]] = []
    for event in events:
        if event.name not in OF_SEVERITY:
            continue
        severity = event.facts.get("severity", event.facts.get("after"))
        if not said or said[-1]["severity"] != severity:
            said.append(
                {
                    "at": event.at,
                    "severity": severity,
                    "by": names.get(event.actor_id) or event.actor_name,
                    "reason": event.facts.get("reason", ""),
                }
            )
    return said


def decisions_of(
    events: Iterable[Event], names: Mapping[UUID | None, str], notes: Mapping[UUID, Note]
) -> list[dict[str, Any]]:
    """What was decided in words, by whom and why."""
    found = []
    for event in events:
        note = notes.get(event.subject_id)
        if event.name == "incident.noted" and note is not None and note.kind == NoteKind.DECISION:
            by = names.get(event.actor_id) or event.actor_name
            found.append({"at": note.written_at, "text": note.text, "reason": note.reason, "by": by})
    return found


def entries_of(
    events: Iterable[Event], names: Mapping[UUID | None, str], notes: Mapping[UUID, Note]
) -> list[dict[str, Any]]:
    """Events as a reader sees them. A note that the reader may not see leaves no trace."""
    return [
        _entry(event, names, notes) for event in events if event.name != "incident.noted" or event.subject_id in notes
    ]


def _entry(event: Event, names: Mapping[UUID | None, str], notes: Mapping[UUID, Note]) -> dict[str, Any]:
    note = notes.get(event.subject_id)
    return {
        "seq": event.seq,
        "at": event.at,
        "name": event.name,
        "text": "Decision" if note is not None and note.kind == NoteKind.DECISION else in_words(event),
        "actor": names.get(event.actor_id) or event.actor_name,
        "actor_kind": event.actor_kind,
        "note": note.text if note is not None else None,
        "reason": note.reason or None if note is not None else None,
    }


def entries_after(
    incident: Incident, *, internal: bool, at: datetime, after: int
) -> tuple[list[dict[str, Any]], int | None]:
    """The story's next entries after a sequence number, and where to go on; None when the story is over.

    For who reads the whole of a long story, piece by piece; `at` is the same for all pieces.
    """
    events = list(_story(incident, at=at).filter(seq__gt=after)[:CHUNK])
    notes = {note.pk: note for note in notes_of(incident, internal=internal).filter(pk__in=_subjects(events))}
    names = names_of({event.actor_id for event in events if event.actor_id})
    return entries_of(events, names, notes), events[-1].seq if len(events) == CHUNK else None


def _subjects(events: Iterable[Event]) -> list[UUID]:
    return [event.subject_id for event in events if event.name == "incident.noted"]


def names_of(wanted: set[UUID]) -> dict[UUID | None, str]:
    """Seats and keys by id, as people know them; two queries."""
    names: dict[UUID | None, str] = dict(Seat.objects.filter(pk__in=wanted).values_list("pk", "user__name"))
    keys = ApiKey.objects.filter(pk__in=wanted - set(names)).values_list("pk", "name")
    return names | {key: f"{name} (key)" for key, name in keys}
