"""The response clocks as a chart: how much of the time that was allowed each promise took, and which were missed.

A shape for each outcome as well as a colour: a dot in time, a diamond late, a cross never, a ring while it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from incidents.states import ClockKind
from insights.charts import WIDTH, figure, n
from insights.words import seconds_in_words

LEFT, RIGHT = 214, 206
HEAD, ROW, FOOT = 12, 40, 34
SHOWN = 2.0  # times what was allowed; what took longer stands at the edge
R = 7
OUTCOMES: Final = {"met": "met", "met_late": "late", "breached": "missed", "running": "open", "stopped": "open"}
TICKS: Final = {0.0: "start", 0.5: "half", 1.0: "due", 1.5: "1.5 times", 2.0: "twice"}


@dataclass(frozen=True, slots=True)
class Promise:
    """One clock: how it ended, and the share of the allowed time that it took; None for one that was never met."""

    outcome: str
    share: float | None
    seconds: float | None
    minutes: int


def clock_chart(clocks: Sequence[dict[str, Any]], *, at: datetime, still: bool = False) -> SafeString:
    """A row for each kind of clock, a sign for each clock; empty without clocks. `at` is where running ones stand."""
    rows = {kind: [_promise(clock, at) for clock in clocks if clock["kind"] == kind] for kind in ClockKind}
    shown = [(kind.label, promises) for kind, promises in rows.items() if promises]
    if not shown:
        return SafeString("")
    height = HEAD + ROW * len(shown) + FOOT
    body = list(_scale(height))
    for place, (label, promises) in enumerate(shown):
        y = HEAD + ROW * place + ROW / 2
        body += [
            format_html(
                '<text class="clock-name" x="{}" y="{}" text-anchor="end">{}</text>', LEFT - 16, n(y + 5), label
            ),
            format_html('<line class="clock-track" x1="{}" x2="{}" y1="{}" y2="{}"/>', LEFT, n(_x(SHOWN)), n(y), n(y)),
            *_signs(promises, y),
            format_html(
                '<text class="clock-strong" x="{}" y="{}">{}</text>', n(_x(SHOWN) + 20), n(y + 5), _in_words(promises)
            ),
        ]
    body.append(_due(height))
    about = "; ".join(f"{label}: {_in_words(promises)}" for label, promises in shown)
    return figure("clock-chart", height, body, "Response clocks", about, still=still)


def kept(clocks: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """How many promises were kept in time, and how many there were that came to an end one way or the other."""
    ended = [clock for clock in clocks if clock["state"] in {"met", "met_late", "breached"}]
    return sum(clock["state"] == "met" for clock in ended), len(ended)


def _promise(clock: dict[str, Any], at: datetime) -> Promise:
    outcome = OUTCOMES[clock["state"]]
    until = clock["met_at"] or (at if clock["state"] == "running" else None)
    if until is None:
        return Promise(outcome, None, None, clock["minutes"])
    taken = max((until - clock["started_at"]).total_seconds(), 0.0)
    allowed = (clock["due_at"] - clock["started_at"]).total_seconds()
    return Promise(outcome, taken / allowed if allowed else SHOWN, taken, clock["minutes"])


def _x(share: float) -> float:
    return LEFT + min(share, SHOWN) / SHOWN * (WIDTH - LEFT - RIGHT)


def _scale(height: int) -> Iterator[SafeString]:
    for share, said in TICKS.items():
        yield format_html(
            '<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>'
            '<text class="{4}" x="{0}" y="{3}" text-anchor="middle">{5}</text>',
            n(_x(share)), HEAD, height - FOOT + 4, height - 10, "clock-strong" if share == 1 else "tick", said,
        )  # fmt: skip


def _due(height: int) -> SafeString:
    return format_html(
        '<line class="clock-due" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>', n(_x(1)), HEAD, height - FOOT + 4
    )


def _signs(promises: Sequence[Promise], y: float) -> Iterator[SafeString]:
    """What has never been met stands at the edge. A single clock also has a bar as long as what it took."""
    for promise in promises:
        x = _x(SHOWN if promise.share is None else promise.share)
        if len(promises) == 1:
            bar = {
                "met": "clock-used",
                "late": "clock-used-late",
                "missed": "clock-used-missed",
                "open": "clock-used-open",
            }[promise.outcome]
            yield format_html('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>', bar, LEFT, n(x), n(y), n(y))
    for promise in promises:
        x = _x(SHOWN if promise.share is None else promise.share)
        match promise.outcome:
            case "met":
                yield format_html('<circle class="clock-met" cx="{}" cy="{}" r="{}"/>', n(x), n(y), R)
            case "late":
                path = f"M{n(x)} {n(y - R - 2)}L{n(x + R + 2)} {n(y)}L{n(x)} {n(y + R + 2)}L{n(x - R - 2)} {n(y)}Z"
                yield format_html('<path class="clock-late" d="{}"/>', path)
            case "missed":
                path = f"M{n(x - R)} {n(y - R)}L{n(x + R)} {n(y + R)}M{n(x + R)} {n(y - R)}L{n(x - R)} {n(y + R)}"
                yield format_html('<path class="clock-missed" d="{}"/>', path)
            case _:
                yield format_html('<circle class="clock-open" cx="{}" cy="{}" r="{}"/>', n(x), n(y), R - 1)


def _in_words(promises: Sequence[Promise]) -> str:
    if len(promises) == 1:
        [promise] = promises
        if promise.outcome == "missed":
            return f"missed ({promise.minutes} min)"
        taken = seconds_in_words(promise.seconds) if promise.seconds is not None else ""
        said = {"met": "met in", "late": "late, after", "open": "still open after"}[promise.outcome]
        return f"{said} {taken}" if taken else "stopped"
    in_time = sum(promise.outcome == "met" for promise in promises)
    still_open = sum(promise.outcome == "open" for promise in promises)
    return f"{in_time} of {len(promises) - still_open} in time"
