"""Stories over HTTP: what people tell about a brand, and what belongs together."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Flag, Shape
from ledger.models import Event
from listening.actions.stories import merge_stories, split_story
from listening.api.mentions import MentionView
from listening.models import Story
from listening.queries import mentions_of_story
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews

MOST_SPLIT = 1_000


class StoryView(serializers.ModelSerializer[Story]):
    class Meta:
        model = Story
        fields = [
            "id", "brand", "title", "terms", "mentions", "first_at", "last_at", "merged_into", "split_from", "version",
        ]  # fmt: skip


class ChangeView(serializers.Serializer[Event]):
    """A merge or a split, as the ledger has it."""

    name = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.CharField(source="actor_name")
    facts = serializers.DictField()


class StoryWithHistory(StoryView):
    """A story with its merges and splits, oldest first."""

    history = serializers.SerializerMethodField()

    class Meta(StoryView.Meta):
        fields = [*StoryView.Meta.fields, "history"]

    @extend_schema_field(ChangeView(many=True))
    def get_history(self, story: Story) -> Any:
        rows: Any = Event.objects.filter(subject_kind="listening.story", subject_id=story.pk).order_by("seq")
        return ChangeView(rows, many=True).data


class StoryFilter(Shape):
    brand = serializers.UUIDField(required=False)
    living = Flag(
        required=False, source="merged_into__isnull", help_text="True: without those that live on in another."
    )


class MergeShape(Shape):
    into = serializers.UUIDField(help_text="The story that remains.")
    reason = serializers.CharField(max_length=500)


class SplitShape(Shape):
    mentions = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_SPLIT, help_text="Those that tell another story."
    )
    title = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=500)


@extend_schema_view(list=extend_schema(parameters=[StoryFilter]))
class Stories(ReadViews):
    """What many mentions of a brand are about, newest first."""

    sees = Need.SIGNALS_READ
    needs: ClassVar[Any] = {
        "list": Need.SIGNALS_READ,
        "retrieve": Need.SIGNALS_READ,
        "mentions": Need.MENTIONS_READ,
        **dict.fromkeys(("merge", "split"), Need.SIGNALS_REVIEW),
    }
    serializer_class = StoryView
    asks = StoryFilter

    def rows(self) -> Any:
        return Story.objects.all()

    @extend_schema(responses=StoryWithHistory)
    def retrieve(self, _request: Request, **_: Any) -> Response:
        """The story, and how it came to be."""
        return self.show(self.subject(), StoryWithHistory)

    @extend_schema(operation_id="stories_mentions_list", responses=MentionView(many=True))
    @action(detail=True, methods=["get"], keyset=("-id",))
    def mentions(self, _request: Request, **_: Any) -> Response:
        """The mentions that tell it, newest first."""
        return self.show_page(mentions_of_story(self.subject()), MentionView)

    @extend_schema(parameters=[SEEN], request=MergeShape, responses=StoryView)
    @action(detail=True, methods=["post"])
    def merge(self, _request: Request, **_: Any) -> Response:
        """Two stories are one. The answer is the one that remains; an open signal of this one goes with it."""
        story: Story = self.subject(seen=True)
        wanted = self.read(MergeShape)
        into = self.named(self.rows(), wanted["into"], field="into", sees=Need.SIGNALS_READ)
        remains = merge_stories(story_id=story.pk, into_id=into.pk, reason=wanted["reason"], **self.told)
        return self.show(remains)

    @extend_schema(parameters=[SEEN], request=SplitShape, responses={201: StoryView})
    @action(detail=True, methods=["post"])
    def split(self, _request: Request, **_: Any) -> Response:
        """Some mentions tell another story: they become one of their own, which is the answer."""
        story: Story = self.subject(seen=True)
        wanted = self.read(SplitShape)
        mentions = wanted.pop("mentions")
        return self.show_created(split_story(story_id=story.pk, mention_ids=mentions, **wanted, **self.told))
