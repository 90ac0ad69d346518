"""`manage.py rotate_sealed`: put every sealed value under the first of SEALING_KEYS."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from core.sealed import Sealed, key_id_of, key_ring, sealed_columns
from core.wall import every_agency, inside

BATCH = 200
Scope = Callable[[], AbstractContextManager[Any]]


def scopes_of(model: type[models.Model], agency_ids: Iterable[Any]) -> list[Scope]:
    """The transactions in which all rows of a model are seen: one for each agency, or one for a global table."""
    if any(field.attname == "agency_id" for field in model._meta.concrete_fields):
        return [lambda agency_id=agency_id: inside(agency_id) for agency_id in agency_ids]  # type: ignore[misc]
    return [transaction.atomic]


def reseal(model: type[models.Model], scope: Scope) -> int:
    """Seal again every value of a model that another key than the first one sealed; return how many rows changed.

    Each batch is a transaction of its own, so that it can be stopped and started again at any time. Rows are locked
    while they change: a value that is being saved at the same moment is not overwritten.
    """
    columns = sealed_columns(model)
    changed, last = 0, None
    while True:
        with scope():
            rows = model._base_manager.order_by("pk").select_for_update(of=("self",), no_key=True)
            page = list((rows if last is None else rows.filter(pk__gt=last))[:BATCH])
            for row in page:
                values = {column.attname: new for column in columns if (new := column.resealed(row)) is not None}
                if values:
                    model._base_manager.filter(pk=row.pk).update(**values)
                    changed += 1
        if not page:
            return changed
        last = page[-1].pk


def count_by_key(model: type[models.Model], scope: Scope) -> Counter[str]:
    """How many values each key has sealed."""
    names = [column.attname for column in sealed_columns(model)]
    counts: Counter[str] = Counter()
    with scope():
        for values in model._base_manager.order_by("pk").values_list(*names).iterator():
            counts.update(key_id_of(value.blob) for value in values if isinstance(value, Sealed))
    return counts


class Command(BaseCommand):
    help = "Seal every sealed value again with the first of SEALING_KEYS; --check only counts values by key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Count by key; fail when a key is not configured.")

    def handle(self, *_: Any, check: bool, **__: Any) -> None:
        walks = [
            (model, scope)
            for model in apps.get_models()
            if sealed_columns(model) and model._meta.managed and not model._meta.proxy
            for scope in scopes_of(model, every_agency())
        ]
        if not check:
            changed = sum(reseal(model, scope) for model, scope in walks)
            self.stdout.write(f"{changed} rows are sealed again with {key_ring().sealing_id!r}.")
            return
        counts: Counter[str] = Counter()
        for model, scope in walks:
            counts += count_by_key(model, scope)
        for key_id, count in sorted(counts.items()):
            self.stdout.write(f"{key_id} {count}")
        if unknown := [key_id for key_id in counts if key_id not in key_ring()]:
            raise CommandError(f"Values are sealed with keys that are not configured: {', '.join(sorted(unknown))}.")
