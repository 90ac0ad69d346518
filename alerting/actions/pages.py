"""The life of a page: raised once for its cause, climbing until somebody takes it.

Every action here locks the page first, and the timer is a job that changes in the same transaction. So an
acknowledgement and a step that meet are put in one order: either the step has fired and then somebody took the page,
or it never fires.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from alerting.actions.timers import has_timer, set_lapse, set_timer, set_waking, stop_timer
from alerting.models import HandOver, Page, PageCause
from alerting.queries.recipients import live_page_on, page_of, policy_for
from alerting.queries.silences import silence_for, still_covers
from alerting.states import HAND_OVER_LIFECYCLE, LIVE, PAGE_LIFECYCLE, HandOverStage, PageStage
from core.actor import Actor
from core.failpoints import failpoint
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from ledger.actions import record

LONGEST_HEADLINE = 200
# Severities that wake people whatever they have taken or put off before.
GRAVE: Final = 2
LONGEST_SNOOZE: Final = {2: timedelta(hours=4), 3: timedelta(hours=24), 4: timedelta(hours=24)}
# Somebody may end the live page of a topic between our looking and our joining it.
_TRIES: Final = 3


class TooGraveToSnooze(Refusal):
    code = "too_grave_to_snooze"
    title = "A page of severity 1 is not put off."


class NotYours(Refusal):
    """Fact `acknowledged_by`: who holds it."""

    code = "not_yours"
    title = "Somebody else holds this page."


@transaction.atomic
def raise_page(
    *,
    brand_id: UUID | None,
    cause_kind: str,
    cause_id: UUID,
    severity: int,
    headline: str,
    policy_id: UUID | None = None,
    ladder: dict[str, Any] | None = None,
    topic: str | None = None,
    incident_id: UUID | None = None,
    by: Actor,
    at: datetime,
) -> Page:
    """Wake somebody: the page and its first timer, due at once, in the caller's transaction.

    A cause raises one page; raising it again returns that page as it is, whatever its stage. Causes of one `topic` of
    a brand share a page while it lives. `severity` is 1 to 4, 1 the worst. `headline` is one line of ours and holds
    nothing that a member of the public wrote. The page climbs a frozen copy of the policy that is named, else of the
    brand's, else of the agency's, else it goes to every owner. A silence that matches swallows it: it wakes nobody.
    `ladder` is a policy that the caller has frozen, in the form that `policy_for` gives. Of the incident that is named,
    only those who may see it read the page.
    """
    headline = headline[:LONGEST_HEADLINE]
    for _ in range(_TRIES):
        known = page_of(cause_kind, cause_id)
        if known is not None:
            return known
        shared = live_page_on(brand_id, topic) if topic else None
        if shared is not None:
            joined = _join(shared.pk, cause_kind, cause_id, severity, headline, by=by, at=at)
            if joined is not None:
                return joined
            continue
        page = Page(
            id=uuid7(),
            brand_id=brand_id,
            incident_id=incident_id,
            cause_kind=cause_kind,
            cause_id=cause_id,
            topic=topic,
            severity=severity,
            headline=headline,
            policy=ladder or policy_for(brand_id, named=policy_id),
            raised_at=at,
        )
        Page.objects.bulk_create([page], ignore_conflicts=True)
        if Page.objects.filter(pk=page.pk).exists():
            return _begin(page, by=by, at=at)
    raise RuntimeError(f"A page of topic {topic!r} ends as fast as it is raised.")


def _begin(page: Page, *, by: Actor, at: datetime) -> Page:
    failpoint("alerting.page_without_timer")
    silence = silence_for(
        brand_id=page.brand_id, cause_kind=page.cause_kind, topic=page.topic, severity=page.severity, at=at
    )
    if silence is None:
        set_timer(page, due=at, at=at, anew=True)
        page.save(update_fields=["next_step_at"])
    else:
        page.stage = PAGE_LIFECYCLE.step("silence", from_=page.stage)
        page.silence = silence
        page.save(update_fields=["stage", "silence"])
    record(
        "page.raised",
        on=page,
        by=by,
        at=at,
        cause_kind=page.cause_kind,
        cause_id=page.cause_id,
        severity=page.severity,
        policy_id=page.policy["policy_id"],
    )
    if silence is not None:
        record("page.silenced", on=page, by=by, at=at, silence_id=silence.pk)
    return page


def _join(
    page_id: UUID, cause_kind: str, cause_id: UUID, severity: int, headline: str, *, by: Actor, at: datetime
) -> Page | None:
    """A further cause of the page's topic wakes nobody anew; None when the page has ended meanwhile."""
    page: Page = Page.objects.locked(page_id)
    if page.stage not in LIVE:
        return None
    cause = PageCause(
        id=uuid7(),
        page=page,
        cause_kind=cause_kind,
        cause_id=cause_id,
        severity=severity,
        headline=headline,
        joined_at=at,
    )
    PageCause.objects.bulk_create([cause], ignore_conflicts=True)
    if not PageCause.objects.filter(pk=cause.pk).exists():
        return page
    page.suppressed += 1
    page.version += 1
    page.save(update_fields=["suppressed", "version"])
    record(
        "page.cause_joined", on=page, by=by, at=at, cause_kind=cause_kind, cause_id=cause_id, suppressed=page.suppressed
    )
    if severity < page.severity:
        _worsen(page, severity, by=by, at=at)
    return page


@transaction.atomic
def worsen_page(*, page_id: UUID, severity: int, by: Actor, at: datetime) -> Page:
    """What the page is about got graver; never the other way.

    One that is put off wakes when it is too grave for that, and one that was swallowed also when its silence is over.
    What somebody took as a small thing, or is climbing as one, climbs again from its first step when it becomes a
    grave one (severity 1 or 2).
    """
    page: Page = Page.objects.locked(page_id)
    if severity < page.severity and page.stage != PageStage.RESOLVED:
        _worsen(page, severity, by=by, at=at)
    return page


def _worsen(page: Page, severity: int, *, by: Actor, at: datetime) -> None:
    was, grows_grave = page.severity, severity <= GRAVE < page.severity
    silence = page.silence if page.stage == PageStage.SILENCED else None
    wakes = {
        # Whom it has told already are told again: quiet hours may hold back what they were told.
        PageStage.OPEN: grows_grave and page.step > 0,
        PageStage.SNOOZED: severity == 1 or grows_grave,
        PageStage.SILENCED: silence is not None and not still_covers(silence, severity=severity, at=at),
        PageStage.ACKNOWLEDGED: grows_grave,
        PageStage.EXHAUSTED: grows_grave,
    }
    if wakes.get(PageStage(page.stage), False):
        # First awake, then grave: the gravest never sleep.
        _climb_again(page, reason="grew_worse", by=by, at=at)
    page.severity = severity
    page.version += 1
    page.save(update_fields=["severity", "version"])
    record("page.worsened", on=page, by=by, at=at, was=was, severity=severity)


@transaction.atomic
def acknowledge_page(*, page_id: UUID, by: Actor, at: datetime) -> Page:
    """Somebody takes the page: it climbs no further, and what is still queued is not sent.

    Whoever was asked to take it over takes it from its holder.
    """
    page: Page = Page.objects.locked(page_id)
    offer = _offer_to(page, by.seat_id)
    if offer is not None:
        return take_over(page, offer, by=by, at=at)
    stage = PAGE_LIFECYCLE.step("acknowledge", from_=page.stage)
    stop_timer(page, at=at)
    page.stage = stage
    page.acknowledged_by_id, page.acknowledged_at = by.seat_id, at
    page.snoozed_by = None
    keep_hold(page, at)
    page.version += 1
    _save_alive(page, [
        "stage", "acknowledged_by", "acknowledged_at", "next_step_at", "lapses_at", "snoozed_by", "snoozed_until",
        "version",
    ])  # fmt: skip
    record("page.acknowledged", on=page, by=by, at=at, step=page.step)
    return page


def _save_alive(page: Page, fields: list[str]) -> None:
    """Save a page that may come out of a silence: where another page of its topic lives by now, it shares no more."""
    try:
        with transaction.atomic():
            page.save(update_fields=fields)
    except IntegrityError:
        if page.topic is None:
            raise
        page.topic = None
        page.save(update_fields=[*fields, "topic"])


def keep_hold(page: Page, at: datetime) -> None:
    """Its holder shows a sign: the time after which it climbs again begins anew; the caller saves `lapses_at`."""
    minutes = page.policy.get("lapses_minutes")
    if minutes is not None:
        page.lapses_at = at + timedelta(minutes=minutes)
        set_lapse(page, at=at)


@transaction.atomic
def renew_page(*, page_id: UUID, by: Actor, at: datetime) -> Page:
    """Its holder is still at work: the time after which it would climb again begins anew."""
    page: Page = Page.objects.locked(page_id)
    require_holder(page, by)
    keep_hold(page, at)
    page.version += 1
    page.save(update_fields=["lapses_at", "version"])
    record("page.renewed", on=page, by=by, at=at, lapses_at=page.lapses_at)
    return page


def require_holder(page: Page, by: Actor) -> None:
    if page.stage != PageStage.ACKNOWLEDGED or page.acknowledged_by_id != by.seat_id:
        raise NotYours(acknowledged_by=page.acknowledged_by_id)


@transaction.atomic
def lapse_page(*, page_id: UUID, by: Actor, at: datetime) -> Page:
    """Nothing was heard of its holder for too long: the page climbs again. Changes nothing before its time."""
    page: Page = Page.objects.locked(page_id)
    if page.stage == PageStage.ACKNOWLEDGED and page.lapses_at is not None and page.lapses_at <= at:
        _climb_again(page, reason="acknowledgement_lapsed", by=by, at=at)
    return page


@transaction.atomic
def snooze_page(*, page_id: UUID, until: datetime, reason: str, by: Actor, at: datetime) -> Page:
    """The page is put off: it climbs again from its first step at `until`.

    Raises TooGraveToSnooze for severity 1, Invalid when `until` is not ahead or too far: 4 hours for severity 2,
    24 for less.
    """
    page: Page = Page.objects.locked(page_id)
    stage = PAGE_LIFECYCLE.step("snooze", from_=page.stage)
    if page.severity not in LONGEST_SNOOZE:
        raise TooGraveToSnooze
    latest = at + LONGEST_SNOOZE[page.severity]
    if not at < until <= latest:
        detail = f"This must be ahead, and at the latest {latest.isoformat()}."
        raise Invalid(errors=[{"field": "until", "code": "out_of_range", "detail": detail}])
    stop_timer(page, at=at)
    withdrawn = _withdraw_offers(page, at)
    page.stage = stage
    page.acknowledged_by = page.acknowledged_at = None
    page.snoozed_by_id, page.snoozed_until = by.seat_id, until
    set_waking(page, at=at)
    page.version += 1
    page.save(
        update_fields=[
            "stage", "acknowledged_by", "acknowledged_at", "next_step_at", "lapses_at", "snoozed_by", "snoozed_until",
            "version",
        ]
    )  # fmt: skip
    record("page.snoozed", on=page, by=by, at=at, until=until, reason=reason)
    _record_lapsed(withdrawn, by=by, at=at)
    return page


@transaction.atomic
def unsnooze_page(*, page_id: UUID, by: Actor, at: datetime) -> Page:
    """The time for which the page was put off is over: it climbs again. Changes nothing before its time."""
    page: Page = Page.objects.locked(page_id)
    if page.stage == PageStage.SNOOZED and page.snoozed_until is not None and page.snoozed_until <= at:
        _climb_again(page, reason="snooze_over", by=by, at=at)
    return page


@transaction.atomic
def resolve_page(*, page_id: UUID, reason: str, by: Actor, at: datetime) -> Page:
    """Nobody needs to look any more: the page ends here."""
    page: Page = Page.objects.locked(page_id)
    stage = PAGE_LIFECYCLE.step("resolve", from_=page.stage)
    stop_timer(page, at=at)
    withdrawn = _withdraw_offers(page, at)
    page.stage = stage
    page.resolved_at = at
    page.version += 1
    page.save(update_fields=["stage", "resolved_at", "next_step_at", "lapses_at", "snoozed_until", "version"])
    record("page.resolved", on=page, by=by, at=at, reason=reason)
    _record_lapsed(withdrawn, by=by, at=at)
    return page


@transaction.atomic
def reopen_page(*, page_id: UUID, reason: str, by: Actor, at: datetime) -> Page:
    """Nobody holds the page any more, and nothing puts it off: it climbs again from its first step."""
    page: Page = Page.objects.locked(page_id)
    PAGE_LIFECYCLE.step("reopen", from_=page.stage)
    _climb_again(page, reason=reason, by=by, at=at)
    return page


def _climb_again(page: Page, *, reason: str, by: Actor, at: datetime) -> None:
    stop_timer(page, at=at)
    withdrawn = _withdraw_offers(page, at)
    page.stage = PageStage.OPEN
    page.acknowledged_by_id = page.acknowledged_at = page.snoozed_by = None
    page.cycle, page.step, page.repeated = page.cycle + 1, 0, 0
    set_timer(page, due=at, at=at)
    page.version += 1
    _save_alive(page, [
        "stage", "acknowledged_by", "acknowledged_at", "snoozed_by", "snoozed_until", "lapses_at", "cycle", "step",
        "repeated", "next_step_at", "version",
    ])  # fmt: skip
    record("page.reopened", on=page, by=by, at=at, cycle=page.cycle, reason=reason)
    _record_lapsed(withdrawn, by=by, at=at)


@transaction.atomic
def restore_timer(*, page_id: UUID, at: datetime) -> bool:
    """Give a page that has lost what its stage waits for a new timer, due at once if its time is past; says whether
    it had lost it.
    """
    page: Page = Page.objects.locked(page_id)
    lapses = page.stage == PageStage.ACKNOWLEDGED and page.lapses_at is not None
    if not (page.stage in (PageStage.OPEN, PageStage.SNOOZED) or lapses) or has_timer(page):
        return False
    match page.stage:
        case PageStage.OPEN:
            set_timer(page, due=at, at=at)
            page.save(update_fields=["next_step_at"])
        case PageStage.SNOOZED:
            set_waking(page, at=at)
        case _:
            set_lapse(page, at=at)
    return True


def _offer_to(page: Page, seat_id: UUID | None) -> HandOver | None:
    if page.stage != PageStage.ACKNOWLEDGED or seat_id is None:
        return None
    offers = HandOver.objects.filter(page=page, to_seat_id=seat_id, stage=HandOverStage.OFFERED)
    found: HandOver | None = offers.select_for_update(of=("self",), no_key=True).first()
    return found


def take_over(page: Page, offer: HandOver, *, by: Actor, at: datetime) -> Page:
    """The page is theirs whom its holder asked; the caller holds page and offer."""
    offer.stage = HAND_OVER_LIFECYCLE.step("accept", from_=offer.stage)
    offer.settled_at = at
    offer.save(update_fields=["stage", "settled_at"])
    page.acknowledged_by_id, page.acknowledged_at = offer.to_seat_id, at
    keep_hold(page, at)
    page.version += 1
    page.save(update_fields=["acknowledged_by", "acknowledged_at", "lapses_at", "version"])
    record("page.handed_over", on=page, by=by, at=at, seat_id=offer.to_seat_id)
    return page


def _withdraw_offers(page: Page, at: datetime) -> list[HandOver]:
    """Nobody is asked to take over what nobody holds any more."""
    offers = list(HandOver.objects.filter(page=page, stage=HandOverStage.OFFERED))
    for offer in offers:
        offer.stage = HAND_OVER_LIFECYCLE.step("lapse", from_=offer.stage)
        offer.settled_at = at
        offer.save(update_fields=["stage", "settled_at"])
    return offers


def _record_lapsed(offers: Sequence[HandOver], *, by: Actor, at: datetime) -> None:
    for offer in offers:
        record("hand_over.lapsed", on=offer, by=by, at=at, page_id=offer.page_id)
