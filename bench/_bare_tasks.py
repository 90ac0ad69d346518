"""A bare Celery task that does nothing, the peer of a page. Serves; measures nothing.

A worker of it is run by `bench.alerting` as `celery -A bench._bare_tasks worker`, on the broker and with the settings
of our own workers.
"""

from __future__ import annotations

import os

from celery import Celery

from crisisapi.service_urls import celery_broker

QUEUE = "bench-bare"

app = Celery("bench", broker=celery_broker(os.environ["REDIS_URL"]), set_as_current=False)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=False,
    task_default_queue=QUEUE,
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
)


@app.task(name="bench.nothing")
def nothing() -> None:
    """Nothing."""
