"""Backtests: what other settings would have raised in the past; and what the past says of a brand's threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid
from core.wall import standing_agency
from jobs.actions import Wish, later, later_many
from ledger.actions import record
from listening.actions.detect import buckets_of, listened
from listening.actions.settings import held_settings
from listening.detector import Alarm, Replay, Settings, calibrate, replay
from listening.models import Backtest, ListeningSettings, Signal
from listening.queries import HORIZON, first_minute, minutes_between, start_of_bin, start_of_minute
from listening.states import SignalStage
from listening.watching import events_of, settings_of, watched_as
from tenants.models import Brand

LONGEST: Final = timedelta(days=400)
# As far back as a backtest looks that does not say, and as calibration does.
LOOKS_BACK: Final = timedelta(days=90)
MOST_ALARMS: Final = 500
_MONTH: Final = timedelta(days=30)
# A shift that moves less than this changes nothing that anybody would notice, in log days.
NOTICEABLE: Final = 0.05


@transaction.atomic
def ask_backtest(
    *, brand_id: UUID, starts_at: datetime | None, ends_at: datetime | None, settings: dict[str, Any], by: Actor,
    at: datetime,
) -> Backtest:  # fmt: skip
    """Have the past replayed by a worker under other settings; what is not named stays as the brand has it.

    The default is the last 90 days, and what is still to come is left out. `settings` are `false_alarms_per_month` and
    what a brand may change of the detector; null is the default. Raises Invalid for a window that is backwards or
    longer than 400 days, and for what the detector refuses.
    """
    end = start_of_minute(min(ends_at or at, at))
    start = start_of_minute(end - LOOKS_BACK if starts_at is None else starts_at)
    if start >= end:
        raise Invalid(errors=[{"field": "to", "code": "out_of_range", "detail": "This must lie after from."}])
    if end - start > LONGEST:
        detail = f"At most {LONGEST.days} days."
        raise Invalid(errors=[{"field": "from", "code": "out_of_range", "detail": detail}])
    present = watched_as(brand_id)
    try:
        settings_of(_varied(present, settings))
    except (TypeError, ValueError) as problem:
        raise Invalid(errors=[{"field": "settings", "code": "out_of_range", "detail": str(problem)}]) from None
    asked = Backtest(id=uuid7(), brand_id=brand_id, settings=settings, starts_at=start, ends_at=end, requested_at=at)
    asked.save(force_insert=True)
    record("backtest.asked", on=asked, by=by, at=at, starts_at=start, ends_at=end)
    later(
        "listening.backtest", key=str(asked.pk), agency_id=standing_agency(), at=at,
        args={"backtest_id": str(asked.pk)},
    )  # fmt: skip
    return asked


@transaction.atomic
def run_backtest(*, backtest_id: UUID, at: datetime) -> Backtest:
    """Replay the past under the settings that were given and under the present ones, and keep what came of it."""
    asked: Backtest = Backtest.objects.locked(backtest_id)
    if asked.finished_at is not None:
        return asked
    present = watched_as(asked.brand_id)
    signals = list(
        Signal.objects.filter(brand_id=asked.brand_id, starts_at__lt=asked.ends_at, seen_at__gte=asked.starts_at)
    )
    told = {}
    for name, row in (("given", _varied(present, asked.settings)), ("present", present)):
        past = _replayed(asked.brand_id, settings_of(row), asked.starts_at, asked.ends_at)
        told[name] = _told(past, signals)
        asked.problem = "" if past.days else "Nothing was heard of the brand in this time."
    asked.result, asked.finished_at = told, at
    asked.save(update_fields=["result", "problem", "finished_at"])
    return asked


@transaction.atomic
def calibrate_brand(*, brand_id: UUID, by: Actor, at: datetime) -> ListeningSettings | None:
    """Move the brand's threshold to where its own last 90 days keep its budget, by what people said of its signals.

    Dismissed as a false alarm is false; activated or handled is true. Returns the settings when the threshold moved
    noticeably, or None. The version stays: nobody's own choice has changed.
    """
    reviewed = _reviewed(brand_id, since=at - LOOKS_BACK)
    if not reviewed:
        return None
    row = held_settings(brand_id)
    settings = settings_of(row)
    past = _replayed(brand_id, settings, start_of_minute(at - LOOKS_BACK), start_of_minute(at))
    found = calibrate(past, settings, reviewed)
    if abs(found.shift - float(row.calibration.get("shift", 0.0))) < NOTICEABLE:
        return None
    row.calibration = {"shift": found.shift, "why": found.why, "at": at.isoformat()}
    row.save(update_fields=["calibration"])
    record("listening.calibrated", on=row, by=by, at=at, shift=found.shift, reviewed=len(reviewed))
    return row


def calibrate_brands(*, at: datetime) -> int:
    """Have each brand calibrated of whose signals people have decided on some lately; returns how many there are."""
    decided = Signal.objects.filter(reviewed_at__gte=at - LOOKS_BACK).values("brand_id")
    brands = Brand.objects.filter(pk__in=decided).order_by("pk").values_list("pk", flat=True)
    return later_many(
        [
            Wish("listening.calibrate_brand", str(brand), standing_agency(), at, args={"brand_id": str(brand)})
            for brand in brands
        ]
    )


def _reviewed(brand_id: UUID, *, since: datetime) -> list[tuple[datetime, bool]]:
    """When each signal alarmed that people have decided on, and whether they called it false."""
    rows = Signal.objects.filter(brand_id=brand_id, reviewed_at__gte=since).order_by("alarmed_at", "pk")
    said = rows.values_list("alarmed_at", "stage", "false_alarm")
    real = (SignalStage.ACTIVATED, SignalStage.HANDLED)
    return [
        (alarmed_at, bool(false))
        for alarmed_at, stage, false in said
        if stage in real or (stage == SignalStage.DISMISSED and false)
    ]


def _varied(row: ListeningSettings, settings: dict[str, Any]) -> ListeningSettings:
    """The brand's settings with what a backtest says instead; not stored."""
    budget = settings.get("false_alarms_per_month", row.false_alarms_per_month)
    own = {**row.detector, **{name: value for name, value in settings.items() if name != "false_alarms_per_month"}}
    return ListeningSettings(
        id=row.brand_id,
        brand_id=row.brand_id,
        false_alarms_per_month=budget,
        detector={name: value for name, value in own.items() if value is not None},
        calibration=row.calibration,
    )


def alarms_under(
    brand_id: UUID, settings: dict[str, Any], start: datetime, end: datetime, *, learns: timedelta
) -> list[Alarm]:
    """The alarms between two instants had the brand been watched in another way; what is not named stays as it is.

    Nothing is stored. `learns` is how long before `start` the detector learns what is normal. Raises Invalid (400) for
    what the detector refuses.
    """
    row = _varied(watched_as(brand_id), settings)
    try:
        wanted = settings_of(row)
    except (TypeError, ValueError) as problem:
        raise Invalid(errors=[{"field": "threshold", "code": "out_of_range", "detail": str(problem)}]) from None
    return _replayed(brand_id, wanted, start, end, learns=learns).alarms


def _replayed(
    brand_id: UUID, settings: Settings, start: datetime, end: datetime, *, learns: timedelta = HORIZON
) -> Replay:
    """The detector over what was heard since `start`, having learned what is normal from the weeks before."""
    first = first_minute(brand_id, since=start - learns)
    if first is None or first >= end:
        return Replay([], [], 0.0)
    learns_from = start_of_bin(first)
    minutes = minutes_between(brand_id, learns_from, end)
    spans = list(listened(minutes, learns_from, end, heard_to=None))
    found = replay(
        [buckets_of(heard, begin, stop) for begin, stop, heard in spans],
        settings,
        events_of(brand_id, learns_from, end),
        zone=Brand.objects.found(brand_id).time_zone,
    )
    heard_for = sum((max(stop - max(begin, start), timedelta()) for begin, stop, _ in spans), timedelta())
    return Replay(
        [alarm for alarm in found.alarms if alarm.at > start],
        [peak for peak in found.peaks if peak.at > start],
        heard_for / timedelta(days=1),
    )


def _told(past: Replay, signals: Sequence[Signal]) -> dict[str, Any]:
    """As JSON values: the alarms, how many a month, and which signals that people decided on they meet."""
    alarms = past.alarms
    months = past.days / (_MONTH / timedelta(days=1))
    reviewed = {
        "activated": [signal for signal in signals if signal.stage == SignalStage.ACTIVATED],
        "false_alarms": [signal for signal in signals if signal.stage == SignalStage.DISMISSED and signal.false_alarm],
    }
    met = {name: {"signals": len(these), "met": _met(these, alarms)} for name, these in reviewed.items()}
    return {
        "days": round(past.days, 2),
        "alarms_in_all": len(alarms),
        # Less than a day says nothing of a month.
        "alarms_a_month": round(len(alarms) / months, 2) if past.days >= 1 else None,
        "alarms": [_alarm(alarm) for alarm in alarms[:MOST_ALARMS]],
        **met,
    }


def _met(signals: Iterable[Signal], alarms: Sequence[Alarm]) -> int:
    """In how many signals an alarm sounds."""
    return sum(any(signal.starts_at <= alarm.at <= signal.seen_at for alarm in alarms) for signal in signals)


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {
        "at": _written(alarm.at),
        "kind": alarm.kind,
        "severity_hint": alarm.severity_hint,
        "window_minutes": alarm.window_minutes,
        "observed": round(alarm.observed, 4),
        "expected": round(alarm.expected, 4),
        "onset": None if alarm.onset is None else _written(alarm.onset),
        "late_minutes": alarm.late_minutes,
        "why": alarm.why,
    }


def _written(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
