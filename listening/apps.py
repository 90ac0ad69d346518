"""Hearing the storm: mentions, mood, baseline, signals and their review."""

from django.apps import AppConfig


class ListeningConfig(AppConfig):
    name = "listening"
    default_auto_field = "django.db.models.BigAutoField"
