"""Keep the false-alarm budget: what a brand's own history says of the score at which it should alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from listening.detector.replay import Peak, Replay
from listening.detector.settings import Settings

# Calibration moves the alarm score at most so far down and up, in log days.
LEAST_SHIFT: Final = -0.5
MOST_SHIFT: Final = 2.5
_STEP: Final = 0.1
_DAYS_A_MONTH: Final = 30.0
# What is believed before there is history counts as much as this many days that kept the budget.
_PRIOR_DAYS: Final = 30.0
_ENOUGH_DAYS: Final = 60.0
# A review belongs to the peak of its kind that lies within so long of it.
_SAME: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What calibration found. `settings` are the brand's with the shift that keeps the budget.

    `expected_false_a_month` is what the shift would have let through, mixed with the belief that the budget is kept;
    `confident` says whether there is history enough not to lean on that belief.
    """

    settings: Settings
    shift: float
    days: float
    raised: int
    false: int
    expected_false_a_month: float
    confident: bool
    why: str


def calibrate(
    history: Replay, settings: Settings, reviewed: Sequence[tuple[datetime, bool]] = (), *, kind: str = "volume"
) -> Calibration:
    """Find the smallest bounded shift of the alarm score under which the brand's history keeps its budget.

    `history` is a replay of the brand's past, `reviewed` what people decided: (when it was raised, whether it was
    false). A peak that nobody reviewed counts as half a false alarm, because storms are rarer than noise but are why
    the detector exists. With little history the shift stays close to none.
    """
    peaks = [(peak.score, _falsehood(peak, reviewed)) for peak in history.peaks if peak.kind == kind]
    plain = replace(settings, alarm_score_shift=0.0)

    def expected(shift: float) -> float:
        heard = sum(false for score, false in peaks if score >= plain.alarm_score + shift)
        believed = settings.false_alarms_per_month * math.exp(-max(shift, 0.0)) * _PRIOR_DAYS / _DAYS_A_MONTH
        return (heard + believed) / ((history.days + _PRIOR_DAYS) / _DAYS_A_MONTH)

    # Lowering the bar is a risk that only long history may take.
    least = LEAST_SHIFT if history.days >= _ENOUGH_DAYS else 0.0
    steps = range(round(least / _STEP), round(MOST_SHIFT / _STEP) + 1)
    shift = next(
        (step * _STEP for step in steps if expected(step * _STEP) <= settings.false_alarms_per_month), MOST_SHIFT
    )
    raised = [false for score, false in peaks if score >= plain.alarm_score + shift]
    confident = history.days >= _ENOUGH_DAYS
    rate = expected(shift)
    return Calibration(
        settings=replace(settings, alarm_score_shift=round(shift, 6)),
        shift=round(shift, 6),
        days=history.days,
        raised=len(raised),
        false=sum(false == 1.0 for false in raised),
        expected_false_a_month=rate,
        confident=confident,
        why=_why(shift, rate, settings, history.days, confident=confident),
    )


def _falsehood(peak: Peak, reviewed: Sequence[tuple[datetime, bool]]) -> float:
    near = [(abs(at - peak.at), was_false) for at, was_false in reviewed if abs(at - peak.at) <= _SAME]
    return float(min(near)[1]) if near else 0.5


def _why(shift: float, rate: float, settings: Settings, days: float, *, confident: bool) -> str:
    budget = settings.false_alarms_per_month
    said = "as it is" if abs(shift) < _STEP / 2 else f"{abs(shift):.1f} {'higher' if shift > 0 else 'lower'}"
    kept = f"about {rate:.1f} false alarms a month are expected, {budget:g} are allowed"
    if rate > budget:
        kept += ", and no higher score may be asked for"
    honest = "" if confident else f" Only {days:.0f} days of history: this is mostly a belief."
    return (
        f"The alarm score stays {said}: {kept}.{honest}"
        if said == "as it is"
        else (f"The alarm score is {said}: {kept}.{honest}")
    )
