"""Somebody with something of everything, and what can be read of their goodbye."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from core.wall import inside
from permissions.models import Revocation, RevocationTask
from permissions.queries.goodbyes import goodbye_of
from tests.cast import Person, run_due_jobs

Goodbye = Callable[..., dict[str, Any]]


@pytest.fixture
def say_goodbye(ana: Person) -> Goodbye:
    """Ana ends a seat, the machines do what is due, and she reads the report."""

    def say(person: Person, reason: str = "left", **wish: Any) -> dict[str, Any]:
        answer = ana.post(f"seats/{person.seat.pk}/revoke", {"reason": reason} | wish)
        assert answer.status == 200, answer.body
        run_due_jobs()
        return report_on(person, by=ana)

    return say


def report_on(person: Person, *, by: Person) -> dict[str, Any]:
    answer = by.get(f"seats/{person.seat.pk}/revocation")
    assert answer.status == 200, answer.body
    return answer.body | {name: answer.body["report"][name] for name in ("lines", "tasks", "findings")}


def line_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in report["lines"] if found["name"] == name)


def findings(report: dict[str, Any]) -> dict[str, str]:
    return {found["name"]: found["finding"] for found in report["lines"]}


def goodbye(person: Person) -> Revocation:
    with inside(person.agency.pk):
        found = goodbye_of(person.seat.pk)
    assert found is not None
    return found


def work_off(person: Person, by: Person) -> None:
    """Tick every task of a goodbye, and let it be asked again."""
    with inside(person.agency.pk):
        tasks = list(RevocationTask.objects.filter(revocation__seat_id=person.seat.pk, done_at=None))
    for task in tasks:
        answer = by.post(f"revocation-tasks/{task.pk}/complete", {"note": f"done at {timezone.now():%H:%M}"})
        assert answer.status == 200, answer.body
    run_due_jobs()
