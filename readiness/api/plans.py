"""Crisis plans over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from core.refusals import NotFound
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import publish_plan
from readiness.models import Plan, PlanVersion
from readiness.queries import plan_in_force
from tenants.models import Brand


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


routes = [
    ("plans", Plans, "plan"),
    ("plan-versions", PlanVersions, "plan-version"),
]
