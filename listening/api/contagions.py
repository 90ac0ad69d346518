"""Contagions over HTTP: one story over several brands, for those who may see all of them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Model
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Flag, Shape
from listening.actions.contagion import close_contagion
from listening.models import Contagion, ContagionStory
from listening.queries import contagions_seen_by, open_signals_of
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews


class ContagionView(serializers.ModelSerializer[Contagion]):
    class Meta:
        model = Contagion
        fields = ["id", "title", "raised_at", "seen_at", "closed_at", "reason", "version"]


class ContagionPartView(serializers.ModelSerializer[ContagionStory]):
    title = serializers.CharField(source="story.title")
    mentions = serializers.IntegerField(source="story.mentions")
    first_at = serializers.DateTimeField(source="story.first_at")
    last_at = serializers.DateTimeField(source="story.last_at")
    signal = serializers.SerializerMethodField(help_text="The undecided signal of the story, if there is one.")

    class Meta:
        model = ContagionStory
        fields = ["brand", "story", "title", "mentions", "first_at", "last_at", "joined_at", "signal"]

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_signal(self, part: ContagionStory) -> Any:
        return self.context["signals"].get(part.story_id)


class ContagionWithStories(ContagionView):
    """A contagion with its stories, the first to join first."""

    stories = serializers.SerializerMethodField()

    class Meta(ContagionView.Meta):
        fields = [*ContagionView.Meta.fields, "stories"]

    @extend_schema_field(ContagionPartView(many=True))
    def get_stories(self, contagion: Contagion) -> Any:
        parts = list(ContagionStory.objects.filter(contagion=contagion).select_related("story").order_by("id"))
        signals = open_signals_of([part.story_id for part in parts])
        return ContagionPartView(parts, many=True, context={"signals": signals}).data


class ContagionFilter(Shape):
    open = Flag(required=False, source="closed_at__isnull", help_text="True: without those that are closed.")


class CloseContagionShape(Shape):
    reason = serializers.CharField(max_length=500)


@extend_schema_view(list=extend_schema(parameters=[ContagionFilter]))
class Contagions(ReadViews):
    """One story over several brands, newest first. Who may not see all of them sees nothing of it."""

    sees = Need.SIGNALS_READ
    needs: ClassVar[Any] = {
        "list": Need.SIGNALS_READ,
        "retrieve": Need.SIGNALS_READ,
        "close": Need.SIGNALS_REVIEW,
    }
    serializer_class = ContagionView
    asks = ContagionFilter

    def rows(self) -> Any:
        return Contagion.objects.all()

    def get_queryset(self) -> Any:
        return contagions_seen_by(self.caller, need=self.sees)

    def require(self, need: Need | None, obj: Model | None) -> None:
        """A contagion is of all its brands: the need is asked for on each."""
        if need is not None:
            for part in ContagionStory.objects.filter(contagion=obj):
                gate.require(self.caller, need, part)

    @extend_schema(responses=ContagionWithStories)
    def retrieve(self, _request: Request, **_: Any) -> Response:
        """The contagion with its stories and their signals."""
        return self.show(self.subject(), ContagionWithStories)

    @extend_schema(parameters=[SEEN], request=CloseContagionShape, responses=ContagionWithStories)
    @action(detail=True, methods=["post"])
    def close(self, _request: Request, **_: Any) -> Response:
        """It is none, or over: the same stories do not raise it again. 409 when it is closed already."""
        contagion: Contagion = self.subject(seen=True)
        closed = close_contagion(contagion_id=contagion.pk, **self.read(CloseContagionShape), **self.told)
        return self.show(closed, ContagionWithStories)
