"""The Celery app: workers that are told a job's id and nothing else. Beat only rings the sweep."""

import os

from celery import Celery
from celery.signals import worker_init
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crisisapi.settings")

app = Celery("crisisapi")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["jobs"])


@worker_init.connect
def refuse_unbound_role(**_: object) -> None:
    """A worker reads across agencies; it must stand behind the wall like everybody else."""
    import_string("core.walls.refuse_unbound_role")()
