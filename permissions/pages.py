"""The first rows of a list that a person's brands narrow, without reading what they will not be shown.

Postgres has no good plan for "the newest 51 rows of these 2 000 brands": it walks all rows of the agency, or fetches
all rows of the brands and sorts them. Here each brand is asked for its first row; the brands are put in the order of
those rows; and only as many brands as rows are wanted can hold any of the wanted ones, so only they are read further.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import Index, Model, QuerySet, UUIDField
from django.db.models.expressions import Col, RawSQL
from django.db.models.lookups import In

Rows = TypeVar("Rows", bound=Model)


class InBrands(In):
    """`brand IN (…)`, as the gate says it: told apart from any other condition, so that `first` can take it out."""


def first(rows: QuerySet[Rows], limit: int) -> list[Rows]:
    """The first `limit` of ordered rows that `gate.visible` has narrowed; the same rows as `rows[:limit]`.

    The condition on brands is taken apart when it stands alone, on a column of the rows' own table that an index
    serves in this order; otherwise the rows are read as they are.
    """
    order = [str(name) for name in rows.query.order_by]
    narrowed = _condition(rows)
    if narrowed is None or not _served(rows.model, narrowed.lhs.target.name, order):
        return list(rows[:limit])
    free = rows.all()
    children: list[Any] = free.query.where.children
    free.query.where.children = [part for part in children if part is not narrowed]
    of_one = free.filter(**{narrowed.lhs.target.attname: RawSQL("b.id", (), output_field=UUIDField())})
    columns = [name.removeprefix("-") for name in order]
    newest, newest_params = of_one.values(*columns)[:1].query.sql_with_params()
    few, few_params = of_one.values(*columns)[:limit].query.sql_with_params()
    sorting = ", ".join(f'x."{name.removeprefix("-")}"{" DESC" if name.startswith("-") else ""}' for name in order)
    found = RawSQL(  # noqa: S611 - names of our own columns; every value is a parameter
        f'SELECT x."{columns[-1]}" FROM ('  # noqa: S608
        f"SELECT b.id FROM unnest(%s::uuid[]) AS b(id) CROSS JOIN LATERAL ({newest}) AS x ORDER BY {sorting} LIMIT %s"
        f") AS b CROSS JOIN LATERAL ({few}) AS x ORDER BY {sorting} LIMIT %s",
        (list(narrowed.rhs), *newest_params, limit, *few_params, limit),
    )
    return list(free.filter(**{f"{columns[-1]}__in": found})[:limit])


def _condition(rows: QuerySet[Any]) -> InBrands | None:
    """The gate's condition, when it is one of those that must all hold."""
    where = rows.query.where
    children: list[Any] = where.children
    found = [part for part in children if isinstance(part, InBrands)]
    alone = len(found) == 1 and where.connector == "AND" and not where.negated
    own = alone and isinstance(found[0].lhs, Col) and found[0].lhs.alias == rows.model._meta.db_table
    return found[0] if own else None


def _served(model: type[Model], brand: str, order: Sequence[str]) -> bool:
    """Whether an index has agency, brand and then this order."""
    return any(
        isinstance(index, Index) and index.condition is None and list(index.fields) == ["agency", brand, *order]
        for index in model._meta.indexes
    )
