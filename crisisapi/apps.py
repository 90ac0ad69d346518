from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from django.apps import AppConfig, apps
from django.utils.module_loading import module_has_submodule

ROOMS = ("actions", "jobs", "reactions", "schema")


class RoofConfig(AppConfig):
    name = "crisisapi"

    def ready(self) -> None:
        # Handlers, reactions, revocation lines and OpenAPI extensions register themselves when their rooms are read.
        for app in apps.get_app_configs():
            for room in ROOMS:
                if module_has_submodule(app.module, room):
                    _read_whole(import_module(f"{app.name}.{room}"))


def _read_whole(room: ModuleType) -> None:
    """Every module of a room that is a package: what registers itself there is not left to who imports whom."""
    for part in iter_modules(getattr(room, "__path__", ()), f"{room.__name__}."):
        import_module(part.name)
