"""What the auditor found."""

from __future__ import annotations

from django.db import models

from core.wall import TenantRow


class Alarm(TenantRow):
    """The auditor found that something has not moved: one row for each check and hour."""

    check_name = models.CharField(max_length=60)
    hour = models.DateTimeField()
    count = models.PositiveIntegerField()
    raised_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "check_name", "hour"], name="an_alarm_sounds_once_an_hour"),
        ]
