"""Whatever dies while somebody is being paged, every page reaches a person, and the next step comes in its time.

Workers are killed at each step of a page's life, Redis is emptied, Postgres is away, providers hang or want patience.
Each fault costs at most one message that comes twice, and it comes under the same id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from signal import Signals
from time import sleep
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from crisisapi.embedded.processes import wait_until
from tests.faults.house import House, house

# The tests' own database is asked for so that there is one to copy.
pytestmark = [pytest.mark.slow, pytest.mark.django_db]

WAIT_S = 6.0  # between the two steps of every ladder
AN_HOUR_S = 3600.0
LADDERS = {
    "calm": [("dee", WAIT_S), ("lea", AN_HOUR_S)],
    "hanging": [("hal", WAIT_S), ("lea", AN_HOUR_S)],
    "busy": [("bea", WAIT_S), ("lea", AN_HOUR_S)],
}
LATE = timedelta(seconds=10)
OUTAGE_S = 10.0
# A message whose worker died is taken up again when its lease of 30 s is over.
ARRIVES_WITHIN_S = 60.0
MOST_TRIES = 6

WHILE_CLIMBING = [
    "jobs.after_claim:alerting.climb_page",
    "alerting.step_without_timer",
    "jobs.after_run:alerting.climb_page",
    "jobs.after_claim:alerting.notify",
    "alerting.before_delivery",
    "alerting.after_delivery",
    "jobs.after_run:alerting.notify",
]
WHILE_ASLEEP = {"jobs.after_claim:alerting.lapse_page": "take", "jobs.after_claim:alerting.unsnooze_page": "put_off"}


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[House]:
    """A house on a copy of the tests' database; nobody in this process is connected to either."""
    with django_db_blocker.unblock():
        connection.close()
    name = str(connection.settings_dict["NAME"])
    with house(tmp_path_factory.mktemp("house"), LADDERS, template=name) as built:
        yield built


def messages(home: House, page: str, *, cycle: int = 1, but: str = "") -> list[str]:
    """The ids of a page's messages in a cycle, but those to somebody."""
    question = """
        SELECT told.id::text FROM alerting_notification AS told
          JOIN tenants_seat AS seat ON seat.id = told.seat_id JOIN tenants_user AS person ON person.id = seat.user_id
         WHERE told.page_id = %s AND told.cycle = %s AND person.name <> %s"""
    return [row[0] for row in home.ask(question, page, cycle, but)]


def fired(home: House, page: str) -> dict[tuple[int, int], datetime]:
    """When each step of a page fired, by cycle and step, as the ledger tells it."""
    question = """
        SELECT name, at, facts -> 'step', facts -> 'cycle' FROM ledger_event
         WHERE subject_id = %s AND name IN ('page.escalated', 'page.step_coalesced', 'page.reopened') ORDER BY seq"""
    steps, cycle = {}, 1
    for name, at, step, begins in home.ask(question, page):
        if name == "page.reopened":
            cycle = begins
        else:
            steps[cycle, step] = at
    return steps


def await_steps(home: House, pages: Iterable[str], *, cycle: int = 1, steps: int = 2, but: str = "") -> None:
    """Wait until this many steps of each page have fired, and until everybody was told, but somebody."""

    def told(page: str) -> bool:
        if (cycle, steps) not in fired(home, page):
            return False
        return all(map(home.inbox.times, messages(home, page, cycle=cycle, but=but)))

    for page in pages:
        assert wait_until(lambda page=page: told(page), seconds=ARRIVES_WITHIN_S, every=0.2), (
            f"{page}: {fired(home, page)}, {home.inbox.came[-20:]}"
        )


def check_in_time(home: House, page: str, *, wakes: datetime | None = None, back: datetime | None = None) -> None:
    """Each step fired within ten seconds of its due time, and none before it; a page that slept `wakes` when it does.

    What was due while Postgres was away may fire when it is `back`. When nobody could fire a step in time, the next may
    fire with it.
    """
    [(raised,)] = home.ask("SELECT raised_at FROM alerting_page WHERE id = %s", page)
    steps = fired(home, page)
    due = raised
    for (cycle, step), at in steps.items():
        if (cycle, step) == (2, 1):
            assert wakes is not None
            due = wakes
        assert due <= at, (page, cycle, step, due, at)
        assert at - (max(due, back) if back else due) <= LATE, (page, cycle, step, due, at)
        together = steps.get((cycle, step + 1)) == at
        due = (due if together else at) + timedelta(seconds=WAIT_S)


def repeats(home: House, pages: Iterable[str]) -> int:
    """How many messages came more often than once, each counted as often as it did."""
    ids = [one for page in pages for cycle in (1, 2) for one in messages(home, page, cycle=cycle)]
    return sum(max(0, len(home.inbox.times(one)) - 1) for one in ids)


def kill_at(home: House, place: str, how: str) -> tuple[list[str], dict[str, datetime]]:
    """Raise pages until a worker beside the usual one has died at a place; returns them, and when those asleep wake."""
    pages: list[str] = []
    wake: dict[str, datetime] = {}
    with home.doomed_worker(place) as doomed:
        for _ in range(MOST_TRIES):
            fresh = home.raise_pages("calm", 3)
            pages += fresh
            if how != "climb":
                await_steps(home, fresh, steps=1)
                for page in fresh:
                    told = home.do(do=how, agency=home.agency, page=page, holder=home.holder, seconds=1.0)
                    wake[page] = datetime.fromisoformat(told["due"])
            if wait_until(lambda: doomed.poll() is not None, seconds=8, every=0.05):
                assert doomed.returncode == -Signals.SIGKILL
                return pages, wake
    raise AssertionError(f"Nobody came to {place}.")


def test_a_page_whose_raising_was_cut_off_is_raised_whole_the_next_time(home: House) -> None:
    cause = str(uuid4())
    wish = {"do": "page", "agency": home.agency, "brand": "calm", "cause": cause}
    with home.deeds(CRISISAPI_FAILPOINTS="alerting.page_without_timer=kill") as dying:
        assert home.do(**wish, by=dying) is None
    assert home.ask("SELECT id FROM alerting_page WHERE cause_id = %s", cause) == []
    page = home.do(**wish)["page"]
    assert home.do(**wish)["page"] == page
    await_steps(home, [page])
    check_in_time(home, page)
    assert repeats(home, [page]) == 0


def test_a_worker_that_is_killed_at_any_step_of_a_pages_life_loses_no_page(home: House) -> None:
    climbing = {place: kill_at(home, place, "climb")[0] for place in WHILE_CLIMBING}
    asleep = {place: kill_at(home, place, how) for place, how in WHILE_ASLEEP.items()}
    for place, pages in climbing.items():
        await_steps(home, pages)
        for page in pages:
            check_in_time(home, page)
        assert repeats(home, pages) <= 1, place
    for place, (pages, wakes) in asleep.items():
        await_steps(home, pages, cycle=2)
        for page in pages:
            check_in_time(home, page, wakes=wakes[page])
        assert repeats(home, pages) <= 1, place


def test_an_emptied_redis_delays_a_page_and_loses_none(home: House) -> None:
    pages: list[str] = []
    with home.redis() as server:
        for _ in range(4):
            pages += home.raise_pages("calm", 2)
            server.flushall()
        await_steps(home, pages, steps=1)
        server.flushall()
    await_steps(home, pages)
    for page in pages:
        check_in_time(home, page)
    assert repeats(home, pages) == 0


def test_postgres_away_for_ten_seconds_loses_no_page(home: House) -> None:
    """Connections break and none is taken. Second steps are due meanwhile, and another page is just being told."""
    pages = home.raise_pages("calm", 4)
    await_steps(home, pages, steps=1)
    pages += home.raise_pages("calm", 1)
    home.wire.cut()
    sleep(OUTAGE_S)
    home.wire.mend()
    back = datetime.now(UTC)
    await_steps(home, pages)
    for page in pages:
        check_in_time(home, page, back=back)
    assert repeats(home, pages) <= 1


def test_a_provider_that_takes_messages_and_hangs_holds_up_no_step(home: House) -> None:
    faults = 12
    home.inbox.tempers["hal"] = ["hang"] * faults
    pages = home.raise_pages("hanging", faults)
    others = home.raise_pages("calm", 2)
    await_steps(home, pages + others)
    for page in pages + others:
        check_in_time(home, page)
    # They are tried again under the same ids, and go out.
    unsent = (
        "SELECT 1 FROM alerting_notification WHERE page_id = ANY(%s::uuid[]) AND stage NOT IN ('SENT', 'DELIVERED')"
    )
    assert wait_until(lambda: not home.ask(unsent, pages + others), seconds=ARRIVES_WITHIN_S, every=0.2)
    assert repeats(home, pages) <= faults
    assert repeats(home, others) == 0


def test_a_provider_that_asks_for_an_hour_is_not_pressed_and_somebody_else_is_told(home: House) -> None:
    home.inbox.tempers["bea"] = [(429, {"Retry-After": "3600"})]
    [page] = home.raise_pages("busy", 1)
    await_steps(home, [page], but="Bea")
    check_in_time(home, page)
    assert home.inbox.tempers["bea"] == [], "Bea's provider was asked"
    [(waiting, due)] = home.ask(
        "SELECT told.id::text, job.due_at - now() FROM alerting_notification told "
        "JOIN jobs_job job ON job.handler = 'alerting.notify' AND job.key = told.id::text AND job.state = 'READY' "
        "WHERE told.page_id = %s",
        page,
    )
    assert home.inbox.times(waiting) == []
    # Longer than a page can wait is not waited: at most two minutes.
    assert timedelta(seconds=60) < due <= timedelta(minutes=2)
    assert home.do(do="hurry", message=waiting)["moved"]
    await_steps(home, [page])
    assert repeats(home, [page]) == 0
