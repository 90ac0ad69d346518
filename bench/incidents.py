"""Incident list page under brand grants, against the same query without permissions.

20 000 incidents of 50 brands; the reader holds a role on 10 of them, among 200 colleagues who hold roles on 10 each.
Both sides of a ratio run alternately in the same process. Makes an agency of its own and leaves it behind.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import connection
from django.test import Client

from bench import Figure
from core.actor import Actor
from core.ids import uuid7
from core.wall import inside
from incidents.models import Incident
from ledger.actions import open_ledger
from permissions import gate
from permissions.actions.grants import Place, grant_role
from permissions.actions.keys import issue_key
from permissions.needs import Need
from tenants.actions.agencies import create_brand
from tenants.models import Agency, Brand, Seat, User
from tenants.queries import caller_for

BRANDS, INCIDENTS, COLLEAGUES, GRANTED = 50, 20_000, 200, 10
PAGE = 51  # what a page of 50 asks for
ROUNDS = 300
QUERY_GOAL, PAGE_GOAL = 2.0, 1.5
SETTING_UP = Actor.operator("bench")


def run() -> Iterator[Figure]:
    stage = _Stage()
    granted, free = _alternately(ROUNDS, stage.page_under_grants, stage.page_without_permissions)
    yield _figure(
        "incident list query under brand grants", granted, free, "the same query without permissions", QUERY_GOAL
    )
    theirs, everybodys = _alternately(
        ROUNDS // 3, lambda: stage.get(stage.reader_key), lambda: stage.get(stage.owner_key)
    )
    yield _figure(
        "incident list page under brand grants, request to answer",
        theirs,
        everybodys,
        "the same request of the owner, who sees every brand",
        PAGE_GOAL,
    )


def _figure(name: str, mine: float, peer: float, against: str, goal: float) -> Figure:
    ratio = mine / peer
    return Figure(
        name=name,
        value=mine * 1000,
        unit="ms",
        against=f"{against} ({peer * 1000:.2f} ms)",
        ratio=ratio,
        goal=f"ratio at most {goal:g}",
        passed=ratio <= goal,
    )


def _alternately(rounds: int, one: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """The median seconds of each, the two taking turns and swapping who goes first."""
    taken: dict[Callable[[], Any], list[float]] = {one: [], other: []}
    one(), other()
    for number in range(rounds):
        for side in (one, other) if number % 2 else (other, one):
            started = time.perf_counter()
            side()
            taken[side].append(time.perf_counter() - started)
    return statistics.median(taken[one]), statistics.median(taken[other])


class _Stage:
    """The agency, its people and its incidents."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        slug = f"bench-{uuid4().hex[:12]}"
        self.agency = Agency.objects.create(slug=slug, name="Bench", created_at=self.now)
        with inside(self.agency.pk):
            open_ledger(agency_id=self.agency.pk)
            brands = [self._brand(number) for number in range(BRANDS)]
            self._incidents(brands)
        self.owner = self._person("owner", [])
        self.reader = self._person("account_manager", brands[:GRANTED])
        for number in range(COLLEAGUES):
            self._person("account_manager", [brands[(number + step) % BRANDS] for step in range(GRANTED)])
        self.owner_key, self.reader_key = self._key(self.owner), self._key(self.reader)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum would have done long ago

    def _brand(self, number: int) -> Brand:
        return create_brand(
            slug=f"brand-{number}", name=f"Brand {number}", time_zone="UTC", locale="en", sector="", by=SETTING_UP,
            at=self.now,
        )  # fmt: skip

    def _incidents(self, brands: list[Brand]) -> None:
        Incident.objects.bulk_create(
            [
                Incident(
                    id=uuid7(),
                    brand_id=brands[number * 7 % BRANDS].pk,
                    reference=f"INC-2026-{number:06d}",
                    title=f"Incident {number}",
                    kind="other",
                    severity=number % 4 + 1,
                    opened_at=self.now - timedelta(minutes=INCIDENTS - number),
                )
                for number in range(INCIDENTS)
            ],
            batch_size=2_000,
        )

    def _person(self, role: str, brands: list[Brand]) -> Seat:
        user = User.objects.create(email=f"{uuid4().hex}@bench.example", name="Somebody", date_joined=self.now)
        with inside(self.agency.pk):
            seat = Seat(user=user, side="staff", created_at=self.now)
            seat.save(force_insert=True)
            grant_role(
                seat_id=seat.pk, role=role, places=Place.each([brand.pk for brand in brands]),
                reason="bench", starts_at=None, ends_at=None, sponsor=None, by=SETTING_UP, at=self.now,
            )  # fmt: skip
        return seat

    def _key(self, seat: Seat) -> str:
        with inside(self.agency.pk):
            issued = issue_key(
                issuer=caller_for(seat, at=self.now), name="bench", needs=[Need.INCIDENTS_READ],
                brand_ids=[], expires_at=None, by=SETTING_UP, at=self.now,
            )  # fmt: skip
        return issued.token

    def page_under_grants(self) -> list[Incident]:
        with inside(self.agency.pk):
            caller = caller_for(self.reader, at=self.now)  # a new one each time, as in a request
            seen = gate.visible(Incident.objects.defer("plan"), to=caller, need=Need.INCIDENTS_READ)
            return list(seen.order_by("-id")[:PAGE])

    def page_without_permissions(self) -> list[Incident]:
        with inside(self.agency.pk):
            return list(Incident.objects.defer("plan").order_by("-id")[:PAGE])

    def get(self, token: str) -> None:
        answer = Client().get(
            f"/v1/agencies/{self.agency.slug}/incidents", headers={"Authorization": f"Bearer {token}"}
        )
        if answer.status_code != 200 or len(answer.json()["items"]) != PAGE - 1:
            raise RuntimeError(f"The page was not what it should be: {answer.status_code}")
