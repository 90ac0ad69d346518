"""What people make of a signal: watch it, handle its mentions one by one, dismiss it, or activate the plan."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerting.actions import acknowledge_page, resolve_page
from alerting.models import Page
from alerting.states import PAGE_LIFECYCLE
from core.actor import Actor
from core.failpoints import failpoint
from incidents.actions import activate_incident, open_incident
from ledger.actions import record
from listening.actions.detect import CAUSE
from listening.models import Signal
from listening.states import SIGNAL_LIFECYCLE


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
    """No crisis: people answer the mentions one by one."""
    signal: Signal = Signal.objects.locked(signal_id)
    page = _page(signal)
    _decide(signal, "handle", reason=reason, at=at)
    if page is not None:
        _end(page, reason="The signal is handled individually.", by=by, at=at)
    record("signal.handled", on=signal, by=by, at=at, reason=reason)
    return signal


@transaction.atomic
def dismiss_signal(*, signal_id: UUID, reason: str, by: Actor, at: datetime) -> Signal:
    """Nothing of concern: the signal and its page end."""
    signal: Signal = Signal.objects.locked(signal_id)
    page = _page(signal)
    _decide(signal, "dismiss", reason=reason, at=at)
    if page is not None:
        _end(page, reason="The signal is dismissed.", by=by, at=at)
    record("signal.dismissed", on=signal, by=by, at=at, reason=reason)
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
        cause_kind=CAUSE,
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
