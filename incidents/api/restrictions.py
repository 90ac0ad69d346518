"""Restricting an incident to those who hold a grant on it."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because
from core.refusals import NotFound
from incidents.models import Incident
from permissions.actions.restrictions import lift_restriction, restrict_incident
from permissions.models import Restriction
from permissions.needs import Need
from permissions.queries.matrix import who_sees
from permissions.viewset import HouseViewSet

INCIDENT = OpenApiParameter("incident", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The incident.")


class OnlookerView(serializers.Serializer[Any]):
    seat = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.CharField(help_text="owner, or a role that the person holds on the incident")


class RestrictionView(serializers.Serializer[Any]):
    """The restriction, and who sees the incident while it stands. Check that you are among them."""

    id = serializers.UUIDField()
    incident = serializers.UUIDField()
    restricted = serializers.BooleanField()
    reason = serializers.CharField(help_text="Why it was restricted.")
    restricted_at = serializers.DateTimeField()
    lifted_at = serializers.DateTimeField(allow_null=True)
    seen_by = OnlookerView(many=True, allow_null=True, help_text="Null once it is lifted.")


class OfIncident(HouseViewSet):
    """The base of restricting and of opening again."""

    sees = Need.INCIDENTS_READ
    needs: ClassVar[Any] = {"create": Need.INCIDENTS_RESTRICT}
    serializer_class = RestrictionView

    def rows(self) -> Any:
        return Incident.objects.all()

    def incident(self) -> Incident:
        """The incident of the URL: 404 when the caller may not see it, 403 without the need on it."""
        incident: Incident | None = self.get_queryset().filter(pk=self.kwargs["incident"]).first()
        if incident is None:
            raise NotFound
        self.require(Need.INCIDENTS_RESTRICT, incident)
        return incident

    def tell(self, incident: Incident, restriction: Restriction) -> Response:
        restricted = restriction.lifted_at is None
        seen_by = [
            {"seat": seat.pk, "name": seat.user.name, "role": role} for seat, role in who_sees(incident, at=self.now)
        ]
        told = {
            "id": restriction.pk,
            "incident": incident.pk,
            "restricted": restricted,
            "reason": restriction.reason,
            "restricted_at": restriction.restricted_at,
            "lifted_at": restriction.lifted_at,
            "seen_by": seen_by if restricted else None,
        }
        return Response(RestrictionView(told).data)


class Restrictions(OfIncident):
    """Restricting an incident."""

    @extend_schema(
        operation_id="incidents_restrict", parameters=[INCIDENT], request=Because, responses={200: RestrictionView}
    )
    def create(self, _request: Request, **_: Any) -> Response:
        """Close the incident, with everything in it, to all but the owner and those with a grant on it.

        You get no grant by it: the answer lists who still sees the incident. Others are told 404 from here on.
        """
        incident = self.incident()
        return self.tell(incident, restrict_incident(incident_id=incident.pk, **self.read(Because), **self.told))


class LiftedRestrictions(OfIncident):
    """Opening a restricted incident again."""

    @extend_schema(
        operation_id="incidents_lift_restriction",
        parameters=[INCIDENT],
        request=Because,
        responses={200: RestrictionView},
    )
    def create(self, _request: Request, **_: Any) -> Response:
        """Open the incident again to everybody who may see its brand's incidents."""
        incident = self.incident()
        return self.tell(incident, lift_restriction(incident_id=incident.pk, **self.read(Because), **self.told))


routes = [
    ("incidents/<uuid:incident>/restrict", Restrictions, "incident-restriction"),
    ("incidents/<uuid:incident>/lift-restriction", LiftedRestrictions, "incident-restriction-lifted"),
]
