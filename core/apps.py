"""Building blocks with no domain."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string

from core.sealed import check_keys


class CoreConfig(AppConfig):
    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        check_keys()
        # After the last app's tables exist; raising walls twice changes nothing. By name, because its module holds
        # models, which cannot be read while the apps are still being gathered.
        post_migrate.connect(import_string("core.walls.raise_walls"), dispatch_uid="core.raise_walls")
