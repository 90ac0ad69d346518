"""Keeping what people upload: recognised by its content, cleaned, stored once, and forgotten when nothing needs it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction

from core.files.contents import KINDS, PICTURES, UnknownKind, kind_of
from core.files.pictures import made_anew
from core.files.store import drop, lying_below, put
from core.http.parser import TooLarge
from core.ids import uuid7
from core.refusals import Invalid
from core.wall import standing_agency
from tenants.models import StoredFile
from tenants.queries import unused_files

# A content that nothing points to is kept for so long: whoever stored it may be about to point to it.
UNUSED_FOR: Final = timedelta(hours=1)
FORGOTTEN_AT_ONCE: Final = 500


@transaction.atomic
def store_file(*, content: bytes, kinds: Collection[str] = KINDS, at: datetime) -> StoredFile:
    """Keep a file's content for the agency: recognised by what it is, pictures made anew from their pixels.

    The same content is kept once; the row is held until the transaction ends, so that nobody forgets it before
    something points to it. `kinds` are the media types that are taken. Raises Invalid (400) for an empty file, TooLarge
    (413), UnknownKind (415), and what `made_anew` refuses.
    """
    if not content:
        raise Invalid("The file is empty.", errors=[{"field": "file", "code": "empty", "detail": "It is empty."}])
    if len(content) > settings.FILE_MAX_BYTES:
        raise TooLarge(max_bytes=settings.FILE_MAX_BYTES)
    kind = kind_of(content)
    if kind not in kinds:
        raise UnknownKind(kinds=sorted(kinds))
    width = height = None
    if kind in PICTURES:
        if len(content) > settings.IMAGE_MAX_BYTES:
            raise TooLarge(max_bytes=settings.IMAGE_MAX_BYTES)
        picture = made_anew(content, kind)
        content, width, height = picture.content, picture.width, picture.height
    return _kept(content, kind, width, height, at=at)


def _kept(content: bytes, kind: str, width: int | None, height: int | None, *, at: datetime) -> StoredFile:
    agency_id, row_id = standing_agency(), uuid7()
    digest = hashlib.sha256(content).hexdigest()
    # With the row's own id in it: a content that is forgotten and stored again at once lies in another place.
    path = f"{agency_id}/{digest[:2]}/{digest}-{row_id}"
    row = StoredFile(
        id=row_id,
        agency_id=agency_id,
        sha256=digest,
        kind=kind,
        size=len(content),
        width=width,
        height=height,
        path=path,
        stored_at=at,
    )
    same = StoredFile.objects.filter(sha256=digest).select_for_update(of=("self",), no_key=True)
    kept: StoredFile | None = None
    # A row that stood in the way may be forgotten before it is held; then it is ours to insert.
    while kept is None:
        StoredFile.objects.bulk_create([row], ignore_conflicts=True)
        kept = same.first()
    if kept.pk == row_id:
        put(path, content)
    return kept


@transaction.atomic
def forget_files(*, at: datetime) -> int:
    """Forget contents to which nothing points any more, some of them, and what undone uploads have left.

    Returns how many contents there were.
    """
    before = at - UNUSED_FOR
    seen = unused_files(before=before).order_by("pk").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]
    held = StoredFile.objects.filter(pk__in=list(seen)).select_for_update(of=("self",), skip_locked=True)
    # Asked again of those that are held: whoever stores one of these contents now waits for us, and stores it anew.
    gone = dict(unused_files(before=before).filter(pk__in=[file.pk for file in held]).values_list("pk", "path"))
    StoredFile.objects.filter(pk__in=gone).delete()
    for path in [*gone.values(), *_strays(before)]:
        transaction.on_commit(partial(drop, path))
    return len(gone)


def _strays(before: datetime) -> list[str]:
    """What an upload has left that was undone after its content was written: no row knows the place."""
    lying = set(lying_below(str(standing_agency()), before=before))
    return sorted(lying - set(StoredFile.objects.values_list("path", flat=True)))
