"""What belongs together, and duties on their way to somebody else, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from incidents.actions import answer_duty_offer, link_thing, unlink_thing
from incidents.api.bodies import EmptyBody
from incidents.api.work import INSIDE, InsideIncident
from incidents.models import DutyOffer, Incident, IncidentLink
from incidents.states import LinkKind, OfferStage, Relation
from permissions.needs import Need
from permissions.viewset import ReadViews
from publishing.models import Post


class IncidentLinkView(serializers.ModelSerializer[IncidentLink]):
    target = serializers.UUIDField(source="target_id", allow_null=True, read_only=True)

    class Meta:
        model = IncidentLink
        fields = ["id", "incident", "kind", "target", "url", "relation", "note", "author_seat_id", "linked_at"]


class IncidentLinkShape(Shape):
    kind = serializers.ChoiceField(choices=LinkKind.choices)
    target = serializers.UUIDField(required=False, help_text="The thing; for all kinds but `url`.")
    url = serializers.URLField(max_length=2000, required=False, help_text="For the kind `url`.")
    relation = serializers.ChoiceField(choices=Relation.choices, default=Relation.RELATED)
    note = serializers.CharField(max_length=500, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wanted = "url" if attrs["kind"] == LinkKind.URL else "target"
        if wanted not in attrs or len({"url", "target"} & attrs.keys()) != 1:
            raise serializers.ValidationError({wanted: "This kind names exactly this."}, code="required")
        return attrs


@extend_schema_view(list=INSIDE)
class IncidentLinks(InsideIncident):
    """What the incident has to do with: signals, other incidents, mentions, posts, addresses outside.

    Another incident is only shown to those who may see it.
    """

    needs: ClassVar[Any] = {
        "list": Need.INCIDENTS_READ,
        "create": Need.INCIDENTS_NOTE,
        "unlink": Need.INCIDENTS_NOTE,
    }
    serializer_class = IncidentLinkView
    keyset = ("id",)

    def rows(self) -> Any:
        links = self.rows_of(IncidentLink).filter(unlinked_at=None)
        others = links.filter(kind=LinkKind.INCIDENT).values("target_id")
        seen = self.visible_incidents().filter(pk__in=others).values("pk")
        return links.exclude(kind=LinkKind.INCIDENT) | links.filter(kind=LinkKind.INCIDENT, target_id__in=seen)

    @extend_schema(request=IncidentLinkShape, responses={201: IncidentLinkView})
    @INSIDE
    def create(self, _request: Request, **_: Any) -> Response:
        """Link it to something. Incidents and posts have to be there for you to see."""
        self.require(Need.INCIDENTS_NOTE, self.incident)
        wanted = self.read(IncidentLinkShape)
        target_id = wanted.pop("target", None)
        if wanted["kind"] == LinkKind.INCIDENT:
            self.named(Incident.objects.all(), target_id, field="target", sees=Need.INCIDENTS_READ)
        if wanted["kind"] == LinkKind.POST:
            self.named(Post.objects.all(), target_id, field="target", sees=Need.POSTS_READ)
        wanted.setdefault("url", "")
        return self.show_created(link_thing(incident_id=self.incident.pk, target_id=target_id, **wanted, **self.told))

    @extend_schema(request=EmptyBody, responses=IncidentLinkView)
    @INSIDE
    @action(detail=True, methods=["post"])
    def unlink(self, _request: Request, **_: Any) -> Response:
        """They have nothing to do with one another after all."""
        link = self.subject()
        self.read(EmptyBody)
        return self.show(unlink_thing(link_id=link.pk, **self.told))


class DutyOfferView(serializers.ModelSerializer[DutyOffer]):
    incident = serializers.UUIDField(source="duty.incident_id", read_only=True)
    duty_name = serializers.CharField(source="duty.duty", read_only=True)

    class Meta:
        model = DutyOffer
        fields = [
            "id", "incident", "duty", "duty_name", "from_seat", "to_seat", "note", "stage", "offered_at", "ends_at",
            "settled_at", "version",
        ]  # fmt: skip


class DutyOfferFilter(Shape):
    stage = serializers.ChoiceField(choices=OfferStage.choices, required=False)
    to_seat = serializers.UUIDField(required=False)


class DutyOffers(ReadViews):
    """Who was asked to take a duty over. Made at `incidents/{id}/duties/{id}/offer`."""

    sees = Need.INCIDENTS_READ
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "accept", "decline"), Need.INCIDENTS_READ)
    serializer_class = DutyOfferView
    asks = DutyOfferFilter

    def rows(self) -> Any:
        return DutyOffer.objects.select_related("duty")

    @extend_schema(request=EmptyBody, responses=DutyOfferView)
    @action(detail=True, methods=["post"])
    def accept(self, _request: Request, **_: Any) -> Response:
        """The duty is yours; whoever had it stands in, where nobody does."""
        offer = self.subject()
        self.read(EmptyBody)
        return self.show(answer_duty_offer(offer_id=offer.pk, accept=True, **self.told))

    @extend_schema(request=EmptyBody, responses=DutyOfferView)
    @action(detail=True, methods=["post"])
    def decline(self, _request: Request, **_: Any) -> Response:
        """It stays with whoever has it."""
        offer = self.subject()
        self.read(EmptyBody)
        return self.show(answer_duty_offer(offer_id=offer.pk, accept=False, **self.told))
