"""The message library over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.process import LARGEST_QUORUM, MOST_STAGES
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import ReadViews
from readiness.actions import add_message, submit_message
from readiness.models import Message
from readiness.plan_body import CRISIS_KIND
from readiness.queries import preapproved
from readiness.states import MessageKind
from tenants.models import Brand

LONGEST_TEXT = 10_000


class DeliveryShape(Shape):
    account = serializers.UUIDField()
    text = serializers.CharField(max_length=LONGEST_TEXT, trim_whitespace=False)


class MessageShape(Shape):
    brand = serializers.UUIDField()
    title = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=MessageKind.choices)
    crisis_kind = serializers.RegexField(CRISIS_KIND)
    language = serializers.RegexField(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$", max_length=12)
    deliveries = DeliveryShape(many=True, allow_empty=False, max_length=100)  # type: ignore[call-arg] # a list's


class StepShape(Shape):
    name = serializers.CharField(max_length=80)
    role = serializers.CharField(max_length=40)
    side = serializers.ChoiceField(choices=["staff", "client"])
    quorum = serializers.IntegerField(min_value=1, max_value=LARGEST_QUORUM)


class Submission(Shape):
    expires_at = serializers.DateTimeField()
    stages = StepShape(  # type: ignore[call-arg] # a list's
        many=True,
        required=False,
        allow_empty=False,
        max_length=MOST_STAGES,
        help_text="Who is asked instead of the people of the plan in force. Needs `plans.publish`: whoever may say "
        "in a plan who approves may say it here.",
    )


class DeliveryView(serializers.Serializer[Any]):
    account = serializers.UUIDField()
    text = serializers.CharField()


class MessageLine(serializers.ModelSerializer[Message]):
    deliveries = DeliveryView(many=True, read_only=True)

    class Meta:
        model = Message
        fields = [
            "id", "brand", "title", "kind", "crisis_kind", "language", "deliveries", "digest", "author", "created_at",
            "approval", "approved_at", "expires_at",
        ]  # fmt: skip


class MessageView(MessageLine):
    preapproved = serializers.SerializerMethodField()

    class Meta(MessageLine.Meta):
        fields = [*MessageLine.Meta.fields, "preapproved"]

    @extend_schema_field(serializers.BooleanField(help_text="Whether it may go out now without asking anybody again."))
    def get_preapproved(self, message: Message) -> bool:
        return preapproved(message, self.context["view"].now)


class MessagesWanted(Shape):
    brand = serializers.UUIDField(required=False)
    kind = serializers.ChoiceField(choices=MessageKind.choices, required=False)
    crisis_kind = serializers.CharField(max_length=40, required=False)
    language = serializers.CharField(max_length=12, required=False)


class Messages(ReadViews):
    """The message library: texts written, and approved, before they are needed."""

    sees = Need.MESSAGES_READ
    needs: ClassVar[Any] = {
        "list": Need.MESSAGES_READ,
        "retrieve": Need.MESSAGES_READ,
        "create": Need.MESSAGES_WRITE,
        "submit": Need.MESSAGES_WRITE,
    }
    serializer_class = MessageView

    def rows(self) -> Any:
        return Message.objects.all()

    @extend_schema(parameters=[MessagesWanted], responses=MessageLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(MessagesWanted)), MessageLine)

    @extend_schema(request=MessageShape, responses={201: MessageView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Add a text, exactly as it will be sent, for each account of the brand that would send it."""
        wanted = self.read(MessageShape)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.MESSAGES_WRITE, brand)
        deliveries = [(delivery["account"], delivery["text"]) for delivery in wanted.pop("deliveries")]
        return self.show_created(add_message(brand_id=brand.pk, deliveries=deliveries, **wanted, **self.told))

    @extend_schema(request=Submission, responses={200: MessageView})
    @action(detail=True, methods=["post"])
    def submit(self, _request: Request, **_: Any) -> Response:
        """Ask for approval in advance. What was agreed to before and not used is voided."""
        message: Message = self.subject()
        wanted = self.read(Submission)
        stages = wanted.get("stages")
        self.require(Need.PLANS_PUBLISH if stages else None, message)
        submitted = submit_message(message_id=message.pk, stages=stages, expires_at=wanted["expires_at"], **self.told)
        return self.show(submitted, status=codes.HTTP_200_OK)


routes = [
    ("messages", Messages, "message"),
]
