"""Stages of a page, of its messages, and of what people offer one another."""

from __future__ import annotations

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class PageStage(TextChoices):
    OPEN = "OPEN", "Open"  # climbing: nobody has taken it yet
    ACKNOWLEDGED = "ACKNOWLEDGED", "Acknowledged"
    SNOOZED = "SNOOZED", "Snoozed"  # climbs again when its time is over
    SILENCED = "SILENCED", "Silenced"  # a silence swallowed it
    EXHAUSTED = "EXHAUSTED", "Exhausted"  # every step has fired and nobody answered
    RESOLVED = "RESOLVED", "Resolved"


PAGE_LIFECYCLE = Lifecycle(
    acknowledge=(
        {PageStage.OPEN, PageStage.EXHAUSTED, PageStage.SNOOZED, PageStage.SILENCED},
        PageStage.ACKNOWLEDGED,
    ),
    exhaust=({PageStage.OPEN}, PageStage.EXHAUSTED),
    silence=({PageStage.OPEN}, PageStage.SILENCED),
    snooze=({PageStage.OPEN, PageStage.ACKNOWLEDGED, PageStage.EXHAUSTED}, PageStage.SNOOZED),
    reopen=(
        {PageStage.ACKNOWLEDGED, PageStage.SNOOZED, PageStage.SILENCED, PageStage.EXHAUSTED},
        PageStage.OPEN,
    ),
    resolve=(
        {PageStage.OPEN, PageStage.ACKNOWLEDGED, PageStage.SNOOZED, PageStage.SILENCED, PageStage.EXHAUSTED},
        PageStage.RESOLVED,
    ),
)

# A page in one of these takes in further causes of its topic.
LIVE = (PageStage.OPEN, PageStage.ACKNOWLEDGED, PageStage.SNOOZED, PageStage.EXHAUSTED)


class NotificationStage(TextChoices):
    QUEUED = "QUEUED", "Queued"
    SENT = "SENT", "Sent"
    DELIVERED = "DELIVERED", "Delivered"  # the provider says that it arrived
    FAILED = "FAILED", "Failed"
    DROPPED = "DROPPED", "Dropped"  # no longer needed when its turn came


NOTIFICATION_LIFECYCLE = Lifecycle(
    # A message that was on its way when it was given up has gone out all the same, and the row says so.
    send=({NotificationStage.QUEUED, NotificationStage.FAILED, NotificationStage.DROPPED}, NotificationStage.SENT),
    confirm=({NotificationStage.SENT}, NotificationStage.DELIVERED),
    bounce=({NotificationStage.SENT}, NotificationStage.FAILED),
    fail=({NotificationStage.QUEUED}, NotificationStage.FAILED),
    drop=({NotificationStage.QUEUED}, NotificationStage.DROPPED),
)


class SwapStage(TextChoices):
    OFFERED = "OFFERED", "Offered"
    TAKEN = "TAKEN", "Taken"
    CANCELLED = "CANCELLED", "Cancelled"


SWAP_LIFECYCLE = Lifecycle(
    take=({SwapStage.OFFERED}, SwapStage.TAKEN),
    give_back=({SwapStage.TAKEN}, SwapStage.OFFERED),
    cancel=({SwapStage.OFFERED, SwapStage.TAKEN}, SwapStage.CANCELLED),
)


class HandOverStage(TextChoices):
    OFFERED = "OFFERED", "Offered"
    ACCEPTED = "ACCEPTED", "Accepted"
    DECLINED = "DECLINED", "Declined"
    LAPSED = "LAPSED", "Lapsed"


HAND_OVER_LIFECYCLE = Lifecycle(
    accept=({HandOverStage.OFFERED}, HandOverStage.ACCEPTED),
    decline=({HandOverStage.OFFERED}, HandOverStage.DECLINED),
    lapse=({HandOverStage.OFFERED}, HandOverStage.LAPSED),
)
