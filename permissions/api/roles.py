"""Needs and roles over HTTP: the built-in ones, and those that an agency makes for itself."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Shape
from permissions.actions.roles import define_role, retire_role, revise_role
from permissions.models import CustomRole
from permissions.needs import Need
from permissions.roles import ROLES
from permissions.schema import SEEN
from permissions.viewset import HouseViewSet, ReadViews


class NeedView(serializers.Serializer[Any]):
    need = serializers.CharField(source="value")
    label: Any = serializers.CharField()
    reads = serializers.BooleanField(help_text="Nothing is changed by it.")


class Needs(HouseViewSet):
    """Every right there is. Roles, keys and refusals speak of nothing else."""

    sees = Need.AGENCY_READ
    needs: ClassVar[Any] = {"list": Need.AGENCY_READ}
    serializer_class = NeedView
    pagination_class = None

    @extend_schema(responses=NeedView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return Response(NeedView(list(Need), many=True).data)


class RoleView(serializers.ModelSerializer[CustomRole]):
    """A role. A built-in one has no id and never changes here."""

    builtin = serializers.SerializerMethodField()

    class Meta:
        model = CustomRole
        fields = ["id", "slug", "label", "side", "needs", "builtin", "created_at", "retired_at", "version"]

    def get_builtin(self, _role: CustomRole) -> bool:
        return False


class NamedRoleView(serializers.Serializer[Any]):
    """A role in the list; `id`, `created_at`, `retired_at` and `version` are null for a built-in one."""

    id = serializers.UUIDField(allow_null=True)
    slug = serializers.CharField()
    label: Any = serializers.CharField()
    side = serializers.ChoiceField(choices=["staff", "client"])
    needs = serializers.ListField(child=serializers.CharField())
    builtin = serializers.BooleanField()
    created_at = serializers.DateTimeField(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)


BUILT_IN = [
    {
        "id": None,
        "slug": role.name,
        "label": role.label,
        "side": role.side,
        "needs": sorted(need.value for need in role.needs),
        "builtin": True,
        "created_at": None,
        "retired_at": None,
        "version": None,
    }
    for role in ROLES.values()
]


class RoleShape(Shape):
    slug = serializers.SlugField(max_length=40)
    label: Any = serializers.CharField(max_length=120)
    side = serializers.ChoiceField(choices=["staff", "client"])
    needs = serializers.ListField(child=serializers.ChoiceField(choices=Need.values), min_length=1, max_length=100)


class RoleChange(Shape):
    label: Any = serializers.CharField(max_length=120, required=False)
    needs = serializers.ListField(
        child=serializers.ChoiceField(choices=Need.values), min_length=1, max_length=100, required=False
    )


class WantedRoles(Shape):
    side = serializers.ChoiceField(choices=["staff", "client"], required=False)
    builtin = serializers.BooleanField(required=False, allow_null=True, default=None)
    retired = serializers.BooleanField(default=False, help_text="Also those that were retired.")

    def to_internal_value(self, data: Any) -> Any:
        """A query string says true and false as text."""
        said = {"true": True, "false": False}
        return super().to_internal_value({name: said.get(value, value) for name, value in data.items()})


class Roles(ReadViews):
    """Names for sets of needs: the built-in ones, then the agency's own."""

    sees = Need.AGENCY_READ
    needs: ClassVar[Any] = {
        **dict.fromkeys(("list", "retrieve"), Need.AGENCY_READ),
        **dict.fromkeys(("create", "partial_update", "retire"), Need.ROLES_DEFINE),
    }
    serializer_class = RoleView
    asks = WantedRoles

    def rows(self) -> Any:
        return CustomRole.objects.all()

    @extend_schema(responses=NamedRoleView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """All of them in one answer; an agency has few. `next` is always null."""
        wanted = self.asked(WantedRoles)
        own = self.get_queryset().order_by("slug")
        rows = [*BUILT_IN, *RoleView(own if wanted["retired"] else own.filter(retired_at=None), many=True).data]
        kept = [
            row
            for row in rows
            if wanted.get("side", row["side"]) == row["side"] and wanted["builtin"] in (None, row["builtin"])
        ]
        return Response({"items": kept, "next": None})

    @extend_schema(request=RoleShape, responses={201: RoleView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Make a role. It never holds a need that you lack on the whole agency."""
        self.require(Need.ROLES_DEFINE, None)
        return self.show_created(define_role(**self.read(RoleShape), maker=self.caller, **self.told))

    @extend_schema(parameters=[SEEN], request=RoleChange, responses=RoleView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what a role may do. Everybody who holds it holds its new needs with this answer."""
        role = self.subject(seen=True)
        return self.show(revise_role(role_id=role.pk, maker=self.caller, **self.read(RoleChange), **self.told))

    @extend_schema(request=Because, responses=RoleView)
    @action(detail=True, methods=["post"])
    def retire(self, _request: Request, **_: Any) -> Response:
        """Take a role out of use; refused with `role_in_use` while anybody holds it."""
        role = self.subject()
        return self.show(retire_role(role_id=role.pk, **self.read(Because), **self.told))


routes = [("needs", Needs, "need"), ("roles", Roles, "role")]
