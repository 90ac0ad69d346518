"""The contact book: writing it, noting who was reached, asking people whether it is right, and forgetting them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from alerting.actions import queue_letter
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, NotFound, Refusal
from ledger.actions import record
from permissions.revocation import counted, line
from readiness.contact_form import check_contact, same_address
from readiness.contact_links import Asked
from readiness.models import Contact, ContactChannel
from readiness.queries.contacts import asked_by, due_to_confirm, mailed_at
from tenants.models import Seat

CONFIRM_LETTER: Final = "readiness.confirm_contact"
DISPUTED_LETTER: Final = "readiness.contact_disputed"
ASKED_AGAIN_AFTER: Final = timedelta(days=14)
ASKED_FOR_AT_MOST: Final = timedelta(days=60)
AT_ONCE: Final = 200
REMOVED: Final = "(removed)"
RIGHT, WRONG, REMOVE = "right", "wrong", "remove"


class NoAddress(Refusal):
    """They have no e-mail address."""

    code = "no_address"
    title = "This contact has no e-mail address: ask them yourself, and confirm for them."


class ContactLinkDead(Refusal):
    """The same for every reason."""

    code = "link_dead"
    status = 404
    title = "This link opens nothing: it was used, is too old, or is not ours."


# -- writing --------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_contact(
    *, brand_id: UUID | None, said: Mapping[str, Any], seat_id: UUID | None = None, by: Actor, at: datetime
) -> Contact:
    """Somebody is in the book from now on, for a brand or, without one, for all.

    `said` is described at `readiness.contact_form.check_contact`; a name must be in it. `seat_id` is who of the people
    here they are. Raises Invalid (400).
    """
    if not said.get("name"):
        detail = "A contact has a name."
        raise Invalid(detail, errors=[{"field": "name", "code": "required", "detail": detail}])
    checked = check_contact(said)
    contact = write_contact(brand_id, checked, seat_id=seat_id, at=at)
    record(
        "contact.added", on=contact, by=by, at=at, outside=contact.outside, channels=len(checked.get("channels", ())),
        legal_basis=contact.legal_basis,
    )  # fmt: skip
    return contact


def write_contact(
    brand_id: UUID | None, checked: Mapping[str, Any], *, seat_id: UUID | None = None, at: datetime
) -> Contact:
    """The row and its channels, without an event; for `add_contact`, and for imports, which record one for all."""
    fields = {name: value for name, value in checked.items() if name != "channels"}
    contact = Contact(id=uuid7(), brand_id=brand_id, seat_id=seat_id, created_at=at, **fields)
    contact.confirm_due_at = at + timedelta(days=contact.confirm_days)
    contact.save(force_insert=True)
    set_channels(contact, checked.get("channels", ()), at)
    return contact


@transaction.atomic
def change_contact(
    *,
    contact_id: UUID,
    said: Mapping[str, Any],
    seat_id: UUID | None = None,
    forget_seat: bool = False,
    by: Actor,
    at: datetime,
) -> Contact:
    """Change what is named; what is not named stays. Channels are named all, in the order in which they are tried; one
    that stays keeps what is known of it. Raises Invalid (400) and NotFound.
    """
    contact = _held(contact_id)
    fields = rewrite(contact, check_contact(said), at)
    if seat_id is not None or forget_seat:
        contact.seat_id = seat_id
        fields.append("seat")
    if fields:
        contact.version += 1
        contact.save(update_fields=[*(f for f in fields if f != "channels"), "confirm_due_at", "version"])
        record("contact.changed", on=contact, by=by, at=at, fields=fields)
    return contact


def rewrite(contact: Contact, checked: Mapping[str, Any], at: datetime) -> list[str]:
    """Set what differs on the row, which the caller saves, and on its channels; says which fields those are."""
    fields = []
    for name, value in checked.items():
        if name == "channels":
            if set_channels(contact, value, at):
                fields.append(name)
        elif (getattr(contact, name) or "") != (value or ""):
            setattr(contact, name, value)
            fields.append(name)
    if "confirm_days" in fields:
        since = contact.confirmed_at or contact.created_at
        contact.confirm_due_at = since + timedelta(days=contact.confirm_days)
    return fields


def set_channels(contact: Contact, wanted: Sequence[Mapping[str, str]], at: datetime) -> bool:
    """Let the contact have these channels in this order; says whether that is a change."""
    known = list(ContactChannel.objects.filter(contact=contact).order_by("position"))
    kept: list[ContactChannel] = []
    new: list[ContactChannel] = []
    for position, channel in enumerate(wanted, start=1):
        same = next((one for one in known if same_address({"kind": one.kind, "address": one.address}, channel)), None)
        if same is None:
            new.append(ContactChannel(id=uuid7(), contact=contact, position=position, created_at=at, **channel))
        else:
            known.remove(same)
            if same.position != position or same.address != channel["address"]:
                same.position, same.address = position, channel["address"]
                kept.append(same)
    for one in known:
        one.delete()
    for one in kept:
        one.save(update_fields=["position", "address"])
    ContactChannel.objects.bulk_create(new)
    return bool(known or kept or new)


@transaction.atomic
def note_reached(*, contact_id: UUID, channel_id: UUID, reached: bool, by: Actor, at: datetime) -> Contact:
    """Somebody has tried a channel: it led to them, and so is proved, or it did not. Raises NotFound."""
    contact = _held(contact_id)
    channel = ContactChannel.objects.filter(contact=contact, pk=channel_id).first()
    if channel is None:
        raise NotFound
    if reached:
        channel.proved_at, channel.proved_by_id, channel.failed_at = at, by.seat_id, None
    else:
        channel.failed_at = at
    channel.save(update_fields=["proved_at", "proved_by_id", "failed_at"])
    contact.version += 1
    contact.save(update_fields=["version"])
    record("contact.tried", on=contact, by=by, at=at, channel_id=channel.pk, kind=channel.kind, reached=reached)
    return contact


@transaction.atomic
def remove_contact(*, contact_id: UUID, reason: str, by: Actor, at: datetime) -> Contact:
    """They are in the book no more, and nothing that says who they were is kept: plans and the ledger name an id."""
    contact = _held(contact_id)
    _erase(contact, at)
    record("contact.removed", on=contact, by=by, at=at, reason=reason)
    return contact


def _erase(contact: Contact, at: datetime) -> None:
    ContactChannel.objects.filter(contact=contact).delete()
    contact.name, contact.organisation, contact.department, contact.job_title = REMOVED, "", "", ""
    contact.note, contact.tags, contact.hours = None, [], []
    contact.language, contact.time_zone = "en", "UTC"
    contact.seat_id, contact.removed_at = None, at
    contact.version += 1
    contact.save()


# -- asking ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def confirm_contact(*, contact_id: UUID, by: Actor, at: datetime) -> Contact:
    """Somebody here has asked them, and all that the book says is right."""
    contact = _held(contact_id)
    _confirmed(contact, at)
    record("contact.confirmed", on=contact, by=by, at=at, by_themselves=False, due_at=contact.confirm_due_at)
    return contact


def _confirmed(contact: Contact, at: datetime) -> None:
    contact.confirmed_at, contact.confirm_due_at = at, at + timedelta(days=contact.confirm_days)
    contact.version += 1
    contact.save(update_fields=["confirmed_at", "confirm_due_at", "version"])


@transaction.atomic
def ask_contact(*, contact_id: UUID, by: Actor, at: datetime) -> Contact:
    """They are written to, with a link by which they say whether the book is right. Raises NoAddress (409)."""
    contact = _held(contact_id)
    if mailed_at(contact.pk) is None:
        raise NoAddress
    _ask([contact], by=by, at=at)
    return contact


@transaction.atomic
def ask_who_is_due(*, by: Actor, at: datetime) -> int:
    """Write to those whose confirmation is overdue, a batch of them, each every fortnight and for two months."""
    due = due_to_confirm(at, again_after=ASKED_AGAIN_AFTER, for_at_most=ASKED_FOR_AT_MOST)
    held = list(due.select_for_update(of=("self",), no_key=True, skip_locked=True)[:AT_ONCE])
    _ask(held, by=by, at=at)
    return len(held)


def _ask(contacts: Sequence[Contact], *, by: Actor, at: datetime) -> None:
    for contact in contacts:
        contact.asked_at = at
        contact.save(update_fields=["asked_at"])
    for contact in contacts:
        record("contact.asked", on=contact, by=by, at=at)
    for contact in contacts:
        queue_letter(kind=CONFIRM_LETTER, thing_id=contact.pk, at=at)


@transaction.atomic
def answer_for_oneself(*, link: Asked, answer: str, by: Actor, at: datetime) -> Contact:
    """Somebody of the book answers by their link: that it is right, that it is wrong, or that they want to be removed.

    `right` confirms the entry and proves the address. The others are told to whoever keeps the book: nobody is removed
    from a crisis plan by a letter that was forwarded. The link is used up. Raises ContactLinkDead (404).
    """
    Contact.objects.filter(pk=link.contact_id).select_for_update(of=("self",), no_key=True).first()
    contact = asked_by(link, at)
    if contact is None:
        raise ContactLinkDead
    if answer == RIGHT:
        channel = ContactChannel.objects.filter(contact=contact, pk=link.channel_id).first()
        if channel is not None:
            channel.proved_at, channel.proved_by_id, channel.failed_at = at, None, None
            channel.save(update_fields=["proved_at", "proved_by_id", "failed_at"])
        _confirmed(contact, at)
        record("contact.confirmed", on=contact, by=by, at=at, by_themselves=True, due_at=contact.confirm_due_at)
        return contact
    contact.asked_at, contact.confirm_due_at = at, min(at, contact.confirm_due_at)
    contact.version += 1
    contact.save(update_fields=["asked_at", "confirm_due_at", "version"])
    record("contact.disputed", on=contact, by=by, at=at, wants=answer)
    queue_letter(kind=DISPUTED_LETTER, thing_id=contact.pk, at=at)
    return contact


def _held(contact_id: UUID) -> Contact:
    contact: Contact = Contact.objects.locked(contact_id)
    if contact.removed_at is not None:
        raise NotFound
    return contact


# -- goodbyes -------------------------------------------------------------------------------------------------------


def _listed(seat_ids: Collection[UUID], _at: datetime) -> dict[UUID, int]:
    return counted(Contact.objects.filter(seat_id__in=seat_ids), "seat_id")


@line("entries of the contact book", left=_listed, covers={"readiness.Contact.seat"})
def forget_leaver(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Staff who leave are in the book no more. The client's people may still be theirs: they are no seat of ours any
    more, and are to be asked whether the entry is right.
    """
    held = list(Contact.objects.filter(seat_id=seat_id).select_for_update(of=("self",), no_key=True).order_by("pk"))
    staff = Seat.objects.filter(pk=seat_id, side="staff").exists()
    for contact in held:
        if staff:
            _erase(contact, at)
        else:
            contact.seat_id, contact.confirm_due_at = None, at
            contact.version += 1
            contact.save(update_fields=["seat", "confirm_due_at", "version"])
    for contact in held:
        if staff:
            record("contact.removed", on=contact, by=by, at=at, reason="Their seat has ended.")
        else:
            record("contact.changed", on=contact, by=by, at=at, fields=["seat"])
    return len(held)
