"""A directory's filter as a question to Postgres where columns can answer it, and asked row by row where not."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.dateparse import parse_datetime
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from tenants.models import DirectoryMembership

# What Postgres is not asked, is asked of so many rows at most; then the answer is tooMany.
MOST_READ = 2_000

USER_COLUMNS = {
    "id": ("pk", "id"),
    "username": ("user_name", "text"),
    "externalid": ("external_id", "exact"),
    "active": ("active", "flag"),
    "meta.created": ("created_at", "instant"),
    "meta.lastmodified": ("changed_at", "instant"),
}
GROUP_COLUMNS = {
    "id": ("pk", "id"),
    "displayname": ("display_name", "text"),
    "externalid": ("external_id", "exact"),
    "members": ("member_id", "member"),
    "members.value": ("member_id", "member"),
    "meta.created": ("created_at", "instant"),
    "meta.lastmodified": ("changed_at", "instant"),
}
_TEXT = {
    CompareOperator.eq: "iexact", CompareOperator.co: "icontains", CompareOperator.sw: "istartswith",
    CompareOperator.ew: "iendswith",
}  # fmt: skip
_EXACT = {
    CompareOperator.eq: "exact", CompareOperator.co: "contains", CompareOperator.sw: "startswith",
    CompareOperator.ew: "endswith",
}  # fmt: skip
_ORDER = {
    CompareOperator.eq: "exact", CompareOperator.gt: "gt", CompareOperator.ge: "gte", CompareOperator.lt: "lt",
    CompareOperator.le: "lte",
}  # fmt: skip
NOBODY = Q(pk__in=[])


def in_columns(node: FilterNode, columns: dict[str, tuple[str, str]]) -> tuple[Q, bool]:
    """What of a filter columns can answer, and whether that is all of it.

    Where it is not all, the query finds at least the rows that the filter matches.
    """
    visitor = _ToColumns(columns)
    whole = visitor.visit(node)
    if whole is not None:
        return whole, True
    if isinstance(node, LogicalExpr) and node.op == LogicalOperator.and_:
        known = [part for term in node.terms if (part := visitor.visit(term)) is not None]
        return Q(*known), False
    return Q(), False


class _ToColumns(FilterVisitor[Q | None]):
    """A condition on columns; None for what they cannot answer. No column here is ever null."""

    def __init__(self, columns: dict[str, tuple[str, str]]) -> None:
        self.columns = columns

    def _column(self, path: AttrPath) -> tuple[str, str]:
        """Attributes of extensions have no column; the URN of a core schema changes nothing."""
        if path.uri and ":core:" not in str(path.uri).lower():
            return "", ""
        name = f"{path.attr}.{path.sub_attr}" if path.sub_attr else path.attr
        return self.columns.get(name.lower(), ("", ""))

    def visit_comparison(self, node: Comparison) -> Q | None:
        column, kind = self._column(node.attr_path)
        different = node.op == CompareOperator.ne
        found = self._compared(column, kind, CompareOperator.eq if different else node.op, node.value)
        if found is None or not different:
            return found
        # Of several members none is the one: what "ne" says of lists differs from row to row.
        return None if kind == "member" else ~found

    def _compared(self, column: str, kind: str, op: CompareOperator, value: Any) -> Q | None:  # noqa: PLR0911
        match kind:
            case "text" if isinstance(value, str) and op in _TEXT:
                return Q(**{f"{column}__{_TEXT[op]}": value})
            case "exact" if isinstance(value, str) and value and op in _EXACT:
                return Q(**{f"{column}__{_EXACT[op]}": value})
            case "flag" if isinstance(value, bool) and op == CompareOperator.eq:
                return Q(**{column: value})
            case "instant" if op in _ORDER and (instant := _instant(value)):
                return Q(**{f"{column}__{_ORDER[op]}": instant})
            case "id" if isinstance(value, str) and op == CompareOperator.eq:
                known = _uuid(value)
                return Q(**{column: known}) if known else NOBODY
            case "member" if isinstance(value, str) and op == CompareOperator.eq:
                known = _uuid(value)
                rows = DirectoryMembership.objects.filter(member_id=known)
                return Q(pk__in=rows.values("group_id")) if known else NOBODY
            case _:
                return None

    def visit_present(self, node: Present) -> Q | None:
        column, kind = self._column(node.attr_path)
        if kind == "exact":
            return ~Q(**{column: ""})
        return ~NOBODY if kind in {"text", "id", "instant"} else None

    def visit_not(self, node: Not) -> Q | None:
        inner = self.visit(node.expr)
        return None if inner is None else ~inner

    def visit_logical_expr(self, node: LogicalExpr) -> Q | None:
        parts = [self.visit(term) for term in node.terms]
        known = [part for part in parts if part is not None]
        if len(known) != len(parts):
            return None
        joined = known[0]
        for part in known[1:]:
            joined = joined & part if node.op == LogicalOperator.and_ else joined | part
        return joined

    def visit_value_path(self, _node: ValuePath) -> Q | None:
        return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _instant(value: Any) -> datetime | None:
    try:
        instant = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None
