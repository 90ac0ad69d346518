"""The way out of a crisis, and back in: contain, resolve, reopen, stand down, review, close."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerting.actions import resolve_page
from alerting.models import Page
from core.actor import Actor
from core.refusals import Refusal
from incidents.actions.clocks import REPEATED, start_planned_clocks, stop_clocks
from incidents.actions.postmortems import begin_review, end_timers
from incidents.actions.work import TASK_DUE, withdraw_offers
from incidents.models import Incident, PostMortem, Task
from incidents.queries import loose_ends
from incidents.states import GRAVE, INCIDENT_LIFECYCLE, PostMortemStage, TaskStage
from jobs.actions import cancel
from ledger.actions import record


class LooseEnds(Refusal):
    """The crisis cannot end: facts name the pauses still on, the statements unsent, the posts of unknown outcome."""

    code = "loose_ends"
    title = "This incident still has loose ends."


class ReviewNotReleased(Refusal):
    """An incident is closed when its post-mortem has been released."""

    code = "review_not_released"
    title = "The post-mortem of this incident has not been released."


class TooGraveToWaive(Refusal):
    """Fact `severity`: a crisis as grave as this is reviewed."""

    code = "too_grave_to_waive"
    title = "The review of an incident of severity 1 or 2 is not waived."


@transaction.atomic
def contain_incident(*, incident_id: UUID, note: str, by: Actor, at: datetime) -> Incident:
    """Say that the crisis no longer grows."""
    incident = _moved(incident_id, "contain")
    incident.contained_at = incident.contained_at or at
    incident.save(update_fields=["stage", "contained_at", "version"])
    record("incident.contained", on=incident, by=by, at=at, note=note)
    return incident


@transaction.atomic
def resolve_incident(*, incident_id: UUID, note: str, by: Actor, at: datetime) -> Incident:
    """End the crisis; refused while a pause of its own is on, a statement is unsent or an outcome is unknown."""
    incident = _moved(incident_id, "resolve")
    loose = loose_ends(incident)
    if loose.any():
        raise LooseEnds(loose.in_words(), pauses=loose.pauses, statements=loose.statements, posts=loose.posts)
    incident.resolved_at = incident.resolved_at or at
    incident.save(update_fields=["stage", "resolved_at", "version"])
    stop_clocks(incident, by=by, at=at)
    _quiet_pages(incident, by=by, at=at)
    record("incident.resolved", on=incident, by=by, at=at, note=note)
    return incident


@transaction.atomic
def reopen_incident(*, incident_id: UUID, reason: str, by: Actor, at: datetime) -> Incident:
    """Go back to work: it flared up again. Each stage keeps the first time it was reached."""
    incident = _moved(incident_id, "reopen")
    incident.save(update_fields=["stage", "version"])
    start_planned_clocks(incident, only=REPEATED, by=by, at=at)
    record("incident.reopened", on=incident, by=by, at=at, reason=reason)
    return incident


@transaction.atomic
def stand_down_incident(*, incident_id: UUID, reason: str, note: str, by: Actor, at: datetime) -> Incident:
    """Say that it is no crisis: a false alarm, or something that is handled person by person."""
    incident = _moved(incident_id, "stand_down")
    incident.stood_down_at = at
    incident.save(update_fields=["stage", "stood_down_at", "version"])
    stop_clocks(incident, by=by, at=at)
    _quiet_pages(incident, by=by, at=at)
    record("incident.stood_down", on=incident, by=by, at=at, reason=reason, note=note)
    return incident


@transaction.atomic
def put_incident_under_review(*, incident_id: UUID, by: Actor, at: datetime) -> Incident:
    """Begin to learn now, where the review has not opened itself yet."""
    incident: Incident = Incident.objects.locked(incident_id)
    INCIDENT_LIFECYCLE.step("put_under_review", from_=incident.stage)
    begin_review(incident_id=incident.pk, by=by, at=at)
    incident.refresh_from_db()
    return incident


@transaction.atomic
def close_incident(*, incident_id: UUID, note: str, by: Actor, at: datetime) -> Incident:
    """Close the file; refused before the post-mortem is released, or waived by somebody's name."""
    incident = _moved(incident_id, "close")
    done = Q(stage=PostMortemStage.RELEASED) | Q(waived_at__isnull=False)
    if not PostMortem.objects.filter(done, incident=incident).exists():
        raise ReviewNotReleased
    incident.closed_at = at
    incident.save(update_fields=["stage", "closed_at", "version"])
    record("incident.closed", on=incident, by=by, at=at, note=note)
    return incident


@transaction.atomic
def waive_review(*, incident_id: UUID, reason: str, by: Actor, at: datetime) -> PostMortem:
    """Say by name that nothing is to be learned that needs writing down; only for severities 3 and 4.

    Raises TooGraveToWaive (409), and CannotMove unless the incident is under review.
    """
    incident: Incident = Incident.objects.locked(incident_id)
    INCIDENT_LIFECYCLE.step("close", from_=incident.stage)
    if incident.severity <= GRAVE:
        raise TooGraveToWaive(severity=incident.severity)
    found: PostMortem = PostMortem.objects.select_for_update(of=("self",), no_key=True).get(incident=incident)
    if found.waived_at is None:
        found.waived_at, found.waived_by_id, found.waived_because = at, by.seat_id, reason
        found.version += 1
        found.save(update_fields=["waived_at", "waived_by_id", "waived_because", "version"])
        end_timers(found, at=at)
        record("postmortem.waived", on=found, by=by, at=at, reason=reason)
    return found


@transaction.atomic
def let_drill_rest(*, brand_id: UUID, by: Actor, at: datetime) -> int:
    """The drill is over: no clock, task or offer of the twin's incidents calls anybody any more; they stay where they
    were. Returns how many there were that people still worked on.
    """
    left = list(Incident.objects.all().open().filter(brand_id=brand_id).order_by("pk"))
    for incident in left:
        stop_clocks(incident, by=by, at=at)
        _quiet_pages(incident, by=by, at=at)
    withdraw_offers(Q(duty__incident__in=left), at=at)
    for task_id in Task.objects.filter(incident__in=left, stage=TaskStage.OPEN).values_list("pk", flat=True):
        cancel(TASK_DUE, key=str(task_id), at=at)
    return len(left)


def _moved(incident_id: UUID, verb: str) -> Incident:
    """The incident, locked, in the stage that the verb leads to; not saved yet."""
    incident: Incident = Incident.objects.locked(incident_id)
    incident.stage = INCIDENT_LIFECYCLE.step(verb, from_=incident.stage)
    incident.version += 1
    return incident


def _quiet_pages(incident: Incident, *, by: Actor, at: datetime) -> None:
    """Nobody is called any more about what is over."""
    climbing = Page.objects.all().climbing().filter(incident=incident)
    for page_id in climbing.order_by("pk").values_list("pk", flat=True):
        resolve_page(page_id=page_id, reason=f"{incident.reference} is over", by=by, at=at)
