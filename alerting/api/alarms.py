"""What the auditor found, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from alerting.auditor.checks import OF_AN_AGENCY, OF_THE_QUEUE
from alerting.models import Alarm
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import ReadViews


class AuditorAlarmView(serializers.ModelSerializer[Alarm]):
    check_name = serializers.CharField(
        help_text="What stood still, as in `pages_late`; the operator's guide tells each."
    )

    class Meta:
        model = Alarm
        fields = ["id", "check_name", "count", "hour", "raised_at"]


class AlarmFilter(Shape):
    check_name = serializers.ChoiceField(choices=sorted({*OF_AN_AGENCY, *OF_THE_QUEUE}), required=False)


@extend_schema_view(list=extend_schema(parameters=[AlarmFilter]))
class Alarms(ReadViews):
    """What the auditor found standing still in this agency, newest first: one for each check and hour.

    What stands still in the system itself, such as a queue without workers, is told to its operator alone.
    """

    sees = Need.JOBS_READ
    needs: ClassVar[Any] = {"list": Need.JOBS_READ, "retrieve": Need.JOBS_READ}
    serializer_class = AuditorAlarmView
    asks = AlarmFilter

    def rows(self) -> Any:
        return Alarm.objects.all()


routes = [
    ("alarms", Alarms, "alarm"),
]
