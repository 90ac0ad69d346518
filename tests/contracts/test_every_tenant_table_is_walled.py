"""The database's catalogue tells whether the wall stands round every table, not the code that meant to raise it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.db import connection, transaction

from core.walls import OWN_ROWS, composite_name, raise_walls, tenant_keys, walled_models
from listening.partitions import make_partitions

pytestmark = pytest.mark.django_db

# Tables that belong to no agency, each with its reason.
GLOBAL = {
    "core_cache": "counters of sign-in, before an agency is chosen",
    "auth_group": "Django's, unused",
    "auth_group_permissions": "Django's, unused",
    "auth_permission": "the names of needs",
    "django_content_type": "the names of tables",
    "django_migrations": "the history of the schema",
    "django_session": "a person's session, before an agency is chosen",
    "account_emailaddress": "a person's address",
    "account_emailconfirmation": "a person's address",
    "usersessions_usersession": "a person's session",
    "mfa_authenticator": "a person's second factor, sealed",
    "socialaccount_socialaccount": "allauth's, always empty: Identity says who somebody is",
    "socialaccount_socialapp": "allauth's, always empty: IdentityProvider holds them",
    "socialaccount_socialtoken": "allauth's, always empty",
    "guardian_userobjectpermission": "guardian's generic table, always empty",
    "guardian_groupobjectpermission": "guardian's generic table, always empty",
    "tenants_user": "a person may sit in several agencies",
    "tenants_agency": "looked up by its slug before a wall can stand",
    "jobs_job": "ids only; workers read it across agencies",
    "jobs_pulse": "when the sweep was last made",
    "listening_sharedstream": "how far one reader has read for everybody; nobody's content",
}
WALLED_BY_HAND = {"core_idempotentanswer"}


def tables() -> set[str]:
    """Every table by itself; a partition is part of one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        return {row[0] for row in cursor.fetchall()}


def test_a_partition_shows_nothing_to_anybody_who_asks_for_it_by_name() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        make_partitions([datetime(2026, 5, 1, tzinfo=UTC)])
        cursor.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity AND NOT EXISTS "
            "(SELECT FROM pg_policy WHERE polrelid = pg_class.oid) FROM pg_class WHERE relispartition AND relkind = 'r'"
        )
        shut = dict(cursor.fetchall())
    assert {"listening_mention_before_2026", "listening_mention_2026_05"} <= set(shut)
    assert all(shut.values())


def test_every_table_is_walled_or_on_the_list_of_global_ones() -> None:
    walled = {model._meta.db_table for model in walled_models()} | WALLED_BY_HAND
    assert tables() == walled | set(GLOBAL)


def test_every_walled_table_forces_row_security_with_the_restrictive_policy() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_policies p ON p.tablename = c.relname "
            "WHERE c.relrowsecurity AND c.relforcerowsecurity AND p.permissive = 'RESTRICTIVE' "
            "AND p.cmd = 'ALL' AND p.roles = '{public}' "
            "AND p.qual LIKE '%current_setting(''app.agency''%' AND p.with_check = p.qual"
        )
        forced = {row[0] for row in cursor.fetchall()}
    assert forced == {model._meta.db_table for model in walled_models()} | WALLED_BY_HAND
    assert "app.agency" in OWN_ROWS


def test_every_key_between_tenant_tables_is_composite() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, conrelid::regclass::text, confrelid::regclass::text, array_length(conkey, 1) "
            "FROM pg_constraint WHERE contype = 'f'"
        )
        keys = {name: (table, target, width) for name, table, target, width in cursor.fetchall()}
    walled = {model._meta.db_table for model in walled_models()}
    for model in walled_models():
        for key in tenant_keys(model):
            name = composite_name(model._meta.db_table, key.column)
            assert keys[name] == (model._meta.db_table, key.related_model._meta.db_table, 2)
    single = [name for name, (table, target, width) in keys.items() if {table, target} <= walled and width != 2]
    assert single == [], "ordinary foreign keys pass over row-level security"


def test_raising_the_walls_again_changes_nothing() -> None:
    with transaction.atomic():
        raise_walls()
        raise_walls()


def test_the_application_role_is_bound_by_the_wall() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)


def test_no_tenant_model_is_unmanaged() -> None:
    assert all(model._meta.managed for model in apps.get_models() if getattr(model, "walled", False))
