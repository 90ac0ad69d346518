"""A page of incidents under brand grants, against the same page without permissions and against guardian's own list.

Two agencies: 1 000 brands with 100 000 incidents, 10 000 brands with a million. In each a person with a role on 20
brands and one with a role on 2 000 (in the smaller, on every brand). Three sides take turns in one process: our page;
the same page for an owner, whom no grant narrows; and `get_objects_for_user`, guardian's way, for a person who was
granted each of those brands' incidents one by one. Makes agencies of its own and leaves them behind.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import get_objects_for_user

from bench import Figure
from core.actor import Actor
from core.ids import uuid7
from core.wall import inside
from incidents.api.incidents import Incidents
from incidents.models import Incident
from ledger.actions import open_ledger
from permissions import gate
from permissions.actions.grants import Place, grant_role
from permissions.actions.keys import issue_key
from permissions.gate import Caller
from permissions.needs import Need
from permissions.pages import first
from tenants.models import Agency, Brand, Seat, User
from tenants.queries import caller_for

SIZES = [(1_000, 100_000), (10_000, 1_000_000)]
HOLDINGS = (20, 2_000)
LIMIT = 50
ROUNDS = 60
FREE_GOAL, GUARDIAN_GOAL = 1.5, 0.2
SETTING_UP = Actor.operator("bench")

INCIDENTS = """
INSERT INTO incidents_incident (id, agency_id, brand_id, reference, title, kind, severity, stage, cause_kind, plan,
    opened_at, version)
SELECT uuidv7(make_interval(secs => (n - %(count)s))), %(agency)s,
    (%(brands)s::uuid[])[1 + (n::bigint * 7919 %% %(many)s)],
    'INC-2026-' || n, 'Incident ' || n, 'other', n %% 4 + 1, 'ASSESSING', '', '{}', now(), 1
FROM generate_series(1, %(count)s) AS n
"""
ONE_BY_ONE = """
INSERT INTO permissions_incidentreach (user_id, permission_id, content_object_id, agency_id)
SELECT %(user)s, %(permission)s, id, %(agency)s FROM incidents_incident WHERE brand_id = ANY(%(brands)s::uuid[])
"""


def run() -> Iterator[Figure]:
    for brands, incidents in SIZES:
        stage = _Stage(brands, incidents)
        for holding in HOLDINGS:
            yield from stage.figures(min(holding, brands))


@dataclass(frozen=True, slots=True)
class _Reader:
    """A person and the key with which they ask."""

    seat: Seat
    token: str


class _Stage:
    """One agency, its brands and incidents, its owner."""

    def __init__(self, brands: int, incidents: int) -> None:
        self.now = datetime.now(UTC)
        self.incidents = incidents
        self.agency = Agency.objects.create(slug=f"bench-{uuid4().hex[:12]}", name="Bench", created_at=self.now)
        with inside(self.agency.pk):
            open_ledger(agency_id=self.agency.pk)
            made = Brand.objects.bulk_create(
                [
                    Brand(id=uuid7(), slug=f"brand-{number}", name=f"Brand {number}", created_at=self.now)
                    for number in range(brands)
                ],
                batch_size=2_000,
            )
            self.brands: list[UUID] = [brand.pk for brand in made]
            with connection.cursor() as cursor:
                cursor.execute(
                    INCIDENTS,
                    {"agency": self.agency.pk, "brands": self.brands, "many": brands, "count": incidents},
                )
        self.owner = self._reader("owner", [])

    def _reader(self, role: str, brands: Sequence[UUID]) -> _Reader:
        with inside(self.agency.pk):
            seat = self._seat()
            for start in range(0, max(len(brands), 1), 500):
                grant_role(
                    seat_id=seat.pk, role=role, places=Place.each(brands[start : start + 500]), reason="bench",
                    starts_at=None, ends_at=None, sponsor=None, by=SETTING_UP, at=self.now,
                )  # fmt: skip
            issued = issue_key(
                issuer=caller_for(seat, at=self.now), name="bench", needs=[Need.INCIDENTS_READ], brand_ids=[],
                expires_at=None, by=SETTING_UP, at=self.now,
            )  # fmt: skip
        return _Reader(seat, issued.token)

    def _seat(self) -> Seat:
        user = User.objects.create(email=f"{uuid4().hex}@bench.example", name="Somebody", date_joined=self.now)
        seat = Seat(user=user, side="staff", created_at=self.now)
        seat.save(force_insert=True)
        return seat

    def _granted_one_by_one(self, brands: Sequence[UUID]) -> User:
        """Somebody for whom guardian stores a row for each incident of these brands."""
        permission = Permission.objects.get(
            content_type__app_label="incidents", content_type__model="incident", codename=Need.INCIDENTS_READ.value
        )
        with inside(self.agency.pk):
            user = self._seat().user
            with connection.cursor() as cursor:
                cursor.execute(
                    ONE_BY_ONE,
                    {
                        "user": user.pk, "permission": permission.pk, "agency": self.agency.pk,
                        "brands": list(brands),
                    },
                )  # fmt: skip
        return user

    def figures(self, holding: int) -> Iterator[Figure]:
        """A person with a role on so many of the brands, spread over all of them."""
        step = len(self.brands) // holding
        brands = self.brands[::step][:holding]
        reader, other = self._reader("account_manager", brands), self._granted_one_by_one(brands)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # as autovacuum would have done long ago
        where = f"{holding} of {len(self.brands)} brands, {self.incidents} incidents"
        ours, free = _alternately(lambda: self._request(reader), lambda: self._request(self.owner))
        for name, pick in (("p50", _p50), ("p99", _p99)):
            yield _figure(
                f"page of a person with {where}, request to answer, {name}", pick(ours), pick(free),
                "the same request of the owner", FREE_GOAL if name == "p50" else None,
            )  # fmt: skip
        ours, free = _alternately(lambda: self._page(reader), self._page_without_permissions)
        theirs, _ = _alternately(lambda: self._page_by_guardian(other), self._page_without_permissions)
        for name, pick in (("p50", _p50), ("p99", _p99)):
            yield _figure(f"queries of that page, {name}", pick(ours), pick(free), "the same without permissions", None)
            yield _figure(
                f"queries of that page, {name}", pick(ours), pick(theirs), "guardian's get_objects_for_user",
                GUARDIAN_GOAL if self.incidents == SIZES[-1][1] else None,
            )  # fmt: skip
        yield Figure(f"queries of one request, {where}", self._queries(reader), "queries")

    def _request(self, reader: _Reader) -> None:
        answer = Client().get(
            f"/v1/agencies/{self.agency.slug}/incidents", headers={"Authorization": f"Bearer {reader.token}"}
        )
        if answer.status_code != 200 or len(answer.json()["items"]) != LIMIT:
            raise RuntimeError(f"The page was not what it should be: {answer.status_code}")

    def _queries(self, reader: _Reader) -> int:
        with CaptureQueriesContext(connection) as counted:
            self._request(reader)
        return len(counted)

    def _page(self, reader: _Reader) -> list[Any]:
        with inside(self.agency.pk):
            caller: Caller = caller_for(reader.seat, at=self.now)  # a new one each time, as in a request
            seen = gate.visible(Incident.objects.defer("plan"), to=caller, need=Need.INCIDENTS_READ)
            return _full(first(seen.order_by(*Incidents.keyset), LIMIT + 1))

    def _page_without_permissions(self) -> list[Any]:
        with inside(self.agency.pk):
            return _full(Incident.objects.defer("plan").order_by(*Incidents.keyset)[: LIMIT + 1])

    def _page_by_guardian(self, user: User) -> list[Any]:
        with inside(self.agency.pk):
            rows = get_objects_for_user(
                user, f"incidents.{Need.INCIDENTS_READ.value}", klass=Incident.objects.defer("plan"),
                use_groups=False, with_superuser=False, accept_global_perms=False,
            )  # fmt: skip
            return _full(rows.order_by(*Incidents.keyset)[: LIMIT + 1])


def _full(rows: Any) -> list[Any]:
    page = list(rows)
    if len(page) != LIMIT + 1:
        raise RuntimeError(f"The page has {len(page)} rows.")
    return page


def _alternately(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[list[float], list[float]]:
    """The seconds of each, the two taking turns and swapping who goes first."""
    taken: dict[Callable[[], Any], list[float]] = {one: [], other: []}
    for _ in range(3):
        one(), other()
    for number in range(ROUNDS):
        for side in (one, other) if number % 2 else (other, one):
            started = time.perf_counter()
            side()
            taken[side].append(time.perf_counter() - started)
    return taken[one], taken[other]


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds)


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]


def _figure(name: str, mine: float, peer: float, against: str, goal: float | None) -> Figure:
    ratio = mine / peer
    return Figure(
        name=name,
        value=mine * 1000,
        unit="ms",
        against=f"{against} ({peer * 1000:.2f} ms)",
        ratio=ratio,
        goal=f"ratio at most {goal:g}" if goal is not None else "",
        passed=None if goal is None else ratio <= goal,
    )
