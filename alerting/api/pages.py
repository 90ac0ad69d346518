"""Pages over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import acknowledge_page, resolve_page
from alerting.api.policies import EscalationStepShape
from alerting.models import Notification, Page
from alerting.states import PageStage
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import ReadViews


class NotificationView(serializers.ModelSerializer[Notification]):
    reference = serializers.CharField(read_only=True, help_text="What the recipient sees; the same on every repeat.")

    class Meta:
        model = Notification
        fields = [
            "id", "reference", "cycle", "step", "seat", "transport", "stage", "problem", "queued_at", "settled_at",
        ]  # fmt: skip


class FrozenEscalationPolicyView(serializers.Serializer[Any]):
    policy_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    steps = EscalationStepShape(many=True)


class PageView(serializers.ModelSerializer[Page]):
    policy = FrozenEscalationPolicyView(read_only=True, help_text="As it was when the page was raised.")

    class Meta:
        model = Page
        fields = [
            "id", "brand", "incident", "cause_kind", "cause_id", "severity", "headline", "stage", "cycle", "step",
            "next_step_at", "raised_at", "acknowledged_by", "acknowledged_at", "resolved_at", "policy", "version",
        ]  # fmt: skip


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


class PageReasonShape(Shape):
    reason = serializers.CharField(max_length=500)


class Pages(ReadViews):
    """What people were woken for, and who took it."""

    sees = Need.PAGES_READ
    needs: ClassVar[Any] = {
        "list": Need.PAGES_READ,
        "retrieve": Need.PAGES_READ,
        "acknowledge": Need.PAGES_ACKNOWLEDGE,
        "resolve": Need.PAGES_ACKNOWLEDGE,
    }
    serializer_class = PageView
    asks = PageFilter

    def rows(self) -> Any:
        return Page.objects.all()

    @extend_schema(responses=PageDetail)
    def retrieve(self, _request: Request, **_: Any) -> Response:
        """The page with everything that was sent about it."""
        return self.show(self.subject(), PageDetail)

    @extend_schema(request=None, responses=PageDetail)
    @action(detail=True, methods=["post"])
    def acknowledge(self, _request: Request, **_: Any) -> Response:
        """Take the page: it climbs no further. 409 when somebody has taken it already."""
        return self.show(acknowledge_page(page_id=self.subject().pk, **self.told), PageDetail)

    @extend_schema(request=PageReasonShape, responses=PageDetail)
    @action(detail=True, methods=["post"])
    def resolve(self, _request: Request, **_: Any) -> Response:
        """End the page: nobody needs to look any more."""
        page: Page = self.subject()
        return self.show(resolve_page(page_id=page.pk, **self.read(PageReasonShape), **self.told), PageDetail)


routes = [
    ("pages", Pages, "page"),
]
