"""Real transactions, real threads: what may race with a send, and what must never come of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from connectors.models import SandboxCall
from connectors.network import NETWORKS, Outgoing, Receipt
from connectors.sandbox.network import Sandbox
from core.refusals import Refusal
from core.wall import inside
from jobs.actions import run_job
from publishing.actions import (
    Drained,
    NewPost,
    drain_pause,
    import_posts,
    lift_pause,
    rewrite_post,
    start_pause,
)
from publishing.models import Pause, Post
from tenants.actions.goodbyes import revoke_seat
from tenants.models import SocialAccount
from tests.cast import Person, events_of, seat_person
from tests.conftest import North
from tests.publishing.stage import (
    Threads,
    again,
    approve,
    attempts,
    behave,
    job_of,
    out_there,
    ring,
    schedule,
    send,
)

pytestmark = pytest.mark.django_db(transaction=True)

TRIALS = 150
SENDERS = 2


class Held(Sandbox):
    """The sandbox, but every answer for one account waits until the test lets it go."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def publish(self, account: SocialAccount, outgoing: Outgoing, deadline_s: float) -> Receipt:
        receipt = super().publish(account, outgoing, deadline_s)
        if outgoing.text != "We are sorry.":
            assert self.open.wait(30)
        return receipt


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """While it is not set, routine posts are in flight for as long as the test likes."""
    held = Held()
    monkeypatch.setitem(NETWORKS, "sandbox", held)
    yield held.open
    held.open.set()


@pytest.fixture
def threads() -> Iterator[Threads]:
    running = Threads()
    yield running
    running.join()


def pause(
    north: North, person: Person, *, patience_s: float = 10, allow_statements: bool = False
) -> tuple[Pause, Drained]:
    with inside(north.agency.pk):
        started = start_pause(
            scope="brand", scope_id=north.aurora.pk, kind="crisis", reason="Mould", allow_statements=allow_statements,
            incident_id=None, by=person.actor, at=timezone.now(),
        )  # fmt: skip
    return started, drain_pause(
        pause_id=started.pk, agency_id=north.agency.pk, patience_s=patience_s, at=timezone.now()
    )


def many(north: North, person: Person, count: int) -> list[Post]:
    at = timezone.now()
    with inside(north.agency.pk):
        new = [NewPost(north.aurora_account.pk, f"Roll {n}", at) for n in range(count)]
        imported = import_posts(items=new, by=person.actor, at=at)
        return list(Post.objects.filter(import_id=imported.import_id).order_by("id"))


def send_now(post: Post) -> None:
    run_job(job_id=job_of("publishing.send_post", post.pk).pk, handler_name="publishing.send_post", at=timezone.now())


class Rival:
    """Sets off against a send, each time a little earlier or later, so that both win in turn on any machine.

    Nothing is waited for with these sleeps: they only keep the race at the point where it is decided.
    """

    def __init__(self) -> None:
        self.head_start_s = 0.01

    def wait(self) -> None:
        time.sleep(self.head_start_s * random.uniform(0.7, 1.3))

    def learn(self, *, send_won: bool) -> None:
        self.head_start_s = min(max(self.head_start_s * (0.8 if send_won else 1.25), 0.0005), 0.5)


def heard(north: North) -> int:
    with inside(north.agency.pk):
        return SandboxCall.objects.count()


def test_no_send_starts_after_a_pause_is_said_to_hold(north: North, ana: Person, threads: Threads) -> None:
    """Each trial: senders and a pause set off together. What the network hears after "effective" is counted."""
    behave(north.aurora_account, "ok", delay_ms=2)
    gate, rival = threading.Barrier(SENDERS + 1, timeout=60), Rival()
    posts: list[Post] = []
    leaks: list[str] = []

    def sender(number: int) -> None:
        for trial in range(TRIALS):
            gate.wait()
            send_now(posts[trial * SENDERS + number])
            gate.wait()

    def pauser() -> None:
        for _ in range(TRIALS):
            racing = many(north, ana, SENDERS)  # fresh ones: lifting holds what came due under the pause before
            posts.extend(racing)
            gate.wait()
            rival.wait()
            started, drained = pause(north, ana)
            before = heard(north)
            gate.wait()
            after = heard(north)
            if not drained.effective or after != before:
                leaks.append(f"effective={drained.effective}, {after - before} sends after it")
            rival.learn(send_won=again(racing[0]).stage == "PUBLISHED")
            with inside(north.agency.pk):
                lift_pause(pause_id=started.pk, reason="next trial", by=ana.actor, at=timezone.now())

    for number in range(SENDERS):
        threads.start(sender, number)
    threads.start(pauser)
    threads.join(240)
    assert leaks == []
    stages = [again(post).stage for post in posts]
    assert len(out_there(north.aurora_account)) == stages.count("PUBLISHED") == heard(north)
    assert stages.count("PUBLISHED") + stages.count("HELD") == len(posts) == TRIALS * SENDERS
    assert TRIALS / 5 < stages.count("PUBLISHED") < TRIALS * SENDERS - TRIALS / 5, (
        "both ends of the race were seen often"
    )


def test_a_send_in_flight_is_waited_for_and_listed_when_patience_ends(
    north: North, ana: Person, threads: Threads, answers: threading.Event
) -> None:
    post = schedule(north.aurora_account, ana)
    threads.start(send, post)
    until(lambda: heard(north) == 1)
    started, drained = pause(north, ana, patience_s=0.2)
    [flying] = drained.in_flight
    assert (drained.effective, flying.post_id) == (False, post.pk)
    answers.set()
    drained = drain_pause(pause_id=started.pk, agency_id=north.agency.pk, patience_s=20, at=timezone.now())
    assert (drained.effective, drained.in_flight) == (True, [])
    threads.join()
    assert again(post).stage == "PUBLISHED"
    with inside(north.agency.pk):
        assert Pause.objects.get(pk=started.pk).effective


def test_the_answer_to_a_pause_tells_what_is_in_flight(
    north: North, ana: Person, threads: Threads, answers: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publishing.actions.PATIENCE_S", 0.2)
    post = schedule(north.aurora_account, ana)
    threads.start(send, post)
    until(lambda: heard(north) == 1)
    answer = ana.post("pauses", {"scope": "agency", "kind": "legal", "reason": "Counsel says stop"})
    assert (answer.status, answer.body["effective"], answer.body["stage"]) == (202, False, "DRAINING")
    assert [flying["post"] for flying in answer.body["in_flight"]] == [str(post.pk)]
    assert ring("publishing.drain_pause", answer.body["id"]), "a machine goes on draining, and comes back"
    answers.set()
    threads.join()
    assert ring("publishing.drain_pause", answer.body["id"])
    told = ana.get(f"pauses/{answer.body['id']}").body
    assert (told["effective"], told["in_flight"]) == (True, [])


def test_a_statement_neither_waits_for_routine_posts_nor_for_the_pause_that_lets_it_through(
    north: North, ana: Person, lea: Person, threads: Threads, answers: threading.Event
) -> None:
    approval = approve(north.aurora_account, ana, lea, "We are sorry.")
    routine = schedule(north.aurora_account, ana)
    threads.start(send, routine)
    until(lambda: heard(north) == 1)
    threads.start(pause, north, ana, allow_statements=True)
    until(lambda: waiting_for_the_fence() == 1)
    statement = schedule(north.aurora_account, ana, "We are sorry.", approval=approval)
    send(statement)
    assert (again(statement).stage, again(routine).stage) == ("PUBLISHED", "SENDING")
    answers.set()
    threads.join()


def test_what_a_pause_forbids_does_not_queue_behind_its_draining(
    north: North, ana: Person, threads: Threads, answers: threading.Event
) -> None:
    first, second = schedule(north.aurora_account, ana), schedule(north.aurora_account, ana)
    threads.start(send, first)
    until(lambda: heard(north) == 1)
    threads.start(pause, north, ana)
    until(lambda: waiting_for_the_fence() == 1)
    send(second)
    assert (again(second).stage, again(first).stage) == ("HELD", "SENDING")
    answers.set()
    threads.join()


def test_a_sender_that_lost_its_connection_writes_the_outcome_over_another_and_says_that_the_fence_was_down(
    north: North, ana: Person, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[int] = []
    cut = threading.Event()

    class Watched(Sandbox):
        """The post is out; before we learn it, somebody cuts our line to Postgres."""

        def publish(self, account: SocialAccount, outgoing: Outgoing, deadline_s: float) -> Receipt:
            receipt = super().publish(account, outgoing, deadline_s)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                sessions.append(cursor.fetchone()[0])
            assert cut.wait(10)
            return receipt

    monkeypatch.setitem(NETWORKS, "sandbox", Watched())
    post = schedule(north.aurora_account, ana)
    threads.start(send, post)
    until(lambda: len(sessions) == 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", sessions)
    started, drained = pause(north, ana, patience_s=0.2)
    assert not drained.effective, "the lock is gone, but the attempt tells of the call"
    assert [flying.post_id for flying in drained.in_flight] == [post.pk]
    cut.set()
    threads.join()
    [attempt] = attempts(post)
    assert (again(post).stage, attempt.stage, attempt.fence_held) == ("PUBLISHED", "PUBLISHED", False)
    assert drain_pause(pause_id=started.pk, agency_id=north.agency.pk, patience_s=1, at=timezone.now()).effective
    assert out_there(north.aurora_account) == [post.text]


def test_an_edit_and_a_send_at_once_put_out_the_old_text_or_the_new_one_whole(
    north: North, ana: Person, threads: Threads
) -> None:
    posts = many(north, ana, 60)
    gate, rival = threading.Barrier(2, timeout=60), Rival()
    edited: set[object] = set()

    def editor() -> None:
        for post in posts:
            gate.wait()
            rival.wait()
            try:
                with inside(north.agency.pk):
                    rewrite_post(
                        post_id=post.pk, text=f"{post.text}, edited", scheduled_at=None, by=ana.actor, at=timezone.now()
                    )
            except Refusal as refusal:
                assert refusal.code == "cannot_move"  # noqa: PT017 - most edits are not refused
            else:
                edited.add(post.pk)
            rival.learn(send_won=post.pk not in edited)

    def sender() -> None:
        for post in posts:
            gate.wait()
            send_now(post)

    threads.start(editor)
    threads.start(sender)
    threads.join(120)
    for post in posts:
        ring("publishing.send_post", post.pk)  # an edit may have set a new timer
    expected = sorted(f"{post.text}, edited" if post.pk in edited else post.text for post in posts)
    assert sorted(out_there(north.aurora_account)) == expected
    assert heard(north) == len(posts)
    assert 0 < len(edited) < len(posts), "both ends of the race were seen"


def test_no_send_starts_after_its_author_has_been_revoked(north: North, ana: Person, threads: Threads) -> None:
    trials = 40
    at = timezone.now()
    leavers = [seat_person(north.agency, f"leaver{n}", "admin", at=at) for n in range(trials)]
    posts = [schedule(north.aurora_account, leaver) for leaver in leavers]
    gate, rival = threading.Barrier(2, timeout=60), Rival()
    leaks: list[object] = []

    def sender() -> None:
        for post in posts:
            gate.wait()
            send_now(post)
            gate.wait()

    def revoker() -> None:
        for leaver, post in zip(leavers, posts, strict=True):
            gate.wait()
            rival.wait()
            with inside(north.agency.pk):
                revoke_seat(seat_id=leaver.seat.pk, reason="left", by=ana.actor, at=timezone.now())
            committed_before = bool(attempts(post))
            gate.wait()
            if attempts(post) and not committed_before:
                leaks.append(post.pk)
            rival.learn(send_won=committed_before)

    threads.start(sender)
    threads.start(revoker)
    threads.join(120)
    assert leaks == []
    assert {again(post).stage for post in posts} == {"PUBLISHED", "HELD"}, "both ends of the race were seen"


def test_a_job_that_runs_many_times_at_once_sends_once(north: North, ana: Person, threads: Threads) -> None:
    runners, trials = 4, 30
    posts = many(north, ana, trials)
    gate = threading.Barrier(runners, timeout=60)

    def runner() -> None:
        for post in posts:
            gate.wait()
            send_now(post)

    for _ in range(runners):
        threads.start(runner)
    threads.join(120)
    assert heard(north) == trials
    assert sorted(out_there(north.aurora_account)) == sorted(post.text for post in posts)
    for post in posts[:5]:
        assert [name for name, _, _ in events_of(post)] == ["post.sending", "post.published"]


def test_two_pauses_at_once_get_two_numbers(north: North, ana: Person, threads: Threads) -> None:
    for _ in range(4):
        threads.start(pause, north, ana)
    threads.join()
    with inside(north.agency.pk):
        assert sorted(Pause.objects.values_list("epoch", flat=True)) == [1, 2, 3, 4]
        assert all(found.effective for found in Pause.objects.all())


def test_a_pause_that_is_lifted_while_it_drains_does_not_become_effective(
    north: North, ana: Person, threads: Threads, answers: threading.Event
) -> None:
    threads.start(send, schedule(north.aurora_account, ana))
    until(lambda: heard(north) == 1)
    drained: list[Drained] = []
    threads.start(lambda: drained.append(pause(north, ana)[1]))
    until(lambda: waiting_for_the_fence() == 1)
    with inside(north.agency.pk):
        standing = Pause.objects.get()
        lift_pause(pause_id=standing.pk, reason="a slip", by=ana.actor, at=timezone.now())
    answers.set()
    threads.join()
    assert drained == [Drained(effective=False)]
    assert [name for name, _, _ in events_of(standing)] == ["pause.started", "pause.lifted"]


# The server is shared with other databases, whose tests hold locks of their own.
FENCE_LOCKS = (
    "pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
    "WHERE locktype = 'advisory' AND datname = current_database()"
)


def test_no_lock_stays_behind(north: North, ana: Person, threads: Threads, now: datetime) -> None:
    behave(north.aurora_account, "refuse")
    for _ in range(3):
        threads.start(send, schedule(north.aurora_account, ana))
    threads.start(send, schedule(north.aurora_account, ana, scheduled_at=now + timedelta(hours=1)))
    threads.join()
    send(schedule(north.aurora_account, ana))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {FENCE_LOCKS}")  # noqa: S608
        assert cursor.fetchone() == (0,)


def waiting_for_the_fence() -> int:
    """How many sessions wait for a lock of the fence."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {FENCE_LOCKS} AND NOT granted")  # noqa: S608
        row: tuple[int] = cursor.fetchone()
    return row[0]


def until(true: object) -> None:
    """Wait until a condition holds, at most ten seconds."""
    ends = time.monotonic() + 10
    assert callable(true)
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.01)
