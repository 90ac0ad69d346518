"""The messages of a page: one row for each recipient and way before anything is sent.

A page is locked before a message of it, here and wherever both are held.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerting.actions.contacts import note_proof
from alerting.actions.timers import set_timer
from alerting.models import Channel, ContactMethod, Notification, Page, Transport
from alerting.queries.rules import heard_from, proven_ways, rules_by_seat, rules_of, turns_of
from alerting.states import NOTIFICATION_LIFECYCLE, NotificationStage, PageStage
from core.actor import Actor
from core.wall import standing_agency
from jobs.actions import Wish, later_many, move
from ledger.actions import record
from permissions.revocation import counted, line

LONGEST_PROBLEM = 200
NOTIFY = "alerting.notify"
GONE_OUT = (NotificationStage.SENT, NotificationStage.DELIVERED)


def queue_notifications(
    page: Page,
    *,
    step: int,
    seat_ids: Sequence[UUID],
    channel_ids: Sequence[UUID] = (),
    important: bool = False,
    at: datetime,
) -> list[Notification]:
    """Write one notification, and the job that sends it, for each way to each recipient; inside the page's action.

    A person is told as their rules say, else by all their proven ways at once, else by e-mail to their account. Quiet
    hours hold back severity 3 and 4. Whoever has been told in this step by a way is not told again by it.
    """
    ways, rules = proven_ways(seat_ids), rules_by_seat(seat_ids)
    told: list[tuple[Notification, datetime]] = []
    for seat in seat_ids:
        said = rules.get(seat)
        steps = (said.important if important else said.usual) if said else []
        turns: list[tuple[ContactMethod | None, datetime]] = [*turns_of(ways.get(seat, ()), steps, at)]
        for way, due in turns or [(None, at)]:
            heard = heard_from(said, severity=page.severity, due=due)
            told.append((_message(page, step, at, heard, seat=seat, way=way), heard))
    channels = Channel.objects.filter(pk__in=list(channel_ids), removed_at=None)
    told += [(_message(page, step, at, at, channel=channel), at) for channel in channels]
    Notification.objects.bulk_create([row for row, _ in told], ignore_conflicts=True)
    written = set(Notification.objects.filter(pk__in=[row.pk for row, _ in told]).values_list("pk", flat=True))
    fresh = [(row, due) for row, due in told if row.pk in written]
    later_many(
        [Wish(NOTIFY, str(row.pk), standing_agency(), due, {"notification_id": str(row.pk)}) for row, due in fresh]
    )
    return [row for row, _ in fresh]


def _message(
    page: Page,
    step: int,
    at: datetime,
    due: datetime,
    *,
    seat: UUID | None = None,
    way: ContactMethod | None = None,
    channel: Channel | None = None,
) -> Notification:
    by_way = way or channel
    return Notification(
        page_id=page.pk,
        cycle=page.cycle,
        step=step,
        repeated=page.repeated,
        seat_id=seat,
        contact_id=way.pk if way else None,
        channel_id=channel.pk if channel else None,
        transport=by_way.transport if by_way else Transport.EMAIL,
        queued_at=at,
        due_at=due if due > at else None,
    )


@transaction.atomic
def note_sent(
    *, notification_id: UUID, receipt: str = "", arrived: bool = False, by: Actor, at: datetime
) -> Notification:
    """A transport has taken the message, under the carrier's `receipt`; repeating changes nothing."""
    row: Notification = Notification.objects.locked(notification_id)
    heard_before = bool(receipt) and row.receipt == receipt  # its receipt was quicker than we
    if row.stage in GONE_OUT or (heard_before and row.stage == NotificationStage.FAILED):
        return row
    row.receipt, row.problem = receipt, ""
    _settle(row, "send", at)
    if arrived:
        _arrive(row, at)
    _record_sent(row, by, at)
    return row


@transaction.atomic
def note_delivered(*, notification_id: UUID, receipt: str, by: Actor, at: datetime) -> Notification:
    """The carrier says that the message has arrived; repeating, and whatever it says later, changes nothing.

    It may say so before we have written down that the message went out, or about the first of two that went out.
    """
    row: Notification = Notification.objects.locked(notification_id)
    if row.stage == NotificationStage.DELIVERED:
        return row
    was_known = row.stage == NotificationStage.SENT
    if not was_known:
        row.receipt, row.problem = receipt, ""
        _settle(row, "send", at)
    _arrive(row, at)
    if not was_known:
        _record_sent(row, by, at)
    return row


@transaction.atomic
def note_bounced(*, notification_id: UUID, receipt: str, problem: str, by: Actor, at: datetime) -> Notification:
    """The carrier says that the message will not arrive. The bad news of an older copy is passed over.

    When it was the last hope of the page's present step, the next step does not wait.
    """
    page: Page = Page.objects.locked(Notification.objects.found(notification_id).page_id)
    row: Notification = Notification.objects.locked(notification_id)
    if row.stage == NotificationStage.SENT and row.receipt == receipt:
        _give_up(page, row, "bounce", problem, permanent=True, by=by, at=at)
    elif row.stage == NotificationStage.QUEUED:
        row.receipt = receipt
        _give_up(page, row, "fail", problem, permanent=True, by=by, at=at)
    return row


@transaction.atomic
def note_failed(*, notification_id: UUID, problem: str, permanent: bool, by: Actor, at: datetime) -> Notification:
    """The message did not go out and will not be tried again; a settled one stays as it is.

    When nothing that the page's present step sent can arrive, the next step does not wait.
    """
    page: Page = Page.objects.locked(Notification.objects.found(notification_id).page_id)
    row: Notification = Notification.objects.locked(notification_id)
    if row.stage == NotificationStage.QUEUED:
        _give_up(page, row, "fail", problem, permanent=permanent, by=by, at=at)
    return row


def _give_up(
    page: Page, row: Notification, verb: str, problem: str, *, permanent: bool, by: Actor, at: datetime
) -> None:
    row.problem = problem[:LONGEST_PROBLEM]
    _settle(row, verb, at)
    present = (page.cycle, page.repeated, page.step) == (row.cycle, row.repeated, row.step)
    if page.stage == PageStage.OPEN and present and not _of_step(page).exclude(stage=NotificationStage.FAILED).exists():
        set_timer(page, due=at, at=at)
        page.save(update_fields=["next_step_at"])
    elif present:
        _hasten(page, row, at)
    record(
        "page.notification_failed",
        on=page,
        by=by,
        at=at,
        notification_id=row.pk,
        seat_id=row.seat_id,
        transport=row.transport,
        permanent=permanent,
    )


def _of_step(page: Page) -> Any:
    return Notification.objects.filter(page_id=page.pk, cycle=page.cycle, repeated=page.repeated, step=page.step)


def _hasten(page: Page, row: Notification, at: datetime) -> None:
    """When nothing has reached the person, and nothing is on its way, their next way is tried at once."""
    if row.seat_id is None:
        return
    own = _of_step(page).filter(seat_id=row.seat_id)
    if own.filter(Q(stage__in=GONE_OUT) | Q(stage=NotificationStage.QUEUED, due_at=None)).exists():
        return
    waiting = list(own.filter(stage=NotificationStage.QUEUED).order_by("due_at"))
    if not waiting or waiting[0].due_at <= at:
        return
    due = heard_from(rules_of(row.seat_id), severity=page.severity, due=at)
    for one in waiting:
        if one.due_at == waiting[0].due_at and due < one.due_at and move(NOTIFY, key=str(one.pk), at=due):
            one.due_at = due
            one.save(update_fields=["due_at"])


def _arrive(row: Notification, at: datetime) -> None:
    row.stage = NOTIFICATION_LIFECYCLE.step("confirm", from_=row.stage)
    row.delivered_at = at
    row.save(update_fields=["stage", "delivered_at"])
    note_proof(row.contact_id, at)


def _record_sent(row: Notification, by: Actor, at: datetime) -> None:
    record(
        "page.notification_sent",
        on=Page.objects.found(row.page_id),
        by=by,
        at=at,
        notification_id=row.pk,
        seat_id=row.seat_id,
        transport=row.transport,
    )


@transaction.atomic
def drop_notification(*, notification_id: UUID, at: datetime) -> Notification:
    """The message is no longer needed and is not sent; one that is settled stays as it is."""
    row: Notification = Notification.objects.locked(notification_id)
    if row.stage == NotificationStage.QUEUED:
        _settle(row, "drop", at)
    return row


def _settle(row: Notification, verb: str, at: datetime) -> None:
    row.stage = NOTIFICATION_LIFECYCLE.step(verb, from_=row.stage)
    row.settled_at = at
    row.save(update_fields=["stage", "problem", "receipt", "settled_at"])


def notifications_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(Notification.objects.all().queued().filter(seat_id__in=seat_ids), "seat_id")


@line("queued notifications", left=notifications_left, covers={"alerting.Notification.seat"})
def drop_notifications(seat_id: UUID, _by: Actor, at: datetime) -> int:
    queued = list(Notification.objects.all().queued().filter(seat_id=seat_id).values_list("pk", flat=True))
    for notification in queued:
        drop_notification(notification_id=notification, at=at)
    return len(queued)
