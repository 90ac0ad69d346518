"""How and when people want to be told, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import write_personal_rules
from alerting.actions.contacts import MOST_WAYS
from alerting.models import PersonalRules
from alerting.queries.messages import LANGUAGES
from alerting.queries.rules import rules_of
from core.http.preconditions import etag_of, require_match
from core.http.shapes import Shape
from core.refusals import NotFound
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import HouseViewSet
from tenants.models import Seat

MOST_STEPS = 5
LONGEST_WAIT_MINUTES = 60
MOST_WINDOWS = 14
CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class PersonalStepShape(Shape):
    contacts = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_WAYS, help_text="The person's own contact methods."
    )
    wait_minutes = serializers.IntegerField(
        min_value=0, max_value=LONGEST_WAIT_MINUTES, help_text="How long after the step before; the first one after 0."
    )


class QuietHoursShape(Shape):
    days = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        min_length=1,
        max_length=7,
        help_text="The days on which it starts; 0 is Monday.",
    )
    starts = serializers.RegexField(CLOCK, help_text="As in 22:00, on the clock of the time zone.")
    ends = serializers.RegexField(CLOCK, help_text="Not later than the start: on the day after.")


class PersonalRulesShape(Shape):
    language = serializers.ChoiceField(choices=LANGUAGES, default="en", help_text="What messages are written in.")
    time_zone = serializers.CharField(max_length=64, default="UTC")
    usual = serializers.ListField(
        child=PersonalStepShape(),
        max_length=MOST_STEPS,
        default=list,
        help_text="In which order, while nobody has taken the page; empty: by all proven ways at once.",
    )
    important = serializers.ListField(
        child=PersonalStepShape(),
        max_length=MOST_STEPS,
        default=list,
        help_text="The same for steps that the policy calls important.",
    )
    quiet_hours = serializers.ListField(
        child=QuietHoursShape(),
        max_length=MOST_WINDOWS,
        default=list,
        help_text="When severity 3 and 4 wait. Severity 1 and 2 never do.",
    )


class PersonalRulesView(serializers.ModelSerializer[PersonalRules]):
    usual = PersonalStepShape(many=True, read_only=True)
    important = PersonalStepShape(many=True, read_only=True)
    quiet_hours = QuietHoursShape(many=True, read_only=True)

    class Meta:
        model = PersonalRules
        fields = ["seat", "language", "time_zone", "usual", "important", "quiet_hours", "version"]


class PersonalRulesOf(HouseViewSet):
    """How people want to be told. The id is that of the seat. Everybody has rules; at first they say nothing.

    Everybody sees and changes their own; who may change rotas, everybody's.
    """

    sees = Need.ROTAS_WRITE
    needs: ClassVar[Any] = {"retrieve": None, "update": None, "mine": None, "write_mine": None}
    serializer_class = PersonalRulesView

    def rows(self) -> Any:
        return PersonalRules.objects.all()

    def retrieve(self, _request: Request, **_: Any) -> Response:
        return self.show(self._rules(self.kwargs["pk"]))

    @extend_schema(parameters=[SEEN], request=PersonalRulesShape, responses=PersonalRulesView)
    def update(self, _request: Request, **_: Any) -> Response:
        """Write the rules anew; what is not named is what it was at first."""
        return self._write(self.kwargs["pk"])

    @action(detail=False, methods=["get"])
    def mine(self, _request: Request, **_: Any) -> Response:
        return self.show(self._rules(self.caller.seat_id))

    @extend_schema(parameters=[SEEN], request=PersonalRulesShape, responses=PersonalRulesView)
    @mine.mapping.put
    def write_mine(self, _request: Request, **_: Any) -> Response:
        """Write your own rules anew; what is not named is what it was at first."""
        return self._write(self.caller.seat_id)

    def _rules(self, seat_id: UUID) -> PersonalRules:
        """404 for everybody else's, unless the caller may change rotas."""
        if seat_id != self.caller.seat_id and not (
            gate.everywhere(self.caller, Need.ROTAS_WRITE)
            and Seat.objects.all().active().filter(pk=seat_id, side="staff").exists()
        ):
            raise NotFound
        return rules_of(seat_id)

    def _write(self, seat_id: UUID) -> Response:
        rules = self._rules(seat_id)
        if seat_id != self.caller.seat_id or self.caller.key_needs is not None:  # a key is not the person
            self.require(Need.ROTAS_WRITE, None)
        Seat.objects.locked(seat_id)
        require_match(self.request, etag_of(rules_of(rules.seat_id)))
        return self.show(write_personal_rules(seat_id=seat_id, **self.read(PersonalRulesShape), **self.told))


routes = [
    ("personal-rules", PersonalRulesOf, "personal-rules"),
]
