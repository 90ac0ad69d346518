"""Social media policies over HTTP: drafts, versions, checks of a text, and who has acknowledged them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Flag, Shape
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import create_policy, publish_policy, retire_policy, revise_policy
from readiness.actions.plan_drafts import nothing_there
from readiness.api.plan_drafts import DifferenceView
from readiness.difference import differences
from readiness.models import Acknowledgement, Policy, PolicyVersion
from readiness.policy_rules import Context, Media
from readiness.queries.audience import numbers_of
from readiness.queries.policies import applies_to, newest_version_of, policies_for, said_by, without_names
from readiness.queries.sharing import visible_or_shared
from readiness.states import RuleKind, RuleSeverity
from tenants.models import Brand

LONGEST_TEXT = 100_000
MOST_MEDIA = 1_000


class PolicyLine(serializers.ModelSerializer[Policy]):
    drafted = serializers.SerializerMethodField(help_text="Whether somebody is writing its next version.")
    number = serializers.IntegerField(read_only=True, help_text="Of the newest version; 0 while there is none.")

    class Meta:
        model = Policy
        fields = ["id", "brand", "name", "number", "drafted", "created_at", "retired_at", "version"]

    def get_drafted(self, policy: Policy) -> bool:
        return policy.draft is not None


class PolicyView(PolicyLine):
    draft = serializers.SerializerMethodField(help_text="Its next version; null for who may not publish it, too.")

    class Meta(PolicyLine.Meta):
        fields = [*PolicyLine.Meta.fields, "draft"]

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_draft(self, policy: Policy) -> dict[str, Any] | None:
        draft: dict[str, Any] | None = policy.draft
        return draft if self.context["publishes"] else None


class PolicyVersionLine(serializers.ModelSerializer[PolicyVersion]):
    brand = serializers.UUIDField(source="policy.brand_id", read_only=True, allow_null=True)
    name = serializers.CharField(source="policy.name", read_only=True)

    class Meta:
        model = PolicyVersion
        fields = ["id", "policy", "brand", "name", "number", "asks_again", "published_at", "publisher"]


class PolicyVersionView(PolicyVersionLine):
    chapters = serializers.ListField(child=serializers.DictField(), read_only=True)
    rules = serializers.SerializerMethodField(
        help_text="Confidential names are hidden from whoever may not publish: `hidden` says how many there are."
    )
    audience = serializers.DictField(read_only=True)

    class Meta(PolicyVersionLine.Meta):
        fields = [*PolicyVersionLine.Meta.fields, "chapters", "rules", "audience"]

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_rules(self, version: PolicyVersion) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = version.rules
        return rules if self.context["publishes"] else without_names(rules)


class NewPolicy(Shape):
    brand = serializers.UUIDField(required=False, allow_null=True, help_text="Null for all brands of the agency.")
    name = serializers.CharField(max_length=120)
    draft = serializers.JSONField(required=False, help_text="Chapters, rules and audience; see docs/readiness.md.")


class PolicyChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    draft = serializers.JSONField(
        required=False, allow_null=True, help_text="All of the next version; null drops what was written."
    )


class PublishShape(Shape):
    asks_again = serializers.BooleanField(
        default=True, help_text="Whether those who acknowledged the version before are asked again."
    )


class PoliciesWanted(Shape):
    brand = serializers.UUIDField(required=False)
    retired = Flag(required=False)


class PolicyVersionsWanted(Shape):
    policy = serializers.UUIDField(required=False)
    brand = serializers.UUIDField(required=False)


class AgainstVersion(Shape):
    against = serializers.UUIDField(required=False, help_text="Another version; the one before, when absent.")


class PolicyDifferenceView(serializers.Serializer[Any]):
    before = serializers.UUIDField(allow_null=True, help_text="The version it is held against; null for nothing.")
    changes = DifferenceView(many=True)


class MediaShape(Shape):
    count = serializers.IntegerField(min_value=0, max_value=MOST_MEDIA)
    credited = serializers.IntegerField(min_value=0, max_value=MOST_MEDIA, default=0)


class CheckContext(Shape):
    network = serializers.CharField(max_length=40, required=False)
    language = serializers.CharField(max_length=12, required=False)
    kind = serializers.CharField(max_length=40, required=False, help_text="What the text is: post, answer, holding …")
    claims = serializers.ListField(child=serializers.CharField(max_length=80), required=False, max_length=50)
    media = MediaShape(required=False)
    at = serializers.DateTimeField(required=False, help_text="When it is to appear; now, when absent.")


class PolicyCheckShape(Shape):
    brand = serializers.UUIDField()
    text = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, trim_whitespace=False)
    context = CheckContext(required=False)  # type: ignore[assignment] # DRF takes fields off the class


class FindingView(serializers.Serializer[Any]):
    version_id = serializers.UUIDField(help_text="The version of the policy that the rule is of.")
    rule = serializers.CharField()
    kind = serializers.ChoiceField(choices=RuleKind.choices)
    severity = serializers.ChoiceField(choices=RuleSeverity.choices)
    start = serializers.IntegerField(allow_null=True, help_text="In code points; null where something is missing.")
    end = serializers.IntegerField(allow_null=True, help_text="The first code point after it.")
    advice = serializers.CharField()


class AppliedPolicy(serializers.Serializer[Any]):
    policy = serializers.UUIDField()
    version = serializers.UUIDField()
    name = serializers.CharField()
    number = serializers.IntegerField()


class UndecidedRule(serializers.Serializer[Any]):
    version_id = serializers.UUIDField()
    rule = serializers.CharField()


class CheckedView(serializers.Serializer[Any]):
    blocked = serializers.BooleanField(help_text="Whether a rule that blocks has found something.")
    findings = FindingView(many=True, help_text="The first place first; what is missing comes last.")
    undecided = UndecidedRule(many=True, help_text="Rules that turn on what the context did not say.")
    policies = AppliedPolicy(many=True)


class OfPolicyBrand(Shape):
    brand = serializers.UUIDField()


class CampaignView(serializers.Serializer[Any]):
    asked = serializers.IntegerField()
    acknowledged = serializers.IntegerField()
    waiting = serializers.IntegerField()
    excused = serializers.IntegerField(help_text="Who left, or was asked about a newer version instead.")
    overdue = serializers.IntegerField(help_text="Of those waiting.")
    late = serializers.IntegerField(help_text="Of those who acknowledged.")


class AskedPersonView(serializers.ModelSerializer[Acknowledgement]):
    person = serializers.CharField(source="seat.user.name", read_only=True)
    side = serializers.CharField(source="seat.side", read_only=True)

    class Meta:
        model = Acknowledgement
        fields = [
            "id", "seat", "person", "side", "asked_at", "due_at", "reminders", "acknowledged_at", "excused_at",
        ]  # fmt: skip


class PublishersSeeAll(ReadViews):
    """What is shown depends on whether the caller may publish the policy."""

    def shown(self, obj: Any, shape: Any = None, *, created: bool = False) -> Response:
        self.publishes = gate.allowed(self.caller, Need.POLICIES_PUBLISH, obj)
        return self.show(obj, shape, status=201 if created else 200)

    publishes = False

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "publishes": self.publishes}

    def get_queryset(self) -> QuerySet[Any]:
        return visible_or_shared(self.rows(), to=self.caller, need=self.sees)

    def retrieve(self, _request: Request, **_: Any) -> Response:
        return self.shown(self.subject())


class Policies(PublishersSeeAll):
    """Social media policies of the agency and of its brands. What a policy says is in its versions."""

    sees = Need.POLICIES_READ
    needs: ClassVar[Any] = {
        "list": Need.POLICIES_READ,
        "retrieve": Need.POLICIES_READ,
        "create": Need.POLICIES_PUBLISH,
        "partial_update": Need.POLICIES_PUBLISH,
        "publish": Need.POLICIES_PUBLISH,
        "retire": Need.POLICIES_PUBLISH,
        "diff": Need.POLICIES_PUBLISH,
        "in_force": Need.POLICIES_READ,
        "check": Need.POLICIES_READ,
    }
    serializer_class = PolicyView

    def rows(self) -> Any:
        return Policy.objects.all()

    @extend_schema(parameters=[PoliciesWanted], responses=PolicyLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(PoliciesWanted)
        rows = self.get_queryset()
        if "retired" in wanted:
            rows = rows.filter(retired_at__isnull=not wanted.pop("retired"))
        return self.show_page(rows.filter(**wanted), PolicyLine)

    @extend_schema(request=NewPolicy, responses={201: PolicyView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Begin a policy. One of all brands needs `policies.publish` for the whole agency."""
        wanted = self.read(NewPolicy)
        brand_id = wanted.pop("brand", None)
        brand = (
            self.named(Brand.objects.all(), brand_id, field="brand", sees=Need.BRANDS_READ)
            if brand_id is not None
            else None
        )
        self.require(Need.POLICIES_PUBLISH, brand)
        return self.shown(create_policy(brand_id=brand_id, **wanted, **self.told), created=True)

    @extend_schema(parameters=[SEEN], request=PolicyChange, responses=PolicyView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Write the next version (all of it), or change the name."""
        policy: Policy = self.subject(seen=True)
        wanted = self.read(PolicyChange, partial=True)
        forget = "draft" in wanted and wanted["draft"] is None
        return self.shown(revise_policy(policy_id=policy.pk, forget_draft=forget, **wanted, **self.told))

    @extend_schema(parameters=[SEEN], request=PublishShape, responses={201: PolicyVersionView})
    @action(detail=True, methods=["post"])
    def publish(self, _request: Request, **_: Any) -> Response:
        """The draft holds from now on, and its audience is asked to acknowledge it."""
        policy: Policy = self.subject(seen=True)
        version = publish_policy(policy_id=policy.pk, **self.read(PublishShape), **self.told)
        return self.shown(version, PolicyVersionView, created=True)

    @extend_schema(parameters=[SEEN], request=Because, responses=PolicyView)
    @action(detail=True, methods=["post"])
    def retire(self, _request: Request, **_: Any) -> Response:
        """It holds no more. Its versions stay to be read."""
        policy: Policy = self.subject(seen=True)
        return self.shown(retire_policy(policy_id=policy.pk, **self.read(Because), **self.told))

    @extend_schema(responses=PolicyDifferenceView)
    @action(detail=True, methods=["get"])
    def diff(self, _request: Request, **_: Any) -> Response:
        """What its draft would change of the newest version."""
        policy: Policy = self.subject()
        before = newest_version_of(policy)
        return Response(_difference(before, said_by(before), policy.draft or said_by(before)))

    @extend_schema(parameters=[OfPolicyBrand], responses=PolicyVersionLine(many=True))
    @action(detail=False, methods=["get"], url_path="in-force", pagination_class=None)
    def in_force(self, _request: Request, **_: Any) -> Response:
        """What texts of a brand are checked against now: the newest versions of its policies and of the agency's."""
        brand_id = self._brand(self.asked(OfPolicyBrand)["brand"])
        return Response(PolicyVersionLine(policies_for(brand_id).versions, many=True).data)

    @extend_schema(request=PolicyCheckShape, responses=CheckedView)
    @action(detail=False, methods=["post"])
    def check(self, _request: Request, **_: Any) -> Response:
        """What the policies in force object to in a text. Changes nothing, and keeps nothing of the text."""
        wanted = self.read(PolicyCheckShape)
        said = wanted.get("context", {})
        claims, media = said.get("claims"), said.get("media")
        context = Context(
            at=said.get("at", self.now),
            network=said.get("network"),
            language=said.get("language"),
            kind=said.get("kind"),
            claims=None if claims is None else frozenset(claims),
            media=None if media is None else Media(**media),
        )
        in_force = policies_for(self._brand(wanted["brand"]))
        checked = in_force.rules.check(wanted["text"], context)
        told = {
            "blocked": checked.blocked,
            "findings": checked.findings,
            "undecided": [{"version_id": version_id, "rule": rule} for version_id, rule in checked.undecided],
            "policies": applies_to(in_force.versions),
        }
        return Response(CheckedView(told).data)

    def _brand(self, brand_id: Any) -> Any:
        return self.named(Brand.objects.all(), brand_id, field="brand", sees=Need.POLICIES_READ).pk


class PolicyVersions(PublishersSeeAll):
    """What policies said and say. Versions never change."""

    sees = Need.POLICIES_READ
    needs: ClassVar[Any] = {
        "list": Need.POLICIES_READ,
        "retrieve": Need.POLICIES_READ,
        "diff": Need.POLICIES_READ,
        "campaign": Need.POLICIES_READ,
        "people": Need.POLICIES_PUBLISH,
    }
    serializer_class = PolicyVersionView

    def rows(self) -> Any:
        return PolicyVersion.objects.select_related("policy")

    @extend_schema(parameters=[PolicyVersionsWanted], responses=PolicyVersionLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(PolicyVersionsWanted)
        rows = self.get_queryset().defer("chapters", "rules", "audience")
        if "brand" in wanted:
            rows = rows.filter(policy__brand_id=wanted.pop("brand"))
        return self.show_page(rows.filter(**wanted), PolicyVersionLine)

    @extend_schema(parameters=[AgainstVersion], responses=PolicyDifferenceView)
    @action(detail=True, methods=["get"])
    def diff(self, _request: Request, **_: Any) -> Response:
        """What it changed of the version before it, or of another one of the same policy."""
        version: PolicyVersion = self.subject()
        whole = gate.allowed(self.caller, Need.POLICIES_PUBLISH, version)
        against = self.asked(AgainstVersion).get("against")
        wanted = {"number": version.number - 1} if against is None else {"pk": against}
        before = PolicyVersion.objects.filter(policy_id=version.policy_id, **wanted).first()
        if against is not None and before is None:
            raise nothing_there("The policy has no such version.", ["against"])
        return Response(_difference(before, *(_shown(said_by(one), whole=whole) for one in (before, version))))

    @extend_schema(responses=CampaignView)
    @action(detail=True, methods=["get"])
    def campaign(self, _request: Request, **_: Any) -> Response:
        """How many were asked to acknowledge it, and what has become of that."""
        return Response(numbers_of(self.subject(), self.now))

    @extend_schema(responses=AskedPersonView(many=True))
    @action(detail=True, methods=["get"])
    def people(self, _request: Request, **_: Any) -> Response:
        """Who was asked, and who has acknowledged it."""
        version: PolicyVersion = self.subject()
        rows = Acknowledgement.objects.filter(version=version).select_related("seat__user")
        return self.show_page(rows, AskedPersonView)


def _shown(said: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    return said if whole else {**said, "rules": without_names(said["rules"])}


def _difference(before: PolicyVersion | None, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    changes = differences(*({**said, "rules": {rule["id"]: rule for rule in said["rules"]}} for said in (old, new)))
    return {"before": before.pk if before else None, "changes": DifferenceView(changes, many=True).data}


routes = [("policies", Policies, "policy"), ("policy-versions", PolicyVersions, "policy-version")]
