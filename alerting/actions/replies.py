"""Taking a page by answering a message about it: by its link, by a text message, by a key during a call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from alerting.actions.contacts import note_proof
from alerting.actions.pages import acknowledge_page
from alerting.models import Notification, Page
from alerting.queries.messages import Texted, newest_text
from core.lifecycle import CannotMove
from core.refusals import NotAllowed, Refusal
from core.wall import every_agency, inside
from permissions.gate import allowed
from permissions.needs import Need
from tenants.queries import caller_in_office

LINK_LIVES = timedelta(hours=24)
REFERENCE = re.compile(r"\b([A-Z2-7]{4})[ -]?([A-Z2-7]{4})\b")
YES = frozenset({"ok", "okay", "ack", "yes", "1", "ha", "xo'p", "ок", "да", "беру"})  # noqa: RUF001 - in Russian too


class MessageDead(Refusal):
    """One answer for every way of not being good, so that a wrong guess learns nothing."""

    code = "link_dead"
    status = 404
    title = "This link opens nothing: it is too old, or never was."


class MessageAnswered(Refusal):
    """Fact `page`: what it took."""

    code = "already_answered"
    title = "The page was taken with this message before."


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of an answer: "taken", "not_open", "refused", "not_understood"; and whose it was, if known."""

    outcome: str
    agency_id: UUID | None = None
    seat_id: UUID | None = None


def live_message(notification_id: UUID, *, cycle: int, at: datetime) -> tuple[Notification, Page]:
    """The message that somebody holds the token of, and its page; raises MessageDead (404). Inside the wall."""
    row: Notification | None = Notification.objects.filter(pk=notification_id, cycle=cycle).first()
    if row is None or at >= (row.due_at or row.queued_at) + LINK_LIVES:
        raise MessageDead
    page: Page = Page.objects.found(row.page_id)
    if page.cycle != cycle or caller_in_office(row.seat_id, at=at) is None:
        raise MessageDead
    return row, page


@transaction.atomic
def take_page(*, notification_id: UUID, cycle: int, at: datetime) -> Page:
    """Whom the message was for takes its page, once; they are asked again whether they may."""
    Page.objects.locked(live_message(notification_id, cycle=cycle, at=at)[1].pk)
    Notification.objects.locked(notification_id)
    row, page = live_message(notification_id, cycle=cycle, at=at)
    if row.answered_at is not None:
        raise MessageAnswered(page=str(page.pk))
    caller = caller_in_office(row.seat_id, at=at)
    if caller is None or not allowed(caller, Need.PAGES_ACKNOWLEDGE, page):
        raise NotAllowed(need=Need.PAGES_ACKNOWLEDGE.value)
    row.answered_at = at
    row.save(update_fields=["answered_at"])
    note_proof(row.contact_id, at)
    return acknowledge_page(page_id=page.pk, by=caller.actor, at=at)


def hear_answer(*, agency_id: UUID, notification_id: UUID, cycle: int | None, at: datetime) -> Heard:
    """Take the page of a message that somebody answered by a key or through a carrier, in a transaction of its own."""
    seat_id: UUID | None = None
    try:
        with inside(agency_id):
            row: Notification | None = Notification.objects.filter(pk=notification_id).first()
            if row is None:
                return Heard("not_understood")
            seat_id = row.seat_id
            take_page(notification_id=row.pk, cycle=row.cycle if cycle is None else cycle, at=at)
    except (CannotMove, MessageAnswered, MessageDead):
        return Heard("not_open", agency_id, seat_id)
    except NotAllowed:
        return Heard("refused", agency_id, seat_id)
    return Heard("taken", agency_id, seat_id)


def hear_text(*, number: str, text: str, at: datetime) -> Heard:
    """Take the page that a text message answers: the one whose reference it names, or on "ok" the newest told there.

    Numbers are sealed and cannot be searched, and walls stand between agencies: each is asked in turn for what it has
    sent by text in the last day.
    """
    reference = REFERENCE.search(text.upper())
    wanted = "-".join(reference.groups()) if reference else None
    says_yes = text.strip().strip(".!").casefold() in YES
    if wanted is None and not says_yes:
        return Heard("not_understood")
    found: list[Texted] = []
    for agency_id in every_agency():
        with inside(agency_id):
            told = newest_text(number, reference=wanted, since=at - LINK_LIVES)
        found += [told] if told else []
    if not found:
        return Heard("not_understood")
    newest = max(found, key=lambda told: told.sent_at)
    return hear_answer(agency_id=newest.agency_id, notification_id=newest.notification_id, cycle=newest.cycle, at=at)
