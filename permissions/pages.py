"""The brands on which somebody holds a need, and the first rows of a list that they narrow.

Postgres has no good plan for "the newest 51 rows of these 2 000 brands": it walks all rows of the agency, or fetches
all rows of the brands and sorts them. Here each brand is asked for its first row; the brands are put in the order of
those rows; and only as many brands as rows are wanted can hold any of the wanted ones, so only they are read further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Index, Lookup, Model, QuerySet, UUIDField
from django.db.models.expressions import Col, RawSQL

from permissions.needs import Need

Rows = TypeVar("Rows", bound=Model)
WINDOW = 20  # how many pages of the agency's newest rows are looked through first
MANY = 100  # brands, for whoever holds more than which that pays

HELD = """
SELECT DISTINCT r.content_object_id AS id
  FROM permissions_brandreach r
 WHERE r.user_id = %s AND r.agency_id = %s
   AND r.permission_id = (
       SELECT p.id FROM auth_permission p JOIN django_content_type t ON t.id = p.content_type_id
        WHERE t.app_label = 'tenants' AND t.model = 'brand' AND p.codename = %s)
   AND (r.starts_at IS NULL OR r.starts_at <= %s) AND (r.ends_at IS NULL OR r.ends_at > %s)
   AND NOT r.content_object_id = ANY(%s::uuid[])
"""


@dataclass(frozen=True)
class HeldBrands:
    """The brands on which a person holds a need at an instant, by grants on the brands: a question, asked once.

    `closed` are left out whatever was granted; `only`, when not empty, leaves out every other.
    """

    user_id: UUID
    agency_id: UUID
    need: Need
    at: datetime
    closed: frozenset[UUID]
    only: frozenset[UUID]

    @property
    def select(self) -> tuple[str, list[Any]]:
        """A statement that yields the ids as column `id`, and its parameters."""
        asked = [self.user_id, self.agency_id, self.need.value, self.at, self.at, list(self.closed)]
        if not self.only:
            return HELD, asked
        return f"{HELD} AND r.content_object_id = ANY(%s::uuid[])", [*asked, list(self.only)]

    @cached_property
    def ids(self) -> frozenset[UUID]:
        """Told as a list and not as a sub-query: Postgres takes a sub-query of grants for one row, and then reads
        every row of the granted brands for one page.
        """
        return self._few if len(self._few) <= MANY else self._fetch("")

    @property
    def any(self) -> bool:
        """Whether there is one at all; whoever holds very many does not have them fetched for it."""
        return bool(self._few)

    @cached_property
    def _few(self) -> frozenset[UUID]:
        """All of them, or one more than many."""
        return self._fetch(f" LIMIT {MANY + 1}")

    def _fetch(self, limit: str) -> frozenset[UUID]:
        statement, asked = self.select
        with connection.cursor() as cursor:
            cursor.execute(statement + limit, asked)
            return frozenset(row[0] for row in cursor.fetchall())


class InBrands(Lookup):
    """`brand = ANY(…)` of HeldBrands: told apart from any other condition, so that `first` can take it out."""

    lookup_name = "in_brands"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY(%s::uuid[])", [*params, list(self.rhs.ids)]


def first(rows: QuerySet[Rows], limit: int) -> list[Rows]:
    """The first `limit` of ordered rows that `gate.visible` has narrowed; the same rows as `rows[:limit]`, one query.

    The condition on brands is taken apart when it stands alone, on a column of the rows' own table that an index
    serves in this order; otherwise the rows are read as they are.
    """
    order = [str(name) for name in rows.query.order_by]
    narrowed = _condition(rows)
    if narrowed is None or not _served(rows.model, [narrowed.lhs.target.name, *order]):
        return list(rows[:limit])
    free = rows.all()
    children: list[Any] = free.query.where.children
    free.query.where.children = [part for part in children if part is not narrowed]
    columns = [name.removeprefix("-") for name in order]
    held, params = narrowed.rhs.select
    found, found_params = _brand_by_brand(free, narrowed, order, limit)
    if _served(rows.model, order) and _says_only(free.query.where, {"agency", *columns}):
        recent, recent_params = _among_the_newest(free, narrowed, order, limit)
        held = f"{held}), recent AS MATERIALIZED ({recent}"
        enough = "(SELECT count(*) FROM recent) < %s"
        found = f"SELECT * FROM recent UNION ALL SELECT * FROM ({found}) AS x WHERE {enough}"  # noqa: S608
        params = [*params, *recent_params]
        found_params = [*found_params, limit]
    statement = f"WITH held AS MATERIALIZED ({held}) {found}"
    key = RawSQL(statement, [*params, *found_params])  # noqa: S611 - names of our own columns; values are parameters
    return list(free.filter(**{f"{columns[-1]}__in": key})[:limit])


def _brand_by_brand(free: QuerySet[Any], narrowed: InBrands, order: list[str], limit: int) -> tuple[str, list[Any]]:
    of_one = free.filter(**{narrowed.lhs.target.attname: RawSQL("b.id", (), output_field=UUIDField())})
    columns = [name.removeprefix("-") for name in order]
    newest, newest_params = of_one.values(*columns)[:1].query.sql_with_params()
    few, few_params = of_one.values(*columns)[:limit].query.sql_with_params()
    by = _sorting(order)
    statement = (
        f'SELECT x."{columns[-1]}" FROM ('  # noqa: S608
        f"SELECT b.id FROM held AS b CROSS JOIN LATERAL ({newest}) AS x ORDER BY {by} LIMIT %s"
        f") AS b CROSS JOIN LATERAL ({few}) AS x ORDER BY {by} LIMIT %s"
    )
    return statement, [*newest_params, limit, *few_params, limit]


def _among_the_newest(free: QuerySet[Any], narrowed: InBrands, order: list[str], limit: int) -> tuple[str, list[Any]]:
    """Whoever holds many brands most likely finds a page among the agency's newest rows, with hardly any reading."""
    brand = narrowed.lhs.target.column
    columns = [name.removeprefix("-") for name in order]
    window, params = free.values(*columns, narrowed.lhs.target.attname)[: limit * WINDOW].query.sql_with_params()
    statement = (
        f'SELECT x."{columns[-1]}" FROM ({window}) AS x WHERE (SELECT count(*) FROM held) > %s '  # noqa: S608
        f'AND x."{brand}" IN (SELECT id FROM held) ORDER BY {_sorting(order)} LIMIT %s'
    )
    return statement, [*params, MANY, limit]


def _sorting(order: Sequence[str]) -> str:
    return ", ".join(f'x."{name.removeprefix("-")}"{" DESC" if name.startswith("-") else ""}' for name in order)


def _says_only(where: Any, columns: set[str]) -> bool:
    """Whether every condition is on one of these columns of the rows' own table."""
    return all(
        _says_only(part, columns)
        if hasattr(part, "children")
        else isinstance(part.lhs, Col) and part.lhs.target.name in columns
        for part in where.children
    )


def _condition(rows: QuerySet[Any]) -> InBrands | None:
    """The gate's condition, when it is one of those that must all hold."""
    where = rows.query.where
    children: list[Any] = where.children
    found = [part for part in children if isinstance(part, InBrands)]
    alone = len(found) == 1 and where.connector == "AND" and not where.negated
    own = alone and isinstance(found[0].lhs, Col) and found[0].lhs.alias == rows.model._meta.db_table
    return found[0] if own else None


def _served(model: type[Model], order: Sequence[str]) -> bool:
    """Whether an index has the agency and then this order."""
    return any(
        isinstance(index, Index) and index.condition is None and list(index.fields) == ["agency", *order]
        for index in model._meta.indexes
    )
