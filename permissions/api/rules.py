"""Separation of duties and deny rules over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from permissions.actions.rules import deny_brands, lift_denial, lift_separation, separate_duties
from permissions.models import DenyRule, SeparationRule
from permissions.needs import Need
from permissions.queries.conflicts import clashing, holds_at_or_after
from permissions.viewset import ReadViews


class ClashView(serializers.Serializer[Any]):
    """A seat that holds what is kept apart; no brands: on the whole agency."""

    seat = serializers.UUIDField()
    roles = serializers.ListField(child=serializers.CharField())
    brands = serializers.ListField(child=serializers.UUIDField())


class SeparationView(serializers.ModelSerializer[SeparationRule]):
    """A rule, and who holds two of its roles all the same: accepted when it was made, and not yet given up."""

    violators = serializers.SerializerMethodField()

    class Meta:
        model = SeparationRule
        fields = ["id", "name", "roles", "reason", "created_at", "lifted_at", "violators", "version"]

    @extend_schema_field(ClashView(many=True))
    def get_violators(self, rule: SeparationRule) -> Any:
        return [] if rule.lifted_at else [clash.facts() for clash in clashing(self.context["holds"], rule.roles)]


class SeparationShape(Shape):
    name = serializers.CharField(max_length=120)
    roles = serializers.ListField(child=serializers.CharField(max_length=40), min_length=2, max_length=50)
    reason = serializers.CharField(max_length=500)
    accept_existing = serializers.BooleanField(
        default=False, help_text="Make the rule although people hold two of the roles; they keep them."
    )


class SeparationRules(ReadViews):
    """Roles of which nobody is granted two on one brand."""

    sees = Need.ROLES_DEFINE
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "lift"), Need.ROLES_DEFINE)
    serializer_class = SeparationView

    def rows(self) -> Any:
        return SeparationRule.objects.all()

    def get_serializer_context(self) -> dict[str, Any]:
        """With everybody who holds a role that a rule in force keeps apart; two queries for all rules."""
        kept_apart = SeparationRule.objects.filter(lifted_at=None).values_list("roles", flat=True)
        roles = {role for rule in kept_apart for role in rule}
        return {**super().get_serializer_context(), "holds": holds_at_or_after(self.now, role__in=roles)}

    @extend_schema(request=SeparationShape, responses={201: SeparationView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Keep roles apart. Refused with `duties_conflict`, naming the seats, while somebody holds two of them."""
        self.require(Need.ROLES_DEFINE, None)
        return self.show_created(separate_duties(**self.read(SeparationShape), **self.told))

    @extend_schema(request=Because, responses=SeparationView)
    @action(detail=True, methods=["post"])
    def lift(self, _request: Request, **_: Any) -> Response:
        rule = self.subject()
        return self.show(lift_separation(rule_id=rule.pk, **self.read(Because), **self.told))


class DenialView(serializers.ModelSerializer[DenyRule]):
    brands = serializers.ListField(source="brand_ids", child=serializers.UUIDField())

    class Meta:
        model = DenyRule
        fields = ["id", "seat", "brands", "reason", "created_at", "ends_at", "lifted_at"]


class DenialShape(Shape):
    seat = serializers.UUIDField(
        default=None, allow_null=True, help_text="Who never reaches the brands. Null: the brands are rivals."
    )
    brands = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=500)
    reason = serializers.CharField(max_length=500)
    ends_at = serializers.DateTimeField(default=None, allow_null=True)


class Denials(ReadViews):
    """Brands that are walled off: from one person, or as rivals from each other's people."""

    sees = Need.DENIALS_WRITE
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "lift"), Need.DENIALS_WRITE)
    serializer_class = DenialView

    def rows(self) -> Any:
        return DenyRule.objects.all()

    @extend_schema(request=DenialShape, responses={201: DenialView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Raise a wall; it holds with this answer.

        Without a seat the brands are rivals: whoever holds a role on one reaches none of the others, and a role on
        the whole agency opens none of them, but for owner and administrator. Refused with `barrier_crossed`, naming
        seats and brands, while somebody stands on two of them.
        """
        self.require(Need.DENIALS_WRITE, None)
        wanted = self.read(DenialShape)
        # By name: permissions lie below tenants and know their tables, not their code.
        rows, seats = (apps.get_model("tenants", name).objects.all() for name in ("Brand", "Seat"))
        brands = [
            self.named(rows, brand, field=f"brands.{place}", sees=Need.BRANDS_READ)
            for place, brand in enumerate(wanted.pop("brands"))
        ]
        seat_id = wanted.pop("seat")
        if seat_id is not None:
            seat_id = self.named(seats, seat_id, field="seat", sees=Need.SEATS_READ).pk
        rule = deny_brands(seat_id=seat_id, brand_ids=[brand.pk for brand in brands], **wanted, **self.told)
        return self.show_created(rule)

    @extend_schema(request=Because, responses=DenialView)
    @action(detail=True, methods=["post"])
    def lift(self, _request: Request, **_: Any) -> Response:
        rule = self.subject()
        return self.show(lift_denial(rule_id=rule.pk, **self.read(Because), **self.told))


routes = [("separation-rules", SeparationRules, "separation-rule"), ("deny-rules", Denials, "deny-rule")]
