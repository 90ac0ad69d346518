"""Signals and their review over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Flag, Shape
from core.wall import inside
from incidents.models import Incident
from listening.actions import activate_signal, dismiss_signal, handle_signal, watch_signal
from listening.actions.review import verdicts_needed
from listening.api.mentions import MentionView
from listening.models import Signal, Verdict
from listening.queries import mentions_of_signal
from listening.states import UNDECIDED, SignalKind, SignalStage
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from publishing.actions import PATIENCE_S, drain_pause
from publishing.api import PauseView
from publishing.models import Pause
from publishing.states import PauseStage


class SignalView(serializers.ModelSerializer[Signal]):
    drill = serializers.SerializerMethodField(help_text="Whether it is only played.")

    class Meta:
        model = Signal
        fields = [
            "id", "brand", "story", "kind", "kinds", "stage", "severity_hint", "monitor_only", "starts_at",
            "alarmed_at", "seen_at", "raised_at", "review_due_at", "escalated_at", "escalations", "reviewed_at",
            "reason", "false_alarm", "page", "incident", "merged_into", "explanation", "drill",
            "version",
        ]  # fmt: skip

    def get_drill(self, signal: Signal) -> bool:
        return signal.brand_id in self.context["view"].caller.standing.twins


class VerdictView(serializers.ModelSerializer[Verdict]):
    class Meta:
        model = Verdict
        fields = ["seat", "verdict", "reason", "said_at"]


class ReviewedView(SignalView):
    """A signal after a verdict. While others must still agree, it is as undecided as before and the answer is 202."""

    verdicts = VerdictView(many=True, read_only=True, help_text="Of those who have said something so far.")
    needed = serializers.IntegerField(read_only=True, help_text="How many people must agree.")

    class Meta(SignalView.Meta):
        fields = [*SignalView.Meta.fields, "verdicts", "needed"]


class ActivatedView(SignalView):
    """An activated signal and the pause that came with it, null when there is none."""

    pause_state = PauseView(read_only=True, allow_null=True)

    class Meta(SignalView.Meta):
        fields = [*SignalView.Meta.fields, "pause_state"]


class SignalFilter(Shape):
    brand = serializers.UUIDField(required=False)
    story = serializers.UUIDField(required=False)
    monitor_only = Flag(required=False)
    kind = serializers.ChoiceField(choices=SignalKind.choices, required=False)
    stage = serializers.ChoiceField(choices=SignalStage.choices, required=False)


class ReviewShape(Shape):
    reason = serializers.CharField(max_length=500)


class DismissalShape(ReviewShape):
    false_alarm = serializers.BooleanField(
        default=False, help_text="It should not have been raised; the brand's threshold learns from it."
    )


class ActivationShape(Shape):
    severity = serializers.IntegerField(min_value=1, max_value=4, help_text="1 is the worst.")
    kind = serializers.CharField(max_length=40, help_text="What kind of crisis it is, in the words of the plan.")
    title = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=500)
    pause = serializers.BooleanField(
        default=None,
        allow_null=True,
        help_text="Pause the brand's scheduled posts in the same breath; null: as the plan says.",
    )


@extend_schema_view(list=extend_schema(parameters=[SignalFilter]))
class Signals(ReadViews):
    """Departures of a brand from its own normal, newest first, and what people make of them."""

    sees = Need.SIGNALS_READ
    needs: ClassVar[Any] = {
        "list": Need.SIGNALS_READ,
        "retrieve": Need.SIGNALS_READ,
        "mentions": Need.MENTIONS_READ,
        **dict.fromkeys(("watch", "handle", "dismiss", "activate"), Need.SIGNALS_REVIEW),
    }
    serializer_class = SignalView
    asks = SignalFilter

    def rows(self) -> Any:
        return Signal.objects.all()

    @extend_schema(parameters=[SEEN], request=ReviewShape, responses=SignalView)
    @action(detail=True, methods=["post"])
    def watch(self, _request: Request, **_: Any) -> Response:
        """Keep an eye on it: its page climbs no further, the decision is still to come."""
        signal: Signal = self.subject(seen=True)
        return self.show(watch_signal(signal_id=signal.pk, **self.read(ReviewShape), **self.told))

    @extend_schema(parameters=[SEEN], request=ReviewShape, responses={200: ReviewedView, 202: ReviewedView})
    @action(detail=True, methods=["post"])
    def handle(self, _request: Request, **_: Any) -> Response:
        """No crisis: the mentions are answered one by one. 202 while others must agree."""
        signal: Signal = self.subject(seen=True)
        return self._reviewed(handle_signal(signal_id=signal.pk, **self.read(ReviewShape), **self.told))

    @extend_schema(parameters=[SEEN], request=DismissalShape, responses={200: ReviewedView, 202: ReviewedView})
    @action(detail=True, methods=["post"])
    def dismiss(self, _request: Request, **_: Any) -> Response:
        """Nothing of concern. 202 while others must agree."""
        signal: Signal = self.subject(seen=True)
        return self._reviewed(dismiss_signal(signal_id=signal.pk, **self.read(DismissalShape), **self.told))

    def _reviewed(self, signal: Signal) -> Response:
        waits = signal.stage in UNDECIDED
        said: Any = signal
        said.verdicts = Verdict.objects.filter(signal=signal).order_by("said_at", "id")
        said.needed = verdicts_needed(signal, at=self.now)
        return self.show(said, ReviewedView, status=codes.HTTP_202_ACCEPTED if waits else codes.HTTP_200_OK)

    @extend_schema(operation_id="signals_mentions_list", responses=MentionView(many=True))
    @action(detail=True, methods=["get"], keyset=("-id",))
    def mentions(self, _request: Request, **_: Any) -> Response:
        """The mentions of the signal, newest first: those of its story, or else those of its time."""
        signal: Signal = self.subject()
        return self.show_page(mentions_of_signal(signal), MentionView)

    @extend_schema(
        parameters=[SEEN],
        request=ActivationShape,
        responses={200: ActivatedView, 202: ActivatedView},
    )
    @action(detail=True, methods=["post"])
    def activate(self, _request: Request, **_: Any) -> Response:
        """Call it a crisis: an incident opens from the brand's plan, and the brand's scheduled posts pause.

        200 when nothing of the brand can go out any more; 202 while a post is still on its way.
        """
        signal: Signal = self.subject(seen=True)
        wanted = self.read(ActivationShape)
        for need in (Need.INCIDENTS_OPEN, Need.INCIDENTS_ACTIVATE):
            self.require(need, signal)
        if wanted["pause"] is not False:
            self.require(Need.PAUSES_START, signal)
        return self.show(activate_signal(signal_id=signal.pk, **wanted, **self.told))

    def after_commit(self, response: Any) -> Any:
        """A pause is waited for outside the transaction that starts it; a repeated call waits again."""
        if self.action != "activate":
            return response
        with inside(self.agency_id):
            pause_id = Incident.objects.found(UUID(str(response.data["incident"]))).pause_id
        response.data["pause_state"] = None
        if pause_id is not None:
            drain_pause(pause_id=pause_id, agency_id=self.agency_id, patience_s=PATIENCE_S, at=timezone.now())
            with inside(self.agency_id):
                pause: Pause = Pause.objects.found(pause_id)
                response.data["pause_state"] = PauseView(pause).data
            response.status_code = codes.HTTP_202_ACCEPTED if pause.stage == PauseStage.DRAINING else codes.HTTP_200_OK
        return response
