"""How brands are watched, and what is expected of them, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.preconditions import etag_of, require_match
from core.http.shapes import Shape
from listening.actions.settings import cancel_event, change_event, change_settings, held_settings, plan_event
from listening.detector.settings import KINDS
from listening.models import ExpectedEvent, ListeningSettings
from listening.watching import people_needed, review_within, shown_settings, watched_as
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import HouseViewSet, ReadViews
from tenants.models import Brand

SEVERITIES = ("1", "2", "3", "4")


class DetectorShape(Shape):
    """The detector's own settings; null brings the default back."""

    least_mentions = serializers.IntegerField(
        min_value=1, max_value=1_000_000, required=False, allow_null=True, help_text="Fewer in a window alarm nobody."
    )
    least_ratio = serializers.FloatField(
        min_value=1.1,
        max_value=1_000,
        required=False,
        allow_null=True,
        help_text="Less than so many times normal alarms nobody.",
    )
    mood_least_mentions = serializers.IntegerField(min_value=5, max_value=1_000_000, required=False, allow_null=True)
    mood_least_rise = serializers.FloatField(
        min_value=0.01,
        max_value=0.9,
        required=False,
        allow_null=True,
        help_text="By which the negative share must rise.",
    )
    influential_reach = serializers.IntegerField(
        min_value=1, max_value=10**12, required=False, allow_null=True, help_text="Followers of one author."
    )
    watched_least = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, allow_null=True)
    muted = serializers.ListField(
        child=serializers.ChoiceField(choices=KINDS), max_length=len(KINDS), required=False, allow_null=True,
        help_text="Kinds that are measured and never alarm.",
    )  # fmt: skip


class BySeverity(serializers.DictField):
    """A number for each severity, "1" (the worst) to "4"; null brings the default back."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        child = serializers.IntegerField(min_value=1, max_value=most, allow_null=True)
        super().__init__(child=child, allow_empty=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        known: Any = super().to_internal_value(data)
        if unknown := sorted(set(known) - set(SEVERITIES)):
            raise serializers.ValidationError(f"There is no severity {unknown[0]!r}.", code="unknown_field")
        return known


class ListeningChange(Shape):
    false_alarms_per_month = serializers.FloatField(min_value=0.01, max_value=30, required=False)
    monitor_only = serializers.BooleanField(required=False, help_text="Signals are listed and wake nobody.")
    detector = DetectorShape(required=False)
    watched_terms = serializers.ListField(
        child=serializers.CharField(max_length=80),
        max_length=200,
        required=False,
        help_text="Beside the built-in ones.",
    )
    quorum = BySeverity(
        most=10, required=False, help_text="How many people must agree that a signal is no crisis, by severity."
    )
    review_minutes = BySeverity(
        most=10_080, required=False, help_text="In how many minutes people must have decided, by severity."
    )
    retention_days = serializers.IntegerField(min_value=30, max_value=1830, required=False)


class CalibrationView(serializers.Serializer[Any]):
    shift = serializers.FloatField(help_text="Log days that the brand's own history adds to its threshold.")
    why = serializers.CharField()
    at = serializers.DateTimeField()


class ListeningView(serializers.ModelSerializer[ListeningSettings]):
    """How a brand is watched. Version 0: as every brand is, until somebody says otherwise."""

    detector = serializers.SerializerMethodField()
    quorum = serializers.SerializerMethodField()
    review_minutes = serializers.SerializerMethodField()
    calibration = serializers.SerializerMethodField()

    class Meta:
        model = ListeningSettings
        fields = [
            "brand", "false_alarms_per_month", "monitor_only", "detector", "calibration", "watched_terms", "quorum",
            "review_minutes", "retention_days", "version",
        ]  # fmt: skip

    @extend_schema_field(DetectorShape)
    def get_detector(self, row: ListeningSettings) -> Any:
        return shown_settings(row)

    @extend_schema_field(BySeverity(most=10))
    def get_quorum(self, row: ListeningSettings) -> Any:
        return {severity: people_needed(row, int(severity)) for severity in SEVERITIES}

    @extend_schema_field(BySeverity(most=10_080))
    def get_review_minutes(self, row: ListeningSettings) -> Any:
        return {severity: int(review_within(row, int(severity)).total_seconds()) // 60 for severity in SEVERITIES}

    @extend_schema_field(CalibrationView(allow_null=True))
    def get_calibration(self, row: ListeningSettings) -> Any:
        return row.calibration or None


class WatchedBrands(HouseViewSet):
    """How each brand is watched; the id is the brand's."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {"retrieve": Need.MENTIONS_READ, "partial_update": Need.SOURCES_WRITE}
    serializer_class = ListeningView
    pagination_class = None

    def rows(self) -> Any:
        return Brand.objects.all()

    @extend_schema(operation_id="listening_settings_retrieve", responses=ListeningView)
    def retrieve(self, _request: Request, **_: Any) -> Response:
        brand = self.subject()
        return self.show(watched_as(brand.pk))

    @extend_schema(
        operation_id="listening_settings_change", parameters=[SEEN], request=ListeningChange, responses=ListeningView
    )
    def partial_update(self, request: Request, **_: Any) -> Response:
        """Watch the brand in another way. What was learned stays, and the last hours are judged anew."""
        brand = self.subject()
        require_match(request, etag_of(held_settings(brand.pk)))
        return self.show(change_settings(brand_id=brand.pk, changes=self.read(ListeningChange), **self.told))


class EventView(serializers.ModelSerializer[ExpectedEvent]):
    class Meta:
        model = ExpectedEvent
        fields = ["id", "brand", "name", "starts_at", "ends_at", "factor", "cancelled_at", "version"]


class EventChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    factor = serializers.FloatField(
        min_value=1, max_value=1_000, required=False, help_text="So many times the normal is expected."
    )


class EventShape(Shape):
    brand = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    factor = serializers.FloatField(min_value=1, max_value=1_000, default=3.0)


class EventFilter(Shape):
    brand = serializers.UUIDField(required=False)


@extend_schema_view(list=extend_schema(parameters=[EventFilter]))
class ExpectedEvents(ReadViews):
    """Launches, matches, campaigns: spans in which more is said than is normal."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {
        "list": Need.MENTIONS_READ,
        "retrieve": Need.MENTIONS_READ,
        **dict.fromkeys(("create", "partial_update", "cancel"), Need.SOURCES_WRITE),
    }
    serializer_class = EventView
    asks = EventFilter

    def rows(self) -> Any:
        return ExpectedEvent.objects.all()

    @extend_schema(request=EventShape, responses={201: EventView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(EventShape)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.SOURCES_WRITE, brand)
        return self.show_created(plan_event(brand_id=brand.pk, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=EventChange, responses=EventView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        event = self.subject(seen=True)
        return self.show(change_event(event_id=event.pk, changes=self.read(EventChange), **self.told))

    @extend_schema(parameters=[SEEN], request=None, responses=EventView)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_: Any) -> Response:
        """Nothing out of the normal is expected any more."""
        event = self.subject(seen=True)
        return self.show(cancel_event(event_id=event.pk, **self.told))
