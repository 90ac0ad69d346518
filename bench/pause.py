"""Pause latency, from the wish to "nothing can start", with 100 000 scheduled posts: against 2 s, and 100 posts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

from django.utils import timezone

from bench import Figure
from core.actor import Actor
from core.wall import inside
from ledger.actions import open_ledger
from publishing.actions import NewPost, drain_pause, import_posts, lift_pause, start_pause
from publishing.actions.posts import MOST_IMPORTED
from tenants.actions.accounts import connect_account
from tenants.actions.agencies import create_brand
from tenants.models import Agency, Seat, SocialAccount, User

MANY, FEW = 100_000, 100
ROUNDS = 100
LIMIT_S = 2.0  # p99 while nothing is in flight
GROWTH = 1.5  # how much slower than with few posts it may be


def run() -> Iterator[Figure]:
    full, empty = _Agency(MANY), _Agency(FEW)
    taken: dict[int, list[float]] = {MANY: [], FEW: []}
    for _ in range(ROUNDS):
        for agency in (full, empty):
            taken[agency.posts].append(agency.pause())
    slow, quick = (_quantile(taken[count], 0.99) for count in (MANY, FEW))
    yield Figure(
        "pause_p99_idle", slow, "s", f"the limit of {LIMIT_S:g} s, {MANY} scheduled posts", slow / LIMIT_S, "<= 1",
        slow <= LIMIT_S,
    )  # fmt: skip
    slow, quick = (_quantile(taken[count], 0.5) for count in (MANY, FEW))
    yield Figure(
        "pause_median_growth", slow, "s", f"{quick:.4f} s with {FEW} scheduled posts", slow / quick, f"<= {GROWTH}",
        slow / quick <= GROWTH,
    )  # fmt: skip


class _Agency:
    """An agency of one brand and one account, with so many posts scheduled for tomorrow and later."""

    def __init__(self, posts: int) -> None:
        self.posts = posts
        at = timezone.now()
        agency = Agency.objects.create(slug=f"bench-{uuid4().hex[:12]}", name="Bench", created_at=at)
        self.agency_id: UUID = agency.pk
        operator = Actor.operator("bench")
        user = User.objects.create(email=f"{uuid4().hex}@example.org", name="Bench", date_joined=at)
        with inside(agency.pk):
            open_ledger(agency_id=agency.pk)
            seat = Seat.objects.create(user=user, side="staff", created_at=at)
            self.actor = Actor.seat(seat.pk)
            brand = create_brand(
                slug="brand", name="Brand", time_zone="UTC", locale="en", sector="food", by=operator, at=at
            )
            self.brand_id: UUID = brand.pk
            account = connect_account(
                brand_id=brand.pk, network="sandbox", handle="@brand", credentials={}, by=operator, at=at
            )
        for first in range(0, posts, MOST_IMPORTED):
            self._fill(account, min(MOST_IMPORTED, posts - first))

    def _fill(self, account: SocialAccount, count: int) -> None:
        at = timezone.now()
        items = [NewPost(account.pk, f"Post {n}", at + timedelta(days=1, minutes=n)) for n in range(count)]
        with inside(self.agency_id):
            import_posts(items=items, by=self.actor, at=at)

    def pause(self) -> float:
        """Seconds from the wish until the pause holds; it is lifted again outside the measured time."""
        began = time.perf_counter()
        with inside(self.agency_id):
            pause = start_pause(
                scope="brand",
                scope_id=self.brand_id,
                kind="crisis",
                reason="bench",
                allow_statements=True,
                incident_id=None,
                by=self.actor,
                at=timezone.now(),
            )
        drained = drain_pause(pause_id=pause.pk, agency_id=self.agency_id, patience_s=10, at=timezone.now())
        seconds = time.perf_counter() - began
        if not drained.effective:
            raise RuntimeError("The pause did not hold although nothing was in flight.")
        with inside(self.agency_id):
            lift_pause(pause_id=pause.pk, reason="bench", by=self.actor, at=timezone.now())
        return seconds


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(round(share * len(ordered)), len(ordered) - 1)]
