"""Drills over HTTP: planned, played, ended, and compared."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from core.refusals import Invalid
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import cancel_drill, change_drill, end_drill, plan_drill, start_drill
from readiness.actions.drills import MOST_PLAYERS
from readiness.models import Drill
from readiness.queries.drills import MEASURES, compared, due_at, scores_now
from readiness.scenarios import (
    FASTEST,
    LONGEST_MINUTES,
    LONGEST_TEXT,
    MOODS,
    MOST_PHASES,
    MOST_TEXTS,
    SIZES,
    TIME_TO_FINISH,
    TYPES,
    ready_made,
)
from readiness.states import DrillStage
from tenants.models import Brand

FEWEST_COMPARED: Final = 2
MOST_COMPARED: Final = 20


class PhaseShape(Shape):
    minutes = serializers.IntegerField(min_value=1, max_value=LONGEST_MINUTES, help_text="Of the drill.")
    per_minute = serializers.IntegerField(min_value=0, max_value=2_000, help_text="Mentions in a minute of the drill.")
    mood = serializers.ChoiceField(choices=MOODS)
    texts = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TEXT),
        max_length=MOST_TEXTS,
        required=False,
        help_text="What is said; `{brand}` and `{place}` are filled in. Ready-made texts, when absent.",
    )


class ScenarioShape(Shape):
    """A ready-made scenario by `type` and `size`, or `phases` of one's own."""

    type = serializers.CharField(max_length=40, required=False, help_text="As `GET drills/scenarios` names them.")
    size = serializers.CharField(max_length=10, required=False, help_text="`medium`, when absent.")
    phases = PhaseShape(many=True, required=False, allow_empty=False, max_length=MOST_PHASES)  # type: ignore[call-arg] # a list's
    seed = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, help_text="The same seed makes the same mentions."
    )
    lasts_minutes = serializers.IntegerField(
        min_value=1,
        max_value=LONGEST_MINUTES + TIME_TO_FINISH,
        required=False,
        help_text="Minutes of the drill after which it ends by itself. An hour after its last mention, when absent.",
    )


class DrillChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    scenario = ScenarioShape(required=False)
    speed = serializers.IntegerField(
        min_value=1, max_value=FASTEST, required=False, help_text="How much faster its clocks run than the wall's."
    )
    participants = serializers.ListField(
        child=serializers.UUIDField(),
        allow_empty=False,
        max_length=MOST_PLAYERS,
        required=False,
        help_text="The seats of those who play; nobody else is told anything.",
    )
    planned_for = serializers.DateTimeField(required=False, allow_null=True)


class NewDrill(DrillChange):
    brand = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    scenario = ScenarioShape()
    speed = serializers.IntegerField(min_value=1, max_value=FASTEST, default=1)
    participants = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=MOST_PLAYERS)


class PhaseView(serializers.Serializer[Any]):
    minutes = serializers.IntegerField()
    per_minute = serializers.IntegerField()
    mood = serializers.ChoiceField(choices=MOODS)
    texts = serializers.ListField(child=serializers.CharField())


class ScenarioView(serializers.Serializer[Any]):
    type = serializers.CharField(help_text="`own` for phases of one's own.")
    size = serializers.CharField(allow_blank=True)
    seed = serializers.IntegerField()
    lasts_minutes = serializers.IntegerField()
    phases = PhaseView(many=True)


class ReadyMadeView(ScenarioView):
    about = serializers.CharField(help_text="What it is, in a few words.")


class ScoreView(serializers.Serializer[Any]):
    seconds = serializers.FloatField(help_text="By the wall's clock.")
    drill_seconds = serializers.FloatField(help_text="By the drill's: so many times as long as it is faster.")


class ScoresView(serializers.Serializer[Any]):
    """How long each step took; null where it never came to that, or has not yet."""

    detect = ScoreView(allow_null=True, help_text="From the beginning of the storm until it was known.")
    acknowledge = ScoreView(allow_null=True, help_text="From then until somebody took a page.")
    decide = ScoreView(allow_null=True, help_text="Until an incident was activated.")
    pause = ScoreView(allow_null=True, help_text="Until no post could go out any more.")
    first_words = ScoreView(allow_null=True, help_text="Until the first words were out.")
    approve = ScoreView(allow_null=True, help_text="From the request that was granted first to its last voice.")
    contain = ScoreView(allow_null=True)
    resolve = ScoreView(allow_null=True)


class DrillLine(serializers.ModelSerializer[Drill]):
    ends_at = serializers.SerializerMethodField(help_text="When it ends by itself; null before it starts.")
    scores = serializers.SerializerMethodField()

    class Meta:
        model = Drill
        fields = [
            "id", "brand", "twin", "name", "stage", "speed", "participants", "plan_version", "author", "planned_for",
            "created_at", "started_at", "ends_at", "ended_at", "scores", "version",
        ]  # fmt: skip

    def get_ends_at(self, drill: Drill) -> datetime | None:
        return due_at(drill)

    @extend_schema_field(ScoresView)
    def get_scores(self, drill: Drill) -> Any:
        """Lists show what is frozen."""
        return drill.scores.get("measures") or dict.fromkeys(MEASURES)


class DrillView(DrillLine):
    scenario = ScenarioView()
    left_out = serializers.SerializerMethodField()

    class Meta(DrillLine.Meta):
        fields = [*DrillLine.Meta.fields, "scenario", "left_out"]

    @extend_schema_field(ScoresView)
    def get_scores(self, drill: Drill) -> Any:
        """As they stand now."""
        return scores_now(drill)

    @extend_schema_field(
        serializers.ListField(
            child=serializers.CharField(), help_text="Stages of the approval for which too few people play."
        )
    )
    def get_left_out(self, drill: Drill) -> list[str]:
        return list(drill.scores.get("left_out", []))


class ComparedMeasure(serializers.Serializer[Any]):
    measure = serializers.ChoiceField(choices=MEASURES)
    drill_seconds = serializers.DictField(child=serializers.FloatField(allow_null=True), help_text="By the drill's id.")
    best = serializers.UUIDField(allow_null=True, help_text="Null where none, or several equally, got there.")


class ComparedDrills(serializers.Serializer[Any]):
    drills = DrillLine(many=True)
    measures = ComparedMeasure(many=True)


class DrillsWanted(Shape):
    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=DrillStage.choices, required=False)


class Drills(ReadViews):
    """A brand's real plan, tried out on a twin of the brand; nobody outside hears of it."""

    sees = Need.DRILLS_READ
    needs: ClassVar[Any] = {
        **dict.fromkeys(("list", "retrieve", "compare", "scenarios"), Need.DRILLS_READ),
        **dict.fromkeys(("create", "partial_update", "start", "end", "cancel"), Need.DRILLS_RUN),
    }
    serializer_class = DrillView

    def rows(self) -> Any:
        return Drill.objects.all()

    @extend_schema(parameters=[DrillsWanted], responses=DrillLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first."""
        return self.show_page(self.get_queryset().filter(**self.asked(DrillsWanted)), DrillLine)

    @extend_schema(request=NewDrill, responses={201: DrillView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Plan a drill; nobody is told and nothing moves until it starts."""
        wanted = self.read(NewDrill)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.DRILLS_RUN, brand)
        return self.show_created(plan_drill(brand_id=brand.pk, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=DrillChange, responses=DrillView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named, before it starts."""
        drill: Drill = self.subject(seen=True)
        return self.show(change_drill(drill_id=drill.pk, said=self.read(DrillChange, partial=True), **self.told))

    @extend_schema(request=None, responses=DrillView)
    @action(detail=True, methods=["post"])
    def start(self, _request: Request, **_: Any) -> Response:
        """Begin: the twin stands, those who play hold their roles on it, and the first mentions come within a minute
        or so.
        """
        return self.show(start_drill(drill_id=self.subject().pk, **self.told))

    @extend_schema(request=None, responses=DrillView)
    @action(detail=True, methods=["post"])
    def end(self, _request: Request, **_: Any) -> Response:
        """End it before its time; its scores stand from now on."""
        return self.show(end_drill(drill_id=self.subject().pk, **self.told))

    @extend_schema(request=Because, responses=DrillView)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_: Any) -> Response:
        """Call it off, before or while it is played."""
        return self.show(cancel_drill(drill_id=self.subject().pk, **self.read(Because), **self.told))

    @extend_schema(responses=ReadyMadeView(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def scenarios(self, _request: Request, **_: Any) -> Response:
        """The ready-made scenarios: each crisis type in each size."""
        made = [{"about": about, **ready_made(kind, size)} for kind, (about, _texts) in TYPES.items() for size in SIZES]
        return Response(ReadyMadeView(made, many=True).data)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "ids", str, required=True, description="Ids of drills that are over, with commas between them."
            )
        ],
        responses=ComparedDrills,
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def compare(self, request: Request, **_: Any) -> Response:
        """Drills side by side, by the drill's clock, so that they may have been played at different speeds."""
        wanted = _ids(request.query_params.get("ids", ""))
        found = {drill.pk: drill for drill in self.get_queryset().filter(pk__in=wanted)}
        missing = [place for place, drill_id in enumerate(wanted) if drill_id not in found]
        if missing:
            detail = "There is no such drill here."
            raise Invalid(errors=[{"field": f"ids.{n}", "code": "does_not_exist", "detail": detail} for n in missing])
        drills = [found[drill_id] for drill_id in wanted]
        running = [place for place, drill in enumerate(drills) if drill.stage != DrillStage.ENDED]
        if running:
            detail = "Only drills that were played to their end are compared."
            raise Invalid(errors=[{"field": f"ids.{n}", "code": "not_over", "detail": detail} for n in running])
        return Response(ComparedDrills({"drills": drills, "measures": compared(drills)}).data)


def _ids(said: str) -> list[UUID]:
    words = list(dict.fromkeys(word.strip() for word in said.split(",") if word.strip()))
    if not FEWEST_COMPARED <= len(words) <= MOST_COMPARED:
        detail = f"From {FEWEST_COMPARED} to {MOST_COMPARED} drills."
        raise Invalid(errors=[{"field": "ids", "code": "out_of_range", "detail": detail}])
    try:
        return [UUID(word) for word in words]
    except ValueError:
        detail = "These are no ids."
        raise Invalid(errors=[{"field": "ids", "code": "invalid", "detail": detail}]) from None


routes = [("drills", Drills, "drill")]
