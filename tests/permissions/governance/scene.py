"""What the tests of governance set up again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.test.utils import CaptureQueriesContext

from permissions.actions.grants import Place, grant_role
from permissions.models import Grant
from tests.cast import SETTING_THE_STAGE, Answer, Person, walled
from tests.conftest import North


def grant(by: Person, to: Person, role: str, *brands: object, **more: object) -> Answer:
    wanted = {"seat": to.seat.pk, "role": role, "brands": brands, "reason": "help"} | more
    return by.post("grants", wanted)


def give(
    to: Person, role: str, *places: Place, at: datetime, starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> list[Grant]:  # fmt: skip
    """A grant on the operator's word."""
    with walled(to.agency):
        return grant_role(
            seat_id=to.seat.pk, role=role, places=list(places) or [Place()], reason="stage", starts_at=starts_at,
            ends_at=ends_at, sponsor=None, by=SETTING_THE_STAGE, at=at,
        )  # fmt: skip


def grant_of(person: Person, role: str | None = None) -> Grant:
    with walled(person.agency):
        found = Grant.objects.all().live().filter(seat=person.seat).order_by("-granted_at", "-pk")
        one: Grant = (found.filter(role=role) if role else found)[0]
        return one


def ids(answer: Answer, key: str = "id") -> set[str]:
    assert answer.status == 200, answer.body
    return {item[key] for item in answer.body["items"]}


def open_incident(by: Person, brand: Any, title: str = "A bad joke") -> UUID:
    body = {"brand": str(brand.pk), "title": title, "kind": "insensitive_post", "severity": 3}
    answer = by.post("incidents", body)
    assert answer.status == 201, answer.body
    return UUID(answer.body["id"])


def rivals(by: Person, north: North, **more: Any) -> Answer:
    """Aurora and borealis are rivals from now on."""
    return by.post("deny-rules", {"brands": [north.aurora.pk, north.borealis.pk], "reason": "rivals"} | more)


@contextmanager
def counted() -> Iterator[CaptureQueriesContext]:
    with CaptureQueriesContext(connection) as queries:
        yield queries


def queries_of(ask: Any, times: Sequence[Any] = (0,)) -> int:
    with counted() as queries:
        for _ in times:
            assert ask().status == 200
    return len(queries)
