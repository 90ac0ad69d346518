"""Contacts in and out in bulk: a file is taken whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from django.db import models, transaction

from core.actor import Actor
from core.refusals import Invalid
from core.wall import standing_agency
from ledger.actions import record
from readiness.actions.contacts import rewrite, write_contact
from readiness.contact_files import Row
from readiness.contact_form import Fault
from readiness.models import Contact
from readiness.queries.contacts import as_said, by_address, with_channels
from readiness.states import ChannelKind
from tenants.models import Agency, Brand

MOST_ERRORS: Final = 200
Outcome = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of each row, or would: (row, outcome, contact; None for one who is not there yet)."""

    rows: tuple[tuple[int, Outcome, UUID | None], ...]
    errors: tuple[Fault, ...] = ()

    def count(self, outcome: Outcome) -> int:
        return sum(one == outcome for _, one, _ in self.rows)


@transaction.atomic
def import_contacts(*, brand_id: UUID | None, rows: Sequence[Row], dry_run: bool, by: Actor, at: datetime) -> Imported:
    """The contacts of a file are in the book of a brand or, without one, in the agency's.

    Whoever is there already, known by our own id or by an e-mail address, is changed in what the row says. A file with
    a mistake changes nothing: Invalid (400) with each, `rows.3.channels.0.address`. A dry run tells the same, mistakes
    included, and never writes.
    """
    here = Contact.objects.filter(brand_id=brand_id, removed_at=None)
    if not dry_run:
        here = here.select_for_update(of=("self",), no_key=True)
    known = list(with_channels(here.order_by("created_at", "pk")))
    targets, faults = _targets(rows, known)
    if faults and not dry_run:
        raise Invalid("The file has mistakes, and nothing was changed.", errors=list(faults[:MOST_ERRORS]))
    done: list[tuple[int, Outcome, UUID | None]] = []
    for row in rows:
        if row.number not in targets:
            continue
        contact = targets[row.number]
        if contact is None:
            done.append((row.number, "created", None if dry_run else write_contact(brand_id, row.said, at=at).pk))
        elif _differs(contact, row):
            if not dry_run:
                _change(contact, row, at)
            done.append((row.number, "changed", contact.pk))
        else:
            done.append((row.number, "unchanged", contact.pk))
    imported = Imported(tuple(done), faults[:MOST_ERRORS])
    if not dry_run:
        record(
            "contact.imported", on=_whose(brand_id), by=by, at=at, created=imported.count("created"),
            changed=imported.count("changed"),
        )  # fmt: skip
    return imported


def _targets(rows: Iterable[Row], known: Sequence[Contact]) -> tuple[dict[int, Contact | None], tuple[Fault, ...]]:
    """Whom each row is about, None for somebody new; and what is wrong with the others."""
    by_id, known_at = {contact.pk: contact for contact in known}, by_address(known)
    targets: dict[int, Contact | None] = {}
    taken: dict[object, int] = {}  # contact or address -> the row that is about it
    faults: list[Fault] = []
    for row in rows:
        addresses = _addresses(row)
        found = [known_at[address] for address in addresses if address in known_at]
        contact = by_id.get(row.contact_id) if row.contact_id else None
        contact = contact or next(iter(found), None)
        wrong = list(row.faults)
        if any(other is not contact for other in found):
            wrong.append(_fault("channels", "address_taken", "Two contacts of the book have these addresses."))
        keys: list[object] = [*addresses, *([contact.pk] if contact else [])]
        if earlier := next((taken[key] for key in keys if key in taken), None):
            wrong.append(_fault("row", "duplicate", f"Row {earlier} is about the same contact."))
        taken |= dict.fromkeys(keys, row.number)
        if wrong:
            faults += [{**fault, "field": f"rows.{row.number}.{fault['field']}"} for fault in wrong]
        else:
            targets[row.number] = contact
    return targets, tuple(faults)


def _addresses(row: Row) -> list[str]:
    channels: list[dict[str, str]] = row.said.get("channels", [])
    return [channel["address"].casefold() for channel in channels if channel["kind"] == ChannelKind.EMAIL]


def _fault(field: str, code: str, detail: str) -> Fault:
    return {"field": field, "code": code, "detail": detail}


def _differs(contact: Contact, row: Row) -> bool:
    stored = as_said(contact)
    return any(stored[name] != value for name, value in row.said.items())


def _change(contact: Contact, row: Row, at: datetime) -> None:
    fields = rewrite(contact, row.said, at)
    contact.version += 1
    contact.save(update_fields=[*(name for name in fields if name != "channels"), "confirm_due_at", "version"])


def _whose(brand_id: UUID | None) -> models.Model:
    if brand_id is None:
        return Agency.objects.get(pk=standing_agency())
    brand: Brand = Brand.objects.found(brand_id)
    return brand


@transaction.atomic
def note_export(*, form: str, contacts: int, by: Actor, at: datetime) -> None:
    """Somebody takes addresses out of the house: the trail says who, how many, and when."""
    agency: Any = Agency.objects.get(pk=standing_agency())
    record("contact.exported", on=agency, by=by, at=at, form=form, contacts=contacts)
