"""Ending a seat: requests that start after the commit and succeed, and the time to the full report (2 000 grants)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection
from django.test import Client
from django.utils import timezone

from bench import Figure
from core.actor import Actor
from core.wall import inside
from jobs.actions import run_job
from jobs.models import Job
from ledger.actions import open_ledger
from permissions.actions.grants import Place, grant_role
from permissions.actions.keys import issue_key
from permissions.models import Grant, Revocation, RevocationLine
from permissions.needs import Need
from tenants.actions.accounts import connect_account
from tenants.actions.agencies import create_brand
from tenants.actions.goodbyes import revoke_seat
from tenants.models import Agency, Seat, User
from tenants.queries import caller_for
from tenants.sign_in.sessions import SessionStore

TRIALS = 1_000
BRANDS = 500
ROLES = ("account_manager", "responder", "analyst", "crisis_lead")  # four on each brand: 2 000 grants
ROUNDS = 5
LIMIT_COMMIT_S = 2.0
LIMIT_REPORT_S = 5.0
OPERATOR = Actor.operator("bench")


def run() -> Iterator[Figure]:
    logging.disable(logging.INFO)  # a line for each request would be part of what is measured
    settings.RATE_LIMITS = False
    settings.ALLOWED_HOSTS = ["testserver"]
    agency = _Agency()
    after, leaks = agency.hammer(TRIALS)
    yield Figure(
        "started_after_commit_and_succeeded", leaks, "requests",
        f"{after} that started after the commit, in {TRIALS} trials by session and by key", None, "0", leaks == 0,
    )  # fmt: skip
    agency.add_brands(BRANDS)
    few = [agency.goodbye(1) for _ in range(ROUNDS)]
    many = [agency.goodbye(len(ROLES) * BRANDS) for _ in range(ROUNDS)]
    commit, small = _middle(one.commit_s for one in many), _middle(one.commit_s for one in few)
    yield Figure(
        "revoke_commit", commit, "s", f"{small:.3f} s with 1 grant; limit {LIMIT_COMMIT_S:g} s, {BRANDS} brands",
        commit / small, f"<= {LIMIT_COMMIT_S:g} s", commit <= LIMIT_COMMIT_S,
    )  # fmt: skip
    report, small = _middle(one.report_s for one in many), _middle(one.report_s for one in few)
    yield Figure(
        "time_to_report", report, "s", f"{small:.3f} s with 1 grant; limit {LIMIT_REPORT_S:g} s from the wish on",
        report / small, f"<= {LIMIT_REPORT_S:g} s", report <= LIMIT_REPORT_S,
    )  # fmt: skip
    unconfirmed = sum(one.unconfirmed for one in many)
    yield Figure("unconfirmed_lines", unconfirmed, "lines", f"{many[0].lines} lines", None, "0", unconfirmed == 0)


class _Taken:
    """What one goodbye took: seconds to its commit, and to its report, counted from the wish."""

    def __init__(self, commit_s: float, report_s: float, lines: int, unconfirmed: int) -> None:
        self.commit_s, self.report_s, self.lines, self.unconfirmed = commit_s, report_s, lines, unconfirmed


class _Agency:
    """An agency of an owner, with leavers made as they are needed."""

    def __init__(self) -> None:
        at = timezone.now()
        self.slug = f"bench-{uuid4().hex[:12]}"
        agency = Agency.objects.create(slug=self.slug, name="Bench", created_at=at)
        self.agency_id: UUID = agency.pk
        self.brands: list[UUID] = []
        with inside(self.agency_id):
            open_ledger(agency_id=self.agency_id)
        self.owner = Actor.seat(self.seat("owner", [Place()]).pk)
        self.add_brands(1)

    def seat(self, role: str, places: list[Place]) -> Seat:
        at = timezone.now()
        user = User(email=f"{uuid4().hex}@example.org", name="Bench", date_joined=at)
        user.set_unusable_password()
        user.save()
        with inside(self.agency_id):
            seat: Seat = Seat.objects.create(user=user, side="staff", created_at=at)
            self.grant(seat, role, places)
        return seat

    def grant(self, seat: Seat, role: str, places: list[Place]) -> None:
        grant_role(
            seat_id=seat.pk, role=role, places=places, reason="bench", starts_at=None, ends_at=None, sponsor=None,
            by=OPERATOR, at=timezone.now(),
        )  # fmt: skip

    def add_brands(self, count: int) -> None:
        at = timezone.now()
        with inside(self.agency_id):
            for number in range(len(self.brands), count):
                slug = f"brand-{number}"
                brand = create_brand(
                    slug=slug, name=slug, time_zone="UTC", locale="en", sector="food", by=OPERATOR, at=at
                )
                connect_account(
                    brand_id=brand.pk, network="sandbox", handle=f"@{slug}", credentials={}, by=OPERATOR, at=at
                )
                self.brands.append(brand.pk)

    # -- hammers ------------------------------------------------------------------------------------------------

    def hammer(self, trials: int) -> tuple[int, int]:
        """How many requests started after a commit, and how many of them succeeded."""
        after = leaks = 0
        for _ in range(trials):
            seat = self.seat("responder", [Place(brand_id=self.brands[0])])
            ways = [{"X-Session-Token": _session(seat.user)}, {"Authorization": f"Bearer {self._key(seat)}"}]
            committed, barrier = threading.Event(), threading.Barrier(len(ways) + 1)
            times: list[tuple[float, int]] = []
            threads = [threading.Thread(target=self._ask, args=(way, committed, barrier, times)) for way in ways]
            for thread in threads:
                thread.start()
            barrier.wait()
            with inside(self.agency_id):
                revoke_seat(seat_id=seat.pk, reason="left", by=self.owner, at=timezone.now())
            ended = time.monotonic()
            committed.set()
            for thread in threads:
                thread.join()
            after += sum(began > ended for began, _ in times)
            leaks += sum(began > ended and status < 400 for began, status in times)
        return after, leaks

    def _key(self, seat: Seat) -> str:
        with inside(self.agency_id):
            return issue_key(
                issuer=caller_for(seat, at=timezone.now()), name="bench", needs=[Need.BRANDS_READ], brand_ids=[],
                expires_at=None, by=Actor.seat(seat.pk), at=timezone.now(),
            ).token  # fmt: skip

    def _ask(
        self,
        headers: dict[str, str],
        committed: threading.Event,
        barrier: threading.Barrier,
        times: list[tuple[float, int]],
    ) -> None:
        rounds_after = 0
        barrier.wait()
        while rounds_after < 2:
            rounds_after += committed.is_set()
            began = time.monotonic()
            answer = Client().get(f"/v1/agencies/{self.slug}/brands", headers=headers)
            times.append((began, answer.status_code))
        connection.close()

    # -- the whole goodbye --------------------------------------------------------------------------------------

    def goodbye(self, grants: int) -> _Taken:
        """Seconds from the wish to end a seat with so many grants until the report stands in the ledger."""
        seat = self.seat(ROLES[0], [Place(brand_id=self.brands[0])])
        if grants > 1:
            with inside(self.agency_id):
                for role in ROLES:
                    self.grant(seat, role, [Place(brand_id=brand) for brand in self.brands])
        with inside(self.agency_id):
            held = Grant.objects.all().live().filter(seat=seat).count()
        if held != grants:
            raise RuntimeError(f"{held} grants and not {grants}.")
        began = time.perf_counter()
        with inside(self.agency_id):
            revoke_seat(seat_id=seat.pk, reason="left", by=self.owner, at=timezone.now())
        commit_s = time.perf_counter() - began
        with inside(self.agency_id):
            revocation = Revocation.objects.get(seat=seat)
        for job in Job.objects.filter(handler="permissions.verify_revocation", key=str(revocation.pk), state="READY"):
            run_job(job_id=job.pk, handler_name=job.handler, at=timezone.now())
        report_s = time.perf_counter() - began
        with inside(self.agency_id):
            lines = RevocationLine.objects.filter(revocation=revocation)
            if not Revocation.objects.get(pk=revocation.pk).report_sha256:
                raise RuntimeError("There is no report.")
            return _Taken(commit_s, report_s, lines.count(), lines.filter(finding="unconfirmed").count())


def _session(user: User) -> str:
    """The token of an app's session, as signing in leaves it."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store["account_authentication_methods"] = [{"method": "password", "at": timezone.now().timestamp()}]
    store.create()
    return store.known_token()


def _middle(values: Iterator[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
