"""What a brand listens for: queries are added, changed and removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from ledger.actions import record
from listening.models import Query, Source
from listening.query import compile_query

CHANGEABLE: Final = ("name", "expression", "exclude", "languages")


class QueryKnown(Refusal):
    code = "query_known"
    title = "The brand has a query of this name."


class QueryInUse(Refusal):
    code = "query_in_use"
    title = "Sources listen with this query: give them another, or end them."


@transaction.atomic
def add_query(
    *,
    brand_id: UUID,
    name: str,
    expression: str,
    exclude: Sequence[str] = (),
    languages: Sequence[str] = (),
    by: Actor,
    at: datetime,
) -> Query:
    """Give a brand something to listen for. Raises BadQuery (400) where it cannot be understood."""
    compiled = compile_query(expression, exclude=exclude, languages=languages)
    _refuse_twin(brand_id, name)
    query = Query(
        id=uuid7(),
        brand_id=brand_id,
        name=name,
        expression=expression,
        exclude=list(exclude),
        languages=list(compiled.languages),
        created_at=at,
    )
    query.save(force_insert=True)
    record("query.added", on=query, by=by, at=at, name=name)
    return query


@transaction.atomic
def change_query(*, query_id: UUID, changes: dict[str, Any], by: Actor, at: datetime) -> Query:
    """Listen for something else from now on; what is stored already stays. Raises BadQuery (400)."""
    query: Query = Query.objects.locked(query_id)
    changed = sorted(field for field in CHANGEABLE if field in changes and changes[field] != getattr(query, field))
    for field in changed:
        setattr(query, field, changes[field])
    compiled = compile_query(query.expression, exclude=query.exclude, languages=query.languages)
    query.languages = list(compiled.languages)
    if "name" in changed:
        _refuse_twin(query.brand_id, query.name)
    query.version += 1
    query.save(update_fields=[*changed, "version"])
    record("query.changed", on=query, by=by, at=at, fields=changed)
    return query


@transaction.atomic
def remove_query(*, query_id: UUID, by: Actor, at: datetime) -> None:
    """Forget a query that no going source listens with; ended sources lose their mark of it."""
    query: Query = Query.objects.locked(query_id)
    using = list(Source.objects.filter(query=query, ended_at=None).order_by("id").values_list("pk", flat=True))
    if using:
        raise QueryInUse(sources=[str(source) for source in using])
    Source.objects.filter(query=query).update(query=None)
    record("query.removed", on=query, by=by, at=at, name=query.name)
    query.delete()


def _refuse_twin(brand_id: UUID, name: str) -> None:
    if Query.objects.filter(brand_id=brand_id, name=name).exists():
        raise QueryKnown(name=name)
