"""The store of files: Django's default storage, outside of everything that a web server gives out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from core.refusals import Refusal


class FileUnavailable(Refusal):
    """The store has lost it, or cannot be reached."""

    code = "file_unavailable"
    status = 503
    title = "This file cannot be read at the moment."


def put(path: str, content: bytes) -> None:
    """Write a file; raises FileExistsError where one lies, and OSError."""
    wrote = default_storage.save(path, ContentFile(content))
    if wrote != path:
        default_storage.delete(wrote)
        raise FileExistsError(path)


def opened(path: str) -> IO[Any]:
    """A file, to be read; raises FileUnavailable (503)."""
    try:
        found: Any = default_storage.open(path, "rb")
    except (OSError, SuspiciousFileOperation) as problem:
        raise FileUnavailable from problem
    return found  # type: ignore[no-any-return]


def content_at(path: str) -> bytes:
    """All of a file; raises FileUnavailable (503)."""
    with opened(path) as stream:
        content: bytes = stream.read()
    return content


def lying_below(folder: str, *, before: datetime) -> Iterator[str]:
    """The paths of all files below a folder that were written before an instant."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in files:
        path = f"{folder}/{name}"
        if default_storage.get_modified_time(path) < before:
            yield path
    for name in folders:
        yield from lying_below(f"{folder}/{name}", before=before)


def drop(path: str) -> None:
    """Take a file away; one that is gone already counts as done."""
    default_storage.delete(path)
