"""Reviews over HTTP: the review itself, its parts, and what people say of how it went."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Flag, Shape
from incidents.actions import (
    add_section,
    ask_for_section,
    change_postmortem,
    hand_in_section,
    leave_section_empty,
    rate_crisis,
    release_postmortem,
    take_section_back,
    write_section,
)
from incidents.api.bodies import EmptyBody
from incidents.models import PostMortem, ReviewParticipant, ReviewSection
from incidents.models.postmortem import MOST_POINTS
from incidents.queries.reviews import QUESTIONS, comments_on, ratings_of, shown_to, words_of
from incidents.states import PostMortemStage, SectionStage, Side
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews


class SectionView(serializers.ModelSerializer[ReviewSection]):
    """A part of a review. `text` and `author` are null where they are not yours to read yet."""

    post_mortem = serializers.UUIDField(source="postmortem_id", read_only=True)
    incident = serializers.UUIDField(source="postmortem.incident_id", read_only=True)
    due_at = serializers.DateTimeField(source="postmortem.due_at", read_only=True)
    text = serializers.SerializerMethodField()
    author = serializers.SerializerMethodField()

    class Meta:
        model = ReviewSection
        fields = [
            "id", "post_mortem", "incident", "name", "side", "position", "asked", "stage", "text", "author",
            "contributed_at", "due_at", "version",
        ]  # fmt: skip

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_text(self, section: ReviewSection) -> str | None:
        return words_of(section, side=self.context["request"].auth.side)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_author(self, section: ReviewSection) -> Any:
        return section.author_id if self.get_text(section) is not None else None


class RatedQuestion(serializers.Serializer[Any]):
    question = serializers.ChoiceField(choices=list(QUESTIONS))
    answers = serializers.IntegerField()
    average = serializers.FloatField(allow_null=True, help_text="1 to 5; null below three answers.")
    agency = serializers.FloatField(allow_null=True, help_text="Told only where both sides have three answers.")
    client = serializers.FloatField(allow_null=True)


class RatingsView(serializers.Serializer[Any]):
    """What the answers come to; nothing tells who gave which."""

    asked = serializers.IntegerField()
    answered = serializers.IntegerField()
    questions = RatedQuestion(many=True)


class PostMortemLine(serializers.ModelSerializer[PostMortem]):
    class Meta:
        model = PostMortem
        fields = [
            "id", "brand", "incident", "stage", "owner", "drafted_at", "due_at", "overdue_at", "released_at",
            "waived_at", "version",
        ]  # fmt: skip


class PostMortemView(PostMortemLine):
    """A review. `numbers` are in seconds where they are times; see the report for what each of them says."""

    timeline = serializers.ListField(child=serializers.UUIDField(), help_text="Ids of the events it looks at.")
    numbers = serializers.DictField(
        allow_null=True, help_text="As they were at `numbers_at`: when it opened or, for good, when it was released."
    )
    sections = serializers.SerializerMethodField()
    ratings = serializers.SerializerMethodField()
    comments = serializers.SerializerMethodField(
        help_text="What people wrote beside their ratings, for who releases it, from three answers on; never who."
    )

    class Meta(PostMortemLine.Meta):
        fields = [
            *PostMortemLine.Meta.fields, "timeline", "numbers", "numbers_at", "sections", "ratings", "comments",
        ]  # fmt: skip

    @extend_schema_field(SectionView(many=True))
    def get_sections(self, postmortem: PostMortem) -> Any:
        rows = shown_to(self.context["request"].auth.side).filter(postmortem=postmortem)
        found = rows.select_related("postmortem").order_by("position", "pk")
        return SectionView(found, many=True, context=self.context).data

    @extend_schema_field(RatingsView)
    def get_ratings(self, postmortem: PostMortem) -> Any:
        return postmortem.ratings or ratings_of(postmortem)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_comments(self, postmortem: PostMortem) -> list[str]:
        caller = self.context["request"].auth
        reviews = caller.side != "client" and gate.allowed(caller, Need.INCIDENTS_REVIEW, postmortem)
        return comments_on(postmortem) if reviews else []


class PostMortemChange(Shape):
    """What is not named stays as it is."""

    owner = serializers.UUIDField(required=False, source="owner_id", help_text="Somebody who could release it.")
    due_at = serializers.DateTimeField(required=False)


class PostMortemFilter(Shape):
    incident = serializers.UUIDField(required=False)
    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=PostMortemStage.choices, required=False)
    owner = serializers.ChoiceField(choices=["me"], required=False, help_text="Those that the caller sees to.")


class PostMortems(ReadViews):
    """Reviews, newest first. A client's seat sees the released ones; its own parts are at `review-sections`."""

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
        wanted = self.asked(self.asks)
        if wanted.pop("owner", None):
            wanted["owner_id"] = self.caller.seat_id
        rows = self.get_queryset().filter(**wanted).defer("timeline", "numbers", "ratings")
        return self.show_page(rows, PostMortemLine)

    @extend_schema(parameters=[SEEN], request=PostMortemChange, responses=PostMortemView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Give the review to somebody else, or set another date for it."""
        postmortem = self.subject(seen=True)
        wanted = self.read(PostMortemChange)
        return self.show(change_postmortem(postmortem_id=postmortem.pk, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=EmptyBody, responses=PostMortemView)
    @action(detail=True, methods=["post"])
    def release(self, _request: Request, **_: Any) -> Response:
        """Let everybody who may see the incident read it; what the client has not handed in stays with the client."""
        postmortem = self.subject(seen=True)
        self.read(EmptyBody)
        return self.show(release_postmortem(postmortem_id=postmortem.pk, **self.told))


# -- sections -------------------------------------------------------------------------------------------------


class SectionShape(Shape):
    post_mortem = serializers.UUIDField()
    name = serializers.CharField(max_length=80)
    side = serializers.ChoiceField(choices=Side.choices, default=Side.AGENCY.value)
    asked = serializers.UUIDField(
        default=None, allow_null=True, help_text="Somebody of that side who may write their part of a review."
    )


class SectionText(Shape):
    text = serializers.CharField(max_length=20_000, allow_blank=True, trim_whitespace=False)


class SectionAsked(Shape):
    asked = serializers.UUIDField(allow_null=True, help_text="Null: nobody in particular.")


class SectionFilter(Shape):
    post_mortem = serializers.UUIDField(required=False, source="postmortem_id")
    incident = serializers.UUIDField(required=False, source="postmortem__incident_id")
    stage = serializers.ChoiceField(choices=SectionStage.choices, required=False)
    side = serializers.ChoiceField(choices=Side.choices, required=False)
    asked = serializers.ChoiceField(choices=["me"], required=False, help_text="Those asked of the caller.")


class ReviewSections(ReadViews):
    """The parts of reviews. Each side writes its own.

    The client sees the agency's parts when the review is released, the agency the client's words when the client has
    handed them in.
    """

    sees = Need.INCIDENTS_READ
    needs: ClassVar[Any] = {
        "list": Need.INCIDENTS_READ,
        "retrieve": Need.INCIDENTS_READ,
        **dict.fromkeys(("create", "ask"), Need.INCIDENTS_REVIEW),
        **dict.fromkeys(("partial_update", "hand_in", "say_none", "take_back"), Need.INCIDENTS_CONTRIBUTE),
    }
    serializer_class = SectionView
    asks = SectionFilter
    keyset = ("id",)

    def rows(self) -> Any:
        return shown_to(self.caller.side).select_related("postmortem")

    @extend_schema(parameters=[SectionFilter])
    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(self.asks)
        if wanted.pop("asked", None):
            wanted["asked_id"] = self.caller.seat_id
        return self.show_page(self.get_queryset().filter(**wanted))

    @extend_schema(request=SectionShape, responses={201: SectionView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Ask for one more part."""
        wanted = self.read(SectionShape)
        reviews = PostMortem.objects.all()
        review = self.named(reviews, wanted.pop("post_mortem"), field="post_mortem", sees=Need.INCIDENTS_READ)
        self.require(Need.INCIDENTS_REVIEW, review)
        asked = wanted.pop("asked")
        return self.show_created(add_section(postmortem_id=review.pk, asked_id=asked, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=SectionText, responses=SectionView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Write the part, all of it. What the client writes stays with the client until it is handed in."""
        section = self.subject(seen=True)
        return self.show(write_section(section_id=section.pk, **self.read(SectionText), **self.told))

    @extend_schema(parameters=[SEEN], request=SectionAsked, responses=SectionView)
    @action(detail=True, methods=["post"])
    def ask(self, _request: Request, **_: Any) -> Response:
        """Ask somebody else of that side."""
        section = self.subject(seen=True)
        asked = self.read(SectionAsked)["asked"]
        return self.show(ask_for_section(section_id=section.pk, asked_id=asked, **self.told))

    @extend_schema(parameters=[SEEN], request=EmptyBody, responses=SectionView)
    @action(detail=True, methods=["post"], url_path="hand-in")
    def hand_in(self, _request: Request, **_: Any) -> Response:
        """It is done; refused with `nothing_written` when it is empty."""
        section = self.subject(seen=True)
        self.read(EmptyBody)
        return self.show(hand_in_section(section_id=section.pk, **self.told))

    @extend_schema(parameters=[SEEN], request=EmptyBody, responses=SectionView)
    @action(detail=True, methods=["post"], url_path="nothing-to-say")
    def say_none(self, _request: Request, **_: Any) -> Response:
        """There is nothing to say here."""
        section = self.subject(seen=True)
        self.read(EmptyBody)
        return self.show(leave_section_empty(section_id=section.pk, **self.told))

    @extend_schema(parameters=[SEEN], request=EmptyBody, responses=SectionView)
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, _request: Request, **_: Any) -> Response:
        """It is a draft again, and the client's the client's alone."""
        section = self.subject(seen=True)
        self.read(EmptyBody)
        return self.show(take_section_back(section_id=section.pk, **self.told))


# -- ratings --------------------------------------------------------------------------------------------------


def _points() -> Any:
    return serializers.IntegerField(min_value=1, max_value=MOST_POINTS, required=False)


class RatingScores(Shape):
    """1 (not at all) to 5 (fully); a question may be left out."""

    heard_early = _points()
    knew_what_to_do = _points()
    approvals_quick = _points()
    client_informed = _points()


class RatingShape(Shape):
    scores = RatingScores()
    words = serializers.CharField(
        max_length=2_000, default="", allow_blank=True, help_text="Shown without your name to who releases the review."
    )


class RatingView(serializers.ModelSerializer[ReviewParticipant]):
    """What you are asked, and what you have answered. Nobody else sees it."""

    post_mortem = serializers.UUIDField(source="postmortem_id", read_only=True)
    incident = serializers.UUIDField(source="postmortem.incident_id", read_only=True)
    due_at = serializers.DateTimeField(source="postmortem.due_at", read_only=True)
    questions = serializers.SerializerMethodField()
    scores = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = ReviewParticipant
        fields = [
            "id", "post_mortem", "incident", "due_at", "questions", "scores", "words", "asked_at", "answered_at",
            "version",
        ]  # fmt: skip

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_questions(self, _row: ReviewParticipant) -> dict[str, str]:
        return QUESTIONS


class RatingFilter(Shape):
    post_mortem = serializers.UUIDField(required=False, source="postmortem_id")
    answered = Flag(required=False)


class ReviewRatings(ReadViews):
    """The reviews that the caller is asked to rate, newest first; only their own, and only when they have signed in."""

    sees = Need.INCIDENTS_READ
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "partial_update"), Need.INCIDENTS_READ)
    serializer_class = RatingView
    asks = RatingFilter

    def rows(self) -> Any:
        mine = ReviewParticipant.objects.filter(seat_id=self.caller.seat_id, took_part=True, excused_at=None)
        return mine.select_related("postmortem") if self.caller.actor.kind == "seat" else mine.none()

    @extend_schema(parameters=[RatingFilter])
    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(self.asks)
        answered = wanted.pop("answered", None)
        rows = self.get_queryset().filter(**wanted)
        return self.show_page(rows if answered is None else rows.filter(answered_at__isnull=not answered))

    @extend_schema(parameters=[SEEN], request=RatingShape, responses=RatingView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Answer, or answer anew; until the review is released."""
        row = self.subject(seen=True)
        return self.show(rate_crisis(participant_id=row.pk, **self.read(RatingShape), **self.told))
