"""Pictures of the library: taken in, described, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.files.contents import PICTURES, safe_name
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from ledger.actions import record
from readiness.models import Image
from tenants.actions.files import store_file


class ImageKnown(Refusal):
    """Fact `image_id`."""

    code = "image_known"
    title = "The brand's library has this picture already."


class ImageRemoved(Refusal):
    """Fact `removed_at`."""

    code = "image_removed"
    title = "This picture was taken away."


@transaction.atomic
def add_image(
    *, brand_id: UUID, content: bytes, name: str, alt: str, tags: Sequence[str] = (), by: Actor, at: datetime
) -> Image:
    """Put a picture into the brand's library; `alt` says in words what is to be seen. It is made anew from its pixels.

    Raises ImageKnown (409), and what `store_file` refuses.
    """
    _check_alt(alt)
    file = store_file(content=content, kinds=PICTURES, at=at)
    image = Image(
        id=uuid7(),
        agency_id=standing_agency(),
        brand_id=brand_id,
        name=safe_name(name, file.kind),
        alt=alt,
        file=file,
        sha256=file.sha256,
        tags=sorted(set(tags)),
        author_id=by.seat_id,
        created_at=at,
    )
    # Somebody may add it at the same moment: the first one counts.
    Image.objects.bulk_create([image], ignore_conflicts=True)
    standing = Image.objects.get(brand_id=brand_id, sha256=file.sha256, removed_at=None)
    if standing.pk != image.pk:
        raise ImageKnown(image_id=standing.pk)
    record("image.added", on=image, by=by, at=at, kind=file.kind, size=file.size, sha256=file.sha256)
    return image


@transaction.atomic
def change_image(
    *,
    image_id: UUID,
    name: str | None = None,
    alt: str | None = None,
    tags: Sequence[str] | None = None,
    by: Actor,
    at: datetime,
) -> Image:
    """Describe it in other words; what is None stays. Raises ImageRemoved (409)."""
    image = _held(image_id)
    assert image.file is not None  # noqa: S101 - as a constraint has it of whatever was not removed
    said = {"name": name and safe_name(name, image.file.kind), "alt": alt, "tags": tags and sorted(set(tags))}
    if tags is not None and not tags:
        said["tags"] = []
    changed = {column: value for column, value in said.items() if value is not None}
    for column, value in changed.items():
        setattr(image, column, value)
    _check_alt(image.alt)
    image.version += 1
    image.save(update_fields=[*changed, "version"])
    record("image.changed", on=image, by=by, at=at, fields=sorted(changed))
    return image


@transaction.atomic
def remove_image(*, image_id: UUID, by: Actor, at: datetime) -> None:
    """Take a picture out of the library. Its content stays where something else needs it: a statement, an incident."""
    image = _held(image_id)
    image.file, image.removed_at = None, at
    image.version += 1
    image.save(update_fields=["file", "removed_at", "version"])
    record("image.removed", on=image, by=by, at=at, sha256=image.sha256)


def _held(image_id: UUID) -> Image:
    image: Image = Image.objects.locked(image_id)
    if image.removed_at is not None:
        raise ImageRemoved(removed_at=image.removed_at)
    return image


def _check_alt(alt: str) -> None:
    if not alt.strip():
        detail = "Say in words what is to be seen, for those who cannot see it."
        raise Invalid(detail, errors=[{"field": "alt", "code": "blank", "detail": detail}])
