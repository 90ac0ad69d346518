"""Recording what happened. Call `record` last in an action: it holds the agency's head until commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction

from core.actor import Actor
from core.ids import uuid7
from core.wall import standing_agency
from jobs.actions import Wish, later_many
from ledger.catalogue import check_facts
from ledger.chain import FIELDS, GENESIS, link
from ledger.models import Event, Head
from ledger.subscriptions import subscribers


def open_ledger(*, agency_id: UUID) -> None:
    """Begin an agency's chain; inside its wall, in the transaction that makes the agency."""
    Head.objects.create(agency_id=agency_id, seq=0, hash=GENESIS)


_held_back: ContextVar[list[dict[str, Any]] | None] = ContextVar("records_held_back", default=None)


@contextmanager
def records_held_back() -> Iterator[None]:
    """Write at the end of the block what is recorded in it, in that order.

    For an action that runs code of many apps: a record takes the ledger's head, and whoever holds the head must not
    wait for another row, whose holder may be waiting for the head. Here all rows are locked before the first record.
    """
    if _held_back.get() is not None:
        yield
        return
    held: list[dict[str, Any]] = []
    token = _held_back.set(held)
    try:
        yield
    finally:
        _held_back.reset(token)
    _write(held)


def record(
    name: str,
    /,
    *,
    on: models.Model,
    by: Actor,
    at: datetime,
    **facts: Any,
) -> Event | None:
    """Write that `name` happened to `on`, and one job for each reaction to it; None while records are held back.

    `name` is in the catalogue and `facts` fit its schema, else this raises. Brand and incident are taken from `on`:
    its own id when it is one, else its `brand_id` and `incident_id`. One transaction serves one agency.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(f"{name} must be recorded in the transaction of its change.")
    kind = on._meta.label_lower
    entry: dict[str, Any] = {
        "agency_id": standing_agency(),
        "name": name,
        "subject_kind": kind,
        "subject_id": on.pk,
        "brand_id": on.pk if kind == "tenants.brand" else getattr(on, "brand_id", None),
        "incident_id": on.pk if kind == "incidents.incident" else getattr(on, "incident_id", None),
        "actor_kind": by.kind,
        "actor_id": by.id,
        "actor_name": by.name,
        "at": at,
        "facts": check_facts(name, facts),
    }
    held = _held_back.get()
    if held is not None:
        held.append(entry)
        return None
    return _write([entry])[0]


def _write(entries: list[dict[str, Any]]) -> list[Event]:
    """Append events to the chain, in this order; from here on the agency's head is ours until the transaction ends."""
    if not entries:
        return []
    agency_id = entries[0]["agency_id"]
    head = Head.objects.select_for_update().get(agency_id=agency_id)
    events = []
    for entry in entries:
        numbered = {**entry, "seq": head.seq + 1}
        event = Event(
            id=uuid7(), prev_hash=head.hash, hash=link(numbered, head.hash), **{f: numbered[f] for f in FIELDS}
        )
        head.seq, head.hash = event.seq, event.hash
        events.append(event)
    Event.objects.bulk_create(events, batch_size=1000)
    head.save(update_fields=["seq", "hash"])
    wishes = [
        Wish(handler=handler, key=str(e.pk), agency_id=agency_id, at=e.at, args={"event_id": str(e.pk)})
        for e in events
        for handler in subscribers(e.name)
    ]
    if wishes:
        later_many(wishes)
    return events
