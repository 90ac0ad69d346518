"""Where mentions come from."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from ledger.actions import record
from listening.models import Source


class SourceKnown(Refusal):
    code = "source_known"
    title = "The brand has a source of this name."


@transaction.atomic
def add_source(*, brand_id: UUID, kind: str, name: str, by: Actor, at: datetime) -> Source:
    """Give a brand another source of mentions; deliveries name it."""
    if Source.objects.filter(brand_id=brand_id, name=name).exists():
        raise SourceKnown(name=name)
    source = Source(id=uuid7(), brand_id=brand_id, kind=kind, name=name, created_at=at)
    source.save(force_insert=True)
    record("source.added", on=source, by=by, at=at, kind=kind, name=name)
    return source
