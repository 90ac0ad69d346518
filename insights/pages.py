"""The report as a page of its own, behind a signed link: no script, nothing loaded, every word escaped."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.http.pages import page
from core.wall import wall
from incidents.models import Incident
from incidents.states import ClockKind, Stage, StatementStage, TaskStage
from insights.charts import mood_chart, volume_chart
from insights.links import ReportLink, opened
from insights.queries import MARKED, report_of
from insights.words import seconds_in_words
from listening.queries import STEPS
from permissions.gate import allowed
from permissions.models import ApiKey
from permissions.needs import Need
from permissions.queries.keys import alive_at
from tenants.models import Seat
from tenants.queries import caller_in_office

TILES = [
    ("detect", "Time to detect", "from the first departure to the signal"),
    ("acknowledge", "Time to acknowledge", "until a person had taken it"),
    ("decide", "Time to decide", "until the crisis was activated"),
    ("pause", "Time to pause", "until nothing scheduled could go out"),
    ("first_words", "Time to first words", "until something was said in public"),
    ("approve", "Time to approve", "from the request to the last voice"),
    ("contain", "Time to contain", "until it no longer grew"),
    ("resolve", "Time to resolve", "until it was over"),
]
SECTIONS = {
    "summary": "Summary",
    "impact": "Impact",
    "what_went_well": "What went well",
    "what_went_wrong": "What went wrong",
    "client": "The client's view",
}
CLOCK_STATES = {
    "met": "met",
    "met_late": "met late",
    "breached": "breached",
    "stopped": "stopped",
    "running": "running",
}


@require_safe
def report_page(request: HttpRequest, token: str) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Show the report that a link opens, or say that it opens nothing; which of the reasons it is stays unsaid."""
    now = timezone.now()
    link = opened(token, at=now)
    if link is None:
        return page("insights/gone.html", {}, status=404)
    with wall(link.agency_id):
        incident = _incident_of(link, at=now)
        if incident is None:
            return page("insights/gone.html", {}, status=404)
        report = report_of(incident, audience=link.audience, at=now)
    return page("insights/report.html", page_of(report))


def _incident_of(link: ReportLink, *, at: datetime) -> Incident | None:
    """The incident, if whoever made the link sits in the same seat, still may read reports, and their key lives."""
    caller = caller_in_office(link.seat_id, at=at)
    if caller is None or not Seat.objects.filter(pk=link.seat_id, auth_epoch=link.seat_epoch).exists():
        return None
    if link.key_id is not None and not ApiKey.objects.filter(alive_at(at), pk=link.key_id).exists():
        return None
    incident: Incident | None = Incident.objects.filter(pk=link.incident_id).first()
    return incident if incident is not None and allowed(caller, Need.REPORTS_READ, incident) else None


def page_of(report: dict[str, Any]) -> dict[str, Any]:
    """What the template shows: the report, its charts, and its figures in words."""
    zone = ZoneInfo(report["incident"]["time_zone"])
    width = STEPS[report["series"]["step"]]
    points = report["series"]["points"]
    marks = [{**mark, "number": number} for number, mark in enumerate(report["marks"], start=1)]
    numbers = report["numbers"]
    return {
        "report": report,
        "incident": report["incident"],
        "zone": zone.key,
        "stage": Stage(report["incident"]["stage"]).label,
        "kind": report["incident"]["kind"].replace("_", " ").capitalize(),
        "tiles": [
            {"label": label, "value": seconds_in_words(numbers[key]), "hint": hint}
            for key, label, hint in TILES
            if numbers[key] is not None
        ],
        "peak": _peak_in_words(numbers),
        "mood": _mood_in_words(numbers),
        "step": {"5m": "5 minutes", "1h": "hour", "1d": "day", "1m": "minute"}[report["series"]["step"]],
        "volume_chart": volume_chart(points, marks, width=width, zone=zone),
        "mood_chart": mood_chart(points, marks, width=width, zone=zone),
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
            {"title": SECTIONS.get(name, name), "text": text}
            for name, text in (report["postmortem"] or {"sections": {}})["sections"].items()
        ],
    }


def _peak_in_words(numbers: dict[str, Any]) -> str:
    if not numbers["peak_volume"]:
        return "No mentions in this window."
    said = f"{numbers['mentions']:,} mentions; at the peak {numbers['peak_volume']:,} in one step"
    if numbers["peak_times"] is not None:
        said += f", {numbers['peak_times']:g} times what was expected"
    return said + "."


def _mood_in_words(numbers: dict[str, Any]) -> str:
    if numbers["worst_share"] is None:
        return ""
    said = f"At worst {numbers['worst_share']:.0%} were negative"
    if numbers["normal_share"] is not None:
        said += f"; {numbers['normal_share']:.0%} is normal for this brand"
    return said + "."
