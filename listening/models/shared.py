"""Streams that all agencies share."""

from __future__ import annotations

from django.db import models


class SharedStream(models.Model):
    """How far a stream has been read for everybody who listens to it. Global: it holds no agency's content."""

    name = models.CharField(max_length=40, primary_key=True)
    cursor = models.JSONField(null=True)
    answered_at = models.DateTimeField(null=True)  # when it was last read with success
    failures = models.PositiveIntegerField(default=0)  # in a row
    gaps = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=200, default="", blank=True)
