"""Pages by key: a page starts after a row, not after a count, so that deep pages cost what the first one costs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from django.core import signing
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError
from django.db.models import Field, Model, Q
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.refusals import Invalid, Refusal

SALT = "core.http.cursors"
LONGEST_CURSOR = 2_000


class BadCursor(Refusal):
    """The cursor was not made by us, or not for this list, these filters and this agency."""

    code = "bad_cursor"
    status = 400
    title = "This cursor does not belong to this list."


class KeysetPagination(BasePagination):
    """`{"items": […], "next": cursor or null}`, by `?limit=` (1 to 100, else 50) and `?cursor=`.

    The view says `keyset = ("-created_at", "-id")`: own columns that are never null, the last one unique. A cursor is
    signed and bound to agency, path, filters and order; on anything else it is refused with `bad_cursor`. A page is one
    query. The view's `agency_id`, when it has one, is part of the binding; its `first_rows(rows, limit)`, when it has
    one, reads the page.
    """

    default_limit: ClassVar[int] = 50
    max_limit: ClassVar[int] = 100
    limit_param: ClassVar[str] = "limit"
    cursor_param: ClassVar[str] = "cursor"
    drills_param: ClassVar[str] = "drills"

    _next: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        limit = self._limit(request)
        keyset = keyset_of(queryset.model, view)
        binding = self.binding(request, view, keyset)
        rows = queryset.order_by(*keyset)
        if (cursor := request.query_params.get(self.cursor_param)) is not None:
            rows = rows.filter(after(keyset, _opened(cursor, binding, queryset.model, keyset)))
        read = getattr(view, "first_rows", None)
        page = read(rows, limit + 1) if read else list(rows[: limit + 1])
        if len(page) > limit:
            page = page[:limit]
            self._next = _sealed(page[-1], binding, keyset)
        return page

    def binding(self, request: Request, view: Any, keyset: Sequence[str]) -> str:
        """A digest of everything that a cursor is only good for."""
        own = {self.cursor_param, self.limit_param}
        filters = sorted((name, *values) for name, values in request.query_params.lists() if name not in own)
        what = [str(getattr(view, "agency_id", None)), request.path, filters, list(keyset)]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]

    def _limit(self, request: Request) -> int:
        text = request.query_params.get(self.limit_param)
        if text is None:
            return self.default_limit
        limit = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
        if not 1 <= limit <= self.max_limit:
            detail = f"Between 1 and {self.max_limit}."
            raise Invalid(errors=[{"field": self.limit_param, "code": "out_of_range", "detail": detail}])
        return limit

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data, "next": self._next})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": schema,
                "next": {
                    "type": ["string", "null"],
                    "description": "The cursor of the next page; null on the last one.",
                },
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:  # noqa: ARG002 - DRF's signature
        return [
            {
                "name": self.limit_param,
                "in": "query",
                "required": False,
                "description": "How many items at most.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_limit,
                    "default": self.default_limit,
                },
            },
            {
                "name": self.cursor_param,
                "in": "query",
                "required": False,
                "description": "`next` of the page before, with the same filters.",
                "schema": {"type": "string", "maxLength": LONGEST_CURSOR},
            },
            {
                "name": self.drills_param,
                "in": "query",
                "required": False,
                "description": "Also what belongs to the twins of drills; else that is left out, unless a brand or an "
                "incident is named.",
                "schema": {"type": "boolean", "default": False},
            },
        ]


def keyset_of(model: type[Model], view: Any) -> tuple[str, ...]:
    """The view's order; raises ImproperlyConfigured for an order in which rows could tie or have no place."""
    keyset: tuple[str, ...] = tuple(getattr(view, "keyset", ()))
    if not keyset:
        raise ImproperlyConfigured(f"{type(view).__name__} pages but has no keyset.")
    for name in keyset:
        if _column(model, name).null:
            raise ImproperlyConfigured(f"{name} can be null, and null has no place in an order.")
    if not _column(model, keyset[-1]).unique:
        raise ImproperlyConfigured(f"The keyset {keyset} does not end with a unique column.")
    return keyset


def after(keyset: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows that come later than `values` in this order.

    (a, b, c) later than (x, y, z), each column in its own direction, is a>x or (a=x and (b>y or (b=y and c>z))). The
    leading a>=x says nothing new; it is what an index on (a, …) can start from.
    """
    condition = Q()
    for name, value in reversed(list(zip(keyset, values, strict=True))):
        column, later = (name[1:], "lt") if name.startswith("-") else (name, "gt")
        beyond = Q(**{f"{column}__{later}": value})
        condition = beyond if not condition else beyond | (Q(**{column: value}) & condition)
    first = keyset[0].removeprefix("-")
    reach = "lte" if keyset[0].startswith("-") else "gte"
    return Q(**{f"{first}__{reach}": values[0]}) & condition


def _column(model: type[Model], name: str) -> Field[Any, Any]:
    try:
        column = model._meta.get_field(name.removeprefix("-"))
    except FieldDoesNotExist as problem:
        raise ImproperlyConfigured(f"{model.__name__} has no column {name}.") from problem
    if not isinstance(column, Field):
        raise ImproperlyConfigured(f"{name} is not a column of {model.__name__}.")
    return column


def _sealed(row: Model, binding: str, keyset: Sequence[str]) -> str:
    values = [_column(type(row), name).value_to_string(row) for name in keyset]
    return signing.dumps([binding, *values], salt=SALT)


def _opened(cursor: str, binding: str, model: type[Model], keyset: Sequence[str]) -> list[Any]:
    if len(cursor) > LONGEST_CURSOR:
        raise BadCursor
    try:
        bound_to, *texts = signing.loads(cursor, salt=SALT)
    except signing.BadSignature as problem:
        raise BadCursor from problem
    if bound_to != binding or len(texts) != len(keyset):
        raise BadCursor
    try:
        return [_column(model, name).to_python(text) for name, text in zip(keyset, texts, strict=True)]
    except ValidationError as problem:  # a column changed its type since the cursor was made
        raise BadCursor from problem
