"""The report of an incident over HTTP: as JSON, and as a link to a page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from core.refusals import NotFound
from incidents.models import Incident
from insights.actions import share_report
from insights.api.shapes import ReportView
from insights.queries import report_of
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


class Reports(OfAnIncident):
    """The report of an incident."""

    needs: ClassVar[Any] = {"list": Need.REPORTS_READ}
    serializer_class = ReportView

    @extend_schema(operation_id="incidents_report", parameters=[INCIDENT], responses=ONE_REPORT)
    def list(self, _request: Request, **_: Any) -> Response:
        """Everything that is known about the incident, as JSON; a client's seat gets the client's report."""
        incident = self.incident(Need.REPORTS_READ)
        return Response(ReportView(report_of(incident, audience=self.caller.side, at=self.now)).data)


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
