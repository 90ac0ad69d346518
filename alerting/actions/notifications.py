"""The messages of a page: one row for each person and way before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerting.actions.timers import set_timer
from alerting.models import Notification, Page, Transport
from alerting.queries import ways_to_reach
from alerting.states import NOTIFICATION_LIFECYCLE, NotificationStage, PageStage
from core.actor import Actor
from core.wall import standing_agency
from jobs.actions import Wish, later_many
from ledger.actions import record
from permissions.revocation import counted, line

LONGEST_PROBLEM = 200


def queue_notifications(page: Page, *, step: int, seat_ids: Sequence[UUID], at: datetime) -> list[Notification]:
    """Write one notification, and the job that sends it, for each way to reach each person; inside the page's action.

    Who has named no way is reached by e-mail at the address of their account.
    """
    ways = ways_to_reach(seat_ids)
    rows = [
        Notification(
            page_id=page.pk,
            cycle=page.cycle,
            step=step,
            seat_id=seat,
            contact_id=way.pk if way else None,
            transport=way.transport if way else Transport.EMAIL,
            queued_at=at,
        )
        for seat in seat_ids
        for way in (*ways.get(seat, ()),) or (None,)
    ]
    Notification.objects.bulk_create(rows)
    later_many(
        [Wish("alerting.notify", str(row.pk), standing_agency(), at, {"notification_id": str(row.pk)}) for row in rows]
    )
    return rows


@transaction.atomic
def note_sent(*, notification_id: UUID, by: Actor, at: datetime) -> Notification:
    """A transport has taken the message; repeating changes nothing."""
    row: Notification = Notification.objects.locked(notification_id)
    if row.stage == NotificationStage.SENT:
        return row
    _settle(row, "send", at)
    record(
        "page.notification_sent",
        on=Page.objects.found(row.page_id),
        by=by,
        at=at,
        notification_id=row.pk,
        seat_id=row.seat_id,
        transport=row.transport,
    )
    return row


@transaction.atomic
def note_failed(*, notification_id: UUID, problem: str, permanent: bool, by: Actor, at: datetime) -> Notification:
    """The message did not go out and will not be tried again; a settled one stays as it is.

    When nothing that the page's present step sent can arrive, the next step does not wait.
    """
    page: Page = Page.objects.locked(Notification.objects.found(notification_id).page_id)
    row: Notification = Notification.objects.locked(notification_id)
    if row.stage != NotificationStage.QUEUED:
        return row
    row.problem = problem[:LONGEST_PROBLEM]
    _settle(row, "fail", at)
    if page.stage == PageStage.OPEN and (page.cycle, page.step) == (row.cycle, row.step) and _all_failed(page):
        set_timer(page, due=at, at=at)
        page.save(update_fields=["next_step_at"])
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
    return row


def _all_failed(page: Page) -> bool:
    told = Notification.objects.filter(page_id=page.pk, cycle=page.cycle, step=page.step)
    return not told.exclude(stage=NotificationStage.FAILED).exists()


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
    row.save(update_fields=["stage", "problem", "settled_at"])


def notifications_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(Notification.objects.all().queued().filter(seat_id__in=seat_ids), "seat_id")


@line("queued notifications", left=notifications_left, covers={"alerting.Notification.seat"})
def drop_notifications(seat_id: UUID, _by: Actor, at: datetime) -> int:
    queued = list(Notification.objects.all().queued().filter(seat_id=seat_id).values_list("pk", flat=True))
    for notification in queued:
        drop_notification(notification_id=notification, at=at)
    return len(queued)
