"""A report in words and charts: what the page and the document both show."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

from incidents.queries.reviews import QUESTIONS
from incidents.states import ClockKind, Stage, StatementStage, TaskStage
from insights.charts import mood_chart, volume_chart
from insights.clock_chart import clock_chart, kept
from insights.queries import MARKED
from insights.words import seconds_in_words
from listening.queries import STEPS

TILES: Final = [
    ("detect", "Time to detect", "from the first departure to the signal"),
    ("acknowledge", "Time to acknowledge", "until a person had taken it"),
    ("decide", "Time to decide", "until the crisis was activated"),
    ("pause", "Time to pause", "until nothing scheduled could go out"),
    ("first_words", "Time to first words", "until something was said in public"),
    ("approve", "Time to approve", "from the request to the last voice"),
    ("contain", "Time to contain", "until it no longer grew"),
    ("resolve", "Time to resolve", "until it was over"),
]
# What some names of a review's parts are called; any other stands as it is.
SECTIONS: Final = {
    "summary": "Summary",
    "impact": "Impact",
    "what_went_well": "What went well",
    "what_went_wrong": "What went wrong",
    "client": "The client's view",
}
STEP_NAMES: Final = {"1m": "minute", "5m": "5 minutes", "1h": "hour", "1d": "day"}
CLOCK_STATES: Final = {
    "met": "met",
    "met_late": "met late",
    "breached": "missed",
    "stopped": "stopped",
    "running": "running",
}


# Of whom a rating is the average.
RATED_BY = ("average", "agency", "client")


def laid_out(report: dict[str, Any], *, still: bool = False) -> dict[str, Any]:
    """The report, its charts, and its figures in words; `still` charts are for a document that nobody points at."""
    zone = ZoneInfo(report["incident"]["time_zone"])
    width = STEPS[report["series"]["step"]]
    points = report["series"]["points"]
    marks = [{**mark, "number": number} for number, mark in enumerate(report["marks"], start=1)]
    numbers = report["numbers"]
    in_time, ended = kept(report["clocks"])
    return {
        "report": report,
        "incident": report["incident"],
        "zone": zone.key,
        "stage": Stage(report["incident"]["stage"]).label,
        "kind": titled(report["incident"]["kind"]),
        "tiles": [
            *(
                {"label": label, "value": seconds_in_words(numbers[key]), "hint": hint}
                for key, label, hint in TILES
                if numbers[key] is not None
            ),
            *(
                [{"label": "Posts held", "value": f"{numbers['posts_held']:,}", "hint": "that fell due while paused"}]
                if numbers["posts_held"]
                else []
            ),
            *(
                [{"label": "Promises kept", "value": f"{in_time} of {ended}", "hint": "response clocks met in time"}]
                if ended
                else []
            ),
        ],
        "peak": _peak_in_words(numbers, STEP_NAMES[report["series"]["step"]]),
        "mood": _mood_in_words(numbers),
        "step": STEP_NAMES[report["series"]["step"]],
        "volume_chart": volume_chart(points, marks, width=width, zone=zone, still=still),
        "mood_chart": mood_chart(points, marks, width=width, zone=zone, still=still),
        "clock_chart": clock_chart(report["clocks"], at=report["generated_at"], still=still),
        "has_band": any(point["expected"] is not None for point in points),
        "marks": marks,
        "marked": MARKED,
        "statements": [
            {**found, "stage_label": StatementStage(found["stage"]).label} for found in report["statements"]
        ],
        "clocks": [
            {**clock, "label": ClockKind(clock["kind"]).label, "state_label": CLOCK_STATES[clock["state"]]}
            for clock in report["clocks"]
        ],
        "tasks": [{**task, "stage_label": TaskStage(task["stage"]).label} for task in report["tasks"]],
        "sections": [
            {"title": SECTIONS.get(name) or titled(name), "text": text}
            for name, text in (report["postmortem"] or {"sections": {}})["sections"].items()
        ],
        "ratings": [
            {
                "question": QUESTIONS[rated["question"]],
                **{who: "\u2013" if rated[who] is None else f"{rated[who]:.1f}" for who in RATED_BY},
            }
            for rated in (report["postmortem"] or {"ratings": {"questions": []}})["ratings"]["questions"]
            if rated["average"] is not None
        ],
    }


def titled(name: str) -> str:
    """`product_failure` as people write it: `Product failure`."""
    return name[:1].upper() + name[1:].replace("_", " ")


def _peak_in_words(numbers: dict[str, Any], step: str) -> str:
    if not numbers["peak_volume"]:
        return "No mentions in this window."
    said = f"{numbers['mentions']:,} mentions; at the peak {numbers['peak_volume']:,} in one step of {_one(step)}"
    if numbers["peak_times"] is not None:
        said += f", {numbers['peak_times']:g} times what was expected"
    return said + "."


def _one(step: str) -> str:
    return step if step[:1].isdigit() else f"one {step}"


def _mood_in_words(numbers: dict[str, Any]) -> str:
    if numbers["worst_share"] is None:
        return ""
    said = f"At worst {numbers['worst_share']:.0%} were negative"
    if numbers["normal_share"] is not None:
        said += f"; {numbers['normal_share']:.0%} is normal for this brand"
    return said + "."
