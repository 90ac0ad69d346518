"""Mentions a second from HTTP to the counted bucket, on a running server, against a raw COPY of the same rows.

One server process with one thread takes the deliveries of one client with an API key over a loopback socket: sign-in,
wall, decoding, de-duplication, mood, watched terms, store, count, event and the detector's job are all in it, and each
request is a commit; a worker has the detector look meanwhile. The peer is a COPY of the very rows that were stored,
already formatted by Postgres, into a table with the same columns and indexes, and the unique one by which a source's
mention is known, but neither row-level security nor foreign keys, one commit each. Both take turns batch by batch. A
single mention has a second peer: a bare Django view, in a server of the same kind, that stores one row with one commit.

INGEST_MENTIONS=5000000 says how many mentions are delivered while the server's memory is watched (200 000 if unset).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from signal import Signals
from uuid import UUID, uuid4

import httpx
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from bench import Figure
from core.actor import Actor
from core.wall import inside
from crisisapi.embedded.processes import end, spawn
from crisisapi.story.mentions import Mention, normal_days
from ledger.actions import open_ledger
from listening.actions import add_source
from listening.models import Bucket
from permissions.actions.grants import Place, grant_role
from permissions.actions.keys import issue_key
from permissions.needs import Need
from tenants.actions.agencies import create_brand
from tenants.models import Agency, Seat, User
from tenants.queries import caller_for

LARGE, LARGE_ROUNDS = 5_000, 12
SMALL, SMALL_ROUNDS = 100, 60
SINGLE_ROUNDS = 200
PER_DAY = 30_000
SERVER_STARTS_WITHIN_S = 60.0

GOAL = 0.5  # of either peer
GROWTH_MB = 60.0  # of the server's memory, from the first hundred thousand mentions to the last
WATCHED = int(os.environ.get("INGEST_MENTIONS", "200000"))

MAKE_PEER = """
DROP TABLE IF EXISTS bench_mention, bench_ping;
CREATE TABLE bench_mention (LIKE listening_mention INCLUDING ALL);
CREATE UNIQUE INDEX ON bench_mention (source_id, external_id);
CREATE TABLE bench_ping (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), body text NOT NULL);
"""
TAKE_OUT = "COPY (SELECT * FROM listening_mention WHERE source_id = %s AND external_id = ANY(%s)) TO STDOUT"
COPY_IN = "COPY bench_mention FROM STDIN"


def run() -> Iterator[Figure]:
    stage = _Stage()
    with connection.cursor() as cursor:
        cursor.execute(MAKE_PEER)
    days = normal_days(4, "Aurora", timezone.now() - timedelta(days=20), 19, PER_DAY)
    with (
        _worker(),
        _server("crisisapi.wsgi") as (url, server),
        httpx.Client(base_url=url, timeout=60, headers=stage.headers) as client,
    ):
        race = _Race(stage, client, days)
        race.round(LARGE)  # warm: the scorer's weights, the temporary table, the plans
        cpu = _cpu_seconds(server)
        large = race.measure(LARGE, LARGE_ROUNDS)
        cpu = _cpu_seconds(server) - cpu
        yield _figure("ingest_batches_of_5000", large, "batches of 5000", goal=True)
        yield Figure("ingest_cpu_per_mention", cpu / LARGE / LARGE_ROUNDS * 1e6, "microseconds of the web server")
        yield _figure("ingest_batches_of_100", race.measure(SMALL, SMALL_ROUNDS), "batches of 100")
        yield _again("ingest_known_again", race)
        with _server("bench._bare_ping") as (bare, _):
            yield from _singles(race, bare)
        yield _memory(race, server)
        race.check()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_mention, bench_ping")


def _figure(name: str, rates: tuple[float, float], how: str, *, goal: bool = False) -> Figure:
    ours, theirs = rates
    ratio = ours / theirs
    told = (f">= {GOAL}", ratio >= GOAL) if goal else ("", None)
    return Figure(name, ours, "mentions/s", f"raw COPY, {how}: {theirs:,.0f} rows/s", ratio, *told)


def _again(name: str, race: _Race) -> Figure:
    """Mentions that are stored already, delivered again, against the same ones delivered first."""
    first, again = race.redeliver(LARGE, 4)
    return Figure(name, again, "mentions/s", f"the same delivered first: {first:,.0f} mentions/s", again / first)


def _singles(race: _Race, bare: str) -> Iterator[Figure]:
    """Single mentions, a bare view's pings and COPYs of one row, in turn."""
    ours = pings = copies = 0.0
    with httpx.Client(base_url=bare, timeout=60) as client:
        for number in range(SINGLE_ROUNDS + 5):
            delivered, copied = race.round(1)
            began = time.perf_counter()
            client.post("/ping", content=b'{"ok": true}').raise_for_status()
            pinged = time.perf_counter() - began
            if number >= 5:  # the first ones warm the new server
                ours, pings, copies = ours + delivered, pings + pinged, copies + copied
    rate, peer = SINGLE_ROUNDS / ours, SINGLE_ROUNDS / pings
    yield Figure(
        "ingest_single_mentions", rate, "mentions/s", f"a bare view, one row and one commit: {peer:,.0f}/s",
        rate / peer, f">= {GOAL}", rate / peer >= GOAL,
    )  # fmt: skip
    yield _figure("ingest_single_mentions_copied", (rate, SINGLE_ROUNDS / copies), "one row and one commit each")


def _memory(race: _Race, server: int) -> Figure:
    """How the server's memory grows while very many mentions are delivered, COPYs aside."""
    sizes = []
    for _ in range(max(WATCHED // LARGE, 2)):
        race.deliver_more(LARGE)
        sizes.append(_resident_mb(server))
    early = max(sizes[: max(len(sizes) // 4, 1)])
    grown = max(sizes) - early
    return Figure(
        "ingest_memory_growth", grown, "MB", f"{early:,.0f} MB after a quarter of {len(sizes) * LARGE} mentions",
        max(sizes) / early, f"<= {GROWTH_MB} MB", grown <= GROWTH_MB,
    )  # fmt: skip


def _processes(pid: int) -> list[int]:
    """A process and those that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _processes(int(child)))]


def _cpu_seconds(pid: int) -> float:
    """Processor time of a server and its workers, in user and kernel."""
    ticks = 0
    for one in _processes(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    """Memory of a server and its workers that is not shared with files."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in _processes(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class _Stage:
    """An agency with a brand, a source, and somebody's API key for it."""

    def __init__(self) -> None:
        at, operator = timezone.now(), Actor.operator("bench")
        self.agency = Agency.objects.create(slug=f"bench-{uuid4().hex[:12]}", name="Bench", created_at=at)
        user = User.objects.create(email=f"{uuid4().hex}@example.org", name="Bench", date_joined=at)
        with inside(self.agency.pk):
            open_ledger(agency_id=self.agency.pk)
            seat = Seat.objects.create(user=user, side="staff", created_at=at)
            grant_role(
                seat_id=seat.pk, role="owner", places=[Place()], reason="bench", starts_at=None,
                ends_at=None, sponsor=None, by=operator, at=at,
            )  # fmt: skip
            brand = create_brand(
                slug="aurora", name="Aurora", time_zone="UTC", locale="en", sector="food", by=operator, at=at
            )
            source = add_source(brand_id=brand.pk, kind="push", name="bench", by=operator, at=at)
            issued = issue_key(
                issuer=caller_for(seat, at=at), name="bench",
                needs=[Need.MENTIONS_INGEST], brand_ids=[], expires_at=None, by=operator, at=at,
            )  # fmt: skip
        self.source_id: UUID = source.pk
        self.headers = {"Authorization": f"Bearer {issued.token}", "Content-Type": "application/x-ndjson"}
        self.path = f"/v1/agencies/{self.agency.slug}/ingest/mentions?source={source.pk}"


class _Race:
    """Deliveries and copies in turn, each of new mentions."""

    def __init__(self, stage: _Stage, client: httpx.Client, mentions: Iterator[Mention]) -> None:
        self.stage, self.client, self.mentions = stage, client, mentions
        self.delivered = 0
        self.seed = 4

    def measure(self, size: int, rounds: int) -> tuple[float, float]:
        """(delivered, copied) mentions a second over all rounds."""
        pairs = [self.round(size) for _ in range(rounds)]
        return size * rounds / sum(pair[0] for pair in pairs), size * rounds / sum(pair[1] for pair in pairs)

    def round(self, size: int) -> tuple[float, float]:
        """Seconds to deliver the next `size` mentions, and to copy the same rows."""
        batch = list(islice(self.mentions, size))
        seconds = self._deliver(batch, new=size)
        wanted = [self.stage.source_id, [said["external_id"] for said in batch]]
        with inside(self.stage.agency.pk), connection.cursor() as cursor, cursor.copy(TAKE_OUT, wanted) as copy:
            rows = b"".join(bytes(block) for block in copy)
        began = time.perf_counter()
        with transaction.atomic(), connection.cursor() as cursor, cursor.copy(COPY_IN) as copy:
            copy.write(rows)
        return seconds, time.perf_counter() - began

    def deliver_more(self, size: int) -> None:
        """The next mentions; when the days are told, the same days of another year's people."""
        batch = list(islice(self.mentions, size))
        if len(batch) < size:
            self.seed += 1
            start = timezone.now() - timedelta(days=20)
            self.mentions = normal_days(self.seed, f"Aurora{self.seed}", start, 19, PER_DAY)
            batch = list(islice(self.mentions, size))
        self._deliver(batch, new=size)

    def redeliver(self, size: int, rounds: int) -> tuple[float, float]:
        """(first, again) mentions a second."""
        first = again = 0.0
        for _ in range(rounds):
            batch = list(islice(self.mentions, size))
            first += self._deliver(batch, new=size)
            again += self._deliver(batch, new=0)
        return size * rounds / first, size * rounds / again

    def _deliver(self, batch: Sequence[Mention], *, new: int) -> float:
        body = "\n".join(json.dumps(said, ensure_ascii=False) for said in batch).encode()
        began = time.perf_counter()
        answer = self.client.post(self.stage.path, content=body)
        seconds = time.perf_counter() - began
        if answer.status_code != httpx.codes.OK or answer.json()["new"] != new:
            raise RuntimeError(f"The server answered {answer.status_code}: {answer.text[:300]}")
        self.delivered += new
        return seconds

    def check(self) -> None:
        """Every mention that was delivered is counted; a fast wrong answer is none."""
        with inside(self.stage.agency.pk):
            counted = Bucket.objects.aggregate(volume=Sum("volume"))["volume"]
        if counted != self.delivered:
            raise RuntimeError(f"{self.delivered} mentions were delivered and {counted} counted.")


@contextmanager
def _server(module: str) -> Iterator[tuple[str, int]]:
    """A web server of one process on a free port, ready to answer: its URL and the id of its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--interface wsgi --host 127.0.0.1 --port {port} --workers 1 --blocking-threads 1 --no-ws"
    words = [sys.executable, "-m", "granian", *options.split(), "--log-level", "warning", f"{module}:application"]
    process = spawn(words, death_signal=Signals.SIGKILL, environment=os.environ, output=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url)
        yield url, process.pid
    finally:
        end(process, ((Signals.SIGTERM, 10.0), (Signals.SIGKILL, 5.0)))


@contextmanager
def _worker() -> Iterator[None]:
    """A worker of the detector's queue, as in a running system."""
    words = [sys.executable, "-m", "celery", "-A", "crisisapi", "worker", "-Q", "listen", "-P", "solo", "-l", "error"]
    process = spawn(words, death_signal=Signals.SIGKILL, environment=os.environ, output=subprocess.DEVNULL)
    try:
        yield
    finally:
        end(process, ((Signals.SIGTERM, 10.0), (Signals.SIGKILL, 5.0)))


def _await(url: str) -> None:
    deadline = time.monotonic() + SERVER_STARTS_WITHIN_S
    with httpx.Client(transport=httpx.HTTPTransport(retries=3), timeout=2) as client:
        while time.monotonic() < deadline:
            try:
                if client.get(f"{url}/healthz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                continue
    raise RuntimeError("The web server did not start.")
