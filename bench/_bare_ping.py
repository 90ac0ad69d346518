"""A durable ping on a bare Django view: one row and one commit, the peer of a single mention. Serves; measures nothing.

Run by `bench.ingest` as `granian bench._bare_ping:application`; the table is made and dropped there.
"""

from __future__ import annotations

from django import setup
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from crisisapi.service_urls import django_database, service_url

STORE = "INSERT INTO bench_ping (body) VALUES (%s)"


@csrf_exempt
def ping(request: HttpRequest) -> JsonResponse:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(STORE, [request.body.decode()])
    return JsonResponse({"ok": True})


def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


urlpatterns = [path("ping", ping), path("healthz", healthz)]

settings.configure(
    DATABASES={"default": {**django_database(service_url("DATABASE_URL")), "CONN_MAX_AGE": 60}},
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=[],
)
setup(set_prefix=False)
application = WSGIHandler()
