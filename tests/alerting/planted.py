"""Faults as the auditor meets them: for each of its checks a row in the bad state, and for how long it may stand so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from alerting.models import HandOver, Notification, Page, Silence
from core.ids import uuid7
from core.wall import inside
from jobs.models import Job, Pulse
from listening.models import Source
from permissions.models import Revocation, RevocationLine
from publishing.models import Attempt, Pause, Post
from tests.alerting.scene import home_of, page_in
from tests.cast import seat_person
from tests.conftest import North


def a_job(**how: Any) -> Job:
    now: datetime = how.pop("now")
    job = Job(
        max_attempts=3,
        created_at=now,
        **{"handler": "alerting.notify", "key": str(uuid4()), "due_at": now, "queue": "alerts", **how},
    )
    job.save()
    return job


def plant_dead_job(north: North, since: datetime) -> None:
    a_job(now=since, agency_id=north.agency.pk, state="DEAD", finished_at=since)


def plant_overdue_job(north: North, since: datetime) -> None:
    a_job(now=since, agency_id=north.agency.pk)
    # Somebody is at work, so only this one job is late.
    a_job(now=since, state="DONE", finished_at=timezone.now(), queue="alerts")


def plant_silent_workers(_north: North | None, since: datetime) -> None:
    a_job(now=since)


def plant_silent_queue(north: North, since: datetime) -> None:
    plant_overdue_job(north, since)
    Job.objects.filter(state="DONE").update(queue="bulk")


def plant_page_without_timer(north: North, since: datetime) -> None:
    page = page_in(north.agency.pk, at=since)
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk)).update(state="CANCELLED", finished_at=since)
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(next_step_at=timezone.now() + timedelta(minutes=5))


def plant_late_page(north: North, since: datetime) -> None:
    page = page_in(north.agency.pk, at=since)
    # Its timer is claimed by a worker that hangs, so the queue does not look late.
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk)).update(
        lease_token=uuid4(), lease_until=timezone.now() + timedelta(minutes=10)
    )


def plant_snooze(north: North, since: datetime) -> None:
    page = page_in(north.agency.pk, at=since)
    set_timer_to(page, "alerting.unsnooze_page")
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(stage="SNOOZED", snoozed_until=since, next_step_at=None)


def plant_acknowledgement(north: North, since: datetime) -> None:
    page = page_in(north.agency.pk, at=since)
    set_timer_to(page, "alerting.lapse_page")
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(
            stage="ACKNOWLEDGED", acknowledged_at=since, lapses_at=since, next_step_at=None
        )


def set_timer_to(page: Page, handler: str) -> None:
    """The page's timer is of another kind, and with a worker that hangs."""
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk)).update(
        handler=handler, lease_token=uuid4(), lease_until=timezone.now() + timedelta(minutes=10)
    )


def plant_notification(north: North, since: datetime, **how: Any) -> Notification:
    """A message about a page whose first step has fired and whose second is to come."""
    dee = seat_person(north.agency, "dee", "responder", at=timezone.now())
    page = page_in(north.agency.pk, at=since)
    now = timezone.now()
    set_due(page, now + timedelta(minutes=5))
    with inside(north.agency.pk):
        Page.objects.filter(pk=page.pk).update(step=1)
        told = Notification(
            page_id=page.pk, cycle=1, step=1, seat_id=dee.seat.pk, transport="email", queued_at=since, **how
        )
        told.save()
    return told


def set_due(page: Page, due: datetime) -> None:
    Job.objects.filter(handler="alerting.climb_page", key=str(page.pk)).update(due_at=due)
    with inside(home_of(page)):
        Page.objects.filter(pk=page.pk).update(next_step_at=due)


def plant_unreached_page(north: North, since: datetime) -> None:
    plant_notification(north, since, stage="FAILED", settled_at=since)


def plant_notification_without_job(north: North, since: datetime) -> None:
    plant_notification(north, since)


def plant_late_notification(north: North, since: datetime) -> None:
    told = plant_notification(north, since - timedelta(hours=1), due_at=since)
    a_job(now=timezone.now(), key=str(told.pk), agency_id=north.agency.pk)


def plant_hand_over(north: North, since: datetime) -> None:
    told = plant_notification(north, since, stage="SENT", settled_at=since)
    with inside(north.agency.pk):
        HandOver(page_id=told.page_id, to_seat_id=told.seat_id, offered_at=since, lapses_at=since).save()


def plant_silence_over(north: North, since: datetime) -> None:
    with inside(north.agency.pk):
        Silence(reason="A move", starts_at=since - timedelta(hours=1), ends_at=since, created_at=since).save()


def plant_goodbye(north: North, since: datetime, **how: Any) -> Revocation:
    dee = seat_person(north.agency, "dee", "responder", at=timezone.now())
    with inside(north.agency.pk):
        goodbye = Revocation(
            seat_id=dee.seat.pk, reason="left", asked_at=since, asked_by="operator:tests", due_at=since, **how
        )
        goodbye.save()
    return goodbye


def plant_unconfirmed_line(north: North, since: datetime) -> None:
    goodbye = plant_goodbye(north, since, stage="VERIFYING", done_at=since)
    with inside(north.agency.pk):
        RevocationLine(revocation=goodbye, name="platform tokens", finding="unconfirmed").save()
        RevocationLine(revocation=goodbye, name="grants", finding="confirmed").save()


def plant_late_goodbye(north: North, since: datetime) -> None:
    plant_goodbye(north, since, stage="SCHEDULED")


def plant_refused_source(north: North, since: datetime) -> None:
    with inside(north.agency.pk):
        Source(
            brand_id=north.aurora.pk, kind="rss", name="News", created_at=since, answered_at=since, health="refused"
        ).save()


def plant_pulse(name: str, since: datetime) -> None:
    Pulse(name=name, at=since).save()


def plant_attempt(north: North, since: datetime, stage: str) -> None:
    with inside(north.agency.pk):
        post = Post(
            brand_id=north.aurora.pk,
            account_id=north.aurora_account.pk,
            text="Good morning!",
            scheduled_at=since,
            digest="0" * 64,
            author_seat_id=uuid7(),
            created_at=since,
        )
        post.save()
        Attempt(
            post_id=post.pk,
            account_id=north.aurora_account.pk,
            stage=stage,
            idempotency_key=uuid4().hex,
            digest="0" * 64,
            epoch=0,
            started_at=since,
        ).save()


def plant_sending(north: North, since: datetime) -> None:
    plant_attempt(north, since, "SENDING")


def plant_unknown(north: North, since: datetime) -> None:
    plant_attempt(north, since, "UNKNOWN")


def plant_draining_pause(north: North, since: datetime) -> None:
    with inside(north.agency.pk):
        Pause(
            scope="brand",
            scope_id=north.aurora.pk,
            brand_id=north.aurora.pk,
            kind="crisis",
            reason="storm",
            epoch=1,
            started_at=since,
        ).save()


Plant = Callable[[North, datetime], None]
SECOND = timedelta(seconds=1)
# check -> (how to plant it, for how long it may stand still)
FAULTS: dict[str, tuple[Plant, timedelta]] = {
    "jobs_dead": (plant_dead_job, timedelta(0)),
    "jobs_overdue": (plant_overdue_job, timedelta(seconds=60)),
    "workers_silent": (plant_silent_workers, timedelta(seconds=60)),
    "queues_silent": (plant_silent_queue, timedelta(seconds=60)),
    "beat_silent": (lambda _, since: plant_pulse("beat", since), timedelta(seconds=25)),
    "sweep_silent": (lambda _, since: plant_pulse("sweep", since), timedelta(seconds=25)),
    "pages_without_timer": (plant_page_without_timer, timedelta(0)),
    "pages_late": (plant_late_page, timedelta(seconds=30)),
    "snoozes_not_ended": (plant_snooze, timedelta(seconds=30)),
    "acknowledgements_not_lapsed": (plant_acknowledgement, timedelta(seconds=60)),
    "pages_reached_nobody": (plant_unreached_page, timedelta(seconds=60)),
    "notifications_late": (plant_late_notification, timedelta(minutes=15)),
    "notifications_without_job": (plant_notification_without_job, timedelta(seconds=60)),
    "hand_overs_not_lapsed": (plant_hand_over, timedelta(seconds=60)),
    "silences_not_ended": (plant_silence_over, timedelta(seconds=60)),
    "revocations_unconfirmed": (plant_unconfirmed_line, timedelta(minutes=15)),
    "revocations_late": (plant_late_goodbye, timedelta(minutes=5)),
    "sources_silent": (plant_refused_source, timedelta(minutes=15)),
    "posts_sending_too_long": (plant_sending, timedelta(seconds=60)),
    "posts_unknown_too_long": (plant_unknown, timedelta(minutes=15)),
    "pauses_not_effective": (plant_draining_pause, timedelta(seconds=30)),
}


OF_THE_SYSTEM = {"workers_silent", "queues_silent", "beat_silent", "sweep_silent"}
