"""Crisis plans and the message library over HTTP."""

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
from core.refusals import NotFound
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import add_message, publish_plan, submit_message
from readiness.models import Message, Plan, PlanVersion
from readiness.plan_body import CRISIS_KIND
from readiness.queries import plan_in_force, preapproved
from readiness.states import MessageKind
from tenants.models import Brand

LONGEST_TEXT = 10_000


class PlanVersionView(serializers.ModelSerializer[PlanVersion]):
    name = serializers.CharField(source="plan.name", read_only=True)
    body = serializers.DictField(read_only=True)

    class Meta:
        model = PlanVersion
        fields = ["id", "plan", "brand", "name", "number", "body", "published_at", "publisher"]


class PlanView(serializers.ModelSerializer[Plan]):
    number = serializers.IntegerField(source="version", read_only=True, help_text="Of the newest version.")

    class Meta:
        model = Plan
        fields = ["id", "brand", "name", "number", "created_at"]


class FirstVersion(Shape):
    brand = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    body = serializers.JSONField()


class NextVersion(Shape):
    body = serializers.JSONField()


class OfBrand(Shape):
    brand = serializers.UUIDField()


class PlansWanted(Shape):
    brand = serializers.UUIDField(required=False)


class Plans(ReadViews):
    """Crisis plans. What a plan says is in its versions, which never change."""

    sees = Need.PLANS_READ
    needs: ClassVar[Any] = {
        "list": Need.PLANS_READ,
        "retrieve": Need.PLANS_READ,
        "create": Need.PLANS_PUBLISH,
        "publish": Need.PLANS_PUBLISH,
        "says": Need.PLANS_READ,
        "in_force": Need.PLANS_READ,
    }
    serializer_class = PlanView

    def rows(self) -> Any:
        return Plan.objects.all()

    @extend_schema(parameters=[PlansWanted], responses=PlanView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(PlansWanted)))

    @extend_schema(request=FirstVersion, responses={201: PlanVersionView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Make a plan and put its first version into force."""
        wanted = self.read(FirstVersion)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.PLANS_PUBLISH, brand)
        version = publish_plan(brand_id=brand.pk, replaces=0, **wanted, **self.told)
        return self.show_created(version, PlanVersionView)

    @extend_schema(parameters=[SEEN], request=NextVersion, responses={201: PlanVersionView})
    @action(detail=True, methods=["post"])
    def publish(self, _request: Request, **_: Any) -> Response:
        """Put the next version into force. Needs `If-Match`: nobody replaces a version that they have not seen."""
        plan: Plan = self.subject(seen=True)
        version = publish_plan(
            brand_id=plan.brand_id, name=plan.name, replaces=plan.version, **self.read(NextVersion), **self.told
        )
        return self.show_created(version, PlanVersionView)

    @extend_schema(operation_id="plans_newest_version", responses=PlanVersionView)
    @action(detail=True, methods=["get"], url_path="in-force")
    def says(self, _request: Request, **_: Any) -> Response:
        """What this plan says now: its newest version."""
        plan: Plan = self.subject()
        return self.show(
            PlanVersion.objects.select_related("plan").get(plan_id=plan.pk, number=plan.version), PlanVersionView
        )

    @extend_schema(parameters=[OfBrand], operation_id="plans_in_force", responses=PlanVersionView)
    @action(detail=False, methods=["get"], url_path="in-force", pagination_class=None)
    def in_force(self, _request: Request, **_: Any) -> Response:
        """The version that a crisis of this brand would follow now; 404 when the brand has no plan."""
        brand = self.named(Brand.objects.all(), self.asked(OfBrand)["brand"], field="brand", sees=Need.PLANS_READ)
        version = plan_in_force(brand.pk)
        if version is None:
            raise NotFound
        return self.show(version, PlanVersionView)


class PlanVersionsWanted(Shape):
    brand = serializers.UUIDField(required=False)
    plan = serializers.UUIDField(required=False)


class PlanVersions(ReadViews):
    """Everything that plans have ever said."""

    sees = Need.PLANS_READ
    needs: ClassVar[Any] = {"list": Need.PLANS_READ, "retrieve": Need.PLANS_READ}
    serializer_class = PlanVersionView

    def rows(self) -> Any:
        return PlanVersion.objects.select_related("plan")

    @extend_schema(parameters=[PlanVersionsWanted], responses=PlanVersionView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(PlanVersionsWanted)))


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
    ("plans", Plans, "plan"),
    ("plan-versions", PlanVersions, "plan-version"),
    ("messages", Messages, "message"),
]
