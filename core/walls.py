"""The database's half of the wall: raised after every migration, as often as you like."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections, models

from core.wall import TenantKey

OLDEST_POSTGRES = 15  # constraints with NULLS NOT DISTINCT
OWN_ROWS = "agency_id = (SELECT nullif(current_setting('app.agency', true), '')::uuid)"


def walled_models() -> list[type[models.Model]]:
    """Every model whose rows belong to one agency, in a stable order."""
    return sorted(
        (m for m in apps.get_models() if getattr(m, "walled", False) and m._meta.managed and not m._meta.proxy),
        key=lambda m: m._meta.db_table,
    )


def tenant_keys(model: type[models.Model]) -> list[TenantKey]:
    return [f for f in model._meta.get_fields() if isinstance(f, TenantKey)]


def raise_walls(*, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Give every tenant table forced row-level security and composite foreign keys, where they are missing."""
    connection = connections[using]
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
        cursor.execute("SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema()")
        policies = {tuple(row) for row in cursor.fetchall()}
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity "
            "AND relnamespace = current_schema()::regnamespace"
        )
        forced = {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT conname FROM pg_constraint WHERE connamespace = current_schema()::regnamespace")
        constraints = {row[0] for row in cursor.fetchall()}
        here = [m for m in walled_models() if m._meta.db_table in existing]
        for statement in (
            *_row_security(here, policies, forced),
            *_pair_keys(here, constraints, existing),
            *_composite_keys(here, constraints, existing),
        ):
            cursor.execute(statement)


class UnboundRole(ImproperlyConfigured):
    """The database role passes through the wall; nothing may be served under it."""


def refuse_unbound_role() -> None:
    """Stop a process that would serve under a superuser or a BYPASSRLS role: row-level security ignores both."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, is_super, bypasses = cursor.fetchone()
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        (major,) = cursor.fetchone()
    if is_super or bypasses:
        raise UnboundRole(f"The database role {name} is a superuser or has BYPASSRLS; use one that is neither.")
    if major < OLDEST_POSTGRES:
        raise UnboundRole(f"Postgres {major} is too old: {OLDEST_POSTGRES} or newer is needed.")


def _row_security(here: list[type[models.Model]], policies: set[tuple[str, ...]], forced: set[str]) -> list[str]:
    statements = []
    for table in (m._meta.db_table for m in here):
        if table not in forced:
            statements.append(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')
        if (table, "rows_are_usable") not in policies:
            statements.append(f'CREATE POLICY rows_are_usable ON "{table}" USING (true) WITH CHECK (true)')
        # Restrictive: a later, wider policy is combined with AND and cannot open the wall.
        if (table, "rows_stay_in_their_agency") not in policies:
            statements.append(
                f'CREATE POLICY rows_stay_in_their_agency ON "{table}" AS RESTRICTIVE '
                f"USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})"
            )
    return statements


def _pair_keys(here: list[type[models.Model]], constraints: set[str], existing: set[str]) -> list[str]:
    targets = {key.related_model._meta.db_table for model in here for key in tenant_keys(model)}
    return [
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_agency_and_id" UNIQUE (agency_id, id)'
        for table in sorted(targets & existing)
        if f"{table}_agency_and_id" not in constraints
    ]


def _composite_keys(here: list[type[models.Model]], constraints: set[str], existing: set[str]) -> list[str]:
    statements = []
    for model in here:
        table = model._meta.db_table
        for key in tenant_keys(model):
            name = composite_name(table, key.column)
            target = key.related_model._meta.db_table
            if name not in constraints and target in existing:
                statements.append(
                    f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (agency_id, "{key.column}") '
                    f'REFERENCES "{target}" (agency_id, id) DEFERRABLE INITIALLY DEFERRED'
                )
    return statements


def composite_name(table: str, column: str) -> str:
    """The constraint's name; Postgres cuts names at 63 bytes, so we cut first."""
    return f"{table}_{column}_same_agency"[-63:]
