"""The incident itself: open, activate, and every step on its way to being closed."""

from __future__ import annotations

from datetime import timedelta
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
    change_incident,
    change_severity,
    close_incident,
    contain_incident,
    merge_incident,
    open_incident,
    put_incident_under_review,
    release_holding_statement,
    reopen_incident,
    resolve_incident,
    split_incident,
    stand_down_incident,
    waive_review,
)
from incidents.actions.opening import assessed
from incidents.api.bodies import EmptyBody, IncidentReason
from incidents.api.statements import StatementView
from incidents.models import Incident
from incidents.states import GRAVE, Stage, StandDownReason, Urgency
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.step_up import require_step_up
from permissions.viewset import ReadViews
from publishing.actions import PATIENCE_S, drain_pause
from publishing.api import PauseView
from publishing.models import Pause
from publishing.states import PauseStage
from readiness.api.plans import FactsShape
from readiness.models import Message
from tenants.models import Brand

RELATED_WITHIN = timedelta(days=3)


class IncidentLine(serializers.ModelSerializer[Incident]):
    """An incident as a list shows it."""

    restricted = serializers.SerializerMethodField(help_text="Only its own grants, and the owner, open it.")
    drill = serializers.SerializerMethodField(help_text="Whether it is only played.")

    class Meta:
        model = Incident
        fields = [
            "id", "reference", "brand", "title", "kind", "severity", "priority", "urgency", "stage", "cause_kind",
            "cause_id", "plan_version", "pause", "opened_at", "activated_at", "contained_at", "resolved_at",
            "reviewed_at", "closed_at", "stood_down_at", "merged_at", "merged_into", "split_from", "restricted",
            "drill", "version",
        ]  # fmt: skip

    def get_restricted(self, incident: Incident) -> bool:
        return incident.pk in self.context["view"].caller.standing.restricted

    def get_drill(self, incident: Incident) -> bool:
        return incident.brand_id in self.context["view"].caller.standing.twins


class IncidentView(IncidentLine):
    """An incident with the plan that was frozen into it."""

    plan = serializers.DictField(read_only=True, help_text="The plan as it was when the incident was activated.")
    assessment = serializers.DictField(
        read_only=True, help_text="What the plan's matrix made of what was known, and why people said otherwise."
    )

    class Meta(IncidentLine.Meta):
        fields = [*IncidentLine.Meta.fields, "plan", "assessment"]


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
    severity = serializers.IntegerField(
        min_value=1,
        max_value=4,
        required=False,
        help_text="1 is the worst. As the matrix says, when absent.",
    )
    facts = FactsShape(required=False, help_text="What is known: the plan's matrix says how grave that is, and why.")
    severity_reason = serializers.CharField(
        max_length=500, default="", allow_blank=True, help_text="Why `severity` is not what the matrix says."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "severity" not in attrs and "facts" not in attrs:
            raise serializers.ValidationError({"severity": "Say it, or the facts."}, code="required")
        return attrs


class IncidentChange(Shape):
    title = serializers.CharField(max_length=200, required=False)
    kind = serializers.SlugField(max_length=40, required=False)
    priority = serializers.IntegerField(min_value=1, max_value=4, required=False, help_text="1 is worked on first.")
    urgency = serializers.ChoiceField(choices=Urgency.choices, required=False)


class IncidentMerge(Shape):
    into = serializers.UUIDField(help_text="Another incident of the brand, which goes on.")
    reason = serializers.CharField(max_length=500)


class IncidentSplit(Shape):
    title = serializers.CharField(max_length=200)
    kind = serializers.SlugField(max_length=40)
    severity = serializers.IntegerField(min_value=1, max_value=4, help_text="1 is the worst.")
    reason = serializers.CharField(max_length=500)


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
        "partial_update": Need.INCIDENTS_STEER,
        "merge": Need.INCIDENTS_STEER,
        "split": Need.INCIDENTS_STEER,
        "waive_review": Need.INCIDENTS_CLOSE,
        "related": Need.INCIDENTS_READ,
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
        facts, reason = wanted.pop("facts", None), wanted.pop("severity_reason")
        assessment: dict[str, Any] = {}
        if facts is not None:
            told = {"kind": wanted["kind"], **facts}
            wanted["severity"], assessment = assessed(brand.pk, told, severity=wanted.get("severity"), reason=reason)
        incident = open_incident(
            brand_id=brand.pk, cause_kind="", cause_id=None, assessment=assessment, **wanted, **self.told
        )
        return self.show_created(incident)

    @extend_schema(parameters=[SEEN], request=IncidentChange, responses=IncidentView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change its title, its type, what is worked on first, or how soon. Severity has a verb of its own."""
        incident = self.subject(seen=True)
        return self.show(
            change_incident(incident_id=incident.pk, **self.read(IncidentChange, partial=True), **self.told)
        )

    @extend_schema(request=IncidentMerge, responses=IncidentView)
    @action(detail=True, methods=["post"])
    def merge(self, _request: Request, **_: Any) -> Response:
        """It is the same story as another one of the brand, which goes on and tells both."""
        incident = self.subject()
        wanted = self.read(IncidentMerge)
        into = self.named(Incident.objects.all(), wanted["into"], field="into", sees=Need.INCIDENTS_READ)
        self.require(Need.INCIDENTS_STEER, into)
        merged = merge_incident(incident_id=incident.pk, into_id=into.pk, reason=wanted["reason"], **self.told)
        return self.show(merged)

    @extend_schema(request=IncidentSplit, responses={201: IncidentView})
    @action(detail=True, methods=["post"])
    def split(self, _request: Request, **_: Any) -> Response:
        """A part of it is another story: a new incident, which is assessed. The two are linked."""
        incident = self.subject()
        return self.show_created(split_incident(incident_id=incident.pk, **self.read(IncidentSplit), **self.told))

    @extend_schema(request=IncidentReason, responses=IncidentView)
    @action(detail=True, methods=["post"], url_path="waive-review")
    def waive_review(self, _request: Request, **_: Any) -> Response:
        """Say by your name that no review is written; only at severity 3 and 4."""
        incident = self.subject()
        waive_review(incident_id=incident.pk, **self.read(IncidentReason), **self.told)
        return self.show(incident)

    @extend_schema(responses=IncidentLine(many=True))
    @action(detail=True, methods=["get"])
    def related(self, _request: Request, **_: Any) -> Response:
        """Incidents of the same type that began within three days of it, of any brand whose incidents you may see."""
        incident = self.subject()
        near = self.get_queryset().filter(
            kind=incident.kind,
            opened_at__gte=incident.opened_at - RELATED_WITHIN,
            opened_at__lte=incident.opened_at + RELATED_WITHIN,
        )
        return self.show_page(near.exclude(pk=incident.pk).defer("plan"), IncidentLine)

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
