"""A sealed value opens in its own place, with a key that is there, and nowhere else."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core import serializers
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.test.utils import isolate_apps
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.serializers import ModelSerializer

from core.management.commands.rotate_sealed import reseal
from core.sealed import (
    KeyRing,
    SealBroken,
    Sealed,
    SealedJSONField,
    SealedTextField,
    UnknownSealingKey,
    check_keys,
    key_id_of,
)
from core.wall import inside
from tenants.models import SocialAccount
from tests.cast import add_account
from tests.conftest import North


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


OLD, NEW = new_key(), new_key()
PLACE = ("agency", "table", "column", "row")


@pytest.fixture(autouse=True)
def keys(settings: Any) -> Any:
    settings.SEALING_KEYS = {"old": OLD}
    return settings


@pytest.fixture
def vault(db: None) -> Iterator[Any]:
    """A table with sealed columns that exists for one test."""
    with isolate_apps("core"):

        class Vault(models.Model):
            id = models.UUIDField(primary_key=True, default=uuid4)
            agency_id = models.UUIDField(default=uuid4)
            token = SealedTextField(null=True)
            other = SealedTextField(null=True)
            data = SealedJSONField(null=True)
            note = models.TextField(default="")

            class Meta:
                app_label = "core"

        with connection.schema_editor() as editor:
            editor.create_model(Vault)
        yield Vault


def stored(row: models.Model, column: str = "token") -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{row._meta.db_table}" WHERE id = %s', [row.pk])  # noqa: S608
        return bytes(cursor.fetchone()[0])


def put(row: models.Model, blob: bytes | None, column: str = "token") -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{row._meta.db_table}" SET "{column}" = %s WHERE id = %s', [blob, row.pk])  # noqa: S608


class TestColumns:
    def test_what_was_saved_is_read_back_and_the_database_never_saw_it(self, vault: Any) -> None:
        row = vault.objects.create(token="hunter2", data={"refresh": ["hunter2", 5, None]})
        assert (row.token, row.data) == ("hunter2", {"refresh": ["hunter2", 5, None]})
        again = vault.objects.get()
        assert (again.token, again.data, again.other) == ("hunter2", {"refresh": ["hunter2", 5, None]}, None)
        assert stored(row).startswith(b"s1:old:")
        assert b"hunter2" not in stored(row) + stored(row, "data")
        assert vault.objects.filter(other__isnull=True, token__isnull=False).exists()

    @pytest.mark.parametrize("text", ["", "x" * 100_000, "ünïcode \N{PILE OF POO}", "s1:old:"])
    def test_any_text_survives(self, vault: Any, text: str) -> None:
        vault.objects.create(token=text)
        assert vault.objects.get().token == text

    def test_equal_values_are_sealed_differently(self, vault: Any) -> None:
        row = vault.objects.create(token="a", other="a")
        assert stored(row)[-17:] != stored(row, "other")[-17:]

    def test_many_rows_are_sealed_in_one_insert(self, vault: Any) -> None:
        vault.objects.bulk_create([vault(token=f"t{n}") for n in range(3)])
        assert sorted(row.token for row in vault.objects.all()) == ["t0", "t1", "t2"]

    def test_loading_opens_nothing_and_reading_one_column_opens_that_one(self, vault: Any) -> None:
        row = vault.objects.create(token="fine", other="broken")
        put(row, b"s1:gone:" + b"x" * 40, "other")
        again = vault.objects.get()
        again.note = "changed"
        again.save()
        assert again.token == "fine"
        with pytest.raises(UnknownSealingKey, match="'gone'"):
            _ = again.other

    def test_a_deferred_column_opens_when_it_is_read(self, vault: Any) -> None:
        vault.objects.create(token="a")
        row = vault.objects.defer("token").get()
        assert row.token == "a"
        row.save()
        row.refresh_from_db()
        assert (row.token, vault.objects.get().token) == ("a", "a")

    def test_saving_again_keeps_an_unchanged_value_as_it_lies(self, vault: Any) -> None:
        row = vault.objects.create(token="a")
        before = stored(row)
        again = vault.objects.get()
        assert again.token == "a"
        again.save()
        assert stored(row) == before
        again.token = "b"
        again.save(update_fields=["token"])
        assert (stored(row) != before, vault.objects.get().token) == (True, "b")

    @pytest.mark.parametrize("elsewhere", ["row", "column", "agency"])
    def test_a_value_that_was_copied_elsewhere_does_not_open(self, vault: Any, elsewhere: str) -> None:
        row = vault.objects.create(token="hunter2", other="x")
        if elsewhere == "row":
            target, column = vault.objects.create(agency_id=row.agency_id, token="mine"), "token"
            put(target, stored(row))
        elif elsewhere == "column":
            target, column = row, "other"
            put(target, stored(row), "other")
        else:
            target, column = row, "token"
            vault.objects.filter(pk=row.pk).update(agency_id=uuid4())
        with pytest.raises(SealBroken) as broken:
            getattr(vault.objects.get(pk=target.pk), column)
        assert "hunter2" not in str(broken.value)

    @pytest.mark.parametrize(
        "blob", [b"", b"plain text", b"s1:old:", b"s1:old:short", b"s2:old:" + b"x" * 40, b"s1::x"]
    )
    def test_what_is_not_a_sealed_value_is_never_returned(self, vault: Any, blob: bytes) -> None:
        row = vault.objects.create(token="a")
        put(row, blob)
        with pytest.raises(SealBroken):
            _ = vault.objects.get().token

    def test_it_cannot_be_written_past_its_row_or_searched_or_dumped(self, vault: Any) -> None:
        row = vault.objects.create(token="hunter2")
        with pytest.raises(TypeError, match="saving its row") as refused, transaction.atomic():
            vault.objects.update(token="hunter3")
        assert "hunter3" not in str(refused.value)
        row.token = "hunter3"
        with pytest.raises(TypeError, match="saving its row"), transaction.atomic():
            vault.objects.bulk_update([row], ["token"])
        for search in ({"token": "hunter2"}, {"token__contains": "h"}, {"token__in": ["hunter2"]}):
            with pytest.raises(FieldError):
                vault.objects.filter(**search).exists()
        with pytest.raises(TypeError, match="never leaves"):
            serializers.serialize("json", [row])

        class VaultView(ModelSerializer[Any]):
            class Meta:
                model = vault
                fields = ["token"]

        with pytest.raises(TypeError, match="never leaves"):
            _ = VaultView(row).data
        assert "hunter" not in repr(vault.objects.get().__dict__)

    def test_a_row_without_an_owner_cannot_be_sealed(self, vault: Any) -> None:
        with pytest.raises(SealBroken, match="owner"):
            vault(agency_id=None, token="a").save()

    def test_only_text_is_text(self, vault: Any) -> None:
        with pytest.raises(TypeError, match="must be a text"):
            vault(token=5).save()

    def test_a_column_survives_its_migration(self) -> None:
        _, path, args, kwargs = SealedTextField(null=True, owner="pk").deconstruct()
        assert (path, args, kwargs) == (
            "core.sealed.SealedTextField",
            [],
            {"null": True, "owner": "pk", "editable": False},
        )
        for searched in ({"unique": True}, {"db_index": True}, {"default": ""}, {"primary_key": True}):
            with pytest.raises(TypeError):
                SealedTextField(**searched)


class TestKeys:
    @given(st.binary(max_size=300), st.integers(0, 400), st.integers(1, 255))
    def test_a_changed_byte_is_always_noticed(self, plain: bytes, where: int, change: int) -> None:
        ring = KeyRing({"a": OLD, "b": NEW})
        blob = bytearray(ring.seal(plain, PLACE))
        assert ring.open(bytes(blob), PLACE) == plain
        blob[where % len(blob)] ^= change
        with pytest.raises(SealBroken):
            ring.open(bytes(blob), PLACE)

    @given(st.lists(st.text(), min_size=4, max_size=4), st.lists(st.text(), min_size=4, max_size=4))
    def test_no_two_places_are_the_same_to_the_cipher(self, one: list[str], other: list[str]) -> None:
        ring = KeyRing({"a": OLD})
        blob = ring.seal(b"x", tuple(one))
        if one == other:
            assert ring.open(blob, tuple(other)) == b"x"
        else:
            with pytest.raises(SealBroken):
                ring.open(blob, tuple(other))

    def test_the_first_key_seals_and_every_key_opens(self) -> None:
        blob = KeyRing({"old": OLD}).seal(b"x", PLACE)
        both = KeyRing({"new": NEW, "old": OLD})
        assert both.open(blob, PLACE) == b"x"
        assert key_id_of(both.seal(b"x", PLACE)) == "new"
        with pytest.raises(UnknownSealingKey):
            KeyRing({"new": NEW}).open(blob, PLACE)
        with pytest.raises(SealBroken):
            KeyRing({"old": NEW}).open(blob, PLACE)

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"a": "not base64!"},
            {"a": base64.b64encode(b"short").decode()},
            {"A": OLD},
            {"": OLD},
            {"a:b": OLD},
            {"x" * 17: OLD},
            {"a": OLD, "b": OLD},
        ],
    )
    def test_wrong_settings_are_noticed_at_start_up(self, keys: Any, wrong: dict[str, str]) -> None:
        check_keys()
        keys.SEALING_KEYS = wrong
        with pytest.raises(ImproperlyConfigured) as problem:
            check_keys()
        assert OLD not in str(problem.value)


class TestRotation:
    def test_every_value_moves_to_the_first_key_and_still_opens(self, vault: Any, keys: Any) -> None:
        rows = [vault.objects.create(token=f"t{n}", data=[n], note=str(n)) for n in range(3)]
        vault.objects.create()
        keys.SEALING_KEYS = {"new": NEW, "old": OLD}
        newer = vault.objects.create(token="newer")
        untouched = stored(newer)
        assert reseal(vault, inside_nothing) == 3
        assert {key_id_of(stored(row, column)) for row in rows for column in ("token", "data")} == {"new"}
        assert stored(newer) == untouched
        keys.SEALING_KEYS = {"new": NEW}
        assert [(row.token, row.data) for row in vault.objects.filter(data__isnull=False).order_by("note")] == [
            ("t0", [0]),
            ("t1", [1]),
            ("t2", [2]),
        ]
        assert reseal(vault, inside_nothing) == 0

    def test_the_command_goes_through_every_agency(self, north: North, now: Any, keys: Any) -> None:
        account = add_account(north.aurora, "@other", now, token="hunter2")
        keys.SEALING_KEYS = {"new": NEW, "old": OLD}
        assert said("--check") == "old 3\n"  # and the two accounts that stand on the stage already
        assert "sealed again with 'new'" in said()
        assert said("--check") == "new 3\n"
        keys.SEALING_KEYS = {"new": NEW}
        with inside(north.agency.pk):
            assert SocialAccount.objects.get(pk=account.pk).credentials == {"token": "hunter2"}

    def test_a_value_under_a_key_that_is_gone_fails_the_check(self, north: North, now: Any, keys: Any) -> None:
        add_account(north.aurora, "@other", now, token="hunter2")
        keys.SEALING_KEYS = {"new": NEW}
        with pytest.raises(CommandError, match="old"):
            said("--check")
        with pytest.raises(UnknownSealingKey):
            said()


def inside_nothing() -> Any:
    return inside(UUID(int=1))


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command("rotate_sealed", *arguments, stdout=out)
    return out.getvalue()


def test_a_sealed_value_shows_nothing_of_itself() -> None:
    assert repr(Sealed(b"s1:old:hunter2")) == "<sealed>"
