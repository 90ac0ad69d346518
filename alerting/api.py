"""Rotas, escalation policies, contact methods and pages over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerting.actions import (
    acknowledge_page,
    add_contact_method,
    cancel_override,
    create_escalation_policy,
    create_rota,
    override_rota,
    remove_contact_method,
    resolve_page,
    revise_escalation_policy,
    revise_rota,
)
from alerting.models import ContactMethod, EscalationPolicy, Notification, Page, Rota, RotaOverride, Transport
from alerting.queries import on_call, override_at
from alerting.states import PageStage
from alerting.transports import hint
from core.http.shapes import Shape
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.models import Brand, Seat

ROTA_FIELDS = ("name", "time_zone", "members", "starts_at", "shift_hours")
LONGEST_TURN_HOURS = 24 * 7 * 8
MOST_MEMBERS = 100
MOST_STEPS = 10
MOST_TARGETS = 20
LONGEST_WAIT_MINUTES = 24 * 60


class RotaView(serializers.ModelSerializer[Rota]):
    class Meta:
        model = Rota
        fields = ["id", "name", "time_zone", "members", "starts_at", "shift_hours", "created_at", "version"]


class RotaShape(Shape):
    name = serializers.CharField(max_length=120)
    time_zone = serializers.CharField(max_length=64, help_text="Turns begin on the clock of this zone.")
    members = serializers.ListField(
        child=serializers.UUIDField(),
        min_length=1,
        max_length=MOST_MEMBERS,
        help_text="Seats of staff, in the order of their turns.",
    )
    starts_at = serializers.DateTimeField(help_text="When the first turn begins.")
    shift_hours = serializers.IntegerField(
        min_value=1, max_value=LONGEST_TURN_HOURS, help_text="24 for a day; counted on the clock of the zone."
    )


class RotaOverrideView(serializers.ModelSerializer[RotaOverride]):
    class Meta:
        model = RotaOverride
        fields = ["id", "rota", "seat", "starts_at", "ends_at", "created_at", "cancelled_at"]


class RotaOverrideShape(Shape):
    seat = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class OnCallShape(Shape):
    at = serializers.DateTimeField(required=False, help_text="Now, when absent.")


class OnCallView(serializers.Serializer[Any]):
    rota = serializers.UUIDField()
    at = serializers.DateTimeField()
    seat = serializers.UUIDField(allow_null=True, help_text="Null when nobody answers.")
    override = serializers.UUIDField(allow_null=True, help_text="The override that counts at this instant.")


class Rotas(ReadViews):
    """People who take turns at being on call."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {
        "list": Need.ROTAS_READ,
        "retrieve": Need.ROTAS_READ,
        "create": Need.ROTAS_WRITE,
        "partial_update": Need.ROTAS_WRITE,
        "on_call": Need.ROTAS_READ,
        "overrides": Need.ROTAS_WRITE,
    }
    serializer_class = RotaView

    def rows(self) -> Any:
        return Rota.objects.all()

    @extend_schema(request=RotaShape, responses={201: RotaView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.ROTAS_WRITE, None)
        return self.show_created(create_rota(**self.read(RotaShape), **self.told))

    @extend_schema(parameters=[SEEN], request=RotaShape, responses=RotaView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named; what is not named stays."""
        rota: Rota = self.subject(seen=True)
        present = {name: getattr(rota, name) for name in ROTA_FIELDS}
        wanted = present | self.read(RotaShape, partial=True)
        return self.show(revise_rota(rota_id=rota.pk, **wanted, **self.told))

    @extend_schema(parameters=[OnCallShape], responses=OnCallView)
    @action(detail=True, methods=["get"], url_path="on-call")
    def on_call(self, _request: Request, **_: Any) -> Response:
        """Who answers for the rota at an instant."""
        rota: Rota = self.subject()
        at = self.asked(OnCallShape).get("at", self.now)
        override = override_at(rota, at)
        found = {
            "rota": rota.pk,
            "at": at,
            "seat": on_call(rota, at),
            "override": override.pk if override else None,
        }
        return Response(OnCallView(found).data)

    @extend_schema(request=RotaOverrideShape, responses={201: RotaOverrideView})
    @action(detail=True, methods=["post"])
    def overrides(self, _request: Request, **_: Any) -> Response:
        """Have somebody stand in for whoever has the turn."""
        rota: Rota = self.subject()
        wanted = self.read(RotaOverrideShape)
        seat_id = wanted.pop("seat")
        override = override_rota(rota_id=rota.pk, seat_id=seat_id, **wanted, **self.told)
        return self.show_created(override, RotaOverrideView)


class RotaOverrideFilter(Shape):
    rota = serializers.UUIDField(required=False)


class RotaOverrides(ReadViews):
    """Who stands in, and when. Made at `rotas/{id}/overrides`."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {"list": Need.ROTAS_READ, "retrieve": Need.ROTAS_READ, "cancel": Need.ROTAS_WRITE}
    serializer_class = RotaOverrideView
    asks = RotaOverrideFilter

    def rows(self) -> Any:
        return RotaOverride.objects.all()

    @extend_schema(request=None, responses=RotaOverrideView)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_: Any) -> Response:
        return self.show(cancel_override(override_id=self.subject().pk, **self.told))


class EscalationTargetShape(Shape):
    """Exactly one of the three."""

    rota = serializers.UUIDField(required=False, help_text="Whoever is on call.")
    seat = serializers.UUIDField(required=False, help_text="This person.")
    role = serializers.CharField(
        max_length=40, required=False, help_text="Everybody who holds this role on the brand of the page."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Name a rota, a seat or a role.", code="not_one_target")
        return attrs


class EscalationStepShape(Shape):
    notify = serializers.ListField(child=EscalationTargetShape(), min_length=1, max_length=MOST_TARGETS)
    wait_minutes = serializers.IntegerField(
        min_value=1, max_value=LONGEST_WAIT_MINUTES, help_text="How long the step waits for somebody to answer."
    )


class EscalationPolicyView(serializers.ModelSerializer[EscalationPolicy]):
    steps = EscalationStepShape(many=True, read_only=True)

    class Meta:
        model = EscalationPolicy
        fields = ["id", "name", "brand", "steps", "created_at", "version"]


class RevisedEscalationPolicyShape(Shape):
    name = serializers.CharField(max_length=120)
    steps = serializers.ListField(child=EscalationStepShape(), min_length=1, max_length=MOST_STEPS)


class EscalationPolicyShape(RevisedEscalationPolicyShape):
    brand = serializers.UUIDField(default=None, allow_null=True, help_text="Null: all brands without their own.")


class EscalationPolicies(ReadViews):
    """Who is told first, who next, and after how long."""

    sees = Need.ROTAS_READ
    needs: ClassVar[Any] = {
        "list": Need.ROTAS_READ,
        "retrieve": Need.ROTAS_READ,
        "create": Need.ROTAS_WRITE,
        "partial_update": Need.ROTAS_WRITE,
    }
    serializer_class = EscalationPolicyView

    def rows(self) -> Any:
        return EscalationPolicy.objects.all()

    @extend_schema(request=EscalationPolicyShape, responses={201: EscalationPolicyView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(EscalationPolicyShape)
        brand_id = wanted.pop("brand")
        brand = self.named(Brand.objects.all(), brand_id, field="brand", sees=Need.BRANDS_READ) if brand_id else None
        self.require(Need.ROTAS_WRITE, brand)
        return self.show_created(create_escalation_policy(brand_id=brand_id, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=RevisedEscalationPolicyShape, responses=EscalationPolicyView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named, for pages to come."""
        policy: EscalationPolicy = self.subject(seen=True)
        # The stored steps name rotas and seats as texts; read through the shape they are what the action expects.
        present = RevisedEscalationPolicyShape(data={"name": policy.name, "steps": policy.steps})
        present.is_valid()
        wanted = {**present.validated_data, **self.read(RevisedEscalationPolicyShape, partial=True)}
        return self.show(revise_escalation_policy(policy_id=policy.pk, **wanted, **self.told))


class ContactMethodView(serializers.ModelSerializer[ContactMethod]):
    address_hint = serializers.SerializerMethodField(help_text="Enough to recognise the address. It is never shown.")

    class Meta:
        model = ContactMethod
        fields = ["id", "seat", "transport", "address_hint", "position", "added_at"]

    def get_address_hint(self, way: ContactMethod) -> str:
        return hint(way.transport, way.address) if way.address else ""


class ContactMethodShape(Shape):
    seat = serializers.UUIDField(required=False, help_text="Your own, when absent.")
    transport = serializers.ChoiceField(choices=Transport.choices)
    address = serializers.CharField(
        max_length=2000,
        help_text="An e-mail address; an https URL; or `slack://…`, `discord://…`, `tgram://…`, `pover://…`, `ntfy://…`.",
    )


class ContactMethods(ReadViews):
    """How people are reached. Everybody sees and changes their own; who may change rotas, everybody's."""

    sees = Need.ROTAS_WRITE
    needs: ClassVar[Any] = {"list": None, "retrieve": None, "create": None, "destroy": None}
    serializer_class = ContactMethodView
    keyset = ("position", "id")

    def rows(self) -> Any:
        return ContactMethod.objects.all().live()

    def get_queryset(self) -> Any:
        rows = self.rows()
        return rows if gate.everywhere(self.caller, Need.ROTAS_WRITE) else rows.filter(seat_id=self.caller.seat_id)

    def _may_write(self, seat_id: Any) -> None:
        """A key is not the person: it may change contact methods only when that is what it was made for."""
        if seat_id != self.caller.seat_id or self.caller.key_needs is not None:
            self.require(Need.ROTAS_WRITE, None)

    @extend_schema(request=ContactMethodShape, responses={201: ContactMethodView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(ContactMethodShape)
        seat_id = wanted.pop("seat", self.caller.seat_id)
        self._may_write(seat_id)
        if seat_id != self.caller.seat_id:
            self.named(Seat.objects.all().active(), seat_id, field="seat", sees=Need.SEATS_READ)
        return self.show_created(add_contact_method(seat_id=seat_id, **wanted, **self.told))

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        way: ContactMethod = self.subject()
        self._may_write(way.seat_id)
        remove_contact_method(contact_method_id=way.pk, **self.told)
        return Response(status=codes.HTTP_204_NO_CONTENT)


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
    ("rotas", Rotas, "rota"),
    ("rota-overrides", RotaOverrides, "rota-override"),
    ("escalation-policies", EscalationPolicies, "escalation-policy"),
    ("contact-methods", ContactMethods, "contact-method"),
    ("pages", Pages, "page"),
]
