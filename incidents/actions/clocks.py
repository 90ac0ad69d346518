"""Clocks: promises with a deadline, each with a timer of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerting.actions import raise_page, resolve_page
from alerting.models import Page
from alerting.states import PageStage
from core.actor import Actor
from core.failpoints import failpoint
from core.refusals import Refusal
from core.wall import standing_agency
from incidents.models import Clock, Incident
from incidents.queries import first_words_out, last_statement_out
from incidents.states import ClockKind
from jobs.actions import cancel, later
from ledger.actions import record
from readiness.plan_body import clocks_for

BREACH = "incidents.breach_clock"
ABOUT_INCIDENT = "incidents.incident"  # how a page names an incident as its cause
ABOUT_CLOCK = "incidents.clock"
OVERDUE = {
    ClockKind.ACKNOWLEDGE: "nobody has taken it in time",
    ClockKind.FIRST_WORDS: "the first public words are overdue",
    ClockKind.UPDATE: "the next update is overdue",
    ClockKind.INTERNAL_UPDATE: "the next internal update is overdue",
}
# A promise that is given anew whenever it was kept.
REPEATED = frozenset({ClockKind.UPDATE, ClockKind.INTERNAL_UPDATE})


class ClockNotRunning(Refusal):
    """The clock was met before, or the incident ended."""

    code = "clock_not_running"
    title = "This clock is not running."


def start_clock(incident: Incident, *, kind: str, minutes: int, by: Actor, at: datetime) -> Clock:
    """Start a promise of `minutes`, and the timer that says when it was not kept."""
    clock = Clock(
        brand_id=incident.brand_id,
        incident=incident,
        kind=kind,
        minutes=minutes,
        started_at=at,
        due_at=at + timedelta(minutes=minutes),
    )
    clock.save(force_insert=True)
    later(BREACH, key=str(clock.pk), agency_id=standing_agency(), at=clock.due_at, args={"clock_id": str(clock.pk)})
    record("clock.started", on=clock, by=by, at=at, kind=kind, due_at=clock.due_at)
    return clock


def start_planned_clocks(incident: Incident, *, by: Actor, at: datetime, only: frozenset[str] | None = None) -> None:
    """Start the clocks of the frozen plan that are not running yet; `only` names the kinds, None means all."""
    running = set(Clock.objects.all().running().filter(incident=incident).values_list("kind", flat=True))
    for kind, minutes in clocks_for(incident.plan, severity=incident.severity).items():
        if kind not in running and (only is None or kind in only):
            start_clock(incident, kind=kind, minutes=minutes, by=by, at=at)


def meet_clocks(incident: Incident, *, kind: str, by: Actor, at: datetime) -> int:
    """Stop the running clock of a kind as met at `at`, which may be a little ago; returns how many there were.

    The incident is locked by the caller. After an update the clock of the next one starts; that one is not meant
    when the same news is heard again.
    """
    clocks = list(Clock.objects.all().running().filter(incident=incident, kind=kind, started_at__lte=at))
    if kind in REPEATED:
        clocks = [clock for clock in clocks if clock.started_at < at]
    for clock in clocks:
        _meet(clock, by=by, at=at)
        if kind in REPEATED and incident.running:
            start_clock(incident, kind=kind, minutes=clock.minutes, by=by, at=at)
    return len(clocks)


def _meet(clock: Clock, *, by: Actor, at: datetime) -> None:
    clock.met_at = at
    if at <= clock.due_at:
        clock.breached_at = None  # the news of the deed came later than the timer
    clock.save(update_fields=["met_at", "breached_at"])
    cancel(BREACH, key=str(clock.pk), at=at)
    record("clock.met", on=clock, by=by, at=at, kind=clock.kind, seconds_left=(clock.due_at - at).total_seconds())
    _let_them_sleep(clock, reason="clock_met", by=by, at=at)


def policy_of(incident: Incident) -> UUID | None:
    """The escalation policy that the frozen plan names, for every page about the incident."""
    named = incident.plan.get("alert", {}).get("escalation_policy")
    return UUID(named) if named else None


def topic_of(incident: Incident) -> str:
    """What its pages that nobody has taken yet share."""
    return f"incident:{incident.pk}"


def _wake(clock: Clock, incident: Incident, *, by: Actor, at: datetime) -> None:
    """A promise that was not kept climbs the ladder, in the name of the incident.

    While nobody has taken the incident, its own page is climbing for just that, and takes this in.
    """
    raise_page(
        brand_id=incident.brand_id,
        cause_kind=ABOUT_CLOCK,
        cause_id=clock.pk,
        severity=incident.severity,
        headline=f"{incident.reference}: {OVERDUE[ClockKind(clock.kind)]}",
        policy_id=policy_of(incident),
        topic=topic_of(incident) if clock.kind == ClockKind.ACKNOWLEDGE else None,
        incident_id=incident.pk,
        by=by,
        at=at,
    )


def _let_them_sleep(clock: Clock, *, reason: str, by: Actor, at: datetime) -> None:
    page = Page.objects.filter(cause_kind=ABOUT_CLOCK, cause_id=clock.pk).exclude(stage=PageStage.RESOLVED).first()
    if page is not None:
        resolve_page(page_id=page.pk, reason=reason, by=by, at=at)


def stop_clocks(incident: Incident, *, by: Actor, at: datetime) -> None:
    """The incident is over: its clocks stop without being met or breached."""
    for clock in Clock.objects.all().running().filter(incident=incident):
        clock.stopped_at = at
        clock.save(update_fields=["stopped_at"])
        cancel(BREACH, key=str(clock.pk), at=at)
        _let_them_sleep(clock, reason="incident_over", by=by, at=at)


@transaction.atomic
def acknowledge_incidents_of(*, cause_kind: str, cause_id: UUID, by: Actor, at: datetime) -> int:
    """Somebody acknowledged the page about an incident, or about what caused it: the clock is met. Safe to repeat."""
    about = Q(pk=cause_id) if cause_kind == ABOUT_INCIDENT else Q(cause_kind=cause_kind, cause_id=cause_id)
    found = Incident.objects.filter(about).order_by("pk").select_for_update(of=("self",), no_key=True)
    return sum(meet_clocks(incident, kind=ClockKind.ACKNOWLEDGE, by=by, at=at) for incident in list(found))


@transaction.atomic
def meet_clock(*, clock_id: UUID, by: Actor, at: datetime) -> Clock:
    """Say by hand that a promise was kept now."""
    incident = Incident.objects.locked(Clock.objects.found(clock_id).incident_id)
    clock: Clock = Clock.objects.locked(clock_id)
    if clock.met_at is not None or clock.stopped_at is not None:
        raise ClockNotRunning(state=clock.state(at))
    _meet(clock, by=by, at=at)
    if clock.kind in REPEATED and incident.running:
        start_clock(incident, kind=clock.kind, minutes=clock.minutes, by=by, at=at)
    return clock


@transaction.atomic
def breach_clock(*, clock_id: UUID, by: Actor, at: datetime) -> Clock:
    """The time is up: the promise was not kept. Safe to repeat; a clock that was met or stopped stays as it is.

    The news that words went out travels as a job and may come after the timer, so the timer looks for itself.
    """
    incident = Incident.objects.locked(Clock.objects.found(clock_id).incident_id)
    clock: Clock = Clock.objects.locked(clock_id)
    if clock.met_at is not None or clock.stopped_at is not None or clock.breached_at is not None or at < clock.due_at:
        return clock
    kept_at = _kept_at(clock)
    if kept_at is not None:
        meet_clocks(incident, kind=clock.kind, by=by, at=kept_at)
        clock.refresh_from_db()
        return clock
    clock.breached_at = at
    clock.save(update_fields=["breached_at"])
    failpoint("incidents.clock_breached")
    record("clock.breached", on=clock, by=by, at=at, kind=clock.kind)
    _wake(clock, incident, by=by, at=at)
    return clock


def _kept_at(clock: Clock) -> datetime | None:
    """When the clock's promise was in fact kept, in time."""
    asked = {ClockKind.FIRST_WORDS: first_words_out, ClockKind.UPDATE: last_statement_out}.get(ClockKind(clock.kind))
    kept_at = asked(clock.incident_id) if asked else None
    return kept_at if kept_at is not None and clock.started_at < kept_at <= clock.due_at else None
