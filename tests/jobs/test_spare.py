"""While beat is dead, workers sweep for themselves; while it lives, they do nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from celery import Celery
from django.utils import timezone
from pytest_django import Settings

from jobs.actions import pulse_is_older
from jobs.models import Pulse
from jobs.spare import QUEUE, ask_for_sweep
from jobs.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)


def pulses() -> set[str]:
    return set(Pulse.objects.values_list("name", flat=True))


def test_beats_sweep_is_noted_as_beats_and_makes_a_spare_one_idle() -> None:
    sweep()
    assert pulses() == {"sweep", "beat"}
    before = Pulse.objects.get(name="sweep").at
    sweep(spare=True)
    assert Pulse.objects.get(name="sweep").at == before


def test_a_spare_sweep_is_made_when_nobody_else_has_made_one() -> None:
    sweep(spare=True)
    assert pulses() == {"sweep"}
    Pulse.objects.update(at=timezone.now() - timedelta(seconds=10))
    assert pulse_is_older("sweep", timedelta(seconds=5))
    sweep(spare=True)
    assert not pulse_is_older("sweep", timedelta(seconds=5))


def test_a_worker_asks_in_the_queue_of_alerts_and_shrugs_when_redis_is_away(settings: Settings) -> None:
    app = Celery("spare", broker=settings.CELERY_BROKER_URL)
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(QUEUE)
    assert ask_for_sweep(app)
    [message] = client.lrange(QUEUE, 0, -1)
    client.delete(QUEUE)
    assert json.loads(message)["headers"]["task"] == "jobs.sweep"
    assert not ask_for_sweep(Celery("away", broker=f"redis+socket:///nowhere/{uuid4()}"))
