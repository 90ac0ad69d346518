"""Stages of a page and of each notification about it."""

from __future__ import annotations

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class PageStage(TextChoices):
    OPEN = "OPEN", "Open"  # climbing: nobody has taken it yet
    ACKNOWLEDGED = "ACKNOWLEDGED", "Acknowledged"
    EXHAUSTED = "EXHAUSTED", "Exhausted"  # every step has fired and nobody answered
    RESOLVED = "RESOLVED", "Resolved"


PAGE_LIFECYCLE = Lifecycle(
    acknowledge=({PageStage.OPEN, PageStage.EXHAUSTED}, PageStage.ACKNOWLEDGED),
    exhaust=({PageStage.OPEN}, PageStage.EXHAUSTED),
    reopen=({PageStage.ACKNOWLEDGED}, PageStage.OPEN),
    resolve=({PageStage.OPEN, PageStage.ACKNOWLEDGED, PageStage.EXHAUSTED}, PageStage.RESOLVED),
)


class NotificationStage(TextChoices):
    QUEUED = "QUEUED", "Queued"
    SENT = "SENT", "Sent"
    FAILED = "FAILED", "Failed"
    DROPPED = "DROPPED", "Dropped"  # no longer needed when its turn came


NOTIFICATION_LIFECYCLE = Lifecycle(
    # A message that was on its way when it was given up has gone out all the same, and the row says so.
    send=({NotificationStage.QUEUED, NotificationStage.FAILED, NotificationStage.DROPPED}, NotificationStage.SENT),
    fail=({NotificationStage.QUEUED}, NotificationStage.FAILED),
    drop=({NotificationStage.QUEUED}, NotificationStage.DROPPED),
)
