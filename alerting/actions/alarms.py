"""What the auditor found, kept where the agency can see it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from alerting.models import Alarm
from core.actor import Actor
from ledger.actions import record


@transaction.atomic
def raise_alarm(*, check: str, count: int, by: Actor, at: datetime) -> bool:
    """Write down that a check of the auditor found `count` things that stand still; False when it did so this hour."""
    alarm = Alarm(check_name=check, hour=at.replace(minute=0, second=0, microsecond=0), count=count, raised_at=at)
    Alarm.objects.bulk_create([alarm], ignore_conflicts=True)
    if not Alarm.objects.filter(pk=alarm.pk).exists():
        return False
    record("alarm.raised", on=alarm, by=by, at=at, check=check, count=count)
    return True
