"""What people make of a signal: watch it, handle its mentions one by one, dismiss it, or activate the plan.

That a grave signal is none takes several people. Whoever says nothing decides nothing: a deadline passes by waking
somebody, never by dismissing.
"""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID, uuid5

from django.db import transaction

from alerting.actions import acknowledge_page, raise_page, resolve_page
from alerting.models import Page
from alerting.states import PAGE_LIFECYCLE
from core.actor import Actor
from core.failpoints import failpoint
from core.wall import standing_agency
from incidents.actions import activate_incident, open_incident
from incidents.models import Incident
from jobs.actions import later
from ledger.actions import record
from listening.models import Signal, Verdict
from listening.readings import severity_of
from listening.states import SIGNAL_CAUSE, SIGNAL_LIFECYCLE, UNDECIDED
from listening.watching import people_needed, review_within, watched_as
from permissions import gate
from permissions.needs import Need
from permissions.queries.holders import seats_with_need
from tenants.models import Brand, Seat
from tenants.queries import caller_for

# The page of a signal that woke nobody when it was raised.
OVERDUE: Final = "listening.overdue_signal"
MOST_ESCALATIONS: Final = 3


@transaction.atomic
def watch_signal(*, signal_id: UUID, reason: str, by: Actor, at: datetime) -> Signal:
    """Somebody keeps an eye on it: its page climbs no further, the decision is still to come."""
    signal: Signal = Signal.objects.locked(signal_id)
    page = _page(signal)
    _decide(signal, "watch", reason=reason, at=at)
    if page is not None:
        _take(page, by=by, at=at)
    record("signal.watched", on=signal, by=by, at=at, reason=reason)
    return signal


@transaction.atomic
def handle_signal(*, signal_id: UUID, reason: str, by: Actor, at: datetime) -> Signal:
    """No crisis: people answer the mentions one by one. For a grave signal several people must say so."""
    signal: Signal = Signal.objects.locked(signal_id)
    page = _page(signal)
    if not _agreed(signal, "handle", reason=reason, by=by, at=at):
        return signal
    _decide(signal, "handle", reason=reason, at=at)
    if page is not None:
        _end(page, reason="The signal is handled individually.", by=by, at=at)
    record("signal.handled", on=signal, by=by, at=at, reason=reason)
    return signal


@transaction.atomic
def dismiss_signal(*, signal_id: UUID, reason: str, false_alarm: bool, by: Actor, at: datetime) -> Signal:
    """Nothing of concern: the signal and its page end. For a grave signal several people must say so.

    `false_alarm` says that it should not have been raised; the brand's threshold learns from it.
    """
    signal: Signal = Signal.objects.locked(signal_id)
    page = _page(signal)
    if not _agreed(signal, "dismiss", reason=reason, by=by, at=at):
        return signal
    signal.false_alarm = false_alarm
    signal.save(update_fields=["false_alarm"])
    _decide(signal, "dismiss", reason=reason, at=at)
    if page is not None:
        _end(page, reason="The signal is dismissed.", by=by, at=at)
    record("signal.dismissed", on=signal, by=by, at=at, reason=reason)
    return signal


def _agreed(signal: Signal, verdict: str, *, reason: str, by: Actor, at: datetime) -> bool:
    """Keep one person's verdict; whether enough people who may still decide are of the same mind.

    Raises the lifecycle's refusal for a signal that is decided already.
    """
    SIGNAL_LIFECYCLE.step(verdict, from_=signal.stage)
    needed = verdicts_needed(signal, at=at)
    if by.seat_id is None or needed <= 1:
        return True
    Verdict.objects.update_or_create(
        signal=signal, seat_id=by.seat_id, defaults={"verdict": verdict, "reason": reason, "said_at": at}
    )
    agreed = len(agreeing(signal, verdict, at=at))
    if agreed >= needed:
        return True
    record(
        "signal.verdict_given", on=signal, by=by, at=at, verdict=verdict, reason=reason, agreed=agreed, needed=needed
    )
    return False


def verdicts_needed(signal: Signal, *, at: datetime) -> int:
    """How many people must agree that this signal is no crisis: as the brand says, and never more than there are."""
    asked = people_needed(watched_as(signal.brand_id), severity_of(signal.severity_hint))
    if asked <= 1:
        return 1
    granted = Seat.objects.filter(pk__in=seats_with_need(need=Need.SIGNALS_REVIEW, brand_id=signal.brand_id, at=at))
    found = islice((seat for seat in granted.select_related("user") if _may_review(signal, seat, at=at)), asked)
    return max(1, sum(1 for _ in found))


def agreeing(signal: Signal, verdict: str, *, at: datetime) -> list[UUID]:
    """The seats that say so and may still decide on signals of the brand."""
    said = Verdict.objects.filter(signal=signal, verdict=verdict).select_related("seat__user").order_by("said_at", "id")
    return [one.seat_id for one in said if _may_review(signal, one.seat, at=at)]


def _may_review(signal: Signal, seat: Seat, *, at: datetime) -> bool:
    return gate.allowed(caller_for(seat, at=at), Need.SIGNALS_REVIEW, signal)


def schedule_review(signal: Signal) -> None:
    """Have the deadline of an undecided signal kept; asked for after the signal is recorded."""
    later(
        "listening.review_due", key=f"{signal.pk}@{signal.review_due_at.isoformat()}", agency_id=standing_agency(),
        at=signal.review_due_at, args={"signal_id": str(signal.pk)},
    )  # fmt: skip


@transaction.atomic
def escalate_signal(*, signal_id: UUID, by: Actor, at: datetime) -> Signal:
    """Nobody has decided in time: wake people by a new page, one step more severe, and set the next deadline.

    Nothing happens to a signal that is decided, that is to wake nobody, or whose deadline was moved. While a crisis
    team is at work for the brand, the deadline waits with them. After the third time the page climbs on by itself.
    """
    signal: Signal = Signal.objects.locked(signal_id)
    if signal.stage not in UNDECIDED or signal.monitor_only or at < signal.review_due_at:
        return signal
    page = _page(signal)
    severity = max(1, severity_of(signal.severity_hint) - signal.escalations - 1)
    due = at + review_within(watched_as(signal.brand_id), severity)
    if Incident.objects.all().open().filter(brand_id=signal.brand_id, cause_kind=SIGNAL_CAUSE).exists():
        signal.review_due_at = due
        signal.save(update_fields=["review_due_at"])
        schedule_review(signal)
        return signal
    if page is not None:
        _end(page, reason="Nobody has decided in time; a graver page takes its place.", by=by, at=at)
    signal.escalations += 1
    signal.escalated_at = at
    signal.page = raise_page(
        brand_id=signal.brand_id,
        cause_kind=OVERDUE,
        # One cause for each time, or the page of the last time would be the answer.
        cause_id=uuid5(signal.pk, str(signal.escalations)),
        severity=severity,
        headline=f"{Brand.objects.found(signal.brand_id).name}: nobody has decided on a signal in time",
        by=by,
        at=at,
    )
    again = signal.escalations < MOST_ESCALATIONS
    if again:
        signal.review_due_at = due
    signal.save(update_fields=["escalated_at", "escalations", "review_due_at", "page"])
    record("signal.escalated", on=signal, by=by, at=at, severity=severity, times=signal.escalations)
    if again:
        schedule_review(signal)
    return signal


@transaction.atomic
def activate_signal(
    *,
    signal_id: UUID,
    severity: int,
    kind: str,
    title: str,
    reason: str,
    pause: bool | None,
    by: Actor,
    at: datetime,
) -> Signal:
    """Call it a crisis: open an incident from the signal and activate it, all in one transaction.

    `severity` is 1 (the worst) to 4. With `pause` (None: as the plan says) the brand's scheduled posts stop with it;
    the caller drains the pause of `signal.incident` after the commit.
    """
    signal: Signal = Signal.objects.locked(signal_id)
    # Before the first event, so that whoever locks a page and then writes one never waits for us in a circle.
    page = _page(signal)
    signal.stage = SIGNAL_LIFECYCLE.step("activate", from_=signal.stage)
    if page is not None:
        # The incident counts this as the moment when somebody took it.
        _take(page, by=by, at=at)
    incident = open_incident(
        brand_id=signal.brand_id,
        title=title,
        kind=kind,
        severity=severity,
        cause_kind=SIGNAL_CAUSE,
        cause_id=signal.pk,
        by=by,
        at=at,
    )
    failpoint("listening.between_open_and_activate")
    signal.incident = activate_incident(incident_id=incident.pk, severity=severity, pause=pause, by=by, at=at)
    signal.reason, signal.reviewed_at = reason, at
    signal.version += 1
    signal.save(update_fields=["stage", "incident", "reason", "reviewed_at", "version"])
    if page is not None:
        _end(page, reason=f"Activated as {incident.reference}.", by=by, at=at)
    record("signal.activated", on=signal, by=by, at=at, reason=reason, incident_id=incident.pk)
    return signal


def _decide(signal: Signal, verb: str, *, reason: str, at: datetime) -> None:
    signal.stage = SIGNAL_LIFECYCLE.step(verb, from_=signal.stage)
    signal.reason, signal.reviewed_at = reason, at
    signal.version += 1
    signal.save(update_fields=["stage", "reason", "reviewed_at", "version"])


def _page(signal: Signal) -> Page | None:
    """The signal's page, held; None for a signal that woke nobody."""
    if signal.page_id is None:
        return None
    page: Page = Page.objects.locked(signal.page_id)
    return page


def _take(page: Page, *, by: Actor, at: datetime) -> None:
    if by.seat_id is not None and PAGE_LIFECYCLE.allows("acknowledge", from_=page.stage):
        page.stage = acknowledge_page(page_id=page.pk, by=by, at=at).stage


def _end(page: Page, *, reason: str, by: Actor, at: datetime) -> None:
    if PAGE_LIFECYCLE.allows("resolve", from_=page.stage):
        resolve_page(page_id=page.pk, reason=reason, by=by, at=at)
