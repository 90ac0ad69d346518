"""Charts as SVG text: volume against its expected band, and the share of negative mentions against normal.

Drawn by hand: no script, no inline style, every colour a class, so that a strict content policy holds and the page's
light, dark and print colours apply. Whatever comes from outside passes `format_html`. A still chart, for a document
instead of a page, brings its own style, has larger letters, and holds no words of people at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WIDTH = 960
LEFT, RIGHT = 56, 18
TOP, BOTTOM = 46, 34  # the top holds the numbers of the marks
LABEL_HALF = 46  # no tick's label is wider than twice this
BADGE_Y, BADGE_R, BADGE_GAP = 14, 9, 21
MOST_TICKS = 8
MOST_MARKS = 40

# The style that a still chart brings along.
STILL: Final = mark_safe((Path(__file__).resolve().parent / "templates" / "insights" / "still.css").read_text())  # noqa: S308

Place = tuple[float, float]
Mark = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """The drawing area of one chart, from instants and values to places."""

    start: datetime
    end: datetime
    top_value: float
    height: int

    def x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = min(max(value / self.top_value, 0.0), 1.0)
        return self.floor - share * (self.floor - TOP)

    @property
    def floor(self) -> int:
        return self.height - BOTTOM


def volume_chart(
    points: Sequence[dict[str, Any]], marks: Sequence[Mark], *, width: timedelta, zone: ZoneInfo, still: bool = False
) -> SafeString:
    """Mentions in each step, the band that 19 of 20 normal steps lie in, and what rose above it."""
    if not points:
        return SafeString("")
    highest = max(max(p["volume"], p["high"] or 0) for p in points)
    frame = Frame(points[0]["at"], points[-1]["at"] + width, nice_ceiling(highest), 320)
    middle = width / 2
    heard = [(frame.x(p["at"] + middle), frame.y(p["volume"])) for p in points]
    body = [
        _grid(frame, count_in_short),
        _time_axis(frame, zone),
        *[_band(frame, run, middle) for run in _runs(points, "expected")],
        format_html('<path class="volume-area" d="{}"/>', _area(heard, frame.floor)),
        _excess(frame, points, heard, middle),
        format_html('<path class="volume-line" d="{}"/>', _line(heard)),
        _marks(frame, marks, still=still),
        SafeString("") if still else _hover(frame, points, width, zone, _volume_words),
    ]
    return figure(
        "volume-chart", frame.height, body, "Mentions over time",
        "Mentions in each step against the range that was expected, with the decisions as numbered marks.",
        still=still,
    )  # fmt: skip


def mood_chart(
    points: Sequence[dict[str, Any]], marks: Sequence[Mark], *, width: timedelta, zone: ZoneInfo, still: bool = False
) -> SafeString:
    """The share of negative mentions in each step that has enough of them, against the brand's normal share."""
    if not points:
        return SafeString("")
    peak = max(p["volume"] for p in points)
    enough = max(3, peak / 50)  # a share of very few says nothing
    shares = [{**p, "share": p["negative"] / p["volume"] if p["volume"] >= enough else None} for p in points]
    frame = Frame(points[0]["at"], points[-1]["at"] + width, 1.0, 230)
    middle = width / 2
    body = [_grid(frame, lambda value: f"{value:.0%}"), _time_axis(frame, zone)]
    for run in _runs(shares, "negative_share"):
        normal = [(frame.x(p["at"] + middle), frame.y(p["negative_share"])) for p in run]
        body.append(format_html('<path class="normal-line" d="{}"/>', _line(normal)))
    for run in _runs(shares, "share"):
        line = [(frame.x(p["at"] + middle), frame.y(p["share"])) for p in run]
        body.append(format_html('<path class="mood-area" d="{}"/>', _area(line, frame.floor)))
        body.append(format_html('<path class="mood-line" d="{}"/>', _line(line)))
    body.append(_marks(frame, marks, still=still))
    if not still:
        body.append(_hover(frame, shares, width, zone, _mood_words))
    return figure(
        "mood-chart", frame.height, body, "Share of negative mentions over time",
        "The share of negative mentions in each step against the brand's normal share.",
        still=still,
    )  # fmt: skip


def figure(
    name: str, height: int, body: Iterable[SafeString], title: str, about: str, *, still: bool = False
) -> SafeString:
    """A whole chart, `height` high, `WIDTH` wide, with its title and description for those who do not see it."""
    style = format_html("<style>{}</style>", STILL) if still else ""
    return format_html(
        '<svg class="chart" role="img" aria-labelledby="{0}-title {0}-desc" viewBox="0 0 {1} {2}" '
        'xmlns="http://www.w3.org/2000/svg"><title id="{0}-title">{3}</title><desc id="{0}-desc">{4}</desc>'
        "{5}{6}</svg>",
        name, WIDTH, height, title, about, style, mark_safe("".join(body)),  # noqa: S308 - each part is escaped already
    )  # fmt: skip


# -- scales -------------------------------------------------------------------------------------------------


def nice_ceiling(value: float) -> float:
    """The next of 4, 8, 12, 16, 20, 24, 32, 40, 60, 80, …: tops that four equal steps divide into round numbers."""
    unit = 4.0
    factors: tuple[float, ...] = (1, 2, 3, 4, 5, 6, 8)
    while True:
        for factor in factors:
            if unit * factor >= value:
                return unit * factor
        unit *= 10
        factors = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)


def count_in_short(value: float) -> str:
    """A number for an axis: `800`, `12,000`, `240k`, `1.5M`."""
    for unit, sign in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit and value >= 20_000:  # noqa: PLR2004 - from here on thousands are shorter
            return f"{value / unit:.3g}{sign}"
    return f"{value:,.0f}"


def _grid(frame: Frame, said: Callable[[float], str]) -> SafeString:
    values = [frame.top_value * part / 4 for part in range(5)]
    return format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
        [(LEFT, WIDTH - RIGHT, n(frame.y(v)), n(frame.y(v)), LEFT - 8, n(frame.y(v) + 4), said(v)) for v in values],
    )


_INTERVALS = [timedelta(minutes=m) for m in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200)]


def _time_axis(frame: Frame, zone: ZoneInfo) -> SafeString:
    """Ticks at round local times; the day is named where it begins, and at the first tick."""
    length = frame.end - frame.start
    interval = next((i for i in _INTERVALS if length / i <= MOST_TICKS), _INTERVALS[-1])
    midnight = frame.start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = []
    day = None
    tick = midnight + ((frame.start - midnight) // interval + 1) * interval
    while tick < frame.end:
        local = tick.astimezone(zone)
        date, hour = f"{local:%-d %b}", f"{local:%H:%M}"
        said = date if interval >= timedelta(days=1) else hour if local.date() == day else f"{date} {hour}"
        day = local.date()
        x = frame.x(tick)
        middle = min(max(x, LABEL_HALF), WIDTH - LABEL_HALF)
        rows.append((n(x), n(x), frame.floor, frame.floor + 5, n(middle), frame.height - 9, said))
        tick += interval
    return format_html_join(
        "",
        '<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>',
        rows,
    )


# -- shapes -------------------------------------------------------------------------------------------------


def _runs(points: Sequence[dict[str, Any]], key: str) -> list[list[dict[str, Any]]]:
    """Stretches of neighbours that all have a value."""
    runs: list[list[dict[str, Any]]] = []
    before = None
    for point in points:
        if point[key] is not None:
            if before is None:
                runs.append([])
            runs[-1].append(point)
        before = point[key]
    return runs


def _band(frame: Frame, run: Sequence[dict[str, Any]], middle: timedelta) -> SafeString:
    upper = [(frame.x(p["at"] + middle), frame.y(p["high"])) for p in run]
    lower = [(frame.x(p["at"] + middle), frame.y(p["low"])) for p in run]
    expected = [(frame.x(p["at"] + middle), frame.y(p["expected"])) for p in run]
    return format_html(
        '<path class="band" d="{}Z"/><path class="expected-line" d="{}"/>',
        _line([*upper, *reversed(lower)]),
        _line(expected),
    )


def _excess(frame: Frame, points: Sequence[dict[str, Any]], heard: Sequence[Place], middle: timedelta) -> SafeString:
    """The part of the volume above the band, by clipping: where no band is known, nothing is said to be too much."""
    if all(p["high"] is None for p in points):
        return SafeString("")
    edge = [
        (frame.x(p["at"] + middle), frame.y(p["high"]) if p["high"] is not None else float(TOP - 1)) for p in points
    ]
    above = _line([*edge, (edge[-1][0], TOP - 1.0), (edge[0][0], TOP - 1.0)])
    return format_html(
        '<clipPath id="above-band"><path d="{}Z"/></clipPath>'
        '<path class="storm-area" clip-path="url(#above-band)" d="{}"/>',
        above,
        _area(heard, frame.floor),
    )


def _line(places: Sequence[Place]) -> str:
    return "M" + "L".join(f"{n(x)} {n(y)}" for x, y in places)


def _area(places: Sequence[Place], floor: float) -> str:
    return f"{_line([(places[0][0], floor), *places, (places[-1][0], floor)])}Z"


def _marks(frame: Frame, marks: Sequence[Mark], *, still: bool) -> SafeString:
    """A line where each decision fell, and its number above; numbers that would cover each other move aside."""
    shown = [mark for mark in marks[:MOST_MARKS] if frame.start <= mark["at"] <= frame.end]
    places = [frame.x(mark["at"]) for mark in shown]
    badges = spread(places, gap=BADGE_GAP, low=LEFT, high=WIDTH - RIGHT + BADGE_R / 2)
    return format_html_join(
        "",
        '<g class="mark">{}<path class="mark-line" d="M{} {}L{} {}L{} {}"/>'
        '<circle class="badge" cx="{}" cy="{}" r="{}"/>'
        '<text class="badge-number" x="{}" y="{}" text-anchor="middle">{}</text></g>',
        [
            (
                "" if still else format_html("<title>{}</title>", mark["label"]),
                n(x), frame.floor, n(x), TOP - 6, n(badge), BADGE_Y + BADGE_R,
                n(badge), BADGE_Y, BADGE_R,
                n(badge), BADGE_Y + 4, mark["number"],
            )
            for mark, x, badge in zip(shown, places, badges, strict=True)
        ],
    )  # fmt: skip


def spread(places: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Ascending places moved apart to at least `gap`, as little as need be, kept within low..high where they fit."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, low, moved[-1] + gap if moved else low))
    limit = high
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved


def _hover(
    frame: Frame,
    points: Sequence[dict[str, Any]],
    width: timedelta,
    zone: ZoneInfo,
    said: Callable[[dict[str, Any]], str],
) -> SafeString:
    """An unseen column for each step that tells its figures."""
    column = (WIDTH - LEFT - RIGHT) / max((frame.end - frame.start) / width, 1)
    return format_html_join(
        "",
        '<rect class="hover" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        [
            (
                n(frame.x(p["at"])), TOP, n(column), frame.floor - TOP,
                f"{p['at'].astimezone(zone):%-d %b %H:%M} · {said(p)}",
            )
            for p in points
        ],
    )  # fmt: skip


def _volume_words(point: dict[str, Any]) -> str:
    if point["expected"] is None:
        return f"{point['volume']} mentions"
    return f"{point['volume']} mentions, {point['low']:.0f} to {point['high']:.0f} expected"


def _mood_words(point: dict[str, Any]) -> str:
    if point["share"] is None:
        return f"{point['negative']} of {point['volume']} negative"
    return f"{point['share']:.0%} negative ({point['negative']} of {point['volume']})"


def n(value: float) -> str:
    """A coordinate to a tenth: the same picture on every machine, and short."""
    return f"{value:.1f}".rstrip("0").rstrip(".")
