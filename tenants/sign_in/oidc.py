"""Signing in with an agency's OpenID provider: allauth's flow, with providers out of our own table.

A provider's name holds its agency and its id, so that the right wall can be opened before anybody is signed in. What
allauth keeps of people (its SocialAccount) stays empty: who a subject is, only `Identity` says, and never an address.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any
from uuid import UUID

import requests
import structlog
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from core.actor import Actor
from core.outbound.sessions import session as vetted_session
from core.refusals import NotFound
from core.wall import inside
from tenants.actions.providers import IdentityTaken, link_identity
from tenants.models import Agency, DirectoryUser, Identity, IdentityProvider, Seat
from tenants.sign_in.records import proof_of
from tenants.sign_in.seats import ids_in, provider_name, seat_opened
from tenants.states import SeatStage

log = structlog.get_logger(__name__)

LONGEST_REASON = 300
WANTED_OF_CONFIG = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# What a provider that answers nonsense makes allauth stumble over.
NONSENSE = (requests.RequestException, OAuth2Error, KeyError, TypeError, ValueError)


def callback_url(name: str) -> str:
    """Where the provider sends people back to; it has to be registered there."""
    return settings.PUBLIC_URL + reverse("openid_connect_callback", kwargs={"provider_id": name})


class Conversation(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """allauth's talk with the provider, for its own issuer only, and back to our own address only.

    The ID token comes straight from the provider, over TLS that is verified; that is its proof (OpenID Connect Core
    3.1.3.7). Issuer, audience, expiry and nonce are checked on top.
    """

    @property
    def openid_config(self) -> dict[str, Any]:
        config = super().openid_config
        issuer = self.get_provider().app.settings["server_url"]
        if not isinstance(config, dict) or config.get("issuer") != issuer:
            raise OAuth2Error("The provider speaks for another issuer.")
        if not all(isinstance(config.get(name), str) for name in WANTED_OF_CONFIG):
            raise OAuth2Error("The provider does not tell its addresses.")
        return config

    def get_callback_url(self, _request: HttpRequest, _app: SocialApp) -> str:
        return callback_url(self.provider_id)


class AgencyProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """One provider of one agency. Browsers only: a token that an app brings was not asked for by us."""

    oauth2_adapter_class = Conversation
    supports_token_authentication = False

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **kwargs: Any
    ) -> HttpResponseBase:
        nonce = secrets.token_urlsafe(24)
        params = {**self.get_auth_params(), "nonce": nonce}
        try:
            answer: HttpResponseBase = super().redirect(
                request, process, next_url, data, auth_params=params, nonce=nonce, **kwargs
            )
        except NONSENSE as problem:
            answer = render_authentication_error(request, self, exception=problem)
        return answer


class AgencyProviders(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Where allauth finds providers, how it reaches them, and what becomes of the people they know."""

    def list_apps(
        self, request: HttpRequest | None, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """One by its name; for a sign-in page, those of `?agency=slug`. An unknown agency has none."""
        if provider is not None:
            ids = ids_in(provider)
            found = [] if ids is None else _apps(ids[0], pk=ids[1])
        else:
            slug = request.GET.get("agency") if request is not None else None
            agency = Agency.objects.filter(slug=slug).first() if slug else None
            found = [] if agency is None else _apps(agency.pk)
        return [app for app in found if client_id in (None, app.client_id)]

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> AgencyProvider:
        return AgencyProvider(request, app=self.get_app(request, provider=provider, client_id=client_id))

    def list_providers(self, request: HttpRequest) -> list[AgencyProvider]:
        return [AgencyProvider(request, app=app) for app in self.list_apps(request)]

    def is_open_for_signup(self, _request: HttpRequest, _login: SocialLogin) -> bool:
        return False

    def get_requests_session(self) -> requests.Session:
        return vetted_session()

    def on_authentication_error(
        self, _request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, **_: Any
    ) -> None:
        """The person is told that it did not work; why is for the operator to read."""
        name = getattr(provider, "sub_id", None)
        log.warning("identity_provider_failed", provider=name, error=error, reason=repr(exception)[:LONGEST_REASON])

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """The provider has spoken: link its subject to whoever is signed in, or find who it is.

        Raises PermissionDenied for everybody else: nobody is made up, and nobody is found by an address.
        """
        ids = ids_in(sociallogin.account.provider)
        if ids is None or not _answers_our_question(sociallogin):
            raise PermissionDenied
        provider_id, subject = ids[1], sociallogin.account.uid
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            _link(request, ids[0], provider_id, subject)
            raise ImmediateHttpResponse(HttpResponseRedirect(sociallogin.state["next"]))
        with inside(ids[0]):
            identity = _known(provider_id, subject) or _known_to_directory(provider_id, subject)
        if identity is None:
            raise PermissionDenied
        sociallogin.user = identity.user


def _apps(agency_id: UUID, **narrowed: Any) -> list[SocialApp]:
    with inside(agency_id):
        providers = list(IdentityProvider.objects.filter(removed_at=None, **narrowed).order_by("name", "pk"))
        return [
            SocialApp(
                provider=AgencyProvider.id,
                provider_id=provider_name(agency_id, provider.pk),
                name=provider.name,
                client_id=provider.client_id,
                secret=provider.client_secret or "",
                settings={
                    "server_url": provider.issuer,
                    "scope": ["openid"],
                    "fetch_userinfo": False,
                    "oauth_pkce_enabled": True,
                },
            )
            for provider in providers
        ]


def _answers_our_question(sociallogin: SocialLogin) -> bool:
    """Whether there is an ID token, and it carries the nonce that this browser's question was asked with."""
    claims, asked = sociallogin.account.extra_data.get("id_token") or {}, sociallogin.state.get("nonce")
    answered = claims.get("nonce")
    return bool(asked) and isinstance(answered, str) and hmac.compare_digest(asked, answered)


def _link(request: HttpRequest, agency_id: UUID, provider_id: UUID, subject: str) -> None:
    """The person is signed in, has just proved it, and their session opens a seat in this very agency."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    raise_if_reauthentication_required(request, app="allauth.socialaccount")
    with inside(agency_id):
        opened = seat_opened(request.user, proof_of(request.session))
        demanding = Agency.objects.filter(pk=agency_id, requires_second_factor=True).exists()
        if opened is None or (demanding and not opened.second_factor):
            raise PermissionDenied
        seat_id = opened.seat.pk
        try:
            link_identity(
                provider_id=provider_id, subject=subject, seat_id=seat_id, by=Actor.seat(seat_id), at=timezone.now()
            )
        except (IdentityTaken, NotFound) as refused:
            raise PermissionDenied from refused


def _known(provider_id: UUID, subject: str) -> Identity | None:
    living = Identity.objects.filter(ended_at=None, provider__removed_at=None, seat__stage=SeatStage.ACTIVE)
    found: Identity | None = living.filter(provider_id=provider_id, subject=subject).select_related("user").first()
    return found


def _known_to_directory(provider_id: UUID, subject: str) -> Identity | None:
    """The agency's own directory names the subject as one active person's `externalId`: then it is they."""
    people = DirectoryUser.objects.filter(active=True, deleted_at=None, external_id=subject)
    seats = list(Seat.objects.all().active().filter(pk__in=people.values("seat_id"))[:2])
    if len(seats) != 1:
        return None
    seat: Seat = seats[0]
    try:
        link_identity(
            provider_id=provider_id, subject=subject, seat_id=seat.pk, by=Actor.seat(seat.pk), at=timezone.now()
        )
    except (IdentityTaken, NotFound):
        return None
    return _known(provider_id, subject)


def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """The browser comes back from the provider."""
    try:
        conversation = Conversation(request, provider_id)
        answer: HttpResponseBase = OAuth2CallbackView.adapter_view(conversation)(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except NONSENSE as problem:
        answer = render_authentication_error(request, conversation.get_provider(), exception=problem)
    return answer
