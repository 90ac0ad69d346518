"""Post-mortems over HTTP. A client's seat sees the released ones."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from incidents.actions import edit_postmortem, release_postmortem
from incidents.api.bodies import EmptyBody
from incidents.models import PostMortem
from incidents.states import PostMortemStage
from permissions.needs import Need
from permissions.viewset import ReadViews


class PostMortemLine(serializers.ModelSerializer[PostMortem]):
    class Meta:
        model = PostMortem
        fields = ["id", "brand", "incident", "stage", "drafted_at", "released_at", "version"]


class PostMortemLesson(Shape):
    text = serializers.CharField(max_length=2_000)
    owner_seat_id = serializers.UUIDField(default=None, allow_null=True)
    due_on = serializers.DateField(default=None, allow_null=True)


class PostMortemSections(Shape):
    """What is not named stays as it is."""

    summary = serializers.CharField(max_length=20_000, allow_blank=True, required=False)
    impact = serializers.CharField(max_length=20_000, allow_blank=True, required=False)
    what_went_well = serializers.CharField(max_length=20_000, allow_blank=True, required=False)
    what_went_wrong = serializers.CharField(max_length=20_000, allow_blank=True, required=False)
    client_view = serializers.CharField(max_length=20_000, allow_blank=True, required=False)


class PostMortemView(PostMortemLine):
    timeline = serializers.ListField(child=serializers.UUIDField(), help_text="Ids of the events it looks at.")
    sections = serializers.DictField(child=serializers.CharField())
    lessons = PostMortemLesson(many=True)

    class Meta(PostMortemLine.Meta):
        fields = [*PostMortemLine.Meta.fields, "timeline", "sections", "lessons"]


class PostMortemEdit(Shape):
    sections = PostMortemSections(default=dict)
    lessons = serializers.ListField(child=PostMortemLesson(), max_length=100, default=None, allow_null=True)


class PostMortemFilter(Shape):
    incident = serializers.UUIDField(required=False)
    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=PostMortemStage.choices, required=False)


class PostMortems(ReadViews):
    """What was learned, newest first."""

    sees = Need.INCIDENTS_READ
    needs: ClassVar[Any] = {
        "list": Need.INCIDENTS_READ,
        "retrieve": Need.INCIDENTS_READ,
        "partial_update": Need.INCIDENTS_REVIEW,
        "release": Need.INCIDENTS_REVIEW,
    }
    serializer_class = PostMortemView
    asks = PostMortemFilter

    def rows(self) -> Any:
        rows = PostMortem.objects.all()
        return rows.filter(stage=PostMortemStage.RELEASED) if self.caller.side == "client" else rows

    @extend_schema(parameters=[PostMortemFilter], responses=PostMortemLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        rows = self.get_queryset().filter(**self.asked(self.asks)).defer("timeline", "sections", "lessons")
        return self.show_page(rows, PostMortemLine)

    @extend_schema(request=PostMortemEdit, responses=PostMortemView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Write sections and lessons. Needs If-Match."""
        postmortem = self.subject(seen=True)
        return self.show(edit_postmortem(postmortem_id=postmortem.pk, **self.read(PostMortemEdit), **self.told))

    @extend_schema(request=EmptyBody, responses=PostMortemView)
    @action(detail=True, methods=["post"])
    def release(self, _request: Request, **_: Any) -> Response:
        """Let everybody who may see the incident read it. Needs If-Match."""
        postmortem = self.subject(seen=True)
        return self.show(release_postmortem(postmortem_id=postmortem.pk, **self.read(EmptyBody), **self.told))
