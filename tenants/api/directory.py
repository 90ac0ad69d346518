"""Connecting the agency's directory and the senders of its security events, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.preconditions import etag_of, require_match
from core.http.shapes import Because, Shape
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from tenants.actions.directory_roles import map_group, unmap_group
from tenants.actions.directory_tokens import IssuedToken, issue_directory_token, revoke_directory_token
from tenants.actions.security_events import add_transmitter, remove_transmitter
from tenants.models import Brand, DirectoryGroup, DirectoryMembership, DirectoryToken, EventTransmitter

MOST_PROBLEMS = 100


class DirectoryTokenView(serializers.ModelSerializer[DirectoryToken]):
    class Meta:
        model = DirectoryToken
        fields = ["id", "name", "prefix", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at"]


class IssuedTokenView(DirectoryTokenView):
    token = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="The whole token. Shown this once: null when a repeated request is answered as before.",
    )

    class Meta(DirectoryTokenView.Meta):
        fields = [*DirectoryTokenView.Meta.fields, "token"]


class TokenShape(Shape):
    name = serializers.CharField(max_length=120)
    expires_at = serializers.DateTimeField(default=None, allow_null=True)


class DirectoryTokens(ReadViews):
    """What the agency's directory signs in with at /scim/v2/{agency}/."""

    sees = Need.IDENTITY_CONNECT
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "revoke"), Need.IDENTITY_CONNECT)
    serializer_class = DirectoryTokenView
    token: str | None = None  # the one that this request made

    def rows(self) -> Any:
        return DirectoryToken.objects.all()

    @extend_schema(request=TokenShape, responses={201: IssuedTokenView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.IDENTITY_CONNECT, None)
        issued: IssuedToken = issue_directory_token(issuer=self.caller, **self.read(TokenShape), **self.told)
        self.token = issued.token
        issued.row.token = None  # type: ignore[attr-defined]
        return self.show_created(issued.row, IssuedTokenView)

    @extend_schema(request=Because, responses=DirectoryTokenView)
    @action(detail=True, methods=["post"])
    def revoke(self, _request: Request, **_: Any) -> Response:
        row = self.subject()
        return self.show(revoke_directory_token(token_id=row.pk, **self.read(Because), **self.told))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The secret joins the answer when what is kept for repeated requests is written: it is stored nowhere."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.token is not None:
            response.data["token"] = self.token
        return response


class MemberProblem(serializers.Serializer[Any]):
    member = serializers.UUIDField(source="member_id")
    user_name = serializers.CharField(source="member.user_name")
    problem = serializers.CharField(help_text="The code of the refusal; no_seat: the member has no seat here.")


class DirectoryGroupView(serializers.ModelSerializer[DirectoryGroup]):
    members = serializers.IntegerField(read_only=True)
    problems = serializers.IntegerField(read_only=True, help_text="How many members do not hold the role.")

    class Meta:
        model = DirectoryGroup
        fields = [
            "id", "display_name", "external_id", "role", "brand_ids", "mapped_by_id", "created_at", "changed_at",
            "members", "problems",
        ]  # fmt: skip


class DirectoryGroupDetail(DirectoryGroupView):
    members_without_role = serializers.SerializerMethodField(help_text="The first hundred, and why.")

    class Meta(DirectoryGroupView.Meta):
        fields = [*DirectoryGroupView.Meta.fields, "members_without_role"]

    @extend_schema_field(MemberProblem(many=True))
    def get_members_without_role(self, group: DirectoryGroup) -> list[Any]:
        rows = DirectoryMembership.objects.select_related("member").filter(~Q(problem=""), group=group)
        return list(MemberProblem(rows.order_by("pk")[:MOST_PROBLEMS], many=True).data)


class MappingShape(Shape):
    role = serializers.CharField(max_length=40)
    brands = serializers.ListField(
        child=serializers.UUIDField(), default=list, max_length=500, help_text="None: on the whole agency."
    )


def _counted(condition: Q) -> Any:
    rows = DirectoryMembership.objects.filter(condition, group=OuterRef("pk")).order_by().values("group")
    return Coalesce(Subquery(rows.annotate(count=Count("pk")).values("count")), 0)


class DirectoryGroups(ReadViews):
    """The groups of the agency's directory, and what they stand for here."""

    sees = Need.IDENTITY_CONNECT
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "map", "unmap"), Need.IDENTITY_CONNECT)
    serializer_class = DirectoryGroupView

    def rows(self) -> Any:
        return DirectoryGroup.objects.filter(deleted_at=None)

    def _counted(self) -> Any:
        return self.get_queryset().annotate(members=_counted(Q()), problems=_counted(~Q(problem="")))

    def _check_seen(self, group: DirectoryGroup) -> None:
        """Asked of the locked row: the directory itself is locked before any of its rows."""
        require_match(self.request, etag_of(group))

    def _show(self, group: DirectoryGroup) -> Response:
        return self.show(self._counted().get(pk=group.pk), DirectoryGroupDetail)

    @extend_schema(responses=DirectoryGroupView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        self.asked(self.asks)
        return self.show_page(self._counted())

    @extend_schema(responses=DirectoryGroupDetail)
    def retrieve(self, _request: Request, **_: Any) -> Response:
        return self._show(self.subject())

    @extend_schema(parameters=[SEEN], request=MappingShape, responses=DirectoryGroupDetail)
    @action(detail=True, methods=["post"])
    def map(self, _request: Request, **_: Any) -> Response:
        """Let the group stand for a role whose every right the caller holds there; its members get it at once.

        A member who must not hold the role stays a member without it, and is named with the reason.
        """
        group = self.subject()
        wanted = self.read(MappingShape)
        brands = [
            self.named(Brand.objects.all(), brand, field=f"brands.{place}", sees=Need.BRANDS_READ).pk
            for place, brand in enumerate(wanted["brands"])
        ]
        return self._show(
            map_group(
                group_id=group.pk,
                role=wanted["role"],
                brand_ids=brands,
                mapper=self.caller,
                check=self._check_seen,
                **self.told,
            )
        )

    @extend_schema(parameters=[SEEN], request=Because, responses=DirectoryGroupDetail)
    @action(detail=True, methods=["post"])
    def unmap(self, _request: Request, **_: Any) -> Response:
        """Let the group stand for nothing; its members lose exactly what it gave them."""
        group = self.subject()
        because = self.read(Because)
        return self._show(unmap_group(group_id=group.pk, check=self._check_seen, **because, **self.told))


class TransmitterView(serializers.ModelSerializer[EventTransmitter]):
    class Meta:
        model = EventTransmitter
        fields = ["id", "name", "issuer", "audience", "jwks_url", "created_at", "removed_at"]


class TransmitterShape(Shape):
    name = serializers.CharField(max_length=120)
    issuer = serializers.URLField(max_length=300)
    audience = serializers.CharField(max_length=300)
    jwks_url = serializers.URLField(max_length=300)


class EventTransmitters(ReadViews):
    """Who may tell this agency security events at /ssf/v1/{agency}/events (CAEP and RISC)."""

    sees = Need.IDENTITY_CONNECT
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "create", "remove"), Need.IDENTITY_CONNECT)
    serializer_class = TransmitterView

    def rows(self) -> Any:
        return EventTransmitter.objects.all()

    @extend_schema(request=TransmitterShape, responses={201: TransmitterView})
    def create(self, _request: Request, **_: Any) -> Response:
        self.require(Need.IDENTITY_CONNECT, None)
        return self.show_created(add_transmitter(**self.read(TransmitterShape), **self.told))

    @extend_schema(request=Because, responses=TransmitterView)
    @action(detail=True, methods=["post"])
    def remove(self, _request: Request, **_: Any) -> Response:
        """Hear this sender no more."""
        row = self.subject()
        return self.show(remove_transmitter(transmitter_id=row.pk, **self.read(Because), **self.told))


routes = [
    ("directory-tokens", DirectoryTokens, "directory-token"),
    ("directory-groups", DirectoryGroups, "directory-group"),
    ("event-transmitters", EventTransmitters, "event-transmitter"),
]
