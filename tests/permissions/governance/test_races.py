"""Governance that races: real transactions, real threads, one barrier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from core.refusals import Refusal
from permissions.actions.grants import Place, withdraw_role
from permissions.actions.reviews import Decision, close_review, decide_review, open_review
from permissions.actions.roles import define_role, revise_role
from permissions.actions.rules import deny_brands, separate_duties
from permissions.models import AgencyReach, BrandReach, DenyRule, Grant, ReviewItem, SeparationRule
from permissions.queries.conflicts import clashing, crossing, holds_at_or_after
from tests.cast import SETTING_THE_STAGE, Person, events_of, walled
from tests.conftest import North
from tests.permissions.governance.scene import give, grant_of

pytestmark = pytest.mark.django_db(transaction=True)
TRIALS = 8


def race(north: North, *runners: Callable[[], object]) -> list[str]:
    """Start all at the same instant, each in a connection of its own; "done" or the refusal's code of each."""
    barrier, outcomes = Barrier(len(runners)), [""] * len(runners)

    def run(place: int, runner: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            with walled(north.agency):
                runner()
            outcomes[place] = "done"
        except Refusal as refusal:
            outcomes[place] = refusal.code
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes


def reviewed(north: North, now: datetime, by: Person) -> UUID:
    with walled(north.agency):
        review = open_review(brand_id=north.aurora.pk, due_at=now + timedelta(days=1), reason="x", by=by.actor, at=now)
    return review.pk


def deciding(review: UUID, row: Grant, reviewer: Person, now: datetime, *, keep: bool) -> Callable[[], object]:
    def run() -> object:
        return decide_review(
            review_id=review, decisions=[Decision(row.pk, keep, "said so")], among={row.pk},
            reviewer=reviewer.caller(now), by=reviewer.actor, at=now,
        )  # fmt: skip

    return run


def item_of(north: North, review: UUID, row: Grant) -> ReviewItem:
    with walled(north.agency):
        found: ReviewItem = ReviewItem.objects.select_related("grant").get(review_id=review, grant=row)
        return found


def test_of_two_reviewers_one_decides(north: North, ana: Person, ada: Person, bo: Person, now: datetime) -> None:
    for _ in range(TRIALS):
        row = give(bo, "analyst", Place(north.aurora.pk), at=now)[0]
        review = reviewed(north, now, ada)
        outcomes = race(north, deciding(review, row, ana, now, keep=True), deciding(review, row, ada, now, keep=False))
        assert sorted(outcomes) == ["done", "item_decided"]
        item = item_of(north, review, row)
        kept = outcomes[0] == "done"
        assert item.verdict == ("KEPT" if kept else "REMOVED")
        assert item.decided_by_id == (ana if kept else ada).seat.pk
        assert (item.grant.withdrawn_at is None) == kept
        with walled(north.agency):
            close_review(review_id=review, reason="x", by=ada.actor, at=now)


def test_a_decision_comes_before_the_close_or_not_at_all(
    north: North, ana: Person, ada: Person, bo: Person, now: datetime
) -> None:
    for _ in range(TRIALS):
        row = give(bo, "analyst", Place(north.aurora.pk), at=now)[0]
        review = reviewed(north, now, ada)
        outcomes = race(
            north,
            deciding(review, row, ana, now, keep=True),
            lambda review=review: close_review(review_id=review, reason="late", by=ada.actor, at=now),
        )
        assert outcomes[1] == "done"
        item = item_of(north, review, row)
        kept = outcomes[0] == "done"
        assert outcomes[0] in {"done", "review_closed"}
        assert (item.verdict, item.grant.withdrawn_at is None) == (("KEPT", True) if kept else ("REMOVED", False))


def test_a_grant_withdrawn_while_the_review_closes_is_withdrawn_once(
    north: North, ana: Person, ada: Person, bo: Person, now: datetime
) -> None:
    for _ in range(TRIALS):
        row = give(bo, "analyst", Place(north.aurora.pk), at=now)[0]
        review = reviewed(north, now, ada)
        outcomes = race(
            north,
            lambda row=row: withdraw_role(grant_id=row.pk, reason="moved", by=ana.actor, at=now),
            lambda review=review: close_review(review_id=review, reason="late", by=ada.actor, at=now),
        )
        assert outcomes == ["done", "done"]
        told = [facts["reason"] for name, _, facts in events_of(row) if name == "role.withdrawn"]
        assert len(told) == 1
        assert item_of(north, review, row).verdict == ("ENDED" if told == ["moved"] else "REMOVED")
        with walled(north.agency):
            assert not BrandReach.objects.filter(grant=row).exists()


def test_no_grant_slips_past_a_rule_that_is_made_beside_it(
    north: North, ana: Person, bo: Person, dee: Person, now: datetime
) -> None:
    won = set()
    for trial in range(TRIALS):
        with walled(north.agency):
            for old in Grant.objects.all().live().filter(seat__in=[bo.seat.pk], role__in=["analyst", "responder"]):
                withdraw_role(grant_id=old.pk, reason="again", by=ana.actor, at=now)
            SeparationRule.objects.filter(lifted_at=None).update(lifted_at=now)
        give(bo, "analyst", Place(north.aurora.pk), at=now)
        runners = [
            lambda: give(bo, "responder", Place(north.aurora.pk), at=now),
            lambda: separate_duties(
                name="x", roles=["analyst", "responder"], reason="x", accept_existing=False, by=SETTING_THE_STAGE,
                at=now,
            ),
        ]  # fmt: skip
        outcomes = race(north, *(runners if trial % 2 else reversed(runners)))
        assert sorted(outcomes) == ["done", "duties_conflict"]
        with walled(north.agency):
            rules = SeparationRule.objects.filter(lifted_at=None).count()
            clashes = clashing(holds_at_or_after(now, seat_id=bo.seat.pk), ["analyst", "responder"])
        assert (rules, len(clashes)) in {(1, 0), (0, 1)}
        won.add(rules)
    assert won <= {0, 1}


def test_no_grant_slips_over_a_wall_that_is_raised_beside_it(
    north: North, bo: Person, ana: Person, now: datetime
) -> None:
    for trial in range(TRIALS):
        with walled(north.agency):
            for old in Grant.objects.all().live().filter(seat_id=bo.seat.pk, brand=north.borealis):
                withdraw_role(grant_id=old.pk, reason="again", by=ana.actor, at=now)
            DenyRule.objects.filter(lifted_at=None).update(lifted_at=now)
        brands = [north.aurora.pk, north.borealis.pk]
        runners: list[Callable[[], Any]] = [
            lambda: give(bo, "responder", Place(north.borealis.pk), at=now),
            lambda brands=brands: deny_brands(
                seat_id=None, brand_ids=brands, reason="x", ends_at=None, by=SETTING_THE_STAGE, at=now
            ),
        ]
        outcomes = race(north, *(runners if trial % 2 else reversed(runners)))
        assert outcomes.count("done") == 1
        with walled(north.agency):
            assert not (DenyRule.objects.all().live().exists() and crossing(holds_at_or_after(now), brands))


def test_a_grant_beside_a_revised_role_gives_what_the_role_says_now(
    north: North, ana: Person, bo: Person, dee: Person, now: datetime
) -> None:
    with walled(north.agency):
        role = define_role(
            slug="own", label="Own", side="staff", needs=["brands.read"], maker=ana.caller(now), by=ana.actor, at=now
        )
    give(dee, "own", at=now)
    for trial in range(TRIALS):
        needs = [["brands.read", "posts.read"], ["incidents.read"]][trial % 2]

        def revise(needs: list[str] = needs) -> None:
            revise_role(role_id=role.pk, needs=needs, maker=ana.caller(now), by=ana.actor, at=now)

        outcomes = race(
            north,
            lambda: give(bo, "own", at=now),
            revise,
            lambda: withdraw_role(grant_id=grant_of(dee, "own").pk, reason="x", by=ana.actor, at=now),
        )
        assert outcomes == ["done", "done", "done"]
        with walled(north.agency):
            held = AgencyReach.objects.filter(user=bo.user).values_list("permission__codename", flat=True)
            assert sorted(held) == needs
            assert not AgencyReach.objects.filter(user=dee.user, grant__role="own").exists()
        give(dee, "own", at=now)
