"""The report of an incident: everything that is known about it, gathered in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Min, Q, QuerySet

from alerting.models import Page
from approvals.models import Approval, Bypass, Decision
from approvals.payload import languages_of
from incidents.models import (
    Clock,
    Delivery,
    Duty,
    Incident,
    Note,
    PostMortem,
    Statement,
    StatementVersion,
    Task,
)
from incidents.queries import timeline_of
from incidents.states import NoteKind, PostMortemStage, StatementStage
from insights.numbers import Moments, durations, height, window_of
from insights.words import in_words
from ledger.models import Event
from listening.models import Signal
from listening.queries import volume_series
from permissions.models import ApiKey
from publishing.models import Pause
from readiness.models import PlanVersion
from tenants.models import Brand, Seat

MOST_EVENTS = 1_000
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


def report_of(incident: Incident, *, audience: str, at: datetime) -> dict[str, Any]:
    """The report as plain values (shape: `insights.api.ReportView`).

    `audience` is staff or client; a client's report holds shared notes only, no statement that never left the house,
    and the post-mortem once it is released.
    """
    internal = audience == "staff"
    brand: Brand = Brand.objects.found(incident.brand_id)
    statements = _statements(incident, internal=internal)
    pauses = list(Pause.objects.filter(incident=incident).order_by("started_at", "pk"))
    moments = _moments(incident, statements, pauses)
    window = window_of(moments, at=at)
    points = volume_series(incident.brand_id, start=window.start, end=window.end, step=window.step)
    events, truncated = _events(incident, at=at)
    notes = {note.pk: note for note in _notes(incident, internal=internal)}
    postmortem = _postmortem(incident, internal=internal)
    duties = list(Duty.objects.filter(incident=incident).order_by("position", "pk"))
    names = _names(events, duties, statements, postmortem)
    return {
        "generated_at": at,
        "audience": audience,
        "incident": _incident(incident, brand),
        "numbers": durations(moments) | height(points) | {"posts_held": _held(events)},
        "series": {"step": window.step, "points": [_point(point) for point in points]},
        "marks": _marks(events, notes),
        "timeline": [_entry(event, names, notes) for event in events if _told(event, notes)],
        "timeline_truncated": truncated,
        "statements": [_statement(found, names) for found in statements],
        "clocks": [_clock(clock, at) for clock in Clock.objects.filter(incident=incident).order_by("due_at", "pk")],
        "duties": [
            {"duty": duty.duty, "holder": names.get(duty.seat_id), "deputy": names.get(duty.deputy_id)}
            for duty in duties
        ],
        "tasks": list(
            Task.objects.filter(incident=incident)
            .order_by("due_at", "pk")
            .values("title", "duty", "stage", "due_at", "finished_at")
        ),
        "pauses": [
            {
                "reason": pause.reason,
                "scope": pause.scope,
                "started_at": pause.started_at,
                "effective_at": pause.effective_at,
                "lifted_at": pause.lifted_at,
            }
            for pause in pauses
        ],
        "postmortem": _review(postmortem, names),
    }


def _incident(incident: Incident, brand: Brand) -> dict[str, Any]:
    version: PlanVersion | None = PlanVersion.objects.select_related("plan").filter(pk=incident.plan_version_id).first()
    return {
        "id": incident.pk,
        "reference": incident.reference,
        "title": incident.title,
        "kind": incident.kind,
        "severity": incident.severity,
        "stage": incident.stage,
        "brand": brand.name,
        "time_zone": brand.time_zone,
        "plan": f"{version.plan.name}, version {version.number}" if version else None,
        "opened_at": incident.opened_at,
        "activated_at": incident.activated_at,
        "contained_at": incident.contained_at,
        "resolved_at": incident.resolved_at,
        "closed_at": incident.closed_at,
    }


# -- moments and marks --------------------------------------------------------------------------------------


def _moments(incident: Incident, statements: Sequence[_Found], pauses: Sequence[Pause]) -> Moments:
    signal: Signal | None = Signal.objects.filter(pk=incident.cause_id).first() if incident.cause_id else None
    about = Q(incident=incident)
    if incident.cause_id is not None:
        about |= Q(cause_id=incident.cause_id)
    acknowledged = Page.objects.filter(about).aggregate(first=Min("acknowledged_at"))["first"]
    published = [
        delivery.post.published_at
        for found in statements
        for delivery in found.deliveries
        if delivery.post.published_at
    ]
    granted = [
        approval
        for found in statements
        for approval in found.approvals
        if approval.granted_at is not None and approval.requested_at >= incident.opened_at
    ]
    last = max(granted, key=lambda approval: approval.requested_at, default=None)
    pause = pauses[0] if pauses else None
    return Moments(
        began=min(signal.starts_at, signal.raised_at) if signal else incident.opened_at,
        known=signal.raised_at if signal else incident.opened_at,
        acknowledged=acknowledged,
        activated=incident.activated_at,
        pause_started=pause.started_at if pause else None,
        pause_effective=pause.effective_at if pause else None,
        first_words=min(published, default=None),
        approval_asked=last.requested_at if last else None,
        approval_granted=last.granted_at if last else None,
        contained=incident.contained_at,
        resolved=incident.resolved_at,
    )


def _events(incident: Incident, *, at: datetime) -> tuple[list[Event], bool]:
    """The story's events in order, and whether there were more than fit."""
    end = incident.resolved_at or at
    meanwhile = Event.objects.filter(
        brand_id=incident.brand_id, name__in=OF_THE_BRAND, at__gte=incident.opened_at, at__lte=end
    )
    own = timeline_of(incident).exclude(name__in=LEFT_OUT)
    chosen: QuerySet[Event, Event] = (own | meanwhile).order_by("seq")
    events = list(chosen[: MOST_EVENTS + 1])
    return events[:MOST_EVENTS], len(events) > MOST_EVENTS


def _marks(events: Iterable[Event], notes: Mapping[UUID, Note]) -> list[dict[str, Any]]:
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
    return marks


def _held(events: Iterable[Event]) -> int:
    return sum(event.facts["held"] for event in events if event.name == "pause.lifted")


# -- the timeline -------------------------------------------------------------------------------------------


def _notes(incident: Incident, *, internal: bool) -> QuerySet[Note, Note]:
    notes: QuerySet[Note, Note] = Note.objects.filter(incident=incident)
    return notes if internal else notes.filter(shared_with_client=True)


def _told(event: Event, notes: Mapping[UUID, Note]) -> bool:
    """A note that the reader may not see leaves no trace in the report."""
    return event.name != "incident.noted" or event.subject_id in notes


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
    }


def _names(
    events: Iterable[Event], duties: Iterable[Duty], statements: Iterable[_Found], postmortem: PostMortem | None
) -> dict[UUID | None, str]:
    """Seats and keys by id, as people know them; two queries."""
    wanted: set[UUID] = {event.actor_id for event in events if event.actor_id}
    wanted |= {person for duty in duties for person in (duty.seat_id, duty.deputy_id) if person}
    voices = [decision for found in statements for decision in found.decisions]
    wanted |= {seat for voice in voices for seat in (voice.seat_id, voice.on_behalf_of_id) if seat}
    wanted |= {seat for found in statements for bypass in found.bypasses for seat in _both(bypass)}
    if postmortem is not None:
        wanted |= {UUID(lesson["owner_seat_id"]) for lesson in postmortem.lessons if lesson["owner_seat_id"]}
    names: dict[UUID | None, str] = dict(Seat.objects.filter(pk__in=wanted).values_list("pk", "user__name"))
    keys = ApiKey.objects.filter(pk__in=wanted - set(names)).values_list("pk", "name")
    return names | {key: f"{name} (key)" for key, name in keys}


# -- statements ---------------------------------------------------------------------------------------------


class _Found:
    """A statement with everything that hangs on it."""

    def __init__(self, statement: Statement, newest: StatementVersion) -> None:
        self.statement = statement
        self.newest = newest
        self.deliveries: list[Delivery] = []
        self.approvals: list[Approval] = []
        self.decisions: list[Decision] = []
        self.bypasses: list[Bypass] = []


def _both(bypass: Bypass) -> list[UUID]:
    return [seat for seat in (bypass.first_seat_id, bypass.second_seat_id) if seat]


def _statements(incident: Incident, *, internal: bool) -> list[_Found]:
    """The incident's statements in the order in which they were begun; five queries, six after a bypass."""
    rows = Statement.objects.filter(incident=incident).order_by("pk")
    if not internal:
        rows = rows.exclude(stage__in=[StatementStage.DRAFT, StatementStage.WITHDRAWN])
    statements = {row.pk: row for row in rows}
    found: dict[UUID, _Found] = {}
    asked: dict[UUID, _Found] = {}
    versions = StatementVersion.objects.filter(statement__in=statements).order_by("number")
    for version in versions:
        held = found.setdefault(version.statement_id, _Found(statements[version.statement_id], version))
        held.newest = version
        if version.approval_id:
            asked[version.approval_id] = held
    for approval in Approval.objects.filter(pk__in=asked).order_by("requested_at", "pk"):
        asked[approval.pk].approvals.append(approval)
    for decision in Decision.objects.filter(approval__in=asked).order_by("at", "pk"):
        asked[decision.approval_id].decisions.append(decision)
    bypassed = [pk for pk, held in asked.items() if any(one.bypassed_at for one in held.approvals)]
    if bypassed:
        for bypass in Bypass.objects.filter(approval__in=bypassed, second_at__isnull=False).order_by("second_at"):
            asked[bypass.approval_id].bypasses.append(bypass)
    deliveries = Delivery.objects.filter(statement__in=statements).select_related("post", "account").order_by("pk")
    for delivery in deliveries:
        found[delivery.statement_id].deliveries.append(delivery)
    return [found[key] for key in statements if key in found]


def _statement(found: _Found, names: Mapping[UUID | None, str]) -> dict[str, Any]:
    statement, payload = found.statement, found.newest.payload
    stages = {approval.pk: approval.stages for approval in found.approvals}
    carried = {str(delivery.account_id): delivery for delivery in found.deliveries}
    return {
        "title": statement.title,
        "kind": statement.kind,
        "stage": statement.stage,
        "language": ", ".join(languages_of(payload)),
        "digest": found.newest.digest,
        "version": found.newest.number,
        "released_at": statement.released_at,
        "published_at": statement.published_at,
        "texts": [
            {"text": part["text"], "media": part.get("media", []), **_carrier(carried.get(part["account"]))}
            for part in payload["deliveries"]
        ],
        "voices": [
            {
                "stage": stages[decision.approval_id][decision.stage_index]["name"],
                "person": names.get(decision.seat_id),
                "on_behalf_of": names.get(decision.on_behalf_of_id),
                "verdict": decision.verdict,
                "at": decision.at,
                # Of these very words, or taken over to them because nothing that the person looked at has changed.
                "of_these_words": decision.digest == found.newest.digest
                or decision.approval_id == found.newest.approval_id,
            }
            for decision in found.decisions
            if not _taken_over(decision, found)
        ],
        "bypasses": [
            {
                "people": [names.get(seat) for seat in _both(bypass)],
                "reasons": [bypass.first_reason, bypass.second_reason],
                "at": bypass.second_at,
                "of_these_words": bypass.digest == found.newest.digest,
            }
            for bypass in found.bypasses
        ],
    }


def _taken_over(decision: Decision, found: _Found) -> bool:
    """Whether what somebody said stands further on, with a newer version of the words."""
    origin = decision.carried_from_id or decision.pk
    newer = [voice for voice in found.decisions if voice.carried_from_id == origin and voice.pk > decision.pk]
    return bool(newer)


def _carrier(delivery: Delivery | None) -> dict[str, Any]:
    if delivery is None:
        return {"account": None, "network": None, "stage": None, "url": None, "published_at": None}
    return {
        "account": delivery.account.handle,
        "network": delivery.account.network,
        "stage": delivery.post.stage,
        "url": delivery.post.url or None,
        "published_at": delivery.post.published_at,
    }


# -- the rest -----------------------------------------------------------------------------------------------


def _point(point: Any) -> dict[str, Any]:
    return asdict(point)


def _clock(clock: Clock, at: datetime) -> dict[str, Any]:
    return {
        "kind": clock.kind,
        "minutes": clock.minutes,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "met_at": clock.met_at,
        "state": clock.state(at),
    }


def _postmortem(incident: Incident, *, internal: bool) -> PostMortem | None:
    found: PostMortem | None = PostMortem.objects.filter(incident=incident).first()
    return found if found is None or internal or found.stage == PostMortemStage.RELEASED else None


def _review(postmortem: PostMortem | None, names: Mapping[UUID | None, str]) -> dict[str, Any] | None:
    if postmortem is None:
        return None
    return {
        "stage": postmortem.stage,
        "released_at": postmortem.released_at,
        "sections": {name: text for name, text in postmortem.sections.items() if text},
        "lessons": [
            {
                "text": lesson["text"],
                "owner": names.get(UUID(lesson["owner_seat_id"])) if lesson["owner_seat_id"] else None,
                "due_on": lesson["due_on"],
            }
            for lesson in postmortem.lessons
        ],
    }
