"""The Celery app: workers that are told a job's id and nothing else. Beat only rings the sweep."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_ready
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crisisapi.settings")

app = Celery("crisisapi")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["jobs"])


@worker_init.connect
def refuse_unbound_role(**_: object) -> None:
    """A worker reads across agencies; it must stand behind the wall like everybody else."""
    import_string("core.walls.refuse_unbound_role")()


@worker_ready.connect
def stand_in_for_beat(sender: Any, **_: object) -> None:
    """Workers of pages do not depend on beat for their timers."""
    if "alerts" in sender.app.amqp.queues.consume_from:
        import_string("jobs.spare.start_spare")(sender.app)
