"""The base of every view inside an agency: sign-in, wall, need, idempotency, in one order for all of them.

One transaction a request. Who you are (401), whether this agency is yours (404), the wall, whether you hold the need
anywhere (403), a stored answer to the same key (replay), then the view: it loads the object among what the caller
may see (404), asks the gate about that object (403), reads the body's shape (400), and calls one action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from rest_framework import status as codes
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.viewsets import GenericViewSet

from core.http import idempotency
from core.http.cursors import KeysetPagination
from core.http.preconditions import etag_of, require_match
from core.http.shapes import Shape
from core.refusals import Invalid, NotAllowed, NotFound
from core.wall import wall
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.pages import first

Row = TypeVar("Row", bound=Model)
STATEMENT_TIMEOUT_MS = 15_000
PAGING = frozenset({KeysetPagination.limit_param, KeysetPagination.cursor_param, KeysetPagination.drills_param})
# Parameters by which a list names a place of its own, where a drill is shown as any other.
PLACES = frozenset({"brand", "incident"})


class _Replayed(Exception):
    """The same key was answered before; carries that answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class HouseViewSet(GenericViewSet[Any]):
    """Declare `needs` (one for each action), `sees` (the need that makes a row visible) and `rows()`.

    `needs[action] = None` means: any live seat of the agency. A viewset whose actions lack a need cannot be routed.
    """

    needs: ClassVar[Mapping[str, Need | None]] = {}
    sees: ClassVar[Need]
    key_required: ClassVar[frozenset[str]] = frozenset()  # actions that refuse to run without an Idempotency-Key
    keyset: ClassVar[tuple[str, ...]] = ("-id",)
    shows_drills: ClassVar[bool] = False  # whether lists tell of the twins of drills unasked, as a record of facts does
    lookup_value_converter = "uuid"
    lookup_field = "pk"

    request: Request
    keyed: idempotency.KeyedRequest | None = None

    @classmethod
    def as_view(  # type: ignore[override] # DRF's stubs know three shapes of it, and this is their union
        cls, actions: Any = None, **initkwargs: Any
    ) -> Callable[..., HttpResponseBase]:
        missing = sorted(set((actions or {}).values()) - set(cls.needs))
        if missing:
            raise ImproperlyConfigured(f"{cls.__name__} does not name the need of: {', '.join(missing)}.")
        # dispatch opens the transaction itself, so that after_commit has a place to stand.
        return transaction.non_atomic_requests(super().as_view(actions, **initkwargs))

    # -- the order of things ----------------------------------------------------------------------------------

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with transaction.atomic(), ExitStack() as self.standing:
            response = super().dispatch(request, *args, **kwargs)
            if response.status_code >= codes.HTTP_400_BAD_REQUEST:
                transaction.set_rollback(True)
        if response.status_code < codes.HTTP_400_BAD_REQUEST:
            return self.after_commit(response)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.standing.enter_context(wall(self.caller.agency_id))
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_TIMEOUT_MS)])
        need = self.needs[self.action]
        if need is not None and not gate.anywhere(self.caller, need):
            raise NotAllowed(need=need.value)
        self._recall_answer(request)

    def _recall_answer(self, request: Request) -> None:
        if request.method != "POST":
            return
        key = idempotency.key_of(request)
        if key is None:
            if self.action in self.key_required:
                raise Invalid("This call needs an Idempotency-Key.", header=idempotency.HEADER)
            return
        keyed = idempotency.KeyedRequest(
            agency_id=self.caller.agency_id,
            principal=str(self.caller.actor),
            method="POST",
            route=request.get_full_path(),
            key=key,
            body_sha256=idempotency.digest_of(self.spoken(request)),
        )
        stored = idempotency.begin(keyed)
        if stored is not None:
            raise _Replayed(idempotency.replayed(stored))
        self.keyed = keyed

    def spoken(self, request: Request) -> Any:
        """What was said in the body, for telling a repeated request from another one."""
        return request.data

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Replayed):
            return exc.response
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.keyed is not None and codes.is_success(response.status_code):
            kept = {name: value for name, value in response.headers.items() if name in ("ETag", "Location")}
            idempotency.finish(self.keyed, status=response.status_code, headers=kept, body=response.data, at=self.now)
        return response

    def after_commit(self, response: Any) -> Any:
        """What must wait for the commit, such as draining a pause; returns the response to send."""
        return response

    # -- what a view says ---------------------------------------------------------------------------------------

    @property
    def caller(self) -> Caller:
        caller: Any = self.request.auth
        return cast("Caller", caller)

    @property
    def agency_id(self) -> UUID:
        return self.caller.agency_id

    @property
    def now(self) -> datetime:
        """When the request was signed in; the view's one reading of the clock."""
        return self.caller.at

    @property
    def told(self) -> dict[str, Any]:
        """Who and when, for the action: `action(..., **self.told)`."""
        return {"by": self.caller.actor, "at": self.now}

    def rows(self) -> QuerySet[Any]:
        """Every row of this resource inside the wall, with what its serializer reads."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[Any]:
        return gate.visible(self.rows(), to=self.caller, need=self.sees)

    def subject(self, *, seen: bool = False) -> Any:
        """The object of the URL: 404 when the caller may not see it, 403 when they lack this action's need on it.

        `seen=True` locks the row and demands the version that the caller saw: 428 without If-Match, 412 when stale.
        """
        rows = self.get_queryset().filter(pk=self.kwargs["pk"])
        obj = (rows.select_for_update(of=("self",), no_key=True) if seen else rows).first()
        if obj is None:
            raise NotFound
        self.require(self.needs[self.action], obj)
        if seen:
            require_match(self.request, etag_of(obj))
        return obj

    def require(self, need: Need | None, obj: Model | None) -> None:
        if need is not None:
            gate.require(self.caller, need, obj)

    def named(self, rows: QuerySet[Row], row_id: UUID, *, field: str, sees: Need) -> Row:
        """A row that the body names; 400 with the field when it is not among what the caller may see."""
        found = gate.visible(rows, to=self.caller, need=sees).filter(pk=row_id).first()
        if found is None:
            raise Invalid(
                "The body names something that does not exist.",
                errors=[{"field": field, "code": "does_not_exist", "detail": "There is no such thing here."}],
            )
        return found

    def read(self, shape: type[Serializer[Any]], **options: Any) -> dict[str, Any]:
        """The body, checked against its shape; 400 with each bad field."""
        serializer = shape(data=self.request.data, **options)
        serializer.is_valid(raise_exception=True)
        wanted: dict[str, Any] = serializer.validated_data
        return wanted

    def asked(self, shape: type[Serializer[Any]]) -> dict[str, Any]:
        """The query string, checked against its shape: 400 with each bad or unknown parameter; paging aside."""
        said = {name: value for name, value in self.request.query_params.items() if name not in PAGING}
        serializer = shape(data=said)
        serializer.is_valid(raise_exception=True)
        wanted: dict[str, Any] = serializer.validated_data
        return wanted

    def show(
        self, obj: Any, shape: type[BaseSerializer[Any]] | None = None, *, status: int = codes.HTTP_200_OK
    ) -> Response:
        """The object, serialised, with its ETag when it has a version."""
        serializer = (shape or self.get_serializer_class())(obj, context=self.get_serializer_context())
        headers = {"ETag": etag_of(obj)} if hasattr(obj, "version") else {}
        return Response(serializer.data, status=status, headers=headers)

    def show_created(self, obj: Any, shape: type[BaseSerializer[Any]] | None = None) -> Response:
        return self.show(obj, shape, status=codes.HTTP_201_CREATED)

    def _asks_for_drills(self) -> bool:
        said = self.request.query_params
        asked = said.get(KeysetPagination.drills_param)
        if asked not in {None, "true", "false"}:
            detail = "This is true or false."
            raise Invalid(errors=[{"field": KeysetPagination.drills_param, "code": "wrong_type", "detail": detail}])
        return asked == "true" or self.shows_drills or any(name in said for name in PLACES)

    def first_rows(self, rows: QuerySet[Any], limit: int) -> list[Any]:
        """For the pages of lists: the first of what the caller may see."""
        return first(rows, limit)

    def show_page(self, rows: QuerySet[Any], shape: type[BaseSerializer[Any]] | None = None) -> Response:
        """One page of rows in `keyset` order; without those of drills' twins unless they are asked for."""
        if not self._asks_for_drills():
            rows = gate.without_twins(rows, to=self.caller)
        page = self.paginate_queryset(self.filter_queryset(rows))
        serializer = (shape or self.get_serializer_class())(page, many=True, context=self.get_serializer_context())
        return self.get_paginated_response(serializer.data)


class ReadViews(HouseViewSet):
    """List and retrieve, for resources that are read as they stand. `asks` names what a list can be narrowed by."""

    asks: ClassVar[type[Serializer[Any]]] = Shape

    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(self.asks)))

    def retrieve(self, _request: Request, **_: Any) -> Response:
        return self.show(self.subject())
