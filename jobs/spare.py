"""A spare for beat: each worker of the alerts queue asks for a sweep every few seconds, made if nobody else made one.

So timers fire while beat is dead, only a little later, and beat is no single point on which every page depends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

import structlog
from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

QUEUE = "alerts"
EVERY_SECONDS = 3.0
AFTER = timedelta(seconds=4)  # so old must the last sweep be
FAST = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}


def ask_for_sweep(app: Celery) -> bool:
    """Put the wish for a spare sweep into the queue of alerts; False when Redis does not take it.

    On a connection of its own: a lock of a shared pool, held here while the worker forks, would stay shut in the child.
    """
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, **FAST}
    try:
        with app.connection_for_write(transport_options=options) as broker, app.amqp.Producer(broker) as producer:
            app.send_task(
                "jobs.sweep", kwargs={"spare": True}, queue=QUEUE, producer=producer, retry=False, ignore_result=True,
                expires=EVERY_SECONDS,
            )  # fmt: skip
    except (OperationalError, RedisError, OSError) as problem:
        log.info("spare_sweep_not_asked", kind=type(problem).__name__)
        return False
    return True


def start_spare(app: Celery) -> Callable[[], None]:
    """Ask again and again, in a thread, until the returned function is called or the process ends."""
    over = Event()

    def ask() -> None:
        while not over.wait(EVERY_SECONDS):
            ask_for_sweep(app)

    Thread(target=ask, name="spare-sweep", daemon=True).start()
    return over.set
