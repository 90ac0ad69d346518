"""What is inside one incident: timeline, notes, duties, tasks, clocks. A stranger to the incident gets 404."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from core.refusals import NotFound
from incidents.actions import (
    add_duty,
    add_task,
    assign_duty,
    complete_task,
    meet_clock,
    note_incident,
    offer_duty,
    skip_task,
)
from incidents.api.bodies import EmptyBody
from incidents.models import Clock, Duty, Incident, IncidentFile, Note, Task
from incidents.queries import timeline_of
from incidents.states import NoteKind
from ledger.models import Event
from permissions import gate
from permissions.needs import Need
from permissions.viewset import HouseViewSet

INSIDE = extend_schema(
    parameters=[OpenApiParameter("incident", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The incident.")]
)


class InsideIncident(HouseViewSet):
    """The base of what hangs below `incidents/<incident>/`."""

    sees = Need.INCIDENTS_READ

    @cached_property
    def incident(self) -> Incident:
        """The incident of the URL; 404 when the caller may not see it."""
        incident: Incident | None = self.visible_incidents().filter(pk=self.kwargs["incident"]).first()
        if incident is None:
            raise NotFound
        return incident

    def visible_incidents(self) -> Any:
        return gate.visible(Incident.objects.all(), to=self.caller, need=Need.INCIDENTS_READ)

    def rows_of(self, model: Any) -> Any:
        return model.objects.filter(incident=self.incident)

    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset())


class TimelineEventView(serializers.ModelSerializer[Event]):
    """One thing that happened. `note` holds the words of a note, `file` what a file is called; for a client's seat
    only when it is shared.
    """

    note = serializers.SerializerMethodField()
    file = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = [
            "id", "seq", "at", "name", "subject_kind", "subject_id", "actor_kind", "actor_id", "actor_name", "facts",
            "note", "file",
        ]  # fmt: skip

    def get_file(self, event: Event) -> str | None:
        names: dict[UUID, str] = self.context["files"]
        return names.get(event.subject_id)

    def get_note(self, event: Event) -> str | None:
        words: dict[UUID, str] = self.context["notes"]
        return words.get(event.subject_id)


@extend_schema_view(list=INSIDE)
class Timeline(InsideIncident):
    """What happened, oldest first: the ledger's events of the incident, of its cause and of its pages, with notes."""

    needs: ClassVar[Any] = {"list": Need.INCIDENTS_READ}
    serializer_class = TimelineEventView
    keyset = ("seq", "id")

    def rows(self) -> Any:
        return timeline_of(self.incident)

    def list(self, _request: Request, **_: Any) -> Response:
        page: Any = self.paginate_queryset(self.get_queryset())
        told = {
            "notes": self._shown(Note, "text", page),
            "files": self._shown(IncidentFile, "name", page),
        }
        shown = TimelineEventView(page, many=True, context={**self.get_serializer_context(), **told})
        return self.get_paginated_response(shown.data)

    def _shown(self, model: Any, column: str, page: Any) -> dict[UUID, str]:
        """Words that the ledger does not hold, by the ids of what they belong to; none where no event is about any."""
        label = model._meta.label_lower
        about = [event.subject_id for event in page if event.subject_kind == label]
        if not about:
            return {}
        rows = self.rows_of(model).filter(pk__in=about)
        if self.caller.side == "client":
            rows = rows.filter(shared_with_client=True)
        return dict(rows.values_list("pk", column))


class NoteView(serializers.ModelSerializer[Note]):
    class Meta:
        model = Note
        fields = ["id", "incident", "kind", "text", "reason", "shared_with_client", "author_seat_id", "written_at"]


class NoteShape(Shape):
    kind = serializers.ChoiceField(choices=NoteKind.choices, default=NoteKind.NOTE)
    text = serializers.CharField(max_length=10_000)
    reason = serializers.CharField(
        max_length=2_000, default="", allow_blank=True, help_text="Why it was decided so; a decision says it."
    )
    shared_with_client = serializers.BooleanField(default=False)


@extend_schema_view(list=INSIDE)
class Notes(InsideIncident):
    """What people wrote into the timeline. A client's seat sees the shared ones."""

    needs: ClassVar[Any] = {"list": Need.INCIDENTS_READ, "create": Need.INCIDENTS_NOTE}
    serializer_class = NoteView
    keyset = ("id",)

    def rows(self) -> Any:
        notes = self.rows_of(Note)
        return notes.filter(shared_with_client=True) if self.caller.side == "client" else notes

    @extend_schema(request=NoteShape, responses={201: NoteView})
    @INSIDE
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.INCIDENTS_NOTE, self.incident)
        note = note_incident(incident_id=self.incident.pk, **self.read(NoteShape), **self.told)
        return self.show_created(note)


class DutyView(serializers.ModelSerializer[Duty]):
    seat_name = serializers.CharField(source="seat.user.name", default=None, read_only=True, allow_null=True)
    deputy_name = serializers.CharField(source="deputy.user.name", default=None, read_only=True, allow_null=True)

    class Meta:
        model = Duty
        fields = ["id", "incident", "duty", "seat", "seat_name", "deputy", "deputy_name", "version"]


class DutyPeople(Shape):
    seat = serializers.UUIDField(allow_null=True)
    deputy = serializers.UUIDField(default=None, allow_null=True)


class DutyOfferShape(Shape):
    to = serializers.UUIDField(help_text="The seat of somebody who may see the incident.")
    note = serializers.CharField(max_length=500, default="", allow_blank=True)


class DutyShape(DutyPeople):
    duty = serializers.CharField(max_length=60)


@extend_schema_view(list=INSIDE)
class Duties(InsideIncident):
    """Who does what in this incident, and who stands in."""

    needs: ClassVar[Any] = {
        "list": Need.INCIDENTS_READ,
        "create": Need.INCIDENTS_STEER,
        "assign": Need.INCIDENTS_STEER,
        "offer": Need.INCIDENTS_NOTE,
    }
    serializer_class = DutyView
    keyset = ("position", "id")

    def rows(self) -> Any:
        return self.rows_of(Duty).select_related("seat__user", "deputy__user")

    @extend_schema(request=DutyShape, responses={201: DutyView})
    @INSIDE
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.INCIDENTS_STEER, self.incident)
        wanted = self.read(DutyShape)
        duty = add_duty(
            incident_id=self.incident.pk,
            duty=wanted["duty"],
            seat_id=wanted["seat"],
            deputy_id=wanted["deputy"],
            **self.told,
        )
        return self.show_created(duty)

    @extend_schema(request=DutyPeople, responses=DutyView)
    @INSIDE
    @action(detail=True, methods=["post"])
    def assign(self, _request: Request, **_: Any) -> Response:
        """Give the duty to somebody else; null leaves the place empty. Needs If-Match."""
        duty = self.subject(seen=True)
        wanted = self.read(DutyPeople)
        return self.show(assign_duty(duty_id=duty.pk, seat_id=wanted["seat"], deputy_id=wanted["deputy"], **self.told))

    @extend_schema(request=DutyOfferShape, responses={201: DutyView})
    @INSIDE
    @action(detail=True, methods=["post"])
    def offer(self, _request: Request, **_: Any) -> Response:
        """Ask somebody to take it over; it stays with its holder until they accept (`duty-offers`), for 15 minutes.

        Its holder may, and whoever may steer the incident.
        """
        duty: Duty = self.subject()
        wanted = self.read(DutyOfferShape)
        if duty.seat_id != self.caller.seat_id:
            self.require(Need.INCIDENTS_STEER, self.incident)
        offer_duty(duty_id=duty.pk, to_seat_id=wanted["to"], note=wanted["note"], **self.told)
        return self.show_created(duty)


class TaskView(serializers.ModelSerializer[Task]):
    class Meta:
        model = Task
        fields = ["id", "incident", "title", "duty", "seat", "due_at", "overdue_at", "stage", "finished_at", "version"]


class TaskShape(Shape):
    title = serializers.CharField(max_length=200)
    duty = serializers.CharField(max_length=60, default="", allow_blank=True)
    seat = serializers.UUIDField(default=None, allow_null=True, help_text="Who does it; null: whoever holds the duty.")
    due_at = serializers.DateTimeField(default=None, allow_null=True)


@extend_schema_view(list=INSIDE)
class Tasks(InsideIncident):
    """What is to be done."""

    needs: ClassVar[Any] = {
        "list": Need.INCIDENTS_READ,
        "create": Need.INCIDENTS_STEER,
        "complete": Need.INCIDENTS_NOTE,
        "skip": Need.INCIDENTS_STEER,
    }
    serializer_class = TaskView
    keyset = ("id",)

    def rows(self) -> Any:
        return self.rows_of(Task)

    @extend_schema(request=TaskShape, responses={201: TaskView})
    @INSIDE
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.INCIDENTS_STEER, self.incident)
        wanted = self.read(TaskShape)
        return self.show_created(
            add_task(incident_id=self.incident.pk, seat_id=wanted.pop("seat"), **wanted, **self.told)
        )

    @extend_schema(request=EmptyBody, responses=TaskView)
    @INSIDE
    @action(detail=True, methods=["post"])
    def complete(self, _request: Request, **_: Any) -> Response:
        task = self.subject()
        return self.show(complete_task(task_id=task.pk, **self.read(EmptyBody), **self.told))

    @extend_schema(request=EmptyBody, responses=TaskView)
    @INSIDE
    @action(detail=True, methods=["post"])
    def skip(self, _request: Request, **_: Any) -> Response:
        task = self.subject()
        return self.show(skip_task(task_id=task.pk, **self.read(EmptyBody), **self.told))


class ClockView(serializers.ModelSerializer[Clock]):
    state = serializers.SerializerMethodField(help_text="running, met, met_late, breached or stopped")

    class Meta:
        model = Clock
        fields = [
            "id", "incident", "kind", "minutes", "started_at", "due_at", "met_at", "breached_at", "stopped_at", "state",
        ]  # fmt: skip

    def get_state(self, clock: Clock) -> str:
        return clock.state(self.context["view"].now)


@extend_schema_view(list=INSIDE)
class Clocks(InsideIncident):
    """Promises with a deadline."""

    needs: ClassVar[Any] = {"list": Need.INCIDENTS_READ, "meet": Need.INCIDENTS_STEER}
    serializer_class = ClockView
    keyset = ("id",)

    def rows(self) -> Any:
        return self.rows_of(Clock)

    @extend_schema(request=EmptyBody, responses=ClockView)
    @INSIDE
    @action(detail=True, methods=["post"])
    def meet(self, _request: Request, **_: Any) -> Response:
        """Say by hand that the promise was kept."""
        clock = self.subject()
        return self.show(meet_clock(clock_id=clock.pk, **self.read(EmptyBody), **self.told))
