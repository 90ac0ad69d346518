"""From a signal to somebody's pocket: seconds until the first message leaves, idle and in a storm, and pages a second.

Workers of pages and of messages run as in a running system, with beat; a mail server and a webhook receiver listen in a
process of their own. The clock runs from the start of the transaction that raises a page, as the detector does it,
until the receiver has its message. The storm of mentions comes through a web server, and a detector looks at it
meanwhile. Then comes a storm of distinct alerts: each must reach somebody, and none twice. Pages a second are counted
from the first that is raised to the last whose message has arrived; the peer, before the storm and after it, are tasks
of a bare Celery worker with two processes that do nothing.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from signal import Signals
from tempfile import TemporaryDirectory
from threading import Thread
from uuid import UUID, uuid4

import redis
from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from alerting.actions import (
    add_contact_method,
    create_escalation_policy,
    raise_page,
    resolve_page,
    verify_contact_method,
)
from alerting.models import Page
from bench import Figure
from bench._bare_tasks import QUEUE, nothing
from bench._mentions import A_SECOND
from core.actor import Actor
from core.wall import inside
from crisisapi.embedded.fleet import answers
from crisisapi.embedded.processes import end, spawn, wait_until
from crisisapi.embedded.supervisor import free_port
from ledger.actions import open_ledger
from listening.actions import add_source
from listening.models import Bucket
from permissions.actions.grants import Place, grant_role
from permissions.actions.keys import issue_key
from permissions.needs import Need
from tenants.actions.agencies import create_brand
from tenants.models import Agency, Seat, User
from tenants.queries import caller_for

SINGLES = 150
IDLE_LIMIT_S, BUSY_LIMIT_S = 1.0, 5.0  # p99
RATIO = 0.3  # of bare tasks a second
STORM = TASKS = 2_000
STARTS_WITHIN_S, GIVE_UP_S = 60.0, 600.0
DETECTOR = Actor.rule("listening")


def run() -> Iterator[Figure]:
    with ExitStack() as running:
        arrivals = running.enter_context(_receivers())
        stage = _Stage(arrivals)
        running.enter_context(_worker("crisisapi", "alerts", 2))
        running.enter_context(_worker("crisisapi", "messages", 16, pool="threads"))
        running.enter_context(_beat())
        stage.page_one()
        yield from _latency(
            "idle", [stage.page_one() for _ in range(SINGLES)], IDLE_LIMIT_S, "an idle machine", met=True
        )
        with _storm_of_mentions(stage) as rate:
            busy = [stage.page_one() for _ in range(SINGLES)]
            mentions = rate()
        # A storm that did not come proves nothing.
        came = mentions >= 0.95 * A_SECOND
        yield from _latency("busy", busy, BUSY_LIMIT_S, f"{mentions:,.0f} mentions/s arriving", met=came)
        running.enter_context(_worker("bench._bare_tasks", QUEUE, 2))
        yield from _storm(stage)


def _latency(name: str, seconds: list[float], limit: float, when: str, *, met: bool) -> Iterator[Figure]:
    yield Figure(f"alert_{name}_p50", statistics.median(seconds), "s", f"{when}, {len(seconds)} pages")
    p99 = sorted(seconds)[int(0.99 * len(seconds))]
    yield Figure(
        f"alert_{name}_p99", p99, "s", f"the limit of {limit:g} s, {when}, worst {max(seconds):.3f} s", p99 / limit,
        "<= 1", met and p99 <= limit,
    )  # fmt: skip


def _bare_tasks(broker: redis.Redis, count: int) -> float:
    """Seconds from the first task that is sent until the worker has taken the last."""
    began = time.perf_counter()
    for _ in range(count):
        nothing.delay()
    if not wait_until(lambda: broker.llen(QUEUE) == 0, seconds=GIVE_UP_S, every=0.005):
        raise RuntimeError("The bare worker does not work.")
    return time.perf_counter() - began


def _storm(stage: _Stage) -> Iterator[Figure]:
    """Two thousand distinct alerts at once: how soon everybody knows, and whether anybody was told twice or not."""
    broker = redis.Redis.from_url(settings.REDIS_URL)
    _bare_tasks(broker, 10)  # not counted: their worker is still waking up
    before = _bare_tasks(broker, TASKS)
    seconds = stage.page_many(STORM)
    after = _bare_tasks(broker, TASKS)
    # The better of both: a machine that was busy with something else must not flatter us.
    rate, peer = STORM / seconds, TASKS / min(before, after)
    yield Figure(
        "pages_a_second", rate, "pages/s", f"bare Celery tasks that do nothing: {peer:,.0f}/s", rate / peer,
        f">= {RATIO}", rate / peer >= RATIO,
    )  # fmt: skip
    yield Figure("storm_drained", seconds, "s", f"{STORM:,} distinct alerts")
    unreached = sum(1 for page in stage.newest if not stage.arrivals.of(page))
    twice = sum(1 for page in stage.newest if len(stage.arrivals.of(page)) > 1)
    yield Figure("storm_reached_nobody", unreached, "alerts", goal="0", passed=unreached == 0)
    yield Figure("storm_told_twice", twice, "alerts", goal="0", passed=twice == 0)


class _Arrivals:
    """What the receivers have told so far: (notification, instant) by page."""

    def __init__(self, mail_port: int, hook_port: int) -> None:
        self.mail_port = mail_port
        self.hook_url = f"http://127.0.0.1:{hook_port}/hook"
        self._seen: dict[str, list[tuple[str, float]]] = {}

    def read(self, lines: Iterator[str]) -> None:
        for line in lines:
            page, notification, at = line.split()
            self._seen.setdefault(page, []).append((notification, float(at)))

    def of(self, page_id: UUID) -> list[tuple[str, float]]:
        return self._seen.get(str(page_id), [])

    def wait(self, *pages: UUID) -> float:
        """The instant at which the last of these pages told somebody for the first time; of those that told anybody."""
        deadline = time.monotonic() + GIVE_UP_S
        for page in pages:
            wait_until(lambda page=page: bool(self.of(page)), seconds=deadline - time.monotonic(), every=0.002)
        told = [self.of(page)[0][1] for page in pages if self.of(page)]
        if not told:
            raise RuntimeError("Nobody was told.")
        return max(told)


class _Stage:
    """An agency with two brands: what happens to one is mailed to somebody, what happens to the other calls a URL."""

    def __init__(self, arrivals: _Arrivals) -> None:
        self.arrivals = arrivals
        self.newest: list[UUID] = []
        at, operator = timezone.now(), Actor.operator("bench")
        self.agency = Agency.objects.create(slug=f"bench-{uuid4().hex[:12]}", name="Bench", created_at=at)
        with inside(self.agency.pk):
            open_ledger(agency_id=self.agency.pk)
            seats = [self._seat(at, operator) for _ in range(2)]
            self.brands = [
                create_brand(
                    slug=slug, name=slug.title(), time_zone="UTC", locale="en", sector="food", by=operator, at=at
                )
                for slug in ("aurora", "borealis")
            ]
            source = add_source(brand_id=self.brands[0].pk, kind="push", name="bench", by=operator, at=at)
            self._reach(seats[1], arrivals.hook_url, at)
            for brand, seat in zip(self.brands, seats, strict=True):
                step = {"notify": [{"seat": seat.pk}], "wait_minutes": 60}
                create_escalation_policy(name="Ladder", brand_id=brand.pk, steps=[step], by=operator, at=at)
            issued = issue_key(
                issuer=caller_for(seats[0], at=at), name="bench", needs=[Need.MENTIONS_INGEST], brand_ids=[],
                expires_at=None, by=operator, at=at,
            )  # fmt: skip
        self.key = issued.token
        self.path = f"/v1/agencies/{self.agency.slug}/ingest/mentions?source={source.pk}"

    def _seat(self, at: datetime, operator: Actor) -> Seat:
        user = User.objects.create(email=f"{uuid4().hex}@example.org", name="Bench", date_joined=at)
        seat = Seat.objects.create(user=user, side="staff", created_at=at)
        grant_role(
            seat_id=seat.pk, role="owner", places=[Place()], reason="bench", starts_at=None, ends_at=None, sponsor=None,
            by=operator, at=at,
        )  # fmt: skip
        return seat

    def _reach(self, seat: Seat, url: str, at: datetime) -> None:
        by = Actor.seat(seat.pk)
        way = add_contact_method(seat_id=seat.pk, transport="webhook", address=url, by=by, at=at)
        if way.code is not None:
            verify_contact_method(contact_method_id=way.pk, code=way.code, by=by, at=at)

    def mentions(self) -> int:
        """How many have been counted for the agency."""
        with inside(self.agency.pk):
            return int(Bucket.objects.aggregate(volume=Sum("volume", default=0))["volume"])

    def page_one(self) -> float:
        """Seconds from the beginning of the transaction that raises one page until somebody has its message."""
        began = time.time()
        [page] = self._raise(1)
        seconds = self.arrivals.wait(page) - began
        with inside(self.agency.pk):
            resolve_page(page_id=page, reason="measured", by=DETECTOR, at=timezone.now())
        time.sleep(random.uniform(0.05, 0.25))  # so that no beat of our own meets that of the sweep
        return seconds

    def page_many(self, count: int) -> float:
        """Seconds from the first page that is raised until each of them has told somebody."""
        began = time.time()
        self.newest = self._raise(count)
        return self.arrivals.wait(*self.newest) - began

    def _raise(self, count: int) -> list[UUID]:
        pages = []
        for number in range(count):
            with inside(self.agency.pk):
                page: Page = raise_page(
                    brand_id=self.brands[number % 2].pk if count > 1 else random.choice(self.brands).pk,
                    cause_kind="listening.signal", cause_id=uuid4(), severity=1,
                    headline="Volume is nine times the usual", by=DETECTOR, at=timezone.now(),
                )  # fmt: skip
            pages.append(page.pk)
        return pages


@contextmanager
def _receivers() -> Iterator[_Arrivals]:
    """Both receivers, listening; whatever is started from now on sends its mail there."""
    arrivals = _Arrivals(free_port(0) or 0, free_port(0) or 0)
    os.environ.update(EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(arrivals.mail_port))
    hook_port = arrivals.hook_url.rpartition(":")[2].partition("/")[0]
    words = [sys.executable, "-m", "bench._receivers", str(arrivals.mail_port), hook_port]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        if process.stdout.readline() != "listening\n":
            raise RuntimeError("The receivers do not listen.")
        Thread(target=arrivals.read, args=(process.stdout,), daemon=True).start()
        yield arrivals
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _program(words: list[str], *, says: str = "", **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this Python that ends with the block; entered when its log `says` that it is at work."""
    with TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        with log.open("wb") as output:
            process = spawn(
                [sys.executable, *words], death_signal=Signals.SIGKILL, environment={**os.environ, **environment},
                output=output,
            )  # fmt: skip
        try:
            if not wait_until(lambda: says in log.read_text(errors="replace"), seconds=STARTS_WITHIN_S, every=0.1):
                raise RuntimeError(f"It does not start: {log.read_text(errors='replace')[-2000:]}")
            yield process
        finally:
            end(process, ((Signals.SIGTERM, 10.0), (Signals.SIGKILL, 5.0)))


@contextmanager
def _worker(app: str, queue: str, slots: int, *, pool: str = "prefork") -> Iterator[None]:
    quiet = "--without-gossip --without-mingle --without-heartbeat"
    words = f"-m celery -A {app} worker -Q {queue} -n {queue}@%h --pool {pool} -c {slots} --loglevel INFO {quiet}"
    with _program(words.split(), says=" ready."):
        yield


@contextmanager
def _beat() -> Iterator[None]:
    with TemporaryDirectory() as directory:
        words = f"-m celery -A crisisapi beat --loglevel INFO --pidfile= --schedule {directory}/beat"
        with _program(words.split(), says="beat: Starting"):
            yield


@contextmanager
def _storm_of_mentions(stage: _Stage) -> Iterator[Callable[[], float]]:
    """Mentions arrive at a web server, are counted and looked at; what it yields says how many a second it were."""
    port = free_port(0)
    url = f"http://127.0.0.1:{port}"
    web = f"-m granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 --blocking-threads 1 --no-ws"
    with (
        _program([*web.split(), "--log-level", "warning", "crisisapi.wsgi:application"]),
        _worker("crisisapi", "listen", 1),
    ):
        if not wait_until(lambda: answers(f"{url}/healthz"), seconds=STARTS_WITHIN_S, every=0.1):
            raise RuntimeError("The web server does not start.")
        with _program(["-m", "bench._mentions", f"{url}{stage.path}"], says="\n", MENTIONS_KEY=stage.key):
            before, began = stage.mentions(), time.monotonic()
            yield lambda: (stage.mentions() - before) / (time.monotonic() - began)
