"""What wakes nobody for a while: silences, and maintenance that is planned ahead.

Times alone say whether a silence covers a page; the jobs only tell people. So a page is never swallowed because a job
is late.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from alerting.actions.letters import queue_letter
from alerting.models import Silence
from alerting.queries.messages import KINDS
from alerting.queries.silences import longest_silence, swallowed_by
from core.actor import Actor
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later
from ledger.actions import record
from permissions.gate import Caller, allowed
from permissions.needs import Need
from permissions.revocation import Handed, Kept, counted, handing_over, line

START = "alerting.start_silence"
REMIND = "alerting.remind_of_silence"
END = "alerting.end_silence"
HALF_TIME_LETTER = "alerting.silence_half_time"
OVER_LETTER = "alerting.silence_over"
FURTHEST_AHEAD = timedelta(days=90)
# Pages that were being written when the silence ended are on the list by then.
LIST_AFTER = timedelta(minutes=1)


class SilenceTooLong(Refusal):
    """The longest length goes by the highest role that the author holds where the silence is."""

    code = "silence_too_long"
    title = "You may not keep people asleep for so long."


class SilenceOver(Refusal):
    code = "silence_over"
    title = "This silence is over."


@transaction.atomic
def plan_silence(
    *,
    kind: str,
    brand_id: UUID | None,
    cause_kinds: Sequence[str],
    topics: Sequence[str],
    gravest: int,
    reason: str,
    starts_at: datetime | None,
    ends_at: datetime,
    by: Actor,
    at: datetime,
) -> Silence:
    """Pages that match wake nobody from `starts_at` to `ends_at`. A start that is None, or has been, means now.

    Empty matchers match everything. `gravest` is the gravest severity that is covered, 2 to 4. Raises Invalid (400) for
    times that make no sense and for causes that nothing raises, SilenceTooLong (409) beyond what the author's role
    allows.
    """
    unknown = [
        {"field": f"cause_kinds.{place}", "code": "does_not_exist", "detail": f"Known: {', '.join(sorted(KINDS))}."}
        for place, cause in enumerate(cause_kinds)
        if cause not in KINDS
    ]
    if unknown:
        raise Invalid("Nothing raises pages of this cause.", errors=unknown)
    begins = max(starts_at or at, at)
    if begins > at + FURTHEST_AHEAD:
        raise _wrong("starts_at", "too_late", f"This must be within {FURTHEST_AHEAD.days} days.")
    _check_end(begins, ends_at, brand_id=brand_id, by=by, at=at)
    silence = Silence(
        kind=kind,
        brand_id=brand_id,
        cause_kinds=list(dict.fromkeys(cause_kinds)),
        topics=list(dict.fromkeys(topics)),
        gravest=gravest,
        reason=reason,
        author_id=by.seat_id,
        starts_at=begins,
        ends_at=ends_at,
        created_at=at,
    )
    silence.save(force_insert=True)
    record(
        "silence.planned",
        on=silence,
        by=by,
        at=at,
        kind=kind,
        cause_kinds=silence.cause_kinds,
        topics=silence.topics,
        gravest=gravest,
        reason=reason,
        starts_at=begins,
        ends_at=ends_at,
    )
    if begins > at:
        _set(START, silence, due=begins, at=at)
    else:
        _record_start(silence, by=by, at=at)
    _set_last_timers(silence, at=at)
    return silence


@transaction.atomic
def revise_silence(*, silence_id: UUID, reason: str, ends_at: datetime, by: Actor, at: datetime) -> Silence:
    """It ends earlier or later. Its whole length keeps to what the role of whoever revises it allows.

    What it matches stays as it was, so that its list of pages stays true: end it, and plan another.
    """
    silence = _living(silence_id)
    _check_end(silence.starts_at, ends_at, brand_id=silence.brand_id, by=by, at=at)
    silence.reason, silence.ends_at = reason, ends_at
    silence.version += 1
    silence.save(update_fields=["reason", "ends_at", "version"])
    record("silence.revised", on=silence, by=by, at=at, version=silence.version, reason=reason, ends_at=ends_at)
    _set_last_timers(silence, at=at)
    return silence


@transaction.atomic
def end_silence(*, silence_id: UUID, by: Actor, at: datetime) -> Silence:
    """People are woken again from now on. What it swallowed stays asleep, on its list, until somebody wakes it."""
    silence = _living(silence_id)
    silence.ended_by_id = by.seat_id
    _end(silence, "by_hand", by=by, at=at)
    return silence


@transaction.atomic
def start_silence(*, silence_id: UUID, by: Actor, at: datetime) -> Silence:
    """Write that a planned silence has begun; one that was ended before changes nothing."""
    silence: Silence = Silence.objects.locked(silence_id)
    if silence.ended_at is None and silence.starts_at <= at:
        _record_start(silence, by=by, at=at)
    return silence


@transaction.atomic
def remind_of_silence(*, silence_id: UUID, by: Actor, at: datetime) -> Silence:
    """Half of it is over: its author hears by letter that it goes on, and what it has swallowed."""
    silence: Silence = Silence.objects.locked(silence_id)
    if silence.ended_at is None and at < silence.ends_at:
        record("silence.reminded", on=silence, by=by, at=at, swallowed=swallowed_by(silence.pk).count())
        queue_letter(kind=HALF_TIME_LETTER, thing_id=silence.pk, at=at)
    return silence


@transaction.atomic
def let_silence_end(*, silence_id: UUID, by: Actor, at: datetime) -> Silence:
    """Its time is over. One that was ended before, or made longer, stays as it is."""
    silence: Silence = Silence.objects.locked(silence_id)
    if silence.ended_at is None and silence.ends_at <= at:
        _end(silence, "over", by=by, at=at)
    return silence


def _end(silence: Silence, reason: str, *, by: Actor, at: datetime) -> None:
    silence.ended_at = at
    silence.version += 1
    silence.save(update_fields=["ended_at", "ended_by", "version"])
    record("silence.ended", on=silence, by=by, at=at, reason=reason, swallowed=swallowed_by(silence.pk).count())
    for handler in (START, REMIND, END):
        cancel(handler, key=str(silence.pk), at=at)
    if silence.starts_at <= at:
        queue_letter(kind=OVER_LETTER, thing_id=silence.pk, at=at + LIST_AFTER)


def _record_start(silence: Silence, *, by: Actor, at: datetime) -> None:
    record("silence.started", on=silence, by=by, at=at, kind=silence.kind, ends_at=silence.ends_at)


def _check_end(begins: datetime, ends: datetime, *, brand_id: UUID | None, by: Actor, at: datetime) -> None:
    if ends <= max(begins, at):
        raise _wrong("ends_at", "too_early", "This must be later than the start, and later than now.")
    longest = longest_silence(by=by, brand_id=brand_id, at=at)
    if ends - begins > longest:
        raise SilenceTooLong(longest_hours=int(longest.total_seconds()) // 3600)


def _wrong(field: str, code: str, detail: str) -> Invalid:
    return Invalid(errors=[{"field": field, "code": code, "detail": detail}])


def _living(silence_id: UUID) -> Silence:
    silence: Silence = Silence.objects.locked(silence_id)
    if silence.ended_at is not None:
        raise SilenceOver(ended_at=silence.ended_at)
    return silence


def _set_last_timers(silence: Silence, *, at: datetime) -> None:
    """The reminder at half time, unless that has been, and the end."""
    half_time = silence.starts_at + (silence.ends_at - silence.starts_at) / 2
    if half_time > at:
        _set(REMIND, silence, due=half_time, at=at)
    else:
        cancel(REMIND, key=str(silence.pk), at=at)
    _set(END, silence, due=silence.ends_at, at=at)


def _set(handler: str, silence: Silence, *, due: datetime, at: datetime) -> None:
    key = str(silence.pk)
    cancel(handler, key=key, at=at)
    later(handler, key=key, agency_id=standing_agency(), at=due, args={"silence_id": key})


def _kept_by(seat_ids: Collection[UUID]) -> Any:
    return Silence.objects.all().live().filter(author_id__in=seat_ids)


def silences_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(_kept_by(seat_ids), "author_id")


@line("silences", left=silences_left, covers={"alerting.Silence.author", "alerting.Silence.ended_by"})
def end_silences(seat_id: UUID, by: Actor, at: datetime) -> int:
    """What the person wanted to sleep through wakes people again: nobody answers for it any more."""
    silences = list(_kept_by([seat_id]).order_by("pk").select_for_update(of=("self",), no_key=True))
    for silence in silences:
        _end(silence, "seat_revoked", by=by, at=at)
    return len(silences)


@handing_over("silences")
def give_silences(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor answers for what the person silenced, where they might have silenced it themselves."""
    kept, given = [], 0
    for silence in _kept_by([seat_id]).order_by("pk").select_for_update(of=("self",), no_key=True):
        if not allowed(to, Need.SILENCES_WRITE, silence):
            kept.append(Kept("alerting.Silence", silence.pk, "not_allowed"))
            continue
        silence.author_id = to.seat_id
        silence.version += 1
        silence.save(update_fields=["author", "version"])
        record("silence.handed_over", on=silence, by=by, at=at, seat_id=to.seat_id)
        given += 1
    return Handed(given, tuple(kept))
