"""The wall between agencies, twice.

In the ORM: a query on a tenant row outside `wall(agency_id)` raises (django-scopes). In Postgres: forced row-level
security shows nothing, and takes nothing, outside the agency named in the setting `app.agency`, whatever the ORM
forgot. `core.walls` raises the database's half after every migration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction
from django_scopes import get_scope, scope
from django_scopes.manager import DisabledQuerySet
from psycopg.pq import TransactionStatus

from core.ids import uuid7
from core.refusals import NotFound

Row = TypeVar("Row", bound=models.Model)


class WallError(RuntimeError):
    """The wall was used wrongly; a defect of the program, never the caller's fault."""


@contextmanager
def wall(agency_id: UUID | None) -> Iterator[None]:
    """Work inside one agency until the block ends.

    Raises WallError outside a transaction (the database's setting lives as long as a transaction) and on nesting
    with another agency. Nesting with the same agency changes nothing. On exit the setting is restored even when an
    inner savepoint was released.
    """
    if not connection.in_atomic_block:
        raise WallError("A wall needs an open transaction.")
    if agency_id is None:
        raise WallError("A wall stands round an agency; this is none.")
    standing = get_scope().get("agency")
    if standing == agency_id:
        yield
        return
    if standing is not None:
        raise WallError("A wall of another agency is standing; one transaction serves one agency.")
    _tell_postgres(str(agency_id))
    try:
        with scope(agency=agency_id):
            yield
    finally:
        if _can_still_speak():
            _tell_postgres("")


def _can_still_speak() -> bool:
    """In a failed transaction, or one that will be rolled back, the rollback itself takes the setting back."""
    if connection.needs_rollback or connection.connection is None:
        return False
    return bool(connection.connection.info.transaction_status == TransactionStatus.INTRANS)


def _tell_postgres(agency: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.agency', %s, true)", [agency])


@contextmanager
def inside(agency_id: UUID | None) -> Iterator[None]:
    """A transaction of its own inside one agency: what jobs, commands and tests open."""
    with transaction.atomic(), wall(agency_id):
        yield


def standing_agency() -> UUID:
    """The agency whose wall stands; raises WallError when none does."""
    agency = get_scope().get("agency")
    if agency is None:
        raise WallError("No wall stands: open one with wall(agency_id).")
    return UUID(str(agency))


def every_agency() -> list[UUID]:
    """The ids of all agencies, oldest first, for commands that go from one to the next."""
    return list(apps.get_model("tenants", "Agency")._base_manager.order_by("id").values_list("pk", flat=True))


class TenantQuerySet(models.QuerySet[Row]):
    """Query sets of tenant rows."""

    def locked(self, row_id: UUID | None) -> Row:
        """Load one row and hold it until the transaction ends; raises NotFound (404) when it is not here.

        FOR NO KEY UPDATE: keys never change, and the stronger lock would wait for the foreign-key checks that another
        transaction makes at its commit, while that one holds the ledger's head: a deadlock.
        """
        row = self.select_for_update(of=("self",), no_key=True).filter(pk=row_id).first()
        if row is None:
            raise NotFound
        return row

    def found(self, row_id: UUID | None) -> Row:
        """Load one row; raises NotFound (404) when it is not here."""
        row = self.filter(pk=row_id).first()
        if row is None:
            raise NotFound
        return row


class TenantManager(models.Manager[Row]):
    """A manager whose query sets raise until a wall stands."""

    _queryset_class: type[TenantQuerySet[Any]] = TenantQuerySet

    def get_queryset(self) -> TenantQuerySet[Row]:
        agency = get_scope().get("agency")
        if agency is None:
            return DisabledQuerySet(self.model, using=self._db, missing_scopes={"agency"})  # type: ignore[no-any-return]
        rows: TenantQuerySet[Row] = self._queryset_class(self.model, using=self._db, hints=self._hints)  # type: ignore[attr-defined]
        return rows.filter(agency_id=agency)

    @staticmethod
    def of(queryset_class: type[TenantQuerySet[Any]]) -> TenantManager[Any]:
        """A manager with the filters of `queryset_class`, reached through `.all()`."""
        manager: TenantManager[Any] = TenantManager()
        manager._queryset_class = queryset_class
        return manager

    def all(self) -> Any:
        """The rows inside the wall; loosely typed, because the class of the query set is told at run time."""
        return super().all()

    def locked(self, row_id: UUID | None) -> Row:
        return self.get_queryset().locked(row_id)

    def found(self, row_id: UUID | None) -> Row:
        return self.get_queryset().found(row_id)


class TenantRow(models.Model):
    """A row that belongs to one agency and is never seen outside its wall."""

    walled: ClassVar[bool] = True
    # How the gate finds the brand of a row: "brand_id", "id" for a brand itself, None for what belongs to the agency.
    brand_path: ClassVar[str | None] = None
    # How it finds the incident of a row that a restricted incident hides; None for what stays visible on the brand.
    incident_path: ClassVar[str | None] = None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agency = models.ForeignKey(
        "tenants.Agency", on_delete=models.PROTECT, related_name="+", default=standing_agency, editable=False
    )

    objects: ClassVar[TenantManager[Any]] = TenantManager()

    class Meta:
        abstract = True


class TenantKey(models.ForeignKey):  # type: ignore[type-arg]
    """A foreign key from one tenant row to another of the same agency.

    The database's constraint is composite, (agency_id, key) -> (agency_id, id), and is made by `core.walls`: an
    ordinary foreign key passes over row-level security and would accept another agency's row.
    """

    def __init__(self, to: Any, on_delete: Any = models.PROTECT, **kwargs: Any) -> None:
        kwargs.setdefault("related_name", "+")
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete=on_delete, **kwargs)
