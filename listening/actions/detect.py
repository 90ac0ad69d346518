"""Comparing a brand with its own normal, and raising a signal where it departs from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from alerting.actions import raise_page, reopen_page, worsen_page
from alerting.models import Page
from alerting.states import PageStage
from core.actor import Actor
from core.failpoints import failpoint
from core.ids import uuid7
from core.wall import standing_agency
from incidents.models import Incident
from ledger.actions import record
from listening.actions.contagion import look_for_contagion
from listening.actions.review import schedule_review
from listening.actions.stories import Telling, tell_story
from listening.detector import (
    Buckets,
    Event,
    Facts,
    Finding,
    Forecast,
    Reading,
    Settings,
    State,
    advance,
    forecast,
    judge_facts,
    new_state,
    severity_hint,
    skip,
    state_from_dict,
    state_to_dict,
)
from listening.detector.state import UnknownStateVersion
from listening.models import DetectorState, Signal
from listening.mood.language import UNKNOWN
from listening.queries import (
    BIN,
    DEAF_AFTER,
    HORIZON,
    MINUTE,
    SETTLES_AFTER,
    Minute,
    first_minute,
    made_of,
    minutes_between,
    said_between,
    start_of_bin,
    start_of_minute,
    usual_of,
)
from listening.readings import (
    WITHOUT_A_CROWD,
    explanation,
    first_kind,
    fives,
    gravity_of,
    headline,
    leading,
    observed,
    severity_of,
    window_of,
)
from listening.states import SIGNAL_CAUSE, UNDECIDED, SignalStage
from listening.watching import events_of, review_within, settings_of, watched_as
from tenants.models import Brand

# Signals older than this say nothing about what happens now.
REMEMBERED: Final = timedelta(days=35)
# A story that was not heard of yet is a signal of its own when it has so many mentions.
NEW_STORY_FROM: Final = 10
# A new alarm after so much quiet is another storm, and whoever took the last page must hear of it.
CALM_AFTER: Final = timedelta(hours=1)

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
    """Judge every whole minute until `at`; raise a signal and its page where one alarms, or let the standing one grow.

    Minutes of the last two hours are judged anew each time, from a state that stands before them, so that mentions
    which arrive late or in another order lead to the same signals. Returns the signals that were raised.
    """
    memory = _remembered(brand_id)
    return _look(memory, Brand.objects.found(brand_id), by=by, at=at)


@transaction.atomic
def relearn_normal(*, brand_id: UUID, by: Actor, at: datetime) -> list[Signal]:
    """Learn the brand's normal anew from its buckets, because some that had settled have changed; then detect."""
    memory = _remembered(brand_id)
    memory.state = memory.settled_to = memory.heard_to = None
    return _look(memory, Brand.objects.found(brand_id), by=by, at=at)


@dataclass(frozen=True, slots=True)
class _Watch:
    """How the brand is watched: its settings, and what is expected of it in these hours."""

    settings: Settings
    events: list[Event]


def _remembered(brand_id: UUID) -> DetectorState:
    """The brand's row, made when it is missing, and held: two detectors of a brand take turns."""
    DetectorState.objects.bulk_create([DetectorState(brand_id=brand_id)], ignore_conflicts=True)
    memory: DetectorState = DetectorState.objects.select_for_update(of=("self",), no_key=True).get(brand_id=brand_id)
    return memory


def _look(memory: DetectorState, brand: Brand, *, by: Actor, at: datetime) -> list[Signal]:
    if brand.drill_of_id is not None and brand.archived_at is not None:
        return []  # the drill is over
    end = start_of_minute(at)
    state, start = _stand(memory, brand, end)
    if start is None or start >= end:
        return []
    minutes = minutes_between(brand.pk, start, end)
    # In steps, so that the state is written once for each and not once a minute.
    settled_to = max(start, start_of_bin(end - SETTLES_AFTER))
    old = [row for row in minutes if row[0] < settled_to]
    watch = _Watch(settings_of(watched_as(brand.pk)), events_of(brand.pk, start, end))
    state, settled = _through(state, old, start, settled_to, watch, heard_to=memory.heard_to)
    if old:
        memory.heard_to = old[-1][0]
    if settled_to > start:
        memory.state, memory.settled_to = state_to_dict(state), settled_to
    present, recent = _through(state, minutes[len(old) :], settled_to, end, watch, heard_to=memory.heard_to)
    memory.evaluated_to = end
    memory.save(update_fields=["state", "settled_to", "heard_to", "evaluated_to"])
    _keep_bands(brand.pk, [*settled, *recent])
    failpoint("listening.before_raise")
    raised = _answer(recent, forecast(present, events=watch.events), watch.settings, brand, by=by, at=at)
    if raised is None:
        return []
    schedule_review(raised)
    return [raised]


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
    return new_state(zone=brand.time_zone, bin_minutes=1), None if first is None else start_of_bin(first)


def _through(
    state: State, minutes: Sequence[Minute], start: datetime, end: datetime, watch: _Watch, *, heard_to: datetime | None
) -> tuple[State, list[Reading]]:
    """Advance from `start` to `end` through what was listened to, and pass over the rest."""
    readings: list[Reading] = []
    for begin, stop, heard in listened(minutes, start, end, heard_to=heard_to):
        if state.next_minute not in {None, int(begin.timestamp()) // 60}:
            state = skip(state, to=begin, events=watch.events)
        state, found = advance(state, buckets_of(heard, begin, stop), watch.settings, watch.events)
        readings += found
    if state.next_minute != int(end.timestamp()) // 60:
        state = skip(state, to=end, events=watch.events)
    return state, readings


def listened(
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


def buckets_of(minutes: Sequence[Minute], start: datetime, end: datetime) -> Buckets:
    counts = np.zeros((6, (end - start) // MINUTE), dtype=np.int64)
    for minute, *six in minutes:
        counts[:, (minute - start) // MINUTE] = six
    return Buckets(start, *counts)


def _keep_bands(brand_id: UUID, readings: Sequence[Reading]) -> None:
    """Keep what was expected of each whole five minutes, for charts."""
    whole = [five for five in fives(readings) if five.whole]
    if not whole:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            KEEP_BANDS,
            [
                standing_agency(), brand_id, BIN // MINUTE, [uuid7() for _ in whole],
                [five.starts_at for five in whole], [five.expected for five in whole],
                [five.low for five in whole], [five.high for five in whole],
                [five.negative_share for five in whole],
            ],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Now:
    """What is known of a departure beside its numbers: what is told, how it spreads, and how it may go on."""

    telling: Telling
    findings: tuple[Finding, ...]
    ahead: list[Forecast]


def _answer(
    recent: Sequence[Reading], ahead: list[Forecast], settings: Settings, brand: Brand, *, by: Actor, at: datetime
) -> Signal | None:
    """Let the signal of the story that carries the departure grow, or raise a new one; returns it when it is new.

    A brand has one open signal of a story. What has no story of its own, because many voices say many things, belongs
    to the signal that stands; and a signal that began so takes the first story that comes out of it.
    """
    departing = [reading for reading in recent if reading.findings]
    if not departing:
        return None
    signals = list(
        Signal.objects.filter(brand_id=brand.pk, seen_at__gte=at - REMEMBERED)
        .order_by("-raised_at", "-id")
        .select_for_update(of=("self",), no_key=True)
    )
    standing = [signal for signal in signals if _stands(signal)]
    now = _now(departing, ahead, settings, brand)
    telling = now.telling
    if telling.story is not None:
        look_for_contagion(at=at)
    story_id = None if telling.story is None else telling.story.pk
    same = next((signal for signal in standing if signal.story_id == story_id), None)
    if same is None and standing and (story_id is None or _takes_the_story(standing[0], departing)):
        same = standing[0]
        same.story = telling.story or same.story
    if same is not None:
        _grow(same, recent, now, brand, by=by, at=at)
        return None
    # What people have decided on stays decided, however late the mentions came that changed its minutes.
    decided_to = max((signal.seen_at for signal in signals), default=None)
    fresh = [reading for reading in departing if reading.alarm and (decided_to is None or reading.at > decided_to)]
    if not fresh and _is_news(telling, signals):
        fresh = departing[-1:]
    return _raise(fresh[0], recent, now, brand, by=by, at=at) if fresh else None


def _now(departing: Sequence[Reading], ahead: list[Forecast], settings: Settings, brand: Brand) -> _Now:
    """What the mentions of the newest departure are, from the first minute of its window."""
    start, end = window_of(departing[-1])
    said = said_between(brand.pk, start, end)
    telling = tell_story(brand_id=brand.pk, said=said, start=start)
    facts = Facts(
        window_minutes=(end - start) // MINUTE,
        mentions=len(said),
        authors=len({one.author or one.id for one in said}),
        networks=Counter(one.network for one in said if one.network),
        languages=Counter(one.language for one in said if one.language != UNKNOWN),
        countries=Counter(one.country for one in said if one.country),
        copied=round(telling.copied * sum(not one.repost for one in said)),
    )
    return _Now(telling, tuple(judge_facts(usual_of(brand.pk, before=start), facts, settings)), ahead)


def _takes_the_story(signal: Signal, departing: Sequence[Reading]) -> bool:
    """Whether a story that came out of a departure is that of a signal which began without one."""
    return signal.story_id is None and window_of(departing[0])[0] <= signal.seen_at


def _is_news(telling: Telling, signals: Sequence[Signal]) -> bool:
    """Whether a departure that people know of is told by another story by now."""
    return (
        telling.story is not None
        and telling.mentions >= NEW_STORY_FROM
        and all(signal.story_id != telling.story.pk for signal in signals)
    )


def _worst(departing: Sequence[Reading]) -> Reading:
    """The gravest, and of equals the first, which a signal that is told minute by minute heard of first."""
    return max(departing, key=gravity_of)


def _explained(worst: Reading, recent: Sequence[Reading], now: _Now, brand: Brand) -> dict[str, Any]:
    start, end = window_of(worst)
    made = made_of(brand.pk, start=start, end=end, told=now.telling.centre)
    story = now.telling.story
    made["story"] = None if story is None else {"id": str(story.pk), "mentions": now.telling.mentions}
    return explanation(worst, recent, made, now.telling.copied, findings=now.findings, ahead=now.ahead)


def _hint(worst: Reading, now: _Now, told: dict[str, Any]) -> int:
    """The detector's hint, less where no crowd speaks."""
    hint = severity_hint(worst, now.findings)[0]
    return hint if told["crowd"]["organic"] else max(1, hint - WITHOUT_A_CROWD)


def _stands(signal: Signal) -> bool:
    """Whether the signal still takes in what happens: undecided, or the start of an incident that is not over."""
    if signal.stage in UNDECIDED:
        return True
    return (
        signal.stage == SignalStage.ACTIVATED and Incident.objects.all().open().filter(pk=signal.incident_id).exists()
    )


def _raise(first: Reading, recent: Sequence[Reading], now: _Now, brand: Brand, *, by: Actor, at: datetime) -> Signal:
    departing = [reading for reading in recent if reading.findings and reading.at >= first.at]
    worst = _worst(departing)
    told = _explained(worst, recent, now, brand)
    hint = _hint(worst, now, told)
    severity = severity_of(hint)
    kind = first_kind(_kinds(departing, now))
    watch = watched_as(brand.pk)
    signal = Signal(
        id=uuid7(),
        brand_id=brand.pk,
        story=now.telling.story,
        kind=kind,
        kinds=_kinds(departing, now),
        severity_hint=hint,
        starts_at=window_of(first)[0],
        alarmed_at=max(reading.at for reading in departing if reading.alarm or reading is first),
        seen_at=departing[-1].at,
        raised_at=at,
        review_due_at=at + review_within(watch, severity),
        monitor_only=watch.monitor_only,
        explanation=told,
    )
    # While a crisis team works on a brand's storm, its other signs are for the list and wake nobody.
    if (
        not watch.monitor_only
        and not Incident.objects.all().open().filter(brand_id=brand.pk, cause_kind=SIGNAL_CAUSE).exists()
    ):
        signal.page = raise_page(
            brand_id=brand.pk,
            cause_kind=SIGNAL_CAUSE,
            cause_id=signal.pk,
            severity=severity,
            headline=headline(brand.name, worst),
            topic=f"story:{now.telling.story.pk}" if now.telling.story else None,
            by=by,
            at=at,
        )
    signal.save(force_insert=True)
    count, normal = observed(leading(worst))
    record(
        "signal.raised",
        on=signal,
        by=by,
        at=at,
        kind=kind,
        severity_hint=hint,
        observed=count,
        expected=normal,
        starts_at=signal.starts_at,
    )
    return signal


def _grow(signal: Signal, recent: Sequence[Reading], now: _Now, brand: Brand, *, by: Actor, at: datetime) -> None:
    """Follow the departure: how long it lasts, what speaks, and, where it got worse, what it is now."""
    departing = [reading for reading in recent if reading.findings]
    worst = _worst(departing)
    again = [reading.at for reading in departing if reading.alarm and reading.at > signal.seen_at]
    if again and again[0] - signal.seen_at > CALM_AFTER and signal.page_id is not None:
        _wake_again(signal, by=by, at=at)
    alarms = [reading for reading in departing if reading.alarm]
    if alarms and signal.alarmed_at > recent[0].at:
        # Its beginning is judged anew like everything of the last hours: news may have come late, or out of order.
        signal.starts_at = window_of(alarms[0])[0]
    signal.alarmed_at = max([signal.alarmed_at, *again])
    signal.seen_at = max(signal.seen_at, departing[-1].at)
    signal.kinds = sorted({*signal.kinds, *_kinds(departing, now)})
    signal.kind = first_kind(signal.kinds)
    before = signal.severity_hint
    if gravity_of(worst) > (signal.explanation["severity_hint"], signal.explanation["score"]):
        signal.explanation = _explained(worst, recent, now, brand)
        signal.severity_hint = max(before, _hint(worst, now, signal.explanation))
    # Measurements make no new version: whoever is deciding has seen the signal, and the storm does not wait.
    signal.save(
        update_fields=["story", "kind", "kinds", "starts_at", "alarmed_at", "seen_at", "severity_hint", "explanation"]
    )
    if signal.severity_hint > before:
        if signal.page_id is not None:
            worsen_page(page_id=signal.page_id, severity=severity_of(signal.severity_hint), by=by, at=at)
        count, normal = observed(leading(worst))
        record(
            "signal.grew",
            on=signal,
            by=by,
            at=at,
            severity_hint=signal.severity_hint,
            observed=count,
            expected=normal,
        )


def _kinds(departing: Sequence[Reading], now: _Now) -> list[str]:
    return sorted({found.kind for reading in departing for found in reading.findings} | {f.kind for f in now.findings})


def _wake_again(signal: Signal, *, by: Actor, at: datetime) -> None:
    """Somebody took the page of a storm that calmed, and never decided: they must hear of the next one."""
    page = Page.objects.locked(signal.page_id)
    if page.stage == PageStage.ACKNOWLEDGED:
        reopen_page(page_id=page.pk, reason="signal_alarmed_again", by=by, at=at)
