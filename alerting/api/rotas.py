"""Rotas, who answers for them, and who stands in, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import cancel_override, create_rota, override_rota, revise_rota
from alerting.actions.calendars import import_calendar
from alerting.models import Rota, RotaOverride, Rotation
from alerting.models.rotas import TurnUnit
from alerting.queries import duties_at, duty_at
from alerting.queries.fairness import report_on
from alerting.queries.schedule import LONGEST_SCHEDULE, duties_of, schedule
from alerting.shifts import Duty
from core.http.shapes import Shape
from core.refusals import Invalid
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import HouseViewSet, ReadViews
from tenants.models import Seat

CLOCK = r"\A([01]\d|2[0-3]):[0-5]\d\Z"
MOST_TURN_UNITS = {"hours": 24 * 7 * 8, "days": 7 * 8, "weeks": 8}
MOST_MEMBERS = 100
MOST_ROTATIONS = 20
MOST_WINDOWS = 21
USUAL_SCHEDULE = timedelta(days=14)
USUAL_REPORT = timedelta(days=30)


class TurnShape(Shape):
    unit = serializers.ChoiceField(choices=TurnUnit.choices)
    length = serializers.IntegerField(min_value=1, max_value=max(MOST_TURN_UNITS.values()), default=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["length"] > MOST_TURN_UNITS[attrs["unit"]]:
            raise serializers.ValidationError({"length": [ErrorDetail("At most 8 weeks.", "max_value")]})
        return attrs


class DutyHoursShape(Shape):
    days = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        min_length=1,
        max_length=7,
        help_text="The days on which they start; 0 is Monday.",
    )
    starts = serializers.RegexField(CLOCK, help_text="As in 09:00, on the clock of the rotation's zone.")
    ends = serializers.RegexField(CLOCK, help_text="Not later than the start: on the day after.")


class RotationShape(Shape):
    """Without an `id` it is new and says its members and its start; with one, what it does not name stays."""

    id = serializers.UUIDField(required=False)
    name = serializers.CharField(max_length=120, required=False)
    time_zone = serializers.CharField(
        max_length=64, required=False, help_text="Turns and windows are on its clock; that of the rota, when absent."
    )
    members = serializers.ListField(
        child=serializers.UUIDField(),
        min_length=1,
        max_length=MOST_MEMBERS,
        required=False,
        help_text="Seats of staff, in the order of their turns; one may stand there twice.",
    )
    starts_at = serializers.DateTimeField(
        required=False, help_text="When the first turn begins. All others begin at the same time of the clock."
    )
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    turn = TurnShape(required=False, help_text="A day, when absent.")
    windows = serializers.ListField(
        child=DutyHoursShape(),
        max_length=MOST_WINDOWS,
        required=False,
        help_text="The hours of the week in which it is on duty; always, when there are none.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        missing = [] if "id" in attrs else [name for name in ("members", "starts_at") if name not in attrs]
        if missing:
            detail = ErrorDetail("A new rotation says this.", "required")
            raise serializers.ValidationError({name: [detail] for name in missing})
        return attrs


class RotationView(serializers.ModelSerializer[Rotation]):
    turn = serializers.SerializerMethodField()
    windows = DutyHoursShape(many=True, read_only=True)

    class Meta:
        model = Rotation
        fields = [
            "id", "name", "time_zone", "members", "starts_at", "ends_at", "turn", "windows", "from_calendar",
        ]  # fmt: skip

    @extend_schema_field(TurnShape)
    def get_turn(self, rotation: Rotation) -> dict[str, Any]:
        return {"unit": rotation.turn_unit, "length": rotation.turn_length}


class RotaView(serializers.ModelSerializer[Rota]):
    rotations = RotationView(many=True, read_only=True, help_text="The first that has somebody on duty answers.")

    class Meta:
        model = Rota
        fields = ["id", "name", "time_zone", "rotations", "created_at", "version"]


class RotaShape(Shape):
    name = serializers.CharField(max_length=120)
    time_zone = serializers.CharField(max_length=64, help_text="For rotations that do not name their own.")
    rotations = serializers.ListField(
        child=RotationShape(),
        max_length=MOST_ROTATIONS,
        help_text="In the order in which they answer. May be empty for a rota that a calendar will fill.",
    )


class RotaOverrideView(serializers.ModelSerializer[RotaOverride]):
    class Meta:
        model = RotaOverride
        fields = ["id", "rota", "seat", "starts_at", "ends_at", "created_at", "cancelled_at"]


class RotaOverrideShape(Shape):
    seat = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class CalendarShape(Shape):
    text = serializers.CharField(max_length=900_000, trim_whitespace=False, help_text="The iCalendar itself.")
    rotation = serializers.UUIDField(required=False, help_text="The one that it fills; a new one, when absent.")
    name = serializers.CharField(max_length=120, required=False)
    time_zone = serializers.CharField(
        max_length=64, required=False, help_text="Of times that say none, and of whole days; the rota's, when absent."
    )


class OnCallShape(Shape):
    at = serializers.DateTimeField(required=False, help_text="Now, when absent.")


class DutyView(serializers.Serializer[Any]):
    seat = serializers.UUIDField(allow_null=True, help_text="Null when nobody answers.")
    why = serializers.ChoiceField(choices=["override", "swap", "rotation", "gap"])
    source: Any = serializers.UUIDField(allow_null=True, help_text="The override, swap or rotation that says so.")


class OnCallView(DutyView):
    rota = serializers.UUIDField()
    at = serializers.DateTimeField()
    override = serializers.UUIDField(allow_null=True, help_text="The override that counts at this instant.")


class OnCallsView(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    rotas = OnCallView(many=True)


class StretchShape(Shape):
    """A stretch of time; `from` is written so in the address."""

    until = serializers.DateTimeField(required=False)

    def get_fields(self) -> dict[str, Any]:
        when = serializers.DateTimeField(required=False, help_text="Now, when absent.")
        return {"from": when, **super().get_fields()}


class PersonsStretchShape(StretchShape):
    seat = serializers.UUIDField(required=False, help_text="Your own, when absent.")


class SpanView(DutyView):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class PersonsSpanView(SpanView):
    rota = serializers.UUIDField()


class ScheduleView(serializers.Serializer[Any]):
    rota = serializers.UUIDField()
    until = serializers.DateTimeField()
    spans = SpanView(many=True, help_text="One after the other without a hole; where nobody answers it says so.")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class PersonsScheduleView(serializers.Serializer[Any]):
    seat = serializers.UUIDField()
    until = serializers.DateTimeField()
    spans = PersonsSpanView(many=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class PlainSpanView(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class OnDutyTogetherView(serializers.Serializer[Any]):
    rotation = serializers.UUIDField()
    seat = serializers.UUIDField()


class OverlapView(PlainSpanView):
    on_duty = OnDutyTogetherView(many=True, help_text="The first of them answers.")


class ShareView(serializers.Serializer[Any]):
    seat = serializers.UUIDField()
    hours = serializers.FloatField()
    night_hours = serializers.FloatField(help_text="Between 22:00 and 6:00 on the clock of the rota.")
    weekend_hours = serializers.FloatField(help_text="On Saturdays and Sundays, on the clock of the rota.")
    nights = serializers.IntegerField(help_text="Nights of which they answered an hour at least.")
    weekends = serializers.IntegerField(help_text="Weekends of which they answered an hour at least.")
    share = serializers.FloatField(help_text="Of all hours in which somebody answered.")
    above_even = serializers.FloatField(
        help_text="`share` less `even_share`: above nought they carry more than others."
    )


class RotaReportView(serializers.Serializer[Any]):
    rota = serializers.UUIDField()
    until = serializers.DateTimeField()
    hours = serializers.FloatField()
    gap_hours = serializers.FloatField()
    gaps = PlainSpanView(many=True)
    overlaps = OverlapView(many=True, help_text="More than one rotation has somebody on duty.")
    even_share = serializers.FloatField(help_text="What each would have if all had the same.")
    people = ShareView(many=True, help_text="Who carries most, first.")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


def _duty(duty: Duty) -> dict[str, Any]:
    return {"seat": duty.seat, "why": duty.why, "source": duty.source}


def _on_call(rota: Rota, duty: Duty, at: Any) -> dict[str, Any]:
    override = duty.source if duty.why == "override" else None
    return {"rota": rota.pk, "at": at, **_duty(duty), "override": override}


class WithStretch(HouseViewSet):
    """Views that answer for a stretch of time."""

    def stretch(self, wanted: dict[str, Any], *, usual: timedelta) -> tuple[Any, Any]:
        """(from, until) as the query string says; raises Invalid (400) for one that is empty or too long."""
        since = wanted.get("from", self.now)
        until = wanted.get("until", since + usual)
        if not timedelta(0) < until - since <= LONGEST_SCHEDULE:
            detail = f"This must be later than `from`, and at most {LONGEST_SCHEDULE.days} days later."
            raise Invalid(errors=[{"field": "until", "code": "out_of_range", "detail": detail}])
        return since, until


class Rotas(WithStretch, ReadViews):
    """People who take turns at being on call."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {
        "list": Need.ROTAS_READ,
        "retrieve": Need.ROTAS_READ,
        "create": Need.ROTAS_WRITE,
        "partial_update": Need.ROTAS_WRITE,
        "on_call": Need.ROTAS_READ,
        "schedule": Need.ROTAS_READ,
        "report": Need.ROTAS_READ,
        "overrides": Need.ROTAS_WRITE,
        "calendar": Need.ROTAS_WRITE,
    }
    serializer_class = RotaView

    def rows(self) -> Any:
        return Rota.objects.prefetch_related(Prefetch("rotations", Rotation.objects.order_by("position")))

    def _shown(self, rota: Rota) -> Rota:
        found: Rota = self.rows().get(pk=rota.pk)
        return found

    @extend_schema(request=RotaShape, responses={201: RotaView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.ROTAS_WRITE, None)
        return self.show_created(self._shown(create_rota(**self.read(RotaShape), **self.told)))

    @extend_schema(parameters=[SEEN], request=RotaShape, responses=RotaView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named; what is not named stays. `rotations` names all of them in their new order."""
        rota: Rota = self.subject(seen=True)
        return self.show(self._shown(revise_rota(rota_id=rota.pk, **self.read(RotaShape, partial=True), **self.told)))

    @extend_schema(parameters=[OnCallShape], responses=OnCallView)
    @action(detail=True, methods=["get"], url_path="on-call")
    def on_call(self, _request: Request, **_: Any) -> Response:
        """Who answers for the rota at an instant."""
        rota: Rota = self.subject()
        at = self.asked(OnCallShape).get("at", self.now)
        return Response(OnCallView(_on_call(rota, duty_at(rota, at), at)).data)

    @extend_schema(parameters=[StretchShape], responses=ScheduleView)
    @action(detail=True, methods=["get"])
    def schedule(self, _request: Request, **_: Any) -> Response:
        """Who answers from `from` until `until`: a fortnight unless said, 366 days at most.

        It is drawn from the rota as it stands now, for the past too.
        """
        rota: Rota = self.subject()
        since, until = self.stretch(self.asked(StretchShape), usual=USUAL_SCHEDULE)
        spans = [
            {"starts_at": span.starts_at, "ends_at": span.ends_at, **_duty(span.duty)}
            for span in schedule(rota.pk, since, until)
        ]
        return Response(ScheduleView({"rota": rota.pk, "from": since, "until": until, "spans": spans}).data)

    @extend_schema(parameters=[StretchShape], responses=RotaReportView)
    @action(detail=True, methods=["get"])
    def report(self, _request: Request, **_: Any) -> Response:
        """Where nobody answers, where several rotations have somebody, who carries how much; 30 days unless said."""
        rota: Rota = self.subject()
        since, until = self.stretch(self.asked(StretchShape), usual=USUAL_REPORT)
        return Response(RotaReportView(report_on(rota, since, until)).data)

    @extend_schema(request=RotaOverrideShape, responses={201: RotaOverrideView})
    @action(detail=True, methods=["post"])
    def overrides(self, _request: Request, **_: Any) -> Response:
        """Have somebody stand in for whoever has the turn."""
        rota: Rota = self.subject()
        wanted = self.read(RotaOverrideShape)
        seat_id = wanted.pop("seat")
        override = override_rota(rota_id=rota.pk, seat_id=seat_id, **wanted, **self.told)
        return self.show_created(override, RotaOverrideView)

    @extend_schema(request=CalendarShape, responses=RotaView)
    @action(detail=True, methods=["post"])
    def calendar(self, _request: Request, **_: Any) -> Response:
        """Let an iCalendar say who answers in a rotation, for the next 400 days. Importing again replaces it.

        Who is meant is found by the addresses of those who take part or, where nobody does, by those in the summary.
        One event that names nobody known, and nothing is taken.
        """
        rota: Rota = self.subject()
        wanted = self.read(CalendarShape)
        import_calendar(rota_id=rota.pk, rotation_id=wanted.pop("rotation", None), **wanted, **self.told)
        return self.show(self._shown(rota))


class RotaOverrideFilter(Shape):
    rota = serializers.UUIDField(required=False)


class RotaOverrides(ReadViews):
    """Who stands in, and when. Made at `rotas/{id}/overrides`."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {"list": Need.ROTAS_READ, "retrieve": Need.ROTAS_READ, "cancel": Need.ROTAS_WRITE}
    serializer_class = RotaOverrideView
    asks = RotaOverrideFilter

    def rows(self) -> Any:
        return RotaOverride.objects.all()

    @extend_schema(request=None, responses=RotaOverrideView)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_: Any) -> Response:
        """Whoever has the turn answers again."""
        override: RotaOverride = self.subject()
        return self.show(cancel_override(override_id=override.pk, **self.read(Shape), **self.told))


class OnCall(HouseViewSet):
    """Who is on call, for all rotas at once."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {"list": Need.ROTAS_READ}
    serializer_class = OnCallsView

    @extend_schema(parameters=[OnCallShape], responses=OnCallsView)
    def list(self, _request: Request, **_: Any) -> Response:
        """Each rota by its name, with whoever answers for it."""
        at = self.asked(OnCallShape).get("at", self.now)
        rotas = list(Rota.objects.order_by("name", "pk"))
        found = [_on_call(rota, duty, at) for rota, duty in zip(rotas, duties_at(rotas, at), strict=True)]
        return Response(OnCallsView({"at": at, "rotas": found}).data)


class PersonsSchedule(WithStretch):
    """When a person answers, for whichever rota."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {"list": Need.ROTAS_READ}
    serializer_class = PersonsScheduleView

    @extend_schema(parameters=[PersonsStretchShape], responses=PersonsScheduleView)
    def list(self, _request: Request, **_: Any) -> Response:
        """From `from` until `until`: a fortnight unless said, 366 days at most."""
        wanted = self.asked(PersonsStretchShape)
        since, until = self.stretch(wanted, usual=USUAL_SCHEDULE)
        seat = self.caller.seat_id
        if "seat" in wanted:
            seat = self.named(Seat.objects.all(), wanted["seat"], field="seat", sees=Need.SEATS_READ).pk
        spans = [
            {"rota": rota, "starts_at": span.starts_at, "ends_at": span.ends_at, **_duty(span.duty)}
            for rota, span in duties_of(seat, since, until)
        ]
        return Response(PersonsScheduleView({"seat": seat, "from": since, "until": until, "spans": spans}).data)


routes = [
    ("rotas", Rotas, "rota"),
    ("rota-overrides", RotaOverrides, "rota-override"),
    ("on-call", OnCall, "on-call"),
    ("schedule", PersonsSchedule, "schedule"),
]
