"""Mentions as sources deliver them, and what the tables then hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Sum

from core.wall import inside
from listening.ingest import Gone, Item, read_items
from listening.models import Bucket, Mention, Source
from tests.cast import Answer, Person

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def mention(number: int = 0, **said: Any) -> dict[str, Any]:
    """One item of the ingest format, said at noon by a person of its own unless told otherwise."""
    return {
        "external_id": f"m-{number}",
        "posted_at": NOON.isoformat(),
        "author": {"handle": f"person{number}", "name": f"Person {number}", "followers": 100 + number},
        "text": f"There is a table {number} here.",
        "language": "en",
        **said,
    }


def items(said: Sequence[dict[str, Any]], at: datetime) -> list[Item | Gone]:
    return read_items(json.dumps(said, default=str).encode(), lines=False, at=at)


def deliver(person: Person, source: Source, said: Any, **headers: str) -> Answer:
    """POST a batch as JSON, or as it is when it is bytes."""
    body = said if isinstance(said, bytes | str) else json.dumps(said, default=str)
    return person.post(f"ingest/mentions?source={source.pk}", body, **headers)


def lines(said: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(one, default=str).encode() + b"\n" for one in said)


def mentions_of(source: Source) -> list[Mention]:
    with inside(source.agency_id):
        return list(Mention.objects.filter(source_id=source.pk).order_by("external_id"))


def buckets_of(source: Source) -> list[tuple[datetime, int, int, int, int]]:
    """(minute, volume, negative, reach, authors) of the source's brand, in order, over sources and languages."""
    with inside(source.agency_id):
        rows = Bucket.objects.filter(brand_id=source.brand_id).values("minute").order_by("minute")
        summed = rows.annotate(*[Sum(name) for name in ("volume", "negative", "reach", "authors")])
        return list(summed.values_list("minute", "volume__sum", "negative__sum", "reach__sum", "authors__sum"))
