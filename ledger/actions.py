"""Recording what happened. Call `record` last in an action: it holds the agency's head until commit."""

from __future__ import annotations

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


def record(
    name: str,
    /,
    *,
    on: models.Model,
    by: Actor,
    at: datetime,
    **facts: Any,
) -> Event:
    """Write that `name` happened to `on`, and one job for each reaction to it.

    `name` is in the catalogue and `facts` fit its schema, else this raises. Brand and incident are taken from `on`:
    its own id when it is one, else its `brand_id` and `incident_id`. One transaction serves one agency.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(f"{name} must be recorded in the transaction of its change.")
    facts = check_facts(name, facts)
    agency_id = standing_agency()
    head = Head.objects.select_for_update().get(agency_id=agency_id)
    kind = on._meta.label_lower
    entry: dict[str, Any] = {
        "agency_id": agency_id,
        "seq": head.seq + 1,
        "name": name,
        "subject_kind": kind,
        "subject_id": on.pk,
        "brand_id": on.pk if kind == "tenants.brand" else getattr(on, "brand_id", None),
        "incident_id": on.pk if kind == "incidents.incident" else getattr(on, "incident_id", None),
        "actor_kind": by.kind,
        "actor_id": by.id,
        "actor_name": by.name,
        "at": at,
        "facts": facts,
    }
    event = Event(id=uuid7(), prev_hash=head.hash, hash=link(entry, head.hash), **{f: entry[f] for f in FIELDS})
    event.save(force_insert=True)
    head.seq, head.hash = event.seq, event.hash
    head.save(update_fields=["seq", "hash"])
    if reactions := subscribers(name):
        later_many(
            [
                Wish(handler=handler, key=str(event.pk), agency_id=agency_id, at=at, args={"event_id": str(event.pk)})
                for handler in reactions
            ]
        )
    return event
