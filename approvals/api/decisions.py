"""Deciding by a link: JSON for programs, a page without script for the person who opens it from a letter.

Opening a link changes nothing, for mail scanners open every link; saying something uses it up. No cookie is needed:
whoever can forge the request has the link, and whoever has the link needs no forgery.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.parsers import FormParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.actions import LinkDead, decide_by_link
from approvals.models import Approval
from approvals.queries import OpenLink, agency_in_link, opened
from approvals.states import ApprovalStage, Verdict
from core.http.pages import page
from core.http.parser import StrictJSONParser, TooLarge
from core.http.problems import problem_of
from core.http.shapes import Shape
from core.refusals import Refusal
from core.wall import wall
from permissions.gate import Caller
from tenants.models import Agency, SocialAccount
from tenants.sign_in import CookieAuthentication, SessionTokenAuthentication

SHOWN = frozenset({"format", "brand", "language", "deliveries"})  # of a payload, in places of their own
LARGEST_FORM = 32 * 1024
ASKS_A_MINUTE = 60
# Said on the page where a program reads the problem's detail.
PAGE_WORDS = {
    "link_dead": ("This link opens nothing", "It was used, is over, or the text was changed. Ask for a new one."),
    "digest_differs": ("The text is another one", "You decided on something else than is asked: open the link again."),
    "invalid": ("One thing is missing", "Say yes or no, or what should be changed; then send it again."),
    "step_up_required": (
        "Sign in first",
        "This concerns a grave matter: sign in, confirm that it is you, and open the link again in this browser.",
    ),
    "rate_limited": ("A little slower", "Too many requests came from your network. Try again in a minute."),
}  # fmt: skip


class SmallForm(FormParser):
    """A form of the page; a body without a length was refused long before."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        request = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_FORM:
            raise TooLarge(limit=LARGEST_FORM)
        return super().parse(stream, media_type, parser_context)


class PageRenderer(BaseRenderer):
    """Stands for the page when what the caller accepts is compared with what there is."""

    media_type = "text/html"
    format = "html"
    charset = "utf-8"


class PageCookie(CookieAuthentication):
    """A browser's session beside the link. The page says no-referrer, so its forms tell no origin; the browser does."""

    def enforce_csrf(self, request: Any) -> None:
        if request.headers.get("Sec-Fetch-Site") != "same-origin":
            raise PermissionDenied


class BesideTheLink(BaseAuthentication):
    """Whoever has signed in, in the agency that the link names, when they decide. No good session counts as none."""

    def authenticate(self, request: Request) -> tuple[Caller, Caller] | None:
        context = request.parser_context or {}
        agency_id = agency_in_link(context["kwargs"]["token"])
        agency = Agency.objects.filter(pk=agency_id).first() if agency_id and request.method == "POST" else None
        if agency is None:
            return None
        # Where sign-in looks for the agency; in other routes the address names it.
        request.parser_context = {**context, "kwargs": {**context["kwargs"], "agency": agency.slug}}
        for way in (SessionTokenAuthentication(), PageCookie()):
            try:
                found = way.authenticate(request)
            except (APIException, Refusal):
                continue
            if found is not None:
                return found[1], found[1]
        return None


class AskedMedium(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    type = serializers.CharField()
    alt = serializers.CharField(help_text="What is to be seen, in words.")


class AskedDelivery(serializers.Serializer[Any]):
    network = serializers.CharField()
    handle = serializers.CharField()
    language = serializers.CharField()
    text = serializers.CharField()
    media = AskedMedium(many=True)


class AskedView(serializers.Serializer[Any]):
    """What a link asks: exactly what will be sent, and where."""

    agency = serializers.CharField()
    brand = serializers.CharField()
    stage = serializers.CharField(help_text="Which stage of the approval waits for this voice.")
    deliveries = AskedDelivery(many=True)
    further = serializers.CharField(
        help_text="What else is agreed to, as JSON: a template's slots, or what is no list of deliveries. May be empty."
    )
    digest = serializers.CharField(help_text="Name it when you decide: it binds your voice to this text.")
    needs_step_up = serializers.BooleanField()
    expires_at = serializers.DateTimeField(help_text="Until when the link is good.")


class LinkVoice(Shape):
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    digest = serializers.RegexField(r"^[0-9a-f]{64}$")
    comment = serializers.CharField(max_length=2000, default="", allow_blank=True)


class DecidedView(serializers.Serializer[Any]):
    approval = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    stage = serializers.ChoiceField(choices=ApprovalStage.choices, help_text="What has become of the request.")


class LinkedDecision(APIView):
    """One decision of one person, by the link that was mailed to them."""

    authentication_classes = (BesideTheLink,)
    permission_classes = ()
    parser_classes = (StrictJSONParser, SmallForm)
    renderer_classes = (JSONRenderer, PageRenderer)
    address_rate: ClassVar[int] = ASKS_A_MINUTE

    @extend_schema(responses=AskedView, operation_id="decisions_show")
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """What there is to decide. Consumes nothing."""
        now = timezone.now()
        with wall(_agency_of(token)):
            found = opened(token, at=now)
            if found is None:
                raise LinkDead
            asked = _asked(found)
        if _wants_page(request):
            return page("approvals/decision.html", {"asked": asked, "here": request.path}, forms=True)
        return Response(AskedView(asked).data)

    @extend_schema(request=LinkVoice, responses=DecidedView, operation_id="decisions_decide")
    def post(self, request: Request, token: str) -> HttpResponseBase:
        """Decide, once. The person's own session beside the link, freshly proved, is asked for in grave matters."""
        shape = LinkVoice(data=request.data)
        shape.is_valid(raise_exception=True)
        agency_id = _agency_of(token)
        session: Any = request.auth
        with wall(agency_id):
            approval = decide_by_link(token=token, **shape.validated_data, session=session, at=timezone.now())
        decided = {"approval": approval.pk, "verdict": shape.validated_data["verdict"], "stage": approval.stage}
        if _wants_page(request):
            return page("approvals/decided.html", {"decided": decided})
        return Response(DecidedView(decided).data)

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        problem = problem_of(exc)
        if problem is None or not _wants_page(self.request):
            return response
        title, words = PAGE_WORDS.get(problem.code, (problem.title, problem.detail))
        told = page("approvals/refused.html", {"title": title, "words": words}, status=problem.status)
        for name, value in problem.headers.items():
            told[name] = value
        return told


def _agency_of(token: str) -> UUID:
    agency_id = agency_in_link(token)
    if agency_id is None:
        raise LinkDead
    return agency_id


def _wants_page(request: Request) -> bool:
    renderer = getattr(request, "accepted_renderer", None)
    return getattr(renderer, "format", "") == PageRenderer.format


def _asked(found: OpenLink) -> dict[str, Any]:
    approval: Approval = found.approval
    wanted = approval.payload.get("deliveries", [])
    accounts = {
        str(account.pk): account
        for account in SocialAccount.objects.filter(pk__in=[delivery["account"] for delivery in wanted])
    }
    further = {name: value for name, value in approval.payload.items() if name not in SHOWN}
    return {
        "agency": approval.brand.agency.name,
        "brand": approval.brand.name,
        "stage": approval.stages[found.place]["name"],
        "deliveries": [
            {
                "network": accounts[delivery["account"]].network,
                "handle": accounts[delivery["account"]].handle,
                "language": delivery.get("language") or approval.payload.get("language", ""),
                "text": delivery["text"],
                "media": delivery.get("media", []),
            }
            for delivery in wanted
        ],
        "further": json.dumps(further, indent=2, ensure_ascii=False, sort_keys=True) if further else "",
        "digest": found.link.digest,
        "needs_step_up": approval.needs_step_up,
        "expires_at": found.link.expires_at,
    }
