"""Backtests over HTTP: what other settings would have raised in the past."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from listening.actions.backtest import ask_backtest
from listening.api.detectors import DetectorShape
from listening.detector.settings import KINDS
from listening.models import Backtest
from permissions.needs import Need
from permissions.viewset import HouseViewSet, ReadViews
from tenants.models import Brand


class BacktestSettings(DetectorShape):
    """What is to be other than the brand has it now; null is the default."""

    false_alarms_per_month = serializers.FloatField(min_value=0.01, max_value=30, required=False)


BacktestShape = type(
    "BacktestShape",
    (Shape,),
    {
        "brand": serializers.UUIDField(),
        "from": serializers.DateTimeField(
            required=False, help_text="90 days before `to`, when it is left out; at most 400."
        ),
        "to": serializers.DateTimeField(required=False, help_text="Now, when it is left out or still to come."),
        "settings": BacktestSettings(default=dict),
        "__doc__": "What to replay; `from` is a word of Python and cannot stand in a class body.",
    },
)


class BacktestView(serializers.ModelSerializer[Backtest]):
    """A backtest; `finished_at` is null until a worker has replayed it."""

    class Meta:
        model = Backtest
        fields = ["id", "brand", "settings", "starts_at", "ends_at", "requested_at", "finished_at", "problem"]


class AlarmView(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=KINDS)
    severity_hint = serializers.IntegerField(min_value=1, max_value=10)
    window_minutes = serializers.IntegerField()
    observed = serializers.FloatField()
    expected = serializers.FloatField()
    onset = serializers.DateTimeField(
        allow_null=True, help_text="When the brand came to stand at three times its normal."
    )
    late_minutes = serializers.FloatField(allow_null=True, help_text="After the onset.")
    why = serializers.CharField()


class MetView(serializers.Serializer[Any]):
    signals = serializers.IntegerField(help_text="So many there were.")
    met = serializers.IntegerField(help_text="In so many of them an alarm sounds.")


class OutcomeView(serializers.Serializer[Any]):
    days = serializers.FloatField(help_text="For so long the brand was listened to.")
    alarms_in_all = serializers.IntegerField()
    alarms_a_month = serializers.FloatField(allow_null=True, help_text="Null for less than a day.")
    alarms = AlarmView(many=True, help_text="The first five hundred.")
    activated = MetView(help_text="Signals that people activated.")
    false_alarms = MetView(help_text="Signals that people dismissed as false alarms.")


class ResultView(serializers.Serializer[Any]):
    given = OutcomeView(help_text="Under the settings of the backtest.")
    present = OutcomeView(help_text="Under the brand's settings when it was replayed.")


class BacktestWithResult(BacktestView):
    """A backtest and what came of it."""

    result = serializers.SerializerMethodField()

    class Meta(BacktestView.Meta):
        fields = [*BacktestView.Meta.fields, "result"]

    @extend_schema_field(ResultView(allow_null=True))
    def get_result(self, backtest: Backtest) -> Any:
        return backtest.result


class Detectors(HouseViewSet):
    """What the detector would have heard under other settings."""

    sees = Need.SIGNALS_READ
    needs: ClassVar[Any] = {"backtest": Need.SOURCES_WRITE}
    serializer_class = BacktestWithResult
    pagination_class = None

    def rows(self) -> Any:
        return Backtest.objects.all()

    @extend_schema(request=BacktestShape, responses={202: BacktestWithResult})
    @action(detail=False, methods=["post"])
    def backtest(self, _request: Request, **_: Any) -> Response:
        """Replay a brand's past under other settings, in the background: see `backtests`. Nobody is woken by it."""
        wanted = self.read(BacktestShape)
        brand = self.named(Brand.objects.all(), wanted["brand"], field="brand", sees=Need.BRANDS_READ)
        self.require(Need.SOURCES_WRITE, brand)
        asked = ask_backtest(
            brand_id=brand.pk,
            starts_at=wanted.get("from"),
            ends_at=wanted.get("to"),
            settings=dict(wanted["settings"]),
            **self.told,
        )
        return self.show(asked, status=codes.HTTP_202_ACCEPTED)


class BacktestFilter(Shape):
    brand = serializers.UUIDField(required=False)


@extend_schema_view(list=extend_schema(parameters=[BacktestFilter]))
class Backtests(ReadViews):
    """Backtests that were asked for, newest first."""

    sees = Need.SIGNALS_READ
    needs: ClassVar[Any] = {"list": Need.SIGNALS_READ, "retrieve": Need.SIGNALS_READ}
    serializer_class = BacktestView
    asks = BacktestFilter

    def rows(self) -> Any:
        rows = Backtest.objects.all()
        return rows.defer("result") if self.action == "list" else rows

    @extend_schema(responses=BacktestWithResult)
    def retrieve(self, _request: Request, **_: Any) -> Response:
        """A backtest; its result is null until a worker has replayed it."""
        return self.show(self.subject(), BacktestWithResult)
