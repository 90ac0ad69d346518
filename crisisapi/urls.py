"""Every route. Inside an agency each app lists its own in `api.routes`."""

from __future__ import annotations

from importlib.util import find_spec

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.utils.module_loading import import_string
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.routers import Route, SimpleRouter

from alerting.api.calendars import Calendar
from alerting.api.inbound import GatewayStatus, LinkedAcknowledgement, TwilioSms, TwilioStatus, TwilioVoice
from approvals.api.decisions import LinkedDecision
from approvals.api.pictures import LinkedPicture
from insights.pages import report_page
from listening.api.inbound import InboundWebhook
from readiness.api.confirmations import LinkedConfirmation
from tenants.api.invitations import AcceptInvitation

STOREYS = [
    name
    for name in (
        "tenants",
        "permissions",
        "approvals",
        "alerting",
        "connectors",
        "readiness",
        "publishing",
        "incidents",
        "listening",
        "insights",
    )
    if find_spec(f"{name}.api")
]

handler400 = "core.http.problems.handler400"
handler403 = "core.http.problems.handler403"
handler404 = "core.http.problems.handler404"
handler500 = "core.http.problems.handler500"


def alive(_request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> HttpResponse:
    """The process answers and so does Postgres; Redis may be away without harm."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


class HouseRouter(SimpleRouter):
    """As DRF's; and PATCH without an id changes the one thing that a resource is."""

    routes = [
        route._replace(mapping={**route.mapping, "patch": "change_singleton"})
        if isinstance(route, Route) and not route.detail
        else route
        for route in SimpleRouter.routes
    ]


router = HouseRouter(trailing_slash=False, use_regex_path=False)
for app in STOREYS:
    for prefix, viewset, basename in import_string(f"{app}.api.routes"):
        router.register(prefix, viewset, basename=basename)

urlpatterns = [
    path("healthz", alive),
    path("readyz", ready),
    path("_allauth/", include("tenants.sign_in.urls")),
    path("v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    path("docs/redoc/", SpectacularRedocView.as_view(url_name="openapi"), name="redoc"),
    path("v1/invitations/accept", AcceptInvitation.as_view(), name="accept-invitation"),
    path("v1/decisions/<str:token>", LinkedDecision.as_view(), name="linked-decision"),
    path("v1/decisions/<str:token>/media/<str:sha256>", LinkedPicture.as_view(), name="linked-picture"),
    path("v1/reports/<str:token>", report_page, name="report-page"),
    path("v1/acknowledge/<str:token>", LinkedAcknowledgement.as_view(), name="linked-acknowledgement"),
    path("v1/contacts/confirm/<str:token>", LinkedConfirmation.as_view(), name="linked-confirmation"),
    path("v1/calendars/<str:token>.ics", Calendar.as_view(), name="calendar"),
    path("v1/inbound/twilio/status", TwilioStatus.as_view(), name="twilio-status"),
    path("v1/inbound/twilio/sms", TwilioSms.as_view(), name="twilio-sms"),
    path("v1/inbound/twilio/voice", TwilioVoice.as_view(), name="twilio-voice"),
    path("v1/inbound/gateway/status", GatewayStatus.as_view(), name="gateway-status"),
    path("v1/inbound/<slug:agency>/<uuid:source_id>", InboundWebhook.as_view(), name="inbound-webhook"),
    path("scim/v2/<slug:agency>/", include("tenants.scim.urls")),
    path("ssf/v1/<slug:agency>/", include("tenants.events.urls")),
    path("v1/agencies/<slug:agency>/", include(router.urls)),
]
