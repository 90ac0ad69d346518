"""The wall, with real transactions: inside one test transaction its worst mistakes would be hidden."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django_scopes import scopes_disabled
from django_scopes.exceptions import ScopeError

from core.wall import WallError, every_agency, inside, wall
from tenants.models import Agency, Brand, SocialAccount
from tests.cast import add_brand
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)


def setting() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.agency', true)")
        (value,) = cursor.fetchone()
        return value or None


def test_a_query_without_a_wall_raises(north: North) -> None:
    with pytest.raises(ScopeError):
        list(Brand.objects.all())


def test_the_wall_needs_a_transaction(north: North) -> None:
    with pytest.raises(WallError), wall(north.agency.pk):
        pass


def test_the_wall_of_another_agency_cannot_be_nested(north: North, south: Agency) -> None:
    with inside(north.agency.pk), pytest.raises(WallError), wall(south.pk):
        pass


def test_nesting_the_same_wall_keeps_it_standing(north: North) -> None:
    with inside(north.agency.pk):
        with wall(north.agency.pk):
            pass
        assert setting() == str(north.agency.pk)
        assert Brand.objects.count() == 2


def test_each_agency_sees_its_own(north: North, south: Agency, now: object) -> None:
    add_brand(south, "aurora", north.agency.created_at)
    with inside(south.pk):
        assert [brand.slug for brand in Brand.objects.all()] == ["aurora"]
    assert set(every_agency()) == {north.agency.pk, south.pk}


def test_without_the_orm_guard_row_security_still_shows_nothing(north: North, south: Agency) -> None:
    with inside(south.pk), scopes_disabled(), connection.cursor() as cursor:
        assert Brand._base_manager.filter(agency_id=north.agency.pk).count() == 0
        cursor.execute("SELECT count(*) FROM tenants_brand")
        assert cursor.fetchone() == (0,)


def test_without_row_security_the_orm_guard_still_shows_nothing(north: North, south: Agency) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE tenants_brand DISABLE ROW LEVEL SECURITY")
        with wall(south.pk):
            assert Brand.objects.count() == 0
            assert Brand._base_manager.count() == 2  # the other guard is really off
        transaction.set_rollback(True)


def test_outside_every_wall_the_database_shows_nothing(north: North) -> None:
    with transaction.atomic():
        assert Brand._base_manager.count() == 0


def test_a_row_cannot_be_written_into_another_agency(north: North, south: Agency) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), inside(south.pk):
        Brand(agency_id=north.agency.pk, slug="x", name="x", created_at=north.agency.created_at).save()


def test_a_row_cannot_point_at_another_agencys_row(north: North, south: Agency) -> None:
    with pytest.raises(IntegrityError, match="same_agency"), inside(south.pk):
        SocialAccount(
            brand_id=north.aurora.pk, network="sandbox", handle="@x", connected_at=north.agency.created_at
        ).save()


def test_the_setting_is_restored_even_when_a_savepoint_is_released(north: North) -> None:
    with transaction.atomic():
        with transaction.atomic(), wall(north.agency.pk):
            assert setting() == str(north.agency.pk)
        assert setting() is None


def test_the_setting_is_gone_after_a_failure(north: North) -> None:
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic(), wall(north.agency.pk):
            _ = 1 / 0
        assert setting() is None
        with (
            pytest.raises(ProgrammingError),
            transaction.atomic(),
            wall(north.agency.pk),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT nonsense")
        assert setting() is None


def test_the_next_user_of_the_connection_inherits_nothing(north: North) -> None:
    with inside(north.agency.pk):
        pass
    assert setting() is None
