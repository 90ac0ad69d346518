"""Routes that fail on purpose, for test_problems and test_request_id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from rest_framework import exceptions, serializers
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http.shapes import Shape
from core.models import IdempotentAnswer
from core.refusals import Invalid, Refusal
from core.wall import standing_agency

handler400 = "core.http.problems.handler400"
handler403 = "core.http.problems.handler403"
handler404 = "core.http.problems.handler404"
handler500 = "core.http.problems.handler500"

log = structlog.get_logger("tests.probe")


class TooEarly(Refusal):
    """A refusal with everything that a refusal can have."""

    code = "too_early"
    status = 425
    title = "Too early."


def refusal() -> Exception:
    problem = TooEarly("Come back later.", opens_at=5)
    problem.headers["Retry-After"] = "5"
    return problem


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


class Item(Shape):
    text = serializers.CharField()


class Batch(Shape):
    items = Item(many=True)


RAISED: dict[str, Callable[[], Exception]] = {
    "refusal": refusal,
    "invalid": lambda: Invalid(errors=[{"field": "limit", "code": "out_of_range", "detail": "No."}]),
    "not_found": lambda: Http404("secret table name"),
    "forbidden": lambda: PermissionDenied("secret rule"),
    "drf_not_found": lambda: exceptions.NotFound("secret"),
    "anonymous": exceptions.NotAuthenticated,
    "bad_key": lambda: exceptions.AuthenticationFailed("This key has ended."),
    "throttled": lambda: exceptions.Throttled(wait=2.2),
    "unacceptable": exceptions.NotAcceptable,
    "suspicious": lambda: SuspiciousOperation("secret"),
    "defect": lambda: RuntimeError("secret"),
}
FAILING_SQL = {
    "slow": "SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)",
    "lost": "SELECT pg_terminate_backend(pg_backend_pid())",
    "divided": "SELECT 1/0",
    "full": "DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '53100'; END $$",
    "locked": "DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '55P03'; END $$",
    "check": "DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '23514'; END $$",
}


class Probe(APIView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: Request, what: str) -> Response:
        if what in RAISED:
            refused: Exception = RAISED[what]()
            raise refused
        IdempotentAnswer.objects.count()
        sql(FAILING_SQL[what])
        return Response({})

    def post(self, request: Request, what: str) -> Response:
        if what == "half":
            body: Any = request.data
            store(body["agency"])
            raise TooEarly
        if what == "nul":
            IdempotentAnswer.objects.filter(key="a\x00b").exists()
        if what == "wall":
            standing_agency()
        batch = Batch(data=request.data)
        batch.is_valid(raise_exception=True)
        return Response(batch.validated_data)


def store(principal: str) -> None:
    IdempotentAnswer.objects.create(
        principal=principal, method="POST", route="/", key="k", status=200, headers={}, created_at=timezone.now()
    )


@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def late(_request: Request) -> Response:
    """The commit fails, after the view has answered."""
    sql(
        "CREATE TEMP TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP; "
        "INSERT INTO late VALUES (1), (1)"
    )
    return Response({})


def logged(_request: HttpRequest) -> HttpResponse:
    log.info("inside the view")
    return HttpResponse("fine")


@transaction.non_atomic_requests
def stream(_request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"a", b"b"]), headers={"Cache-Control": "no-cache"})


urlpatterns = [
    path("v1/probe/<str:what>", Probe.as_view()),
    path("v1/late", late),
    path("v1/logged", logged),
    path("v1/stream", stream),
    path("page", logged),
]
