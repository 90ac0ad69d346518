"""What many tests of alerting need: a rota, a policy, a page, and a way to let its waits pass."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from alerting.actions import (
    add_contact_method,
    create_escalation_policy,
    create_rota,
    raise_page,
    verify_contact_method,
)
from alerting.models import EscalationPolicy, Notification, Page, Rota, Rotation
from core.actor import Actor
from core.wall import inside
from jobs.actions import move
from jobs.models import Job
from tests.cast import Person, run_due_jobs

LISTENING = Actor.rule("listening")


def rota_of(*people: Person, at: datetime, name: str = "First line", time_zone: str = "UTC", **more: Any) -> Rota:
    """A rota of one daily rotation that began a minute ago; `more` is said of the rotation."""
    rotation = {"members": [person.seat.pk for person in people], "starts_at": at - timedelta(minutes=1), **more}
    with inside(people[0].agency.pk):
        return create_rota(name=name, time_zone=time_zone, rotations=[rotation], by=people[0].actor, at=at)


def members_of(rota: Rota) -> list[UUID]:
    """Who takes turns in the rota's only rotation."""
    with inside(home_of(rota)):
        return Rotation.objects.get(rota_id=rota.pk).members


def policy_of(
    person: Person, *steps: list[dict[str, Any]], at: datetime, brand_id: UUID | None = None
) -> EscalationPolicy:
    """A policy whose steps notify these targets and wait five minutes each."""
    with inside(person.agency.pk):
        return create_escalation_policy(
            name="Ladder",
            brand_id=brand_id,
            steps=[{"notify": step, "wait_minutes": 5} for step in steps],
            by=person.actor,
            at=at,
        )


def reach(person: Person, transport: str, address: str, *, at: datetime) -> UUID:
    """A way to reach the person, who has sent its code back."""
    with inside(person.agency.pk):
        way = add_contact_method(seat_id=person.seat.pk, transport=transport, address=address, by=person.actor, at=at)
        if way.code is not None:
            verify_contact_method(contact_method_id=way.pk, code=way.code, by=person.actor, at=at)
    found: UUID = way.pk
    return found


def page_in(
    agency_id: UUID,
    *,
    brand_id: UUID | None = None,
    cause_id: UUID | None = None,
    severity: int = 2,
    at: datetime | None = None,
) -> Page:
    with inside(agency_id):
        return raise_page(
            brand_id=brand_id,
            cause_kind="listening.signal",
            cause_id=cause_id or uuid4(),
            severity=severity,
            headline="Volume is nine times the usual",
            by=LISTENING,
            at=at or timezone.now(),
        )


def home_of(page: Page | Rota) -> UUID:
    assert page.agency_id is not None
    return page.agency_id


def fresh(page: Page) -> Page:
    with inside(home_of(page)):
        found: Page = Page.objects.get(pk=page.pk)
        return found


def notifications_of(page: Page) -> list[Notification]:
    with inside(home_of(page)):
        return list(Notification.objects.filter(page_id=page.pk).order_by("id"))


def timer_of(page: Page) -> Job | None:
    return Job.objects.filter(handler="alerting.climb_page", key=str(page.pk), state="READY").first()


def let_the_wait_pass(page: Page) -> None:
    """The page's timer is due now, and what it starts is done."""
    with transaction.atomic():
        assert move("alerting.climb_page", key=str(page.pk), at=timezone.now()), "The page has no timer."
    run_due_jobs()
