"""Does, in a process of its own, what a test asks of a house that is not the tests' own: one JSON object a line.

Run as `python -m tests.faults.deeds` with the environment of that house. Each line says what to `do`, with what, and is
answered by a line. Nothing is kept open between two lines, so that servers may come and go.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import django
from django.db import connections, transaction
from django.utils import timezone

django.setup()

from alerting.actions import (  # noqa: E402 - after the setup
    acknowledge_page,
    create_escalation_policy,
    raise_page,
    snooze_page,
)
from alerting.models import Page  # noqa: E402
from core.actor import Actor  # noqa: E402
from core.wall import inside  # noqa: E402
from jobs.actions import move  # noqa: E402
from tenants.models import Brand  # noqa: E402
from tests.alerting.scene import LISTENING, reach  # noqa: E402
from tests.cast import SETTING_THE_STAGE, add_brand, found_agency, seat_person  # noqa: E402


def build(*, ladders: dict[str, list[tuple[str, float]]], url: str) -> dict[str, str]:
    """An agency with a brand for each ladder, whose steps are people with their waits in seconds.

    Each person is reached by a webhook of their own name. Returns the agency's id.
    """
    at = timezone.now()
    agency = found_agency("faults", "Agency of faults", at)
    people = {name: seat_person(agency, name, "owner", at=at) for name in {n for s in ladders.values() for n, _ in s}}
    for name, person in people.items():
        reach(person, "webhook", f"{url}/{name}", at=at)
    for slug, steps in ladders.items():
        brand = add_brand(agency, slug, at)
        with inside(agency.pk):
            create_escalation_policy(
                name="Ladder", brand_id=brand.pk, by=SETTING_THE_STAGE, at=at,
                steps=[{"notify": [{"seat": people[name].seat.pk}], "wait_minutes": wait / 60} for name, wait in steps],
            )  # fmt: skip
    return {"agency": str(agency.pk), "holder": str(people["dee"].seat.pk)}


def page(*, agency: str, brand: str, cause: str) -> dict[str, str]:
    """Somebody has to look at this."""
    with inside(UUID(agency)):
        raised = raise_page(
            brand_id=Brand.objects.get(slug=brand).pk, cause_kind="listening.signal", cause_id=UUID(cause), severity=2,
            headline="Volume is nine times the usual", by=LISTENING, at=timezone.now(),
        )  # fmt: skip
    return {"page": str(raised.pk)}


def take(*, agency: str, page: str, holder: str, seconds: float) -> dict[str, str]:
    """The holder takes the page, and it lapses after so many seconds."""
    at = timezone.now()
    with inside(UUID(agency)):
        frozen = Page.objects.get(pk=page)
        Page.objects.filter(pk=page).update(policy={**frozen.policy, "lapses_minutes": seconds / 60})
        acknowledge_page(page_id=UUID(page), by=Actor.seat(UUID(holder)), at=at)
    return {"due": (at + timedelta(seconds=seconds)).isoformat()}


def put_off(*, agency: str, page: str, holder: str, seconds: float) -> dict[str, str]:
    """The page is put off for so many seconds."""
    at = timezone.now()
    until = at + timedelta(seconds=seconds)
    with inside(UUID(agency)):
        snooze_page(page_id=UUID(page), until=until, reason="a fault", by=Actor.seat(UUID(holder)), at=at)
    return {"due": until.isoformat()}


def hurry(*, message: str) -> dict[str, bool]:
    """A message that waits for its next attempt need not wait."""
    with transaction.atomic():
        return {"moved": move("alerting.notify", key=message, at=timezone.now())}


DEEDS: dict[str, Callable[..., Any]] = {deed.__name__: deed for deed in (build, page, take, put_off, hurry)}


def main() -> None:
    for line in sys.stdin:
        wish = json.loads(line)
        answer = DEEDS[wish.pop("do")](**wish)
        connections.close_all()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
