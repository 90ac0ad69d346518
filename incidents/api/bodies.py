"""Bodies that several views of incidents take."""

from __future__ import annotations

from rest_framework import serializers

from core.http.shapes import Shape


class EmptyBody(Shape):
    """Nothing to say beyond the address."""


class IncidentReason(Shape):
    reason = serializers.CharField(max_length=500)
