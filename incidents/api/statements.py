"""Statements over HTTP. Everything that changes one needs If-Match."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.payload import LONGEST_ALT, MOST_MEDIA, languages_of
from core.files.contents import safe_name
from core.http.shapes import Shape
from core.http.uploads import Anything, attached
from core.refusals import NotFound
from incidents.actions import (
    draft_from_message,
    draft_statement,
    refill_statement,
    release_statement,
    revise_statement,
    submit_statement,
    withdraw_statement,
)
from incidents.api.bodies import EmptyBody, IncidentReason
from incidents.models import Delivery, Incident, Statement, StatementMedium, StatementVersion
from incidents.queries import newest_version, objections_to
from incidents.states import SAID_STAGES, StatementKind, StatementStage
from incidents.variants import Medium, Variant, variants_of
from permissions.needs import Need
from permissions.viewset import ReadViews
from publishing.api import ObjectionView
from readiness.models import Message

DIGEST = OpenApiParameter("sha256", str, OpenApiParameter.PATH, description="Of the picture.")
LANGUAGE_TAG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


class StatementLine(serializers.ModelSerializer[Statement]):
    """A statement as a list shows it."""

    class Meta:
        model = Statement
        fields = [
            "id", "brand", "incident", "title", "kind", "stage", "current_version", "message", "created_at",
            "released_at", "published_at", "withdrawn_at", "version",
        ]  # fmt: skip


class StatementPicture(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    type = serializers.CharField(help_text="Its media type.")
    alt = serializers.CharField(help_text="What is to be seen, for those who cannot see it.")


class StatementText(serializers.Serializer[Any]):
    account = serializers.UUIDField()
    language = serializers.CharField()
    text = serializers.CharField()
    media = StatementPicture(many=True)


class RestingFact(serializers.Serializer[Any]):
    fact = serializers.UUIDField()
    value = serializers.CharField(help_text="What the words say.")


class StatementVersionView(serializers.ModelSerializer[StatementVersion]):
    """The exact words of one version; `digest` binds them to `approval`."""

    language = serializers.SerializerMethodField()
    deliveries = serializers.SerializerMethodField()
    facts = serializers.DictField(
        child=RestingFact(), read_only=True, help_text="What fills its slots, by their names: too old, and it waits."
    )

    class Meta:
        model = StatementVersion
        fields = ["number", "language", "deliveries", "facts", "digest", "approval", "author_seat_id", "written_at"]

    @extend_schema_field(serializers.CharField(allow_null=True, help_text="Null where the deliveries have several."))
    def get_language(self, version: StatementVersion) -> str | None:
        languages = languages_of(version.payload)
        return languages[0] if len(languages) == 1 else None

    @extend_schema_field(StatementText(many=True))
    def get_deliveries(self, version: StatementVersion) -> Any:
        common = {"language": version.payload.get("language"), "media": []}
        return [{**common, **delivery} for delivery in version.payload["deliveries"]]


class StatementPostView(serializers.ModelSerializer[Delivery]):
    """Which post carries the words to an account, and how it fares."""

    stage = serializers.CharField(source="post.stage", read_only=True)
    url = serializers.CharField(source="post.url", read_only=True)
    published_at = serializers.DateTimeField(source="post.published_at", read_only=True)

    class Meta:
        model = Delivery
        fields = ["account", "post", "stage", "url", "published_at"]


class StatementView(StatementLine):
    """A statement with every version of its words, newest first, and the posts that carry it."""

    versions = serializers.SerializerMethodField()
    objections = serializers.SerializerMethodField(
        help_text="What the policies in force object to in the newest words; empty once they are out."
    )
    posts = serializers.SerializerMethodField()

    class Meta(StatementLine.Meta):
        fields = [*StatementLine.Meta.fields, "versions", "objections", "posts"]

    @extend_schema_field(StatementVersionView(many=True))
    def get_versions(self, statement: Statement) -> Any:
        return StatementVersionView(
            StatementVersion.objects.filter(statement=statement).order_by("-number"), many=True
        ).data

    @extend_schema_field(ObjectionView(many=True))
    def get_objections(self, statement: Statement) -> Any:
        if statement.stage in SAID_STAGES:
            return []
        return ObjectionView(
            objections_to(statement, newest_version(statement), at=self.context["view"].now), many=True
        ).data

    @extend_schema_field(StatementPostView(many=True))
    def get_posts(self, statement: Statement) -> Any:
        carried = Delivery.objects.filter(statement=statement).select_related("post").order_by("pk")
        return StatementPostView(carried, many=True).data


class StatementPictureShape(Shape):
    sha256 = serializers.RegexField(
        r"^[0-9a-f]{64}$", help_text="Of a picture of the brand's library, or among the incident's files."
    )
    alt = serializers.CharField(max_length=LONGEST_ALT, help_text="What is to be seen, for those who cannot see it.")


class StatementTextShape(Shape):
    account = serializers.UUIDField()
    text = serializers.CharField(max_length=10_000, trim_whitespace=False)
    language = serializers.RegexField(
        LANGUAGE_TAG, max_length=12, required=False, help_text="The statement's, when absent."
    )
    media = serializers.ListField(child=StatementPictureShape(), max_length=MOST_MEDIA, required=False)


class StatementShape(Shape):
    incident = serializers.UUIDField()
    title = serializers.CharField(max_length=200, required=False, help_text="The message's, when absent.")
    language = serializers.RegexField(LANGUAGE_TAG, max_length=12, required=False, help_text="`en`, when absent.")
    deliveries = serializers.ListField(child=StatementTextShape(), min_length=1, max_length=100, required=False)
    message = serializers.UUIDField(
        required=False,
        help_text="A message of the library, in place of `deliveries` and `language`: its slots are filled.",
    )
    claims = serializers.ListField(
        child=serializers.CharField(max_length=80),
        max_length=20,
        default=list,
        help_text="What it says, in words of the plan, as in `apology`: they choose who must agree.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "message" in attrs:
            if strange := sorted({"deliveries", "language"} & attrs.keys()):
                raise serializers.ValidationError({strange[0]: "The message says it."}, code="invalid")
        elif missing := sorted({"title", "deliveries"} - attrs.keys()):
            raise serializers.ValidationError({missing[0]: "Say it, or name a message."}, code="required")
        return attrs


class StatementRevision(Shape):
    """What is not named stays as it is."""

    title = serializers.CharField(max_length=200, required=False)
    language = serializers.RegexField(LANGUAGE_TAG, max_length=12, required=False)
    deliveries = serializers.ListField(child=StatementTextShape(), min_length=1, max_length=100, required=False)
    claims = serializers.ListField(child=serializers.CharField(max_length=80), max_length=20, required=False)


class StatementFilter(Shape):
    incident = serializers.UUIDField(required=False)
    brand = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=StatementStage.choices, required=False)
    kind = serializers.ChoiceField(choices=StatementKind.choices, required=False)


class Statements(ReadViews):
    """What brands say in a crisis, newest first."""

    sees = Need.STATEMENTS_READ
    needs: ClassVar[Any] = {
        "list": Need.STATEMENTS_READ,
        "retrieve": Need.STATEMENTS_READ,
        "media": Need.STATEMENTS_READ,
        "create": Need.STATEMENTS_DRAFT,
        "partial_update": Need.STATEMENTS_DRAFT,
        "refill": Need.STATEMENTS_DRAFT,
        "submit": Need.STATEMENTS_DRAFT,
        "withdraw": Need.STATEMENTS_DRAFT,
        "release": Need.STATEMENTS_RELEASE,
    }
    serializer_class = StatementView
    asks = StatementFilter

    def rows(self) -> Any:
        return Statement.objects.all()

    @extend_schema(parameters=[StatementFilter], responses=StatementLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(self.asks)), StatementLine)

    @extend_schema(request=StatementShape, responses={201: StatementView})
    def create(self, _request: Request, **_: Any) -> Response:
        wanted = self.read(StatementShape)
        incident = self.named(
            Incident.objects.all(), wanted.pop("incident"), field="incident", sees=Need.INCIDENTS_READ
        )
        self.require(Need.STATEMENTS_DRAFT, incident)
        if "message" in wanted:
            messages = Message.objects.filter(brand_id=incident.brand_id)
            message = self.named(messages, wanted.pop("message"), field="message", sees=Need.MESSAGES_READ)
            made = draft_from_message(incident_id=incident.pk, message_id=message.pk, **wanted, **self.told)
            return self.show_created(made)
        wanted["deliveries"] = _variants(wanted["deliveries"])
        wanted.setdefault("language", "en")
        return self.show_created(draft_statement(incident_id=incident.pk, **wanted, **self.told))

    @extend_schema(request=StatementRevision, responses=StatementView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change the words. That voids the approval of the old ones; changing only the title does not."""
        statement = self.subject(seen=True)
        payload = newest_version(statement).payload
        wanted = {
            "title": statement.title,
            "language": next(iter(languages_of(payload)), "en"),
            **self.read(StatementRevision),
        }
        said = wanted.pop("deliveries", None)
        wanted["deliveries"] = variants_of(payload) if said is None else _variants(said)
        if "language" in self.request.data and said is None:
            wanted["deliveries"] = [replace(one, language=None) for one in wanted["deliveries"]]
        return self.show(revise_statement(statement_id=statement.pk, **wanted, **self.told))

    @extend_schema(request=EmptyBody, responses=StatementView)
    @action(detail=True, methods=["post"])
    def refill(self, _request: Request, **_: Any) -> Response:
        """Fill the slots of its library message again, with what is known now: other words need another round."""
        statement = self.subject(seen=True)
        return self.show(refill_statement(statement_id=statement.pk, **self.read(EmptyBody), **self.told))

    @extend_schema(request=EmptyBody, responses=StatementView)
    @action(detail=True, methods=["post"])
    def submit(self, _request: Request, **_: Any) -> Response:
        """Ask for approval of exactly these words, by the stages of the incident's plan."""
        statement = self.subject(seen=True)
        return self.show(submit_statement(statement_id=statement.pk, **self.read(EmptyBody), **self.told))

    @extend_schema(request=IncidentReason, responses=StatementView)
    @action(detail=True, methods=["post"])
    def withdraw(self, _request: Request, **_: Any) -> Response:
        """Decide not to say it; refused with `already_out` once any of it is public or may be."""
        statement = self.subject(seen=True)
        return self.show(withdraw_statement(statement_id=statement.pk, **self.read(IncidentReason), **self.told))

    @extend_schema(request=EmptyBody, responses=StatementView)
    @action(detail=True, methods=["post"])
    def release(self, _request: Request, **_: Any) -> Response:
        """Send the approved words now, one post for each account; the approval is spent by it."""
        statement = self.subject(seen=True)
        return self.show(release_statement(statement_id=statement.pk, **self.read(EmptyBody), **self.told))

    @extend_schema(parameters=[DIGEST], responses={(200, "*/*"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], url_path="media/<str:sha256>", renderer_classes=[Anything])
    def media(self, _request: Request, sha256: str, **_: Any) -> Any:
        """A picture that a version of it goes out with, to be saved."""
        shown = StatementMedium.objects.filter(version__statement=self.subject(), file__sha256=sha256)
        medium = shown.select_related("file").first()
        if medium is None:
            raise NotFound
        return attached(medium.file, name=safe_name(sha256, medium.file.kind))


def _variants(deliveries: Any) -> list[Variant]:
    return [
        Variant(
            delivery["account"],
            delivery["text"],
            delivery.get("language"),
            tuple(Medium(one["sha256"], one["alt"]) for one in delivery.get("media", ())),
        )
        for delivery in deliveries
    ]
