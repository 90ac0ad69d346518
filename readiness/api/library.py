"""The message library over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.process import LARGEST_QUORUM, MOST_STAGES
from approvals.slots import LONGEST_VALUE
from core.http.shapes import Flag, Shape
from core.refusals import Invalid
from permissions.gate import visible
from permissions.needs import Need
from permissions.viewset import ReadViews
from readiness.actions import add_message, submit_message
from readiness.filling import Value, fill
from readiness.models import Fact, Message
from readiness.plan_body import CRISIS_KIND
from readiness.queries import preapproved
from readiness.queries.facts import facts_about, incidents, values_of
from readiness.queries.library import fitting, standing_ready
from readiness.states import FactType, MessageKind
from tenants.models import Brand

LONGEST_TEXT = 10_000


class DeliveryShape(Shape):
    account = serializers.UUIDField()
    text = serializers.CharField(max_length=LONGEST_TEXT, trim_whitespace=False)


class SlotShape(Shape):
    type = serializers.ChoiceField(choices=FactType.choices)
    longest = serializers.IntegerField(min_value=1, max_value=LONGEST_VALUE, help_text="Characters.")


class MessageShape(Shape):
    brand = serializers.UUIDField()
    title = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=MessageKind.choices)
    crisis_kind = serializers.RegexField(CRISIS_KIND)
    language = serializers.RegexField(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$", max_length=12)
    severity = serializers.IntegerField(
        min_value=1, max_value=4, required=False, allow_null=True, help_text="Of the crises it is meant for; any: null."
    )
    deliveries = DeliveryShape(many=True, allow_empty=False, max_length=100)  # type: ignore[call-arg] # a list's
    slots = serializers.DictField(
        child=SlotShape(),
        required=False,
        help_text="What may fill the slots of the texts, which stand there as `{name}`: each declared, each used.",
    )


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


class SlotView(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=FactType.choices)
    longest = serializers.IntegerField()


class MessageLine(serializers.ModelSerializer[Message]):
    deliveries = DeliveryView(many=True, read_only=True)
    slots = serializers.DictField(child=SlotView(), read_only=True)

    class Meta:
        model = Message
        fields = [
            "id", "brand", "title", "kind", "crisis_kind", "severity", "language", "deliveries", "slots", "digest",
            "author", "created_at", "approval", "approved_at", "expires_at",
        ]  # fmt: skip


class MessageView(MessageLine):
    preapproved = serializers.SerializerMethodField()

    class Meta(MessageLine.Meta):
        fields = [*MessageLine.Meta.fields, "preapproved"]

    @extend_schema_field(serializers.BooleanField(help_text="Whether it may go out now without asking anybody again."))
    def get_preapproved(self, message: Message) -> bool:
        return preapproved(message, self.context["view"].now)


class Trial(Shape):
    incident = serializers.UUIDField(required=False, help_text="Whose facts fill the slots first; then the brand's.")
    facts = serializers.DictField(
        child=serializers.CharField(max_length=LONGEST_VALUE),
        required=False,
        help_text="Values to try out in place of facts, by the slot's name. A release takes none.",
    )


class MissingSlotView(serializers.Serializer[Any]):
    slot = serializers.CharField()
    type = serializers.ChoiceField(choices=FactType.choices)
    longest = serializers.IntegerField()


class UnfitSlotView(MissingSlotView):
    fact = serializers.UUIDField(allow_null=True, help_text="Null for a value that was tried out.")
    owner = serializers.UUIDField(allow_null=True)


class StaleSlotView(serializers.Serializer[Any]):
    slot = serializers.CharField()
    fact = serializers.UUIDField()
    owner = serializers.UUIDField(allow_null=True)
    said_at = serializers.DateTimeField()
    stale_since = serializers.DateTimeField()
    age_minutes = serializers.IntegerField()


class PreviewView(serializers.Serializer[Any]):
    deliveries = DeliveryView(many=True, help_text="As they would go out; what cannot be filled stands as `{name}`.")
    complete = serializers.BooleanField(help_text="Whether every slot is filled, by nothing that is too old.")
    missing = MissingSlotView(many=True)
    unfit = UnfitSlotView(many=True)
    stale = StaleSlotView(many=True)


class MessagesWanted(Shape):
    brand = serializers.UUIDField(required=False)
    kind = serializers.ChoiceField(choices=MessageKind.choices, required=False)
    crisis_kind = serializers.CharField(max_length=40, required=False)
    language = serializers.CharField(max_length=12, required=False)
    severity = serializers.ChoiceField(
        choices=["1", "2", "3", "4"], required=False, help_text="Those meant for crises of it, and those for any."
    )
    network = serializers.CharField(max_length=40, required=False, help_text="With a text for an account on it.")
    account = serializers.UUIDField(required=False, help_text="With a text for it.")
    ready = Flag(required=False, help_text="Approved beforehand, not expired and not used; or not so.")


class Messages(ReadViews):
    """The message library: texts written, and approved, before they are needed."""

    sees = Need.MESSAGES_READ
    needs: ClassVar[Any] = {
        "list": Need.MESSAGES_READ,
        "retrieve": Need.MESSAGES_READ,
        "create": Need.MESSAGES_WRITE,
        "submit": Need.MESSAGES_WRITE,
        "preview": Need.MESSAGES_READ,
    }
    serializer_class = MessageView

    def rows(self) -> Any:
        return Message.objects.all()

    @extend_schema(parameters=[MessagesWanted], responses=MessageLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first. `preapproved` of one message tells whether those who agreed are still here, too."""
        wanted = self.asked(MessagesWanted)
        rows = fitting(
            self.get_queryset(),
            severity=int(wanted.pop("severity", 0)) or None,
            network=wanted.pop("network", None),
            account_id=wanted.pop("account", None),
        )
        if (ready := wanted.pop("ready", None)) is not None:
            rows = standing_ready(rows, at=self.now, ready=ready)
        return self.show_page(rows.filter(**wanted), MessageLine)

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

    @extend_schema(request=Trial, responses=PreviewView)
    @action(detail=True, methods=["post"])
    def preview(self, _request: Request, **_: Any) -> Response:
        """The texts as they would go out now, with the slots that stand in the way. Changes nothing."""
        message: Message = self.subject()
        wanted = self.read(Trial)
        incident_id = self._incident(message, wanted.get("incident"))
        mine = visible(Fact.objects.all(), to=self.caller, need=Need.MESSAGES_READ)
        facts = facts_about(brand_id=message.brand_id, incident_id=incident_id, among=mine)
        tried = {name: Value(text) for name, text in wanted.get("facts", {}).items()}
        if strange := sorted(set(tried) - set(message.slots)):
            detail = "The message has no such slot."
            raise Invalid(detail, errors=[{"field": f"facts.{strange[0]}", "code": "unknown_field", "detail": detail}])
        texts = [delivery["text"] for delivery in message.deliveries]
        filled = fill(texts, message.slots, values_of(facts.values()) | tried, at=self.now)
        shown = {
            "deliveries": [
                {"account": delivery["account"], "text": text}
                for delivery, text in zip(message.deliveries, filled.texts, strict=True)
            ],
            "complete": filled.refusal is None,
            "missing": filled.missing,
            "unfit": filled.unfit,
            "stale": filled.stale,
        }
        return Response(PreviewView(shown).data)

    def _incident(self, message: Message, incident_id: UUID | None) -> UUID | None:
        if incident_id is None:
            return None
        theirs = incidents().filter(brand_id=message.brand_id)
        return UUID(str(self.named(theirs, incident_id, field="incident", sees=Need.INCIDENTS_READ).pk))


routes = [
    ("messages", Messages, "message"),
]
