"""The report as a page of its own, behind a signed link: no script, nothing loaded, every word escaped."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.http.pages import page
from core.http.problems import Problem, render
from core.wall import inside
from incidents.models import Incident
from insights.layout import laid_out
from insights.links import ReportLink, opened
from insights.printing import CannotDraw, printed
from insights.queries import report_of
from permissions.gate import allowed
from permissions.models import ApiKey
from permissions.needs import Need
from permissions.queries.keys import alive_at
from tenants.models import Seat
from tenants.queries import caller_in_office


@require_safe
@transaction.non_atomic_requests
def report_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the report that a link opens, as a page or with `?format=pdf` as a document.

    A link that opens nothing says no more than that; which of the reasons it is stays unsaid.
    """
    now = timezone.now()
    link = opened(token, at=now)
    if link is None:
        return page("insights/gone.html", {}, status=404)
    with inside(link.agency_id):
        incident = _incident_of(link, at=now)
        if incident is None:
            return page("insights/gone.html", {}, status=404)
        report = report_of(incident, audience=link.audience, at=now)
    if request.GET.get("format") == "pdf":
        return _document(request, report)
    return page("insights/report.html", laid_out(report))


def _document(request: HttpRequest, report: dict[str, Any]) -> HttpResponse:
    try:
        drawn = printed(report)
    except CannotDraw as refusal:
        return render(Problem.of_refusal(refusal), request)
    headers = {
        "Content-Disposition": f'inline; filename="{report["incident"]["reference"]}.pdf"',
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(drawn, content_type="application/pdf", headers=headers)


def _incident_of(link: ReportLink, *, at: datetime) -> Incident | None:
    """The incident, if whoever made the link sits in the same seat, still may read reports, and their key lives."""
    caller = caller_in_office(link.seat_id, at=at)
    if caller is None or not Seat.objects.filter(pk=link.seat_id, auth_epoch=link.seat_epoch).exists():
        return None
    if link.key_id is not None and not ApiKey.objects.filter(alive_at(at), pk=link.key_id).exists():
        return None
    incident: Incident | None = Incident.objects.filter(pk=link.incident_id).first()
    return incident if incident is not None and allowed(caller, Need.REPORTS_READ, incident) else None
