"""Building blocks with no domain."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from core.walls import raise_walls


class CoreConfig(AppConfig):
    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # After the last app's tables exist; raising walls twice changes nothing.
        post_migrate.connect(raise_walls, dispatch_uid="core.raise_walls")
