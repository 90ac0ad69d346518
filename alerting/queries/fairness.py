"""Where a rota has holes, where it has too many people, and who carries how much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from alerting.models import Rota
from alerting.queries.schedule import drawings
from alerting.shifts import DAY, Drawing, first_shown, on_duty_together, spans, turning_points

NIGHT_BEGINS, NIGHT_ENDS = time(22), time(6)
SATURDAY = 5
HOUR = timedelta(hours=1)


def report_on(rota: Rota, since: datetime, until: datetime) -> dict[str, Any]:
    """Gaps, overlaps and everybody's share from `since` until `until`, on the clock of the rota. Hours as floats.

    Whoever takes turns counts when nobody has fallen to them yet, too: an even share is even among all.
    """
    drawing = drawings([rota.pk], since, until)[rota.pk]
    found = spans(drawing, since, until)
    stretches: dict[UUID, list[tuple[datetime, datetime]]] = {seat: [] for seat in _taking_part(drawing)}
    gaps = []
    for span in found:
        if span.duty.seat is None:
            gaps.append({"starts_at": span.starts_at, "ends_at": span.ends_at})
        else:
            stretches.setdefault(span.duty.seat, []).append((span.starts_at, span.ends_at))
    covered = sum((end - begin for some in stretches.values() for begin, end in some), timedelta(0))
    even = 1 / len(stretches) if stretches else 0.0
    nights = list(_nights(rota.time_zone, since, until))
    weekends = list(_weekends(rota.time_zone, since, until))
    people = []
    for seat, own in stretches.items():
        total = sum((end - begin for begin, end in own), timedelta(0))
        share = total / covered if covered else 0.0
        by_night, by_weekend = _within(own, nights), _within(own, weekends)
        people.append(
            {
                "seat": seat,
                "hours": total / HOUR,
                "night_hours": sum(by_night, timedelta(0)) / HOUR,
                "weekend_hours": sum(by_weekend, timedelta(0)) / HOUR,
                "nights": sum(part >= HOUR for part in by_night),
                "weekends": sum(part >= HOUR for part in by_weekend),
                "share": share,
                "above_even": share - even,
            }
        )
    return {
        "rota": rota.pk,
        "from": since,
        "until": until,
        "hours": (until - since) / HOUR,
        "gap_hours": ((until - since) - covered) / HOUR,
        "gaps": gaps,
        "overlaps": list(_overlaps(drawing, since, until)),
        "even_share": even,
        "people": sorted(people, key=lambda one: (-one["hours"], str(one["seat"]))),
    }


def _taking_part(drawing: Drawing) -> list[UUID]:
    """Everybody in office who stands in a rotation or in a shift of a calendar."""
    named = [seat for layer in drawing.layers for seat in layer.members]
    named += [shift.seat for layer in drawing.layers for shift in layer.shifts or ()]
    return [seat for seat in dict.fromkeys(named) if seat in drawing.here]


def _overlaps(drawing: Drawing, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """Where more than one rotation has somebody on duty; neighbours with the same people are one."""
    open_one: dict[str, Any] | None = None
    for begin, end in pairwise(turning_points(drawing, since, until)):
        together = on_duty_together(drawing, begin)
        said = [{"rotation": layer, "seat": seat} for layer, seat in together] if len(together) > 1 else []
        if open_one is not None and said == open_one["on_duty"]:
            open_one["ends_at"] = end
            continue
        if open_one is not None:
            yield open_one
        open_one = {"starts_at": begin, "ends_at": end, "on_duty": said} if said else None
    if open_one is not None:
        yield open_one


def _days(time_zone: str, since: datetime, until: datetime) -> Iterator[date]:
    zone = ZoneInfo(time_zone)
    day, last = since.astimezone(zone).date() - DAY, until.astimezone(zone).date()
    while day <= last:
        yield day
        day += DAY


def _nights(time_zone: str, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    for day in _days(time_zone, since, until):
        yield (
            first_shown(datetime.combine(day, NIGHT_BEGINS), time_zone),
            first_shown(datetime.combine(day + DAY, NIGHT_ENDS), time_zone),
        )


def _weekends(time_zone: str, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    for day in _days(time_zone, since, until):
        if day.weekday() == SATURDAY:
            yield (
                first_shown(datetime.combine(day, time(0)), time_zone),
                first_shown(datetime.combine(day + 2 * DAY, time(0)), time_zone),
            )


def _within(own: list[tuple[datetime, datetime]], frames: list[tuple[datetime, datetime]]) -> list[timedelta]:
    """How much of each frame the stretches fill; frames that they do not touch are missing. Both are in order."""
    filled: dict[int, timedelta] = defaultdict(timedelta)
    place = 0
    for begin, end in own:
        while place < len(frames) and frames[place][1] <= begin:
            place += 1
        here = place
        while here < len(frames) and frames[here][0] < end:
            filled[here] += min(end, frames[here][1]) - max(begin, frames[here][0])
            here += 1
    return list(filled.values())
