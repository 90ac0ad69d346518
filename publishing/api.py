"""Posts and pauses over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.apps import apps
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.preconditions import etag_of
from core.http.shapes import Because, Shape
from core.refusals import Invalid
from core.wall import inside
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from publishing import actions
from publishing.actions.posts import LONGEST_TEXT, MOST_IMPORTED
from publishing.models import Pause, Post
from publishing.queries import in_flight, objections_to
from publishing.states import WAS_OUT, Lane, PauseKind, PauseScope, PauseStage, PostStage
from readiness.states import RuleSeverity
from tenants.models import Brand, SocialAccount


class PostPicture(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    type = serializers.CharField(help_text="Its media type.")
    alt = serializers.CharField(help_text="What is to be seen, for those who cannot see it.")


class PostView(serializers.ModelSerializer[Post]):
    media = PostPicture(many=True, read_only=True)

    class Meta:
        model = Post
        fields = [
            "id", "brand", "account", "incident", "text", "media", "lane", "scheduled_at", "stage", "held_reason",
            "trouble",
            "digest", "approval", "author_seat_id", "import_id", "external_id", "url", "created_at", "published_at",
            "taken_down_at", "version",
        ]  # fmt: skip


class ObjectionView(serializers.Serializer[Any]):
    """What a social media policy objects to in a text. A rule that blocks keeps it from going out."""

    place = serializers.CharField(help_text="Which text, as in `text` or `deliveries.0.text`.")
    version_id = serializers.UUIDField(source="finding.version_id")
    rule = serializers.CharField(source="finding.rule")
    kind = serializers.CharField(source="finding.kind")
    severity = serializers.ChoiceField(source="finding.severity", choices=RuleSeverity.choices)
    start = serializers.IntegerField(source="finding.start", allow_null=True)
    end = serializers.IntegerField(source="finding.end", allow_null=True)
    advice = serializers.CharField(source="finding.advice")


class PostDetail(PostView):
    """A post, and what the policies in force object to in it."""

    objections = serializers.SerializerMethodField(help_text="Empty once it is out.")

    class Meta(PostView.Meta):
        fields = [*PostView.Meta.fields, "objections"]

    @extend_schema_field(ObjectionView(many=True))
    def get_objections(self, post: Post) -> Any:
        if post.stage in WAS_OUT:
            return []
        return ObjectionView(objections_to(post, at=post.scheduled_at), many=True).data


class PostShape(Shape):
    account = serializers.UUIDField()
    text = serializers.CharField(max_length=LONGEST_TEXT, trim_whitespace=False)
    scheduled_at = serializers.DateTimeField()


class ImportShape(Shape):
    posts = serializers.ListField(child=PostShape(), min_length=1, max_length=MOST_IMPORTED)


class ImportView(serializers.Serializer[Any]):
    import_id = serializers.UUIDField()
    count = serializers.IntegerField()


class Nothing(Shape):
    """The act needs no words."""


class When(Shape):
    scheduled_at = serializers.DateTimeField()


class Rewrite(Shape):
    text = serializers.CharField(max_length=LONGEST_TEXT, trim_whitespace=False)
    scheduled_at = serializers.DateTimeField(
        default=None, allow_null=True, help_text="Null keeps the post's own time, which must not lie in the past then."
    )


class TakedownShape(Because):
    incident = serializers.UUIDField(
        default=None, allow_null=True, help_text="The crisis that it caused: its timeline tells of the takedown."
    )


class Finding(Shape):
    """What a person saw on the network."""

    is_out = serializers.BooleanField()
    external_id = serializers.CharField(max_length=120, default="", allow_blank=True)
    url = serializers.URLField(max_length=500, default="", allow_blank=True)


class WantedPosts(Shape):
    """What the list of posts can be narrowed to."""

    brand = serializers.UUIDField(required=False)
    account = serializers.UUIDField(required=False)
    incident = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=PostStage.choices, required=False)
    lane = serializers.ChoiceField(choices=Lane.choices, required=False)
    held_reason = serializers.CharField(max_length=20, required=False)
    import_id = serializers.UUIDField(required=False)


class AboutIncidents(ReadViews):
    """Bodies may name the incident that something is done for."""

    def incident_named(self, incident_id: UUID | None, *, brand_id: UUID | None = None) -> UUID | None:
        """The incident of a body, if the caller sees it, and it is of the brand when one is given."""
        if incident_id is None:
            return None
        # By name: incidents lie above publishing, which knows their table, not their code.
        rows = apps.get_model("incidents", "Incident").objects.filter(**({"brand_id": brand_id} if brand_id else {}))
        found: UUID = self.named(rows, incident_id, field="incident", sees=Need.INCIDENTS_READ).pk
        return found


class Posts(AboutIncidents):
    """Scheduled posts and what became of them."""

    sees = Need.POSTS_READ
    needs: ClassVar[Any] = {
        "list": Need.POSTS_READ,
        "retrieve": Need.POSTS_READ,
        "create": Need.POSTS_SCHEDULE,
        "bring": Need.POSTS_SCHEDULE,
        "release": Need.POSTS_RELEASE,
        "reschedule": Need.POSTS_RELEASE,
        "rewrite": Need.POSTS_RELEASE,
        "cancel": Need.POSTS_RELEASE,
        "settle": Need.POSTS_RELEASE,
        "take_down": Need.POSTS_TAKE_DOWN,
    }
    serializer_class = PostDetail

    def rows(self) -> Any:
        return Post.objects.all()

    @extend_schema(parameters=[WantedPosts], responses=PostView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first."""
        return self.show_page(self.get_queryset().filter(**self.asked(WantedPosts)), PostView)

    @extend_schema(request=PostShape, responses={201: PostDetail})
    def create(self, _request: Request, **_: Any) -> Response:
        """Schedule a routine post. A pause that stands when it is due will hold it."""
        wanted = self.read(PostShape)
        account = self.named(SocialAccount.objects.all(), wanted.pop("account"), field="account", sees=Need.BRANDS_READ)
        self.require(Need.POSTS_SCHEDULE, account)
        post = actions.schedule_post(
            account_id=account.pk,
            lane=Lane.ROUTINE,
            approval_id=None,
            digest=None,
            incident_id=None,
            **wanted,
            **self.told,
        )
        return self.show_created(post)

    @extend_schema(operation_id="posts_import", request=ImportShape, responses={201: ImportView})
    @action(detail=False, methods=["post"], url_path="import")
    def bring(self, _request: Request, **_: Any) -> Response:
        """Schedule up to 5 000 routine posts, all of them or none."""
        wanted = self.read(ImportShape)["posts"]
        accounts = self._accounts([item["account"] for item in wanted])
        for brand in Brand.objects.filter(pk__in={account.brand_id for account in accounts.values()}):
            self.require(Need.POSTS_SCHEDULE, brand)
        imported = actions.import_posts(
            items=[actions.NewPost(item["account"], item["text"], item["scheduled_at"]) for item in wanted], **self.told
        )
        return Response(ImportView(imported).data, status=codes.HTTP_201_CREATED)

    def _accounts(self, ids: Sequence[UUID]) -> dict[UUID, SocialAccount]:
        """The accounts that an import names; 400 with the place of each that the caller cannot see."""
        seen = gate.visible(SocialAccount.objects.filter(pk__in=set(ids)), to=self.caller, need=Need.BRANDS_READ)
        accounts = {account.pk: account for account in seen}
        errors = [
            {"field": f"posts.{place}.account", "code": "does_not_exist", "detail": "There is no such thing here."}
            for place, account_id in enumerate(ids)
            if account_id not in accounts
        ]
        if errors:
            raise Invalid("The body names something that does not exist.", errors=errors)
        return accounts

    @extend_schema(parameters=[SEEN], request=Nothing, responses=PostDetail)
    @action(detail=True, methods=["post"])
    def release(self, _request: Request, **_: Any) -> Response:
        """Let a held post go out now. 409 `paused` while a pause stands over it."""
        post = self.subject(seen=True)
        return self.show(actions.release_post(post_id=post.pk, **self.read(Nothing), **self.told))

    @extend_schema(parameters=[SEEN], request=When, responses=PostDetail)
    @action(detail=True, methods=["post"])
    def reschedule(self, _request: Request, **_: Any) -> Response:
        """Set another time for a post that is scheduled, held or has failed."""
        post = self.subject(seen=True)
        return self.show(actions.reschedule_post(post_id=post.pk, **self.read(When), **self.told))

    @extend_schema(parameters=[SEEN], request=Rewrite, responses=PostDetail)
    @action(detail=True, methods=["post"])
    def rewrite(self, _request: Request, **_: Any) -> Response:
        """Change the text. An approval stays bound to the old one, and the gate holds what nobody approved."""
        post = self.subject(seen=True)
        return self.show(actions.rewrite_post(post_id=post.pk, **self.read(Rewrite), **self.told))

    @extend_schema(parameters=[SEEN], request=Because, responses=PostDetail)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_: Any) -> Response:
        """Give up a post that has not gone out."""
        post = self.subject(seen=True)
        return self.show(actions.cancel_post(post_id=post.pk, **self.read(Because), **self.told))

    @extend_schema(parameters=[SEEN], request=Finding, responses=PostDetail)
    @action(detail=True, methods=["post"])
    def settle(self, _request: Request, **_: Any) -> Response:
        """Say of a post that needs a human whether it is out; somebody has looked at the network."""
        post = self.subject(seen=True)
        return self.show(actions.settle_post(post_id=post.pk, **self.read(Finding), **self.told))

    @extend_schema(parameters=[SEEN], request=TakedownShape, responses={202: PostDetail})
    @action(detail=True, methods=["post"], url_path="take-down")
    def take_down(self, _request: Request, **_: Any) -> Response:
        """Have a published post deleted from its network; poll the post, or wait for `post.taken_down`."""
        post = self.subject(seen=True)
        wanted = self.read(TakedownShape)
        incident_id = self.incident_named(wanted.pop("incident"), brand_id=post.brand_id)
        taken = actions.request_takedown(post_id=post.pk, incident_id=incident_id, **wanted, **self.told)
        return self.show(taken, status=codes.HTTP_202_ACCEPTED)


class InFlightView(serializers.Serializer[Any]):
    post = serializers.UUIDField(source="post_id")
    account = serializers.UUIDField(source="account_id")
    attempt = serializers.UUIDField(source="attempt_id")
    started_at = serializers.DateTimeField()


class PauseLine(serializers.ModelSerializer[Pause]):
    effective = serializers.BooleanField(
        read_only=True, help_text="Nothing covered can start, and nothing is in flight."
    )

    class Meta:
        model = Pause
        fields = [
            "id", "scope", "scope_id", "brand", "account", "incident", "kind", "reason", "allow_statements", "epoch",
            "stage", "effective", "started_by_seat_id", "started_by_side", "started_at", "effective_at", "lifted_at",
            "lift_reason", "version",
        ]  # fmt: skip


class PauseView(PauseLine):
    """A pause with the sends that began before it and have not ended."""

    in_flight = serializers.SerializerMethodField()

    class Meta(PauseLine.Meta):
        fields = [*PauseLine.Meta.fields, "in_flight"]

    @extend_schema_field(InFlightView(many=True))
    def get_in_flight(self, pause: Pause) -> Any:
        if pause.stage != PauseStage.DRAINING:
            return []
        return InFlightView(in_flight(pause), many=True).data


class PauseShape(Shape):
    scope = serializers.ChoiceField(choices=PauseScope.choices)
    scope_id = serializers.UUIDField(
        default=None, allow_null=True, help_text="The brand or the account; null for the agency."
    )
    kind = serializers.ChoiceField(choices=PauseKind.choices)
    reason = serializers.CharField(max_length=500)
    allow_statements = serializers.BooleanField(default=False)
    incident = serializers.UUIDField(default=None, allow_null=True)


class WantedPauses(Shape):
    """What the list of pauses can be narrowed to."""

    brand = serializers.UUIDField(required=False)
    scope = serializers.ChoiceField(choices=PauseScope.choices, required=False)
    stage = serializers.ChoiceField(choices=PauseStage.choices, required=False)
    incident = serializers.UUIDField(required=False)


class Pauses(AboutIncidents):
    """What forbids scheduled posts, and why."""

    sees = Need.PAUSES_READ
    needs: ClassVar[Any] = {
        "list": Need.PAUSES_READ,
        "retrieve": Need.PAUSES_READ,
        "create": Need.PAUSES_START,
        "lift": Need.PAUSES_LIFT,
    }
    serializer_class = PauseView

    def rows(self) -> Any:
        return Pause.objects.all()

    def get_queryset(self) -> Any:
        """What the gate shows; the staff of any brand also see what pauses the whole agency, for it stops them too."""
        seen = super().get_queryset()
        if self.caller.side == "client" or not gate.anywhere(self.caller, Need.PAUSES_READ):
            return seen
        return seen | self.rows().filter(scope=PauseScope.AGENCY)

    @extend_schema(parameters=[WantedPauses], responses=PauseLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first."""
        return self.show_page(self.get_queryset().filter(**self.asked(WantedPauses)), PauseLine)

    @extend_schema(
        request=PauseShape,
        responses={
            200: PauseView,
            202: OpenApiResponse(PauseView, "The pause stands, but a send that began before it has not ended yet."),
        },
    )
    def create(self, _request: Request, **_: Any) -> Response:
        """Pause scheduled posts. 200: nothing covered can start and nothing is in flight. 202: see `in_flight`."""
        wanted = self.read(PauseShape)
        wanted["scope_id"] = self._covered(wanted["scope"], wanted["scope_id"])
        incident_id = self.incident_named(wanted.pop("incident"))
        pause = actions.start_pause(incident_id=incident_id, **wanted, **self.told)
        return self.show(pause, status=codes.HTTP_202_ACCEPTED)

    def _covered(self, scope: str, scope_id: UUID | None) -> UUID:
        if scope == PauseScope.AGENCY:
            self.require(Need.PAUSES_START, None)
            return scope_id or self.agency_id
        if scope_id is None:
            detail = f"Say which {scope}."
            raise Invalid(detail, errors=[{"field": "scope_id", "code": "required", "detail": detail}])
        rows = Brand.objects.all() if scope == PauseScope.BRAND else SocialAccount.objects.all()
        covered = self.named(rows, scope_id, field="scope_id", sees=Need.BRANDS_READ)
        self.require(Need.PAUSES_START, covered)
        return scope_id

    @extend_schema(request=Because, responses=PauseLine)
    @action(detail=True, methods=["post"])
    def lift(self, _request: Request, **_: Any) -> Response:
        """End this pause. What came due meanwhile is held; each post gets release, reschedule, rewrite or cancel."""
        pause = self.subject()
        return self.show(actions.lift_pause(pause_id=pause.pk, **self.read(Because), **self.told), PauseLine)

    def after_commit(self, response: Response) -> Response:
        """Wait for what is in flight under a new pause; a repeated request is told how things stand now."""
        if self.action != "create":
            return response
        pause_id = UUID(str(response.data["id"]))
        actions.drain_pause(
            pause_id=pause_id, agency_id=self.agency_id, patience_s=actions.PATIENCE_S, at=timezone.now()
        )
        with inside(self.agency_id):
            pause: Pause = Pause.objects.found(pause_id)
            response.data = PauseView(pause).data
        response.status_code = codes.HTTP_200_OK if pause.effective else codes.HTTP_202_ACCEPTED
        response["ETag"] = etag_of(pause)
        return response


routes = [("posts", Posts, "post"), ("pauses", Pauses, "pause")]
