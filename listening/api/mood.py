"""Corrections of moods, and what a brand's lexicon has learned from them, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from listening.actions.mood import adopt_lexicon, correct_mood, retire_lexicon
from listening.models import BrandLexicon, Mention, MoodCorrection, MoodLabel
from permissions.needs import Need
from permissions.viewset import ReadViews


class CorrectionView(serializers.ModelSerializer[MoodCorrection]):
    mention = serializers.UUIDField(source="mention_id")

    class Meta:
        model = MoodCorrection
        fields = ["id", "brand", "mention", "was", "label", "scorer", "language", "seat", "corrected_at"]


class CorrectionFilter(Shape):
    brand = serializers.UUIDField(required=False, source="brand_id")
    mention = serializers.UUIDField(required=False, source="mention_id")


class CorrectionShape(Shape):
    mention = serializers.UUIDField()
    label = serializers.ChoiceField(  # type: ignore[assignment] # DRF's own attribute of the name is unused
        choices=[choice for choice in MoodLabel.choices if choice[0] != MoodLabel.UNKNOWN],
        help_text="What the mood of the mention is. The label that it has already is a confirmation, and teaches too.",
    )


@extend_schema_view(list=extend_schema(parameters=[CorrectionFilter]))
class MoodCorrections(ReadViews):
    """What people say that the mood of a mention is, newest first."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {
        "list": Need.MENTIONS_READ,
        "retrieve": Need.MENTIONS_READ,
        "create": Need.SIGNALS_REVIEW,
    }
    serializer_class = CorrectionView
    asks = CorrectionFilter

    def rows(self) -> Any:
        return MoodCorrection.objects.all()

    @extend_schema(request=CorrectionShape, responses={201: CorrectionView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Correct the mood of a mention, or confirm it. Its minute is counted anew; the last word counts."""
        wanted = self.read(CorrectionShape)
        mention = self.named(Mention.objects.all(), wanted["mention"], field="mention", sees=Need.MENTIONS_READ)
        self.require(Need.SIGNALS_REVIEW, mention)
        return self.show_created(correct_mood(mention_id=mention.pk, label=wanted["label"], **self.told))


class LexiconView(serializers.ModelSerializer[BrandLexicon]):
    in_use = serializers.SerializerMethodField()
    base = serializers.CharField(help_text="Name and version of the scorer that it stands upon.")
    agreement_before = serializers.FloatField(
        help_text="Share of the corrections that the scorer alone agrees with.",
    )
    agreement_after = serializers.FloatField(
        help_text="Share that it agrees with together with what the other corrections teach (cross-validation).",
    )

    class Meta:
        model = BrandLexicon
        fields = [
            "id", "brand", "number", "base", "corrections", "agreement_before", "agreement_after", "made_at",
            "adopted_at", "retired_at", "retired_because", "in_use",
        ]  # fmt: skip

    def get_in_use(self, lexicon: BrandLexicon) -> bool:
        return lexicon.adopted_at is not None and lexicon.retired_at is None


class WholeLexiconView(LexiconView):
    """With what it adds to the log odds of negative, neutral and positive, for each token."""

    weights = serializers.DictField(child=serializers.ListField(child=serializers.FloatField()))

    class Meta(LexiconView.Meta):
        fields = [*LexiconView.Meta.fields, "weights"]


class LexiconFilter(Shape):
    brand = serializers.UUIDField(required=False, source="brand_id")


class ReasonShape(Shape):
    reason = serializers.CharField(max_length=180)


@extend_schema_view(list=extend_schema(parameters=[LexiconFilter]), retrieve=extend_schema(responses=WholeLexiconView))
class Lexicons(ReadViews):
    """What brands' corrections have taught, newest first; one of each brand's may be in use."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {
        "list": Need.MENTIONS_READ,
        "retrieve": Need.MENTIONS_READ,
        "adopt": Need.SIGNALS_REVIEW,
        "retire": Need.SIGNALS_REVIEW,
    }
    serializer_class = LexiconView
    asks = LexiconFilter

    def rows(self) -> Any:
        return BrandLexicon.objects.all() if self.action == "retrieve" else BrandLexicon.objects.defer("weights")

    def retrieve(self, _request: Request, **_: Any) -> Response:
        return self.show(self.subject(), WholeLexiconView)

    @extend_schema(request=ReasonShape, responses=LexiconView)
    @action(detail=True, methods=["post"])
    def adopt(self, _request: Request, **_: Any) -> Response:
        """Use this lexicon from now on, an earlier one too; what was scored before keeps its scores."""
        lexicon: BrandLexicon = self.subject()
        return self.show(adopt_lexicon(lexicon_id=lexicon.pk, **self.read(ReasonShape), **self.told))

    @extend_schema(request=ReasonShape, responses=LexiconView)
    @action(detail=True, methods=["post"])
    def retire(self, _request: Request, **_: Any) -> Response:
        """Read the brand's moods with the scorer alone again."""
        lexicon: BrandLexicon = self.subject()
        return self.show(retire_lexicon(lexicon_id=lexicon.pk, **self.read(ReasonShape), **self.told))
