"""The report of an incident over HTTP: as JSON, as a page, as a document, as tables, and as a link to a page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.pages import page
from core.http.problems import Problem, render
from core.http.shapes import Shape
from core.refusals import Invalid, NotFound
from incidents.models import Incident
from insights.actions import share_report
from insights.api.shapes import ReportView
from insights.layout import laid_out
from insights.printing import CannotDraw, printed
from insights.queries import report_of
from insights.tables import PARTS, TIMELINE, table_of, timeline_lines
from permissions.needs import Need
from permissions.viewset import HouseViewSet

ONE_REPORT: Any = forced_singular_serializer(ReportView)  # type: ignore[no-untyped-call]
INCIDENT = OpenApiParameter("incident", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The incident.")


class OfAnIncident(HouseViewSet):
    """The base of what is read below `incidents/<incident>/`."""

    sees = Need.REPORTS_READ
    pagination_class = None

    def rows(self) -> Any:
        return Incident.objects.all()

    def incident(self, need: Need) -> Incident:
        """The incident of the URL: 404 when the caller may not read its report, 403 without the need on it."""
        incident: Incident | None = self.get_queryset().filter(pk=self.kwargs["incident"]).first()
        if incident is None:
            raise NotFound
        self.require(need, incident)
        return incident


class Page(BaseRenderer):
    media_type = "text/html"
    format = "html"


class Document(BaseRenderer):
    media_type = "application/pdf"
    format = "pdf"


class Tables(BaseRenderer):
    media_type = "text/csv"
    format = "csv"


class Chosen(DefaultContentNegotiation):
    """As DRF's, but a format that there is not is a mistake in the request and not a thing that is missing."""

    def filter_renderers(self, renderers: Any, format: Any) -> Any:
        known = [renderer for renderer in renderers if renderer.format == format]
        if not known:
            said = f"One of: {', '.join(sorted(renderer.format for renderer in renderers))}."
            raise Invalid(errors=[{"field": "format", "code": "invalid_choice", "detail": said}])
        return known


class ReportPart(Shape):
    format = serializers.ChoiceField(
        choices=["json", "html", "pdf", "csv"], required=False, help_text="Instead of the Accept header."
    )
    part = serializers.ChoiceField(
        choices=sorted([TIMELINE, *PARTS]), default=TIMELINE, help_text="Which table, as CSV; the timeline comes whole."
    )


class Reports(OfAnIncident):
    """The report of an incident."""

    needs: ClassVar[Any] = {"list": Need.REPORTS_READ}
    serializer_class = ReportView
    renderer_classes = (JSONRenderer, Page, Document, Tables)
    content_negotiation_class = Chosen
    asks = ReportPart
    to_print: dict[str, Any] | None = None

    @extend_schema(
        operation_id="incidents_report",
        parameters=[INCIDENT],
        responses={
            (200, "application/json"): ONE_REPORT,
            (200, "text/html"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
            (200, "text/csv"): OpenApiTypes.STR,
            (503, "application/problem+json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="`cannot_draw`: too many documents at once; Retry-After says when."
            ),
        },
    )
    def list(self, request: Request, **_: Any) -> HttpResponseBase:
        """Everything that is known about the incident; a client's seat gets the client's report.

        JSON, a page, a PDF, or one part as CSV: by `format`, or by the Accept header. `part` is for CSV alone. JSON,
        page and PDF tell the first thousand events; the timeline as CSV has all of them.
        """
        incident = self.incident(Need.REPORTS_READ)
        part = self.asked(ReportPart)["part"]
        wanted = request.accepted_renderer.format
        if wanted == "csv" and part == TIMELINE:
            lines = timeline_lines(incident.pk, agency_id=self.agency_id, audience=self.caller.side, at=self.now)
            return _file(StreamingHttpResponse(lines), Tables, f"{incident.reference}-{part}.csv")
        report = report_of(incident, audience=self.caller.side, at=self.now)
        match wanted:
            case "csv":
                return _file(HttpResponse(table_of(report, part)), Tables, f"{incident.reference}-{part}.csv")
            case "html":
                return page("insights/report.html", laid_out(report))
            case "pdf":
                self.to_print = report
                return _file(HttpResponse(), Document, f"{incident.reference}.pdf")
        return Response(ReportView(report).data)

    def after_commit(self, response: Any) -> Any:
        """A document is drawn once the transaction is over: drawing takes up to some seconds."""
        if self.to_print is None:
            return response
        try:
            response.content = printed(self.to_print)
        except CannotDraw as refusal:
            return render(Problem.of_refusal(refusal), self.request)
        return response


def _file(response: HttpResponseBase, kind: type[BaseRenderer], name: str) -> HttpResponseBase:
    """A file that is saved under a name, and kept by nobody on the way."""
    response["Content-Type"] = f"{kind.media_type}; charset=utf-8" if kind is Tables else kind.media_type
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


class ReportLinkShape(Shape):
    hours = serializers.IntegerField(min_value=1, max_value=24, default=24)
    audience = serializers.ChoiceField(
        choices=["client", "staff"],
        default="client",
        help_text="The client's report leaves out internal notes, drafts and an unreleased review.",
    )


class SharedReportView(serializers.Serializer[Any]):
    url = serializers.URLField(help_text="Opens without signing in, until it expires or its maker's seat ends.")
    expires_at = serializers.DateTimeField()
    audience = serializers.CharField()


class ReportLinks(OfAnIncident):
    """Links to the report as a page."""

    needs: ClassVar[Any] = {"create": Need.REPORTS_SHARE}
    serializer_class = SharedReportView

    @extend_schema(
        operation_id="incidents_report_link",
        parameters=[INCIDENT],
        request=ReportLinkShape,
        responses={201: SharedReportView},
    )
    def create(self, _request: Request, **_: Any) -> Response:
        incident = self.incident(Need.REPORTS_SHARE)
        wanted = self.read(ReportLinkShape)
        shared = share_report(
            incident_id=incident.pk,
            audience=wanted["audience"],
            lasts=timedelta(hours=wanted["hours"]),
            **self.told,
        )
        return self.show_created(shared)
