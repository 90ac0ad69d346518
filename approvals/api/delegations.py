"""Delegations over HTTP: who speaks for whom in approvals, and until when."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions import create_delegation, end_delegation
from approvals.models import Delegation
from core.http.shapes import Because, Flag, Shape
from core.refusals import NotFound
from permissions import gate
from permissions.needs import Need
from permissions.viewset import ReadViews
from tenants.models import Brand


class DelegationView(serializers.ModelSerializer[Delegation]):
    class Meta:
        model = Delegation
        fields = [
            "id", "seat", "deputy", "brand", "reason", "created_at", "starts_at", "ends_at", "ended_at", "ended_reason",
        ]  # fmt: skip


class DelegationShape(Shape):
    deputy = serializers.UUIDField(help_text="A seat of your side that may decide there itself.")
    brand = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="Null: of every brand.")
    starts_at = serializers.DateTimeField(required=False, help_text="From now on when left out.")
    ends_at = serializers.DateTimeField(help_text="At most 366 days later.")
    reason = serializers.CharField(max_length=500)


class DelegationsWanted(Shape):
    """What a list can be narrowed to."""

    seat = serializers.UUIDField(required=False)
    deputy = serializers.UUIDField(required=False)
    live = Flag(required=False, help_text="`true`: those that hold now or will.")


class Delegations(ReadViews):
    """Who speaks for whom. Everybody sees their own; staff who see all approvals see all of them."""

    sees = Need.APPROVALS_READ
    needs: ClassVar[Any] = {
        "list": Need.APPROVALS_READ,
        "retrieve": Need.APPROVALS_READ,
        "create": Need.APPROVALS_DECIDE,
        "end": Need.APPROVALS_DECIDE,
    }
    serializer_class = DelegationView
    asks = DelegationsWanted

    def rows(self) -> Any:
        return Delegation.objects.all()

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.rows()
        return (
            rows if self._sees_all else rows.filter(Q(seat_id=self.caller.seat_id) | Q(deputy_id=self.caller.seat_id))
        )

    @cached_property
    def _sees_all(self) -> bool:
        return self.caller.side == "staff" and gate.everywhere(self.caller, Need.APPROVALS_READ)

    def subject(self, *, seen: bool = False) -> Any:  # noqa: ARG002 - nobody edits one
        """Without a question to the gate: it is theirs, or they see all."""
        found = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise NotFound
        return found

    @extend_schema(parameters=[DelegationsWanted], responses=DelegationView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first."""
        wanted = self.asked(DelegationsWanted)
        live = wanted.pop("live", None)
        rows = self.get_queryset().filter(**wanted)
        if live is not None:
            over = Q(ended_at__isnull=False) | Q(ends_at__lte=self.now)
            rows = rows.exclude(over) if live else rows.filter(over)
        return self.show_page(rows)

    @extend_schema(request=DelegationShape, responses={201: DelegationView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Let a colleague speak for you. It gives them your voice and no rights; you can still speak yourself."""
        wanted = self.read(DelegationShape)
        brand = wanted["brand"] and self.named(
            Brand.objects.all(), wanted["brand"], field="brand", sees=Need.BRANDS_READ
        )
        delegation = create_delegation(
            deputy_id=wanted["deputy"],
            brand_id=brand.pk if brand else None,
            starts_at=wanted.get("starts_at", self.now),
            ends_at=wanted["ends_at"],
            reason=wanted["reason"],
            caller=self.caller,
            at=self.now,
        )
        return self.show_created(delegation)

    @extend_schema(request=Because, responses=DelegationView)
    @action(detail=True, methods=["post"])
    def end(self, _request: Request, **_: Any) -> Response:
        """Take your voice back, or give somebody theirs back. What was said by it stands."""
        reason = self.read(Because)["reason"]
        delegation = end_delegation(delegation_id=self.subject().pk, reason=reason, caller=self.caller, at=self.now)
        return self.show(delegation)


routes = [("delegations", Delegations, "delegation")]
