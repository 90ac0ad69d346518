"""The incident itself: open, activate, and every step on its way to being closed."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from core.wall import inside
from incidents.actions import (
    activate_incident,
    change_severity,
    close_incident,
    contain_incident,
    open_incident,
    put_incident_under_review,
    release_holding_statement,
    reopen_incident,
    resolve_incident,
    stand_down_incident,
)
from incidents.api.bodies import EmptyBody, IncidentReason
from incidents.api.statements import StatementView
from incidents.models import Incident
from incidents.states import GRAVE, Stage, StandDownReason
from permissions.needs import Need
from permissions.step_up import require_step_up
from permissions.viewset import ReadViews
from publishing.actions import PATIENCE_S, drain_pause
from publishing.api import PauseView
from publishing.models import Pause
from publishing.states import PauseStage
from readiness.models import Message
from tenants.models import Brand


class IncidentLine(serializers.ModelSerializer[Incident]):
    """An incident as a list shows it."""

    restricted = serializers.SerializerMethodField(help_text="Only its own grants, and the owner, open it.")

    class Meta:
        model = Incident
        fields = [
            "id", "reference", "brand", "title", "kind", "severity", "stage", "cause_kind", "cause_id",
            "plan_version", "pause", "opened_at", "activated_at", "contained_at", "resolved_at", "reviewed_at",
            "closed_at", "stood_down_at", "restricted", "version",
        ]  # fmt: skip

    def get_restricted(self, incident: Incident) -> bool:
        return incident.pk in self.context["view"].caller.standing.restricted


class IncidentView(IncidentLine):
    """An incident with the plan that was frozen into it."""

    plan = serializers.DictField(read_only=True, help_text="The plan as it was when the incident was activated.")

    class Meta(IncidentLine.Meta):
        fields = [*IncidentLine.Meta.fields, "plan"]


class ActivatedIncidentView(IncidentView):
    """The activated incident; `pause_state` is null when nothing was paused."""

    pause_state = serializers.SerializerMethodField()

    class Meta(IncidentView.Meta):
        fields = [*IncidentView.Meta.fields, "pause_state"]

    @extend_schema_field(PauseView(allow_null=True))
    def get_pause_state(self, _incident: Incident) -> None:
        """Known only after the commit; `Incidents.after_commit` puts it in."""
        return


class IncidentShape(Shape):
    brand = serializers.UUIDField()
    title = serializers.CharField(max_length=200)
    kind = serializers.SlugField(max_length=40)
    severity = serializers.IntegerField(min_value=1, max_value=4, help_text="1 is the worst.")


class IncidentActivation(Shape):
    severity = serializers.IntegerField(
        min_value=1, max_value=4, default=None, allow_null=True, help_text="Null keeps the severity as assessed."
    )
    pause = serializers.BooleanField(
        default=None,
        allow_null=True,
        help_text="Pause the brand's scheduled posts in the same breath; null: as the plan says.",
    )


class IncidentRemark(Shape):
    note = serializers.CharField(max_length=500, default="", allow_blank=True)


class IncidentStandDown(Shape):
    reason = serializers.ChoiceField(choices=StandDownReason.choices)
    note = serializers.CharField(max_length=500, default="", allow_blank=True)


class IncidentSeverity(Shape):
    severity = serializers.IntegerField(min_value=1, max_value=4)
    reason = serializers.CharField(max_length=500)


class HoldingStatementShape(Shape):
    message = serializers.UUIDField(help_text="A holding statement of the library, approved beforehand.")


class IncidentFilter(Shape):
    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=Stage.choices, required=False)
    severity = serializers.ChoiceField(choices=["1", "2", "3", "4"], required=False)
    kind = serializers.CharField(max_length=40, required=False)
    reference = serializers.CharField(max_length=20, required=False)


class Incidents(ReadViews):
    """Crises of brands, newest first."""

    sees = Need.INCIDENTS_READ
    needs: ClassVar[Any] = {
        "list": Need.INCIDENTS_READ,
        "retrieve": Need.INCIDENTS_READ,
        "create": Need.INCIDENTS_OPEN,
        "activate": Need.INCIDENTS_ACTIVATE,
        "contain": Need.INCIDENTS_CONTAIN,
        "resolve": Need.INCIDENTS_RESOLVE,
        "reopen": Need.INCIDENTS_RESOLVE,
        "stand_down": Need.INCIDENTS_STAND_DOWN,
        "put_under_review": Need.INCIDENTS_REVIEW,
        "close": Need.INCIDENTS_CLOSE,
        "change_severity": Need.INCIDENTS_STEER,
        "holding_statement": Need.STATEMENTS_RELEASE,
    }
    serializer_class = IncidentView
    asks = IncidentFilter

    def rows(self) -> Any:
        return Incident.objects.all()

    @extend_schema(parameters=[IncidentFilter], responses=IncidentLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(self.asks)).defer("plan"), IncidentLine)

    @extend_schema(request=IncidentShape, responses={201: IncidentView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(IncidentShape)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.INCIDENTS_OPEN, brand)
        incident = open_incident(brand_id=brand.pk, cause_kind="", cause_id=None, **wanted, **self.told)
        return self.show_created(incident)

    @extend_schema(request=IncidentActivation, responses={200: ActivatedIncidentView, 202: ActivatedIncidentView})
    @action(detail=True, methods=["post"])
    def activate(self, _request: Request, **_: Any) -> Response:
        """Call it a crisis. With `pause`: 200 when nothing can go out any more, 202 while posts are on their way."""
        incident = self.subject()
        wanted = self.read(IncidentActivation)
        if wanted["pause"] is not False:
            self.require(Need.PAUSES_START, incident)
        severity = wanted["severity"] or incident.severity
        incident = activate_incident(incident_id=incident.pk, severity=severity, pause=wanted["pause"], **self.told)
        return self.show(incident, ActivatedIncidentView)

    def after_commit(self, response: Any) -> Any:
        """Wait, outside the transaction, until the pause holds; a repeated request is told how things stand now."""
        if self.action != "activate" or response.data["pause"] is None:
            return response
        pause_id = UUID(str(response.data["pause"]))
        drain_pause(pause_id=pause_id, agency_id=self.agency_id, patience_s=PATIENCE_S, at=timezone.now())
        with inside(self.agency_id):
            pause: Pause = Pause.objects.found(pause_id)
            response.data["pause_state"] = PauseView(pause).data
        response.status_code = codes.HTTP_202_ACCEPTED if pause.stage == PauseStage.DRAINING else codes.HTTP_200_OK
        return response

    @extend_schema(request=IncidentRemark, responses=IncidentView)
    @action(detail=True, methods=["post"])
    def contain(self, _request: Request, **_: Any) -> Response:
        incident = self.subject()
        return self.show(contain_incident(incident_id=incident.pk, **self.read(IncidentRemark), **self.told))

    @extend_schema(request=IncidentRemark, responses=IncidentView)
    @action(detail=True, methods=["post"])
    def resolve(self, _request: Request, **_: Any) -> Response:
        """Refused with `loose_ends` while a pause of its own is on, a statement is unsent or an outcome is unknown."""
        incident = self.subject()
        return self.show(resolve_incident(incident_id=incident.pk, **self.read(IncidentRemark), **self.told))

    @extend_schema(request=IncidentReason, responses=IncidentView)
    @action(detail=True, methods=["post"])
    def reopen(self, _request: Request, **_: Any) -> Response:
        incident = self.subject()
        return self.show(reopen_incident(incident_id=incident.pk, **self.read(IncidentReason), **self.told))

    @extend_schema(request=IncidentStandDown, responses=IncidentView)
    @action(detail=True, methods=["post"], url_path="stand-down")
    def stand_down(self, _request: Request, **_: Any) -> Response:
        """No crisis after all. At severity 1 and 2 it asks for a step-up, which no key can give."""
        incident = self.subject()
        wanted = self.read(IncidentStandDown)
        if incident.severity <= GRAVE:
            require_step_up(self.caller)
        return self.show(stand_down_incident(incident_id=incident.pk, **wanted, **self.told))

    @extend_schema(request=EmptyBody, responses=IncidentView)
    @action(detail=True, methods=["post"], url_path="put-under-review")
    def put_under_review(self, _request: Request, **_: Any) -> Response:
        """Drafts the post-mortem with the timeline as it stands."""
        incident = self.subject()
        return self.show(put_incident_under_review(incident_id=incident.pk, **self.read(EmptyBody), **self.told))

    @extend_schema(request=IncidentRemark, responses=IncidentView)
    @action(detail=True, methods=["post"])
    def close(self, _request: Request, **_: Any) -> Response:
        """Refused with `review_not_released` before the post-mortem is released."""
        incident = self.subject()
        return self.show(close_incident(incident_id=incident.pk, **self.read(IncidentRemark), **self.told))

    @extend_schema(request=IncidentSeverity, responses=IncidentView)
    @action(detail=True, methods=["post"], url_path="change-severity")
    def change_severity(self, _request: Request, **_: Any) -> Response:
        """Needs If-Match: nobody overrides a judgement that they have not seen.

        To call severity 1 or 2 less grave asks for a step-up, which no key can give; to call it graver does not.
        """
        incident = self.subject(seen=True)
        wanted = self.read(IncidentSeverity)
        if incident.severity <= GRAVE and wanted["severity"] > incident.severity:
            require_step_up(self.caller)
        return self.show(change_severity(incident_id=incident.pk, **wanted, **self.told))

    @extend_schema(request=HoldingStatementShape, responses={201: StatementView})
    @action(detail=True, methods=["post"], url_path="holding-statement")
    def holding_statement(self, _request: Request, **_: Any) -> Response:
        """The fast lane: a message that was approved beforehand goes out in this one call, once."""
        incident = self.subject()
        wanted = self.read(HoldingStatementShape)
        message = self.named(Message.objects.all(), wanted["message"], field="message", sees=Need.MESSAGES_READ)
        statement = release_holding_statement(incident_id=incident.pk, message_id=message.pk, **self.told)
        return self.show_created(statement, StatementView)
