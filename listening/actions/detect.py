"""Comparing a brand with its own normal, and raising a signal where it departs from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from alerting.actions import raise_page, reopen_page
from alerting.models import Page
from alerting.states import PageStage
from core.actor import Actor
from core.failpoints import failpoint
from core.ids import uuid7
from core.wall import standing_agency
from incidents.models import Incident
from ledger.actions import record
from listening.detector import (
    Buckets,
    Reading,
    Settings,
    State,
    advance,
    new_state,
    skip,
    state_from_dict,
    state_to_dict,
)
from listening.detector.state import UnknownStateVersion
from listening.models import DetectorState, Signal
from listening.queries import (
    BIN,
    HORIZON,
    SETTLES_AFTER,
    Minute,
    first_minute,
    made_of,
    minutes_between,
    start_of_bin,
)
from listening.readings import (
    alarms_for,
    departs,
    explanation,
    gravity_of,
    headline,
    hint_of,
    observed,
    severity_of,
    window_of,
)
from listening.states import UNDECIDED, SignalKind, SignalStage
from tenants.models import Brand

CAUSE: Final = "listening.signal"
SETTINGS: Final = Settings()
MINUTE: Final = timedelta(minutes=1)
# A brand of which nothing was heard for so long was not listened to: the silence teaches nothing.
DEAF_AFTER: Final = timedelta(days=2)
# A new alarm after so much quiet is another storm, and whoever took the last page must hear of it.
CALM_AFTER: Final = timedelta(hours=1)
REVIEW_WITHIN: Final = {
    1: timedelta(minutes=5), 2: timedelta(minutes=15), 3: timedelta(minutes=30), 4: timedelta(hours=1),
}  # fmt: skip

KEEP_BANDS = """
INSERT INTO listening_band AS stored
       (id, agency_id, brand_id, starts_at, minutes, expected, low, high, negative_share)
SELECT new.id, %s, %s, new.starts_at, %s, new.expected, new.low, new.high, new.negative_share
  FROM unnest(%s::uuid[], %s::timestamptz[], %s::float4[], %s::float4[], %s::float4[], %s::float4[])
       AS new (id, starts_at, expected, low, high, negative_share)
    ON CONFLICT (brand_id, starts_at) DO UPDATE
       SET minutes = excluded.minutes, expected = excluded.expected, low = excluded.low, high = excluded.high,
           negative_share = excluded.negative_share
"""


@transaction.atomic
def detect_signals(*, brand_id: UUID, by: Actor, at: datetime) -> list[Signal]:
    """Judge every whole bin until `at`; raise a signal and its page where one alarms, or let the standing one grow.

    Bins of the last two hours are judged anew each time, from a state that stands before them, so that mentions which
    arrive late or in another order lead to the same signals. Returns the signals that were raised.
    """
    memory = _remembered(brand_id)
    return _look(memory, Brand.objects.found(brand_id), by=by, at=at)


@transaction.atomic
def relearn_normal(*, brand_id: UUID, by: Actor, at: datetime) -> list[Signal]:
    """Learn the brand's normal anew from its buckets, because some that had settled have changed; then detect."""
    memory = _remembered(brand_id)
    memory.state = memory.settled_to = memory.heard_to = None
    return _look(memory, Brand.objects.found(brand_id), by=by, at=at)


def _remembered(brand_id: UUID) -> DetectorState:
    """The brand's row, made when it is missing, and held: two detectors of a brand take turns."""
    DetectorState.objects.bulk_create([DetectorState(brand_id=brand_id)], ignore_conflicts=True)
    memory: DetectorState = DetectorState.objects.select_for_update(of=("self",), no_key=True).get(brand_id=brand_id)
    return memory


def _look(memory: DetectorState, brand: Brand, *, by: Actor, at: datetime) -> list[Signal]:
    end = start_of_bin(at)
    state, start = _stand(memory, brand, end)
    if start is None or start >= end:
        return []
    minutes = minutes_between(brand.pk, start, end)
    settled_to = max(start, end - SETTLES_AFTER)
    old = [row for row in minutes if row[0] < settled_to]
    state, settled = _through(state, old, start, settled_to, heard_to=memory.heard_to)
    if old:
        memory.heard_to = old[-1][0]
    if settled_to > start:
        memory.state, memory.settled_to = state_to_dict(state), settled_to
    _, recent = _through(state, minutes[len(old) :], settled_to, end, heard_to=memory.heard_to)
    memory.evaluated_to = end
    memory.save(update_fields=["state", "settled_to", "heard_to", "evaluated_to"])
    _keep_bands(brand.pk, [*settled, *recent])
    failpoint("listening.before_raise")
    raised = [_answer(kind, recent, brand, by=by, at=at) for kind in SignalKind]
    return [signal for signal in raised if signal is not None]


def _stand(memory: DetectorState, brand: Brand, end: datetime) -> tuple[State, datetime | None]:
    """The state to go on from and the minute where it stands; a new one, and the first bucket, when there is none."""
    if memory.state is not None:
        try:
            state = state_from_dict(memory.state)
        except UnknownStateVersion:
            state = None
        if state is not None and state.zone == brand.time_zone:
            return state, memory.settled_to
    memory.heard_to = None
    first = first_minute(brand.pk, since=end - HORIZON)
    return new_state(zone=brand.time_zone), None if first is None else start_of_bin(first)


def _through(
    state: State, minutes: Sequence[Minute], start: datetime, end: datetime, *, heard_to: datetime | None
) -> tuple[State, list[Reading]]:
    """Advance from `start` to `end` through what was listened to, and pass over the rest."""
    readings: list[Reading] = []
    for begin, stop, heard in _listened(minutes, start, end, heard_to=heard_to):
        if state.next_minute not in {None, int(begin.timestamp()) // 60}:
            state = skip(state, to=begin)
        state, found = advance(state, _buckets(heard, begin, stop), SETTINGS)
        readings += found
    if state.next_minute != int(end.timestamp()) // 60:
        state = skip(state, to=end)
    return state, readings


def _listened(
    minutes: Sequence[Minute], start: datetime, end: datetime, *, heard_to: datetime | None
) -> Iterator[tuple[datetime, datetime, list[Minute]]]:
    """The spans in which the brand was listened to, with their minutes: a silence counts for two days."""
    last, heard = heard_to or start, list[Minute]()
    for row in minutes:
        deaf_from = start_of_bin(last) + DEAF_AFTER
        if row[0] >= deaf_from:
            if deaf_from > start:
                yield start, deaf_from, heard
            start, heard = start_of_bin(row[0]), []
        heard.append(row)
        last = row[0]
    deaf_from = start_of_bin(last) + DEAF_AFTER
    if min(deaf_from, end) > start:
        yield start, min(deaf_from, end), heard


def _buckets(minutes: Sequence[Minute], start: datetime, end: datetime) -> Buckets:
    counts = np.zeros((4, (end - start) // MINUTE), dtype=np.int64)
    for minute, *four in minutes:
        counts[:, (minute - start) // MINUTE] = four
    return Buckets(start, *counts)


def _keep_bands(brand_id: UUID, readings: Sequence[Reading]) -> None:
    """Keep what was expected of each bin, for charts."""
    if not readings:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            KEEP_BANDS,
            [
                standing_agency(), brand_id, BIN // MINUTE, [uuid7() for _ in readings],
                [reading.at - BIN for reading in readings], [reading.expected for reading in readings],
                [reading.low for reading in readings], [reading.high for reading in readings],
                [reading.negative_share_normal for reading in readings],
            ],
        )  # fmt: skip


def _answer(kind: SignalKind, recent: Sequence[Reading], brand: Brand, *, by: Actor, at: datetime) -> Signal | None:
    """Let the standing signal of this kind grow, or raise a new one; returns it when it is new."""
    departing = _departing(recent, kind)
    if not departing:
        return None
    last: Signal | None = (
        Signal.objects.filter(brand_id=brand.pk, kind=kind)
        .order_by("-raised_at")
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    if last is not None and _stands(last):
        _grow(last, recent, brand, by=by, at=at)
        return None
    # What people have decided on stays decided, however late the mentions came that changed its bins.
    fresh = [
        reading for reading in departing if alarms_for(reading, kind) and (last is None or reading.at > last.seen_at)
    ]
    return _raise(kind, fresh[0], recent, brand, by=by, at=at) if fresh else None


def _departing(recent: Sequence[Reading], kind: SignalKind) -> list[Reading]:
    return [reading for reading in recent if departs(reading, kind, SETTINGS.alarm_score)]


def _worst(departing: Sequence[Reading], kind: SignalKind) -> Reading:
    """The gravest, and of equals the first, which a signal that is told bin by bin heard of first."""
    return max(departing, key=lambda reading: gravity_of(reading, kind))


def _explained(worst: Reading, recent: Sequence[Reading], kind: SignalKind, brand: Brand) -> dict[str, Any]:
    start, end = window_of(worst, kind)
    return explanation(worst, recent, kind, made_of(brand.pk, start=start, end=end))


def _stands(signal: Signal) -> bool:
    """Whether the signal still takes in what happens: undecided, or the start of an incident that is not over."""
    if signal.stage in UNDECIDED:
        return True
    return (
        signal.stage == SignalStage.ACTIVATED and Incident.objects.all().open().filter(pk=signal.incident_id).exists()
    )


def _raise(
    kind: SignalKind, first: Reading, recent: Sequence[Reading], brand: Brand, *, by: Actor, at: datetime
) -> Signal:
    departing = [reading for reading in _departing(recent, kind) if reading.at >= first.at]
    worst = _worst(departing, kind)
    hint, severity = hint_of(worst), severity_of(hint_of(worst))
    start, end = window_of(first, kind)[0], departing[-1].at
    signal = Signal(
        id=uuid7(),
        brand_id=brand.pk,
        kind=kind,
        severity_hint=hint,
        starts_at=start,
        alarmed_at=first.at,
        seen_at=end,
        raised_at=at,
        review_due_at=at + REVIEW_WITHIN[severity],
        explanation=_explained(worst, recent, kind, brand),
    )
    # While a crisis team works on a brand's storm, its other signs are for the list and wake nobody.
    if not Incident.objects.all().open().filter(brand_id=brand.pk, cause_kind=CAUSE).exists():
        signal.page = raise_page(
            brand_id=brand.pk,
            cause_kind=CAUSE,
            cause_id=signal.pk,
            severity=severity,
            headline=headline(brand.name, worst, kind),
            by=by,
            at=at,
        )
    signal.save(force_insert=True)
    count, normal = observed(worst, kind)
    record(
        "signal.raised",
        on=signal,
        by=by,
        at=at,
        kind=kind.value,
        severity_hint=hint,
        observed=count,
        expected=normal,
        starts_at=start,
    )
    return signal


def _grow(signal: Signal, recent: Sequence[Reading], brand: Brand, *, by: Actor, at: datetime) -> None:
    """Follow the departure: how long it lasts, and, where it got worse, what it is now."""
    kind = SignalKind(signal.kind)
    departing = _departing(recent, kind)
    worst = _worst(departing, kind)
    again = [reading.at for reading in departing if alarms_for(reading, kind) and reading.at > signal.seen_at]
    if again and again[0] - signal.seen_at > CALM_AFTER and signal.page_id is not None:
        _wake_again(signal, by=by, at=at)
    signal.alarmed_at = max([signal.alarmed_at, *again])
    signal.seen_at = max(signal.seen_at, departing[-1].at)
    grew = hint_of(worst) > signal.severity_hint
    if gravity_of(worst, kind) > (signal.severity_hint, signal.explanation["score"]):
        signal.severity_hint = hint_of(worst)
        signal.explanation = _explained(worst, recent, kind, brand)
    # Measurements make no new version: whoever is deciding has seen the signal, and the storm does not wait.
    signal.save(update_fields=["alarmed_at", "seen_at", "severity_hint", "explanation"])
    if grew:
        count, normal = observed(worst, kind)
        record(
            "signal.grew",
            on=signal,
            by=by,
            at=at,
            severity_hint=signal.severity_hint,
            observed=count,
            expected=normal,
        )


def _wake_again(signal: Signal, *, by: Actor, at: datetime) -> None:
    """Somebody took the page of a storm that calmed, and never decided: they must hear of the next one."""
    page = Page.objects.locked(signal.page_id)
    if page.stage == PageStage.ACKNOWLEDGED:
        reopen_page(page_id=page.pk, reason="signal_alarmed_again", by=by, at=at)
