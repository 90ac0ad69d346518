"""No request that starts after a goodbye has committed succeeds: with a session, and with a key."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from core.wall import inside
from permissions.actions.grants import Place, SeatEnded, grant_role
from permissions.actions.keys import issue_key
from permissions.actions.revocations import verify_revocation
from permissions.jobs import REVOCATION
from permissions.models import ApiKey, Grant
from permissions.needs import Need
from publishing.models import Post
from tenants.actions.goodbyes import revoke_seat
from tests.cast import SETTING_THE_STAGE, Person, key_of, seat_person
from tests.conftest import North
from tests.permissions.revocation.conftest import goodbye
from tests.permissions.revocation.test_move import post_of

pytestmark = pytest.mark.django_db(transaction=True)
TRIALS = 25


def together(*acts: Callable[[], object]) -> None:
    """Each act in a thread of its own; all begin at one moment."""
    barrier = threading.Barrier(len(acts), timeout=30)
    failures: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            barrier.wait()
            act()
        except BaseException as problem:  # noqa: BLE001 - told by the test's own thread
            failures.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


def test_nothing_that_starts_after_the_commit_succeeds(north: North, ana: Person) -> None:
    let_in_before, leaks = 0, []
    for trial in range(TRIALS):
        leaver = seat_person(north.agency, f"leaver{trial}", "responder", at=timezone.now())
        key = key_of(leaver, Need.BRANDS_READ)
        committed = threading.Event()
        times: list[tuple[float, int]] = []
        ended: list[float] = []

        def hammer(
            person: Person, committed: threading.Event = committed, times: list[tuple[float, int]] = times
        ) -> None:
            rounds_after = 0
            while rounds_after < 2:
                rounds_after += committed.is_set()
                began = time.monotonic()
                times.append((began, person.get("brands").status))

        def end(leaver: Person = leaver, committed: threading.Event = committed, ended: list[float] = ended) -> None:
            try:
                with inside(north.agency.pk):
                    revoke_seat(seat_id=leaver.seat.pk, reason="left", by=ana.actor, at=timezone.now())
                ended.append(time.monotonic())
            finally:
                committed.set()

        together(lambda: hammer(leaver), lambda: hammer(key), end)  # noqa: B023 - all joined within this round
        leaks += [(trial, status) for began, status in times if began > ended[0] and status < 400]
        let_in_before += sum(status == 200 for began, status in times if began <= ended[0])
        assert sum(began > ended[0] for began, _ in times) >= 2
    assert leaks == []
    assert let_in_before > 0, "the hammers were let in before"


def test_a_grant_that_races_a_goodbye_is_refused_or_ended(north: North, ana: Person) -> None:
    refused = 0
    for trial in range(TRIALS):
        leaver = seat_person(north.agency, f"leaver{trial}", "responder", at=timezone.now())
        answers: list[bool] = []

        def grant(leaver: Person = leaver, answers: list[bool] = answers) -> None:
            try:
                with inside(north.agency.pk):
                    grant_role(
                        seat_id=leaver.seat.pk, role="analyst", places=[Place()], reason="race", starts_at=None,
                        ends_at=None, sponsor=None, by=SETTING_THE_STAGE, at=timezone.now(),
                    )  # fmt: skip
            except SeatEnded:
                answers.append(False)

        together(grant, lambda: end_now(north, leaver, ana))  # noqa: B023 - joined within this round
        refused += len(answers)
        with inside(north.agency.pk):
            assert not Grant.objects.all().live().filter(seat=leaver.seat).exists()
    assert 0 <= refused <= TRIALS


def test_a_key_that_races_a_goodbye_is_refused_or_ended(north: North, ana: Person) -> None:
    for trial in range(10):
        leaver = seat_person(north.agency, f"leaver{trial}", "admin", at=timezone.now())

        def issue(leaver: Person = leaver) -> None:
            try:
                with inside(north.agency.pk):
                    issue_key(
                        issuer=leaver.caller(), name="race", needs=[Need.BRANDS_READ], brand_ids=[], expires_at=None,
                        by=leaver.actor, at=timezone.now(),
                    )  # fmt: skip
            except SeatEnded:
                return

        together(issue, lambda: end_now(north, leaver, ana))  # noqa: B023 - joined within this round
        with inside(north.agency.pk):
            assert not ApiKey.objects.filter(seat=leaver.seat, revoked_at=None).exists()


def test_a_post_that_races_a_goodbye_does_not_stay_scheduled(north: North, ana: Person) -> None:
    """The one that slips past the lines is found by the proof, which undoes it."""
    for trial in range(10):
        leaver = seat_person(north.agency, f"leaver{trial}", "admin", at=timezone.now())
        together(lambda: post_of(leaver, north.aurora_account), lambda: end_now(north, leaver, ana))  # noqa: B023
        prove(north, leaver)
        with inside(north.agency.pk):
            assert not Post.objects.filter(author_seat_id=leaver.seat.pk, stage="SCHEDULED").exists()


def end_now(north: North, leaver: Person, by: Person) -> None:
    with inside(north.agency.pk):
        revoke_seat(seat_id=leaver.seat.pk, reason="left", by=by.actor, at=timezone.now())


def prove(north: North, leaver: Person) -> None:
    with inside(north.agency.pk):
        verify_revocation(revocation_id=goodbye(leaver).pk, by=REVOCATION, at=timezone.now())
