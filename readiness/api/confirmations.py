"""Confirming one's own entry in the contact book by a link: JSON for programs, a page without script for people.

Opening a link changes nothing, for mail scanners open every link; answering uses it up. No cookie is needed: whoever
can forge the request has the link, and whoever has the link needs no forgery.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.actor import Actor
from core.http.pages import page
from core.http.parser import StrictJSONParser, TooLarge
from core.http.problems import problem_of
from core.http.shapes import Shape
from core.wall import wall
from readiness.actions import answer_for_oneself
from readiness.actions.contacts import REMOVE, RIGHT, WRONG, ContactLinkDead
from readiness.contact_form import hint, hours_in_words
from readiness.contact_links import LIVES, Asked, asked_in
from readiness.models import Contact
from readiness.queries.contacts import asked_by
from readiness.states import ChannelKind, LegalBasis
from tenants.models import Agency

LARGEST_FORM = 32 * 1024
ASKS_A_MINUTE = 60
THEMSELVES = Actor.rule("the contact, by a link")
# Said on the page where a program reads the problem's detail.
PAGE_WORDS = {
    "link_dead": ("This link opens nothing", "It was used, is too old, or you were asked again since."),
    "invalid": ("One thing is missing", "Choose one of the three answers, and send it again."),
    "rate_limited": ("A little slower", "Too many requests came from your network. Try again in a minute."),
}


class SmallForm(FormParser):
    """The form of the page; a body without a length was refused long before."""

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


class HintedChannel(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ChannelKind.choices)
    address_hint = serializers.CharField()


class ConfirmationView(serializers.Serializer[Any]):
    """What the book says of whoever has the link."""

    agency = serializers.CharField()
    brand = serializers.CharField(allow_blank=True, help_text="Empty: they are called for any brand.")
    name = serializers.CharField()
    organisation = serializers.CharField(allow_blank=True)
    department = serializers.CharField(allow_blank=True)
    job_title = serializers.CharField(allow_blank=True)
    language = serializers.CharField()
    time_zone = serializers.CharField()
    hours = serializers.CharField(allow_blank=True, help_text="Empty: always.")
    channels = HintedChannel(many=True)
    legal_basis = serializers.ChoiceField(choices=LegalBasis.choices)
    expires_at = serializers.DateTimeField(help_text="Until when the link is good.")


class ConfirmationAnswer(Shape):
    answer = serializers.ChoiceField(
        choices=[(RIGHT, "It is right"), (WRONG, "Something is wrong"), (REMOVE, "They want to be removed")]
    )


class LinkedConfirmation(APIView):
    """One answer of somebody in the contact book, by the link that was mailed to them."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (StrictJSONParser, SmallForm)
    renderer_classes = (JSONRenderer, PageRenderer)
    address_rate: ClassVar[int] = ASKS_A_MINUTE

    @extend_schema(operation_id="contacts_confirm_show", auth=[], responses=ConfirmationView)
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """What the book says. Changes nothing."""
        link = _link(token)
        with wall(link.agency_id):
            contact = asked_by(link, timezone.now())
            if contact is None:
                raise ContactLinkDead
            asked = _asked(contact, link)
        if _wants_page(request):
            return page("readiness/contact.html", {"asked": asked}, forms=True)
        return Response(ConfirmationView(asked).data)

    @extend_schema(
        operation_id="contacts_confirm_answer", auth=[], request=ConfirmationAnswer, responses=ConfirmationAnswer
    )
    def post(self, request: Request, token: str) -> HttpResponseBase:
        """Answer, once."""
        link = _link(token)
        shape = ConfirmationAnswer(data=request.data)
        shape.is_valid(raise_exception=True)
        said = shape.validated_data
        with wall(link.agency_id):
            answer_for_oneself(link=link, answer=said["answer"], by=THEMSELVES, at=timezone.now())
        if _wants_page(request):
            return page("readiness/answered.html", said)
        return Response(said)

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        problem = problem_of(exc)
        if problem is None or not _wants_page(self.request):
            return response
        title, words = PAGE_WORDS.get(problem.code, (problem.title, problem.detail))
        told = page("readiness/refused.html", {"title": title, "words": words}, status=problem.status)
        for name, value in problem.headers.items():
            told[name] = value
        return told


def _link(token: str) -> Asked:
    link = asked_in(token)
    if link is None:
        raise ContactLinkDead
    return link


def _wants_page(request: Request) -> bool:
    renderer = getattr(request, "accepted_renderer", None)
    return getattr(renderer, "format", "") == PageRenderer.format


def _asked(contact: Contact, link: Asked) -> dict[str, Any]:
    return {
        "agency": Agency.objects.get(pk=link.agency_id).name,
        "brand": contact.brand.name if contact.brand else "",
        "name": contact.name,
        "organisation": contact.organisation,
        "department": contact.department,
        "job_title": contact.job_title,
        "language": contact.language,
        "time_zone": contact.time_zone,
        "hours": hours_in_words(contact.hours),
        "channels": [
            {
                "kind": channel.kind,
                "label": ChannelKind(channel.kind).label,
                "address_hint": hint(channel.kind, channel.address),
            }
            for channel in contact.in_order
        ],
        "legal_basis": contact.legal_basis,
        "legal_basis_label": LegalBasis(contact.legal_basis).label,
        "expires_at": link.at + LIVES,
    }
