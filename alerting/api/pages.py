"""Pages over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import (
    accept_hand_over,
    acknowledge_page,
    decline_hand_over,
    offer_page,
    renew_page,
    reopen_page,
    resolve_page,
    snooze_page,
)
from alerting.api.policies import EscalationStepShape, EscalationTargetShape
from alerting.models import HandOver, Notification, Page, PageCause
from alerting.states import HandOverStage, PageStage
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import ReadViews


class NotificationView(serializers.ModelSerializer[Notification]):
    reference = serializers.CharField(read_only=True, help_text="What the recipient sees; the same on every repeat.")

    class Meta:
        model = Notification
        fields = [
            "id", "reference", "cycle", "repeated", "step", "seat", "channel", "transport", "stage", "problem",
            "queued_at", "due_at", "settled_at", "delivered_at", "answered_at",
        ]  # fmt: skip


class FrozenEscalationPolicyView(serializers.Serializer[Any]):
    policy_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    steps = EscalationStepShape(many=True)
    repeats = serializers.IntegerField(default=0)
    last_resort = EscalationTargetShape(many=True, default=list)
    lapses_minutes = serializers.IntegerField(default=None, allow_null=True)


class PageView(serializers.ModelSerializer[Page]):
    policy = FrozenEscalationPolicyView(read_only=True, help_text="As it was when the page was raised.")
    drill = serializers.SerializerMethodField(help_text="Whether it is only played.")

    class Meta:
        model = Page
        fields = [
            "id", "brand", "incident", "cause_kind", "cause_id", "topic", "suppressed", "severity", "headline", "stage",
            "cycle", "repeated", "step", "next_step_at", "raised_at", "acknowledged_by", "acknowledged_at", "lapses_at",
            "snoozed_by", "snoozed_until", "silence", "resolved_at", "policy", "drill",
            "version",
        ]  # fmt: skip

    def get_drill(self, page: Page) -> bool:
        return page.brand_id in self.context["view"].caller.standing.twins


class PageDetail(PageView):
    notifications = serializers.SerializerMethodField()

    class Meta(PageView.Meta):
        fields = [*PageView.Meta.fields, "notifications"]

    @extend_schema_field(NotificationView(many=True))
    def get_notifications(self, page: Page) -> Any:
        return NotificationView(Notification.objects.filter(page_id=page.pk).order_by("id"), many=True).data


class PageFilter(Shape):
    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=PageStage.choices, required=False)
    cause_kind = serializers.CharField(max_length=48, required=False)
    cause_id = serializers.UUIDField(required=False)
    silence = serializers.UUIDField(required=False, help_text="Those that this silence swallowed.")


class PageReasonShape(Shape):
    reason = serializers.CharField(max_length=500)


class SnoozeShape(PageReasonShape):
    until = serializers.DateTimeField(help_text="At most 24 hours ahead, 4 for severity 2.")


class OfferShape(Shape):
    to = serializers.UUIDField(help_text="The seat of a colleague who may acknowledge this page.")
    note = serializers.CharField(max_length=500, default="", allow_blank=True)


class PageCauseView(serializers.ModelSerializer[PageCause]):
    class Meta:
        model = PageCause
        fields = ["id", "cause_kind", "cause_id", "severity", "headline", "joined_at"]


class HandOverView(serializers.ModelSerializer[HandOver]):
    class Meta:
        model = HandOver
        fields = ["id", "page", "from_seat", "to_seat", "note", "stage", "offered_at", "lapses_at", "settled_at"]


class Pages(ReadViews):
    """What people were woken for, and who took it."""

    sees = Need.PAGES_READ
    needs: ClassVar[Any] = {
        "list": Need.PAGES_READ,
        "retrieve": Need.PAGES_READ,
        "causes": Need.PAGES_READ,
        **dict.fromkeys(("acknowledge", "renew", "reopen", "snooze", "hand_over", "resolve"), Need.PAGES_ACKNOWLEDGE),
    }
    serializer_class = PageView
    asks = PageFilter

    def rows(self) -> Any:
        return Page.objects.all()

    @extend_schema(responses=PageDetail)
    def retrieve(self, _request: Request, **_: Any) -> Response:
        """The page with everything that was sent about it."""
        return self.show(self.subject(), PageDetail)

    @extend_schema(operation_id="pages_causes_list", responses=PageCauseView(many=True))
    @action(detail=True, methods=["get"], keyset=("-id",))
    def causes(self, _request: Request, **_: Any) -> Response:
        """The causes that joined the page after its first, newest first: nobody was woken for them."""
        return self.show_page(PageCause.objects.filter(page_id=self.subject().pk), PageCauseView)

    @extend_schema(request=None, responses=PageDetail)
    @action(detail=True, methods=["post"])
    def acknowledge(self, _request: Request, **_: Any) -> Response:
        """Take the page: it climbs no further. 409 when somebody has taken it already."""
        page: Page = self.subject()
        self.read(Shape)
        return self.show(acknowledge_page(page_id=page.pk, **self.told), PageDetail)

    @extend_schema(request=None, responses=PageDetail)
    @action(detail=True, methods=["post"])
    def renew(self, _request: Request, **_: Any) -> Response:
        """You are still at work on it: the time after which it would climb again begins anew."""
        page: Page = self.subject()
        self.read(Shape)
        return self.show(renew_page(page_id=page.pk, **self.told), PageDetail)

    @extend_schema(request=PageReasonShape, responses=PageDetail)
    @action(detail=True, methods=["post"])
    def reopen(self, _request: Request, **_: Any) -> Response:
        """Let it climb again from its first step: what somebody took, put off, or a silence swallowed."""
        page: Page = self.subject()
        return self.show(reopen_page(page_id=page.pk, **self.read(PageReasonShape), **self.told), PageDetail)

    @extend_schema(request=SnoozeShape, responses=PageDetail)
    @action(detail=True, methods=["post"])
    def snooze(self, _request: Request, **_: Any) -> Response:
        """Put it off: it climbs again later. Never for severity 1."""
        page: Page = self.subject()
        return self.show(snooze_page(page_id=page.pk, **self.read(SnoozeShape), **self.told), PageDetail)

    @extend_schema(request=OfferShape, responses={201: HandOverView})
    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, _request: Request, **_: Any) -> Response:
        """Ask a colleague to take it over; it stays yours until they accept, for 15 minutes."""
        page: Page = self.subject()
        wanted = self.read(OfferShape)
        offer = offer_page(page_id=page.pk, to_seat_id=wanted["to"], note=wanted["note"], **self.told)
        return self.show_created(offer, HandOverView)

    @extend_schema(request=PageReasonShape, responses=PageDetail)
    @action(detail=True, methods=["post"])
    def resolve(self, _request: Request, **_: Any) -> Response:
        """End the page: nobody needs to look any more."""
        page: Page = self.subject()
        return self.show(resolve_page(page_id=page.pk, **self.read(PageReasonShape), **self.told), PageDetail)


class HandOverFilter(Shape):
    page = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=HandOverStage.choices, required=False)


class HandOvers(ReadViews):
    """Who asked whom to take a page over. Made at `pages/{id}/hand-over`."""

    sees = Need.PAGES_READ
    needs: ClassVar[Any] = {
        "list": Need.PAGES_READ,
        "retrieve": Need.PAGES_READ,
        **dict.fromkeys(("accept", "decline"), Need.PAGES_ACKNOWLEDGE),
    }
    serializer_class = HandOverView
    asks = HandOverFilter

    def rows(self) -> Any:
        return HandOver.objects.select_related("page")

    @extend_schema(request=None, responses=HandOverView)
    @action(detail=True, methods=["post"])
    def accept(self, _request: Request, **_: Any) -> Response:
        """The page is yours."""
        offer: HandOver = self.subject()
        self.read(Shape)
        return self.show(accept_hand_over(hand_over_id=offer.pk, **self.told))

    @extend_schema(request=None, responses=HandOverView)
    @action(detail=True, methods=["post"])
    def decline(self, _request: Request, **_: Any) -> Response:
        """It stays with whoever asked you."""
        offer: HandOver = self.subject()
        self.read(Shape)
        return self.show(decline_hand_over(hand_over_id=offer.pk, **self.told))


routes = [
    ("pages", Pages, "page"),
    ("hand-overs", HandOvers, "hand-over"),
]
