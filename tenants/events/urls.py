"""The address below `/ssf/v1/{agency}/`."""

from __future__ import annotations

from django.urls import path

from tenants.events.views import PushedEvents

urlpatterns = [path("events", PushedEvents.as_view(), name="security-events")]
