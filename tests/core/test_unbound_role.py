"""A role that row-level security does not bind must not serve."""

from __future__ import annotations

import pytest
from django.db import connection

from core.walls import UnboundRole, refuse_unbound_role

pytestmark = pytest.mark.django_db


def test_the_applications_own_role_may_serve() -> None:
    refuse_unbound_role()


def test_a_role_that_bypasses_the_wall_may_not() -> None:
    """The catalogue of this session is covered by a view that says what a superuser's would say."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP VIEW pg_roles AS "
            "SELECT rolname, true AS rolsuper, false AS rolbypassrls FROM pg_catalog.pg_roles"
        )
        cursor.execute("SET LOCAL search_path = pg_temp, public, pg_catalog")
    with pytest.raises(UnboundRole, match="superuser"):
        refuse_unbound_role()
