"""What people upload is kept once for each agency, cleaned, and forgotten when nothing points to it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import DatabaseError, connections
from pytest_django import Settings

from core.files.store import FileUnavailable, content_at, drop
from core.http.parser import TooLarge
from core.refusals import Invalid, Refusal
from core.wall import inside
from readiness.actions import add_image, remove_image
from tenants.actions.files import UNUSED_FOR, forget_files, store_file
from tenants.models import Agency, StoredFile
from tests.cast import Person
from tests.conftest import North
from tests.files import SECRET_PLACE, jpeg_with_place, pdf_of, picture_of

pytestmark = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True)
MEGABYTE = 1024 * 1024


@pytest.fixture
def lying() -> Iterator[None]:
    """What a test leaves in the store is taken away after it."""
    before = set(files_there())
    yield
    for path in set(files_there()) - before:
        Path(path).unlink()


def files_there() -> list[str]:
    root = Path(default_storage.path(""))
    return [str(path) for path in root.rglob("*") if path.is_file()]


def test_a_content_is_kept_once_cleaned_and_named_by_its_digest(north: North, now: datetime) -> None:
    with inside(north.agency.pk):
        file = store_file(content=jpeg_with_place(), at=now)
        again = store_file(content=jpeg_with_place(), at=now)
        kept = content_at(file.path)
        assert StoredFile.objects.count() == 1
    assert again.pk == file.pk
    assert (file.kind, file.width, file.height, file.size) == ("image/jpeg", 12, 8, len(kept))
    assert file.sha256 == hashlib.sha256(kept).hexdigest()
    assert SECRET_PLACE not in kept


def test_two_agencies_keep_the_same_content_apart(north: North, south: Agency, now: datetime) -> None:
    with inside(north.agency.pk):
        here = store_file(content=pdf_of(), at=now)
    with inside(south.pk):
        there = store_file(content=pdf_of(), at=now)
        assert StoredFile.objects.count() == 1
    assert (here.sha256, here.path != there.path) == (there.sha256, True)


def test_it_lies_where_nobody_else_reads_and_never_changes(north: North, now: datetime) -> None:
    with inside(north.agency.pk):
        file = store_file(content=pdf_of(), at=now)
    path = Path(default_storage.path(file.path))
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(DatabaseError), inside(north.agency.pk):
        StoredFile.objects.filter(pk=file.pk).update(sha256="0" * 64)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid"),
        (b"\x00" * 20, "unknown_kind"),
        (picture_of("PNG")[:60], "broken_file"),
    ],
)
def test_what_is_refused_leaves_nothing(north: North, now: datetime, content: bytes, code: str) -> None:
    before = files_there()
    with inside(north.agency.pk), pytest.raises(Refusal) as refused:
        store_file(content=content, at=now)
    assert refused.value.code == code
    assert files_there() == before


def test_files_and_pictures_have_a_largest_size(north: North, settings: Settings, now: datetime) -> None:
    picture = picture_of("PNG", size=(300, 300))
    settings.FILE_MAX_BYTES, settings.IMAGE_MAX_BYTES = 10_000, len(picture) - 1
    with inside(north.agency.pk):
        with pytest.raises(TooLarge) as refused:
            store_file(content=b"a" * 10_001, at=now)
        assert refused.value.facts == {"max_bytes": 10_000}
        with pytest.raises(TooLarge) as refused:
            store_file(content=picture, at=now)
        assert refused.value.facts == {"max_bytes": len(picture) - 1}
        with pytest.raises(Invalid):
            store_file(content=b"", at=now)


@committing
def test_what_nothing_points_to_is_forgotten_and_what_something_points_to_is_not(
    north: North, bo: Person, now: datetime, lying: None
) -> None:
    late = now + UNUSED_FOR + timedelta(minutes=1)
    with inside(north.agency.pk):
        loose = store_file(content=pdf_of(), at=now)
        image = add_image(
            brand_id=north.aurora.pk, content=picture_of("PNG"), name="a", alt="Red.", by=bo.actor, at=now
        )
        assert forget_files(at=now) == 0, "somebody may be about to point to it"
    with inside(north.agency.pk):
        assert forget_files(at=late) == 1
    with pytest.raises(FileUnavailable):
        content_at(loose.path)
    assert image.file is not None
    assert content_at(image.file.path)
    with inside(north.agency.pk):
        remove_image(image_id=image.pk, by=bo.actor, at=now)
        assert forget_files(at=late) == 1
    with pytest.raises(FileUnavailable):
        content_at(image.file.path)
    with inside(north.agency.pk):
        back = store_file(content=pdf_of(), at=late)
        assert content_at(back.path) == pdf_of() or back.size > 0


@committing
def test_a_transaction_that_fails_keeps_no_row(north: North, now: datetime, lying: None) -> None:
    with pytest.raises(ZeroDivisionError), inside(north.agency.pk):
        store_file(content=pdf_of(), at=now)
        raise ZeroDivisionError
    with inside(north.agency.pk):
        assert not StoredFile.objects.exists()
        forget_files(at=now + timedelta(days=1))
    assert [path for path in files_there() if str(north.agency.pk) in path] == [], "what it left is taken away"
    with inside(north.agency.pk):
        assert content_at(store_file(content=pdf_of(), at=now).path)


@committing
def test_who_stores_what_is_being_forgotten_stores_it_anew(north: North, now: datetime, lying: None) -> None:
    with inside(north.agency.pk):
        store_file(content=picture_of("PNG"), at=now - timedelta(days=1))
    gate, found = threading.Barrier(6), list[str]()

    def store() -> None:
        gate.wait()
        try:
            with inside(north.agency.pk):
                found.append(store_file(content=picture_of("PNG"), at=now - timedelta(days=1)).path)
        finally:
            connections.close_all()

    def forget() -> None:
        gate.wait()
        try:
            with inside(north.agency.pk):
                forget_files(at=now)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=store) for _ in range(5)] + [threading.Thread(target=forget)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 5
    with inside(north.agency.pk):
        for file in StoredFile.objects.all():
            assert content_at(file.path)


def test_dropping_twice_is_no_mistake(north: North, now: datetime) -> None:
    with inside(north.agency.pk):
        file = store_file(content=pdf_of(), at=now)
    drop(file.path)
    drop(file.path)
