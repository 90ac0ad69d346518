from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class RoofConfig(AppConfig):
    name = "crisisapi"

    def ready(self) -> None:
        # Handlers, reactions, revocation lines and OpenAPI extensions register themselves when their rooms are read.
        autodiscover_modules("actions", "jobs", "reactions", "schema")
