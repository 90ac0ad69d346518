"""Questions about the contact book."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet

from readiness.contact_links import LIVES, Asked
from readiness.models import Contact, ContactChannel
from readiness.states import ChannelKind


def with_channels(rows: QuerySet[Contact]) -> QuerySet[Contact]:
    """The contacts with their channels in order; one more query for all of them."""
    return rows.prefetch_related(Prefetch("channels", ContactChannel.objects.order_by("position")))


def confirmed_at(at: datetime) -> Q:
    """Those whose entry somebody has confirmed in time."""
    return Q(confirmed_at__isnull=False, confirm_due_at__gt=at)


def due_to_confirm(at: datetime, *, again_after: timedelta, for_at_most: timedelta) -> QuerySet[Contact]:
    """Contacts with an e-mail address whose confirmation is overdue, not for ever, and who were not asked lately."""
    mailed = ContactChannel.objects.filter(contact_id=OuterRef("pk"), kind=ChannelKind.EMAIL)
    return Contact.objects.filter(
        Q(asked_at=None) | Q(asked_at__lte=at - again_after),
        Exists(mailed),
        removed_at=None,
        confirm_due_at__lte=at,
        confirm_due_at__gt=at - for_at_most,
    ).order_by("confirm_due_at", "pk")


def mailed_at(contact_id: UUID) -> ContactChannel | None:
    """The channel at which a contact is asked: their first e-mail address."""
    channels = ContactChannel.objects.filter(contact_id=contact_id, kind=ChannelKind.EMAIL)
    found: ContactChannel | None = channels.order_by("position").first()
    return found


def asked_by(link: Asked, at: datetime) -> Contact | None:
    """The contact whom a link still asks; None when it was answered, asked again, is too old, or they are gone."""
    if at > link.at + LIVES:
        return None
    rows = with_channels(Contact.objects.filter(pk=link.contact_id, asked_at=link.at, removed_at=None))
    contact: Contact | None = rows.filter(Q(confirmed_at=None) | Q(confirmed_at__lt=F("asked_at"))).first()
    return contact


def as_said(contact: Contact) -> dict[str, Any]:
    """A contact in the form in which it is written, with its id; its channels opened."""
    return {
        "id": str(contact.pk),
        "name": contact.name,
        "organisation": contact.organisation,
        "department": contact.department,
        "job_title": contact.job_title,
        "outside": contact.outside,
        "language": contact.language,
        "time_zone": contact.time_zone,
        "hours": contact.hours,
        "tags": list(contact.tags),
        "note": contact.note or "",
        "legal_basis": contact.legal_basis,
        "confirm_days": contact.confirm_days,
        "channels": [{"kind": channel.kind, "address": channel.address} for channel in contact.in_order],
    }


def by_address(contacts: Iterable[Contact]) -> dict[str, Contact]:
    """The contacts by each of their e-mail addresses, in small letters; the eldest where two share one."""
    found: dict[str, Contact] = {}
    for contact in contacts:
        for channel in contact.in_order:
            if channel.kind == ChannelKind.EMAIL:
                found.setdefault(channel.address.casefold(), contact)
    return found
