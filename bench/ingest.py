"""Mentions a second from HTTP to the counted bucket, on a running server, against a raw COPY of the same rows.

One server process with one thread takes the deliveries of one client with an API key over a loopback socket: sign-in,
wall, decoding, de-duplication, mood, store, count, event and job are all in it, and each request is a commit. The peer
is a COPY of the very rows that were stored, already formatted by Postgres, into a table with the same columns and
indexes but neither row-level security nor foreign keys, one commit each. Both take turns batch by batch.
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

MAKE_PEER = "CREATE TABLE bench_mention (LIKE listening_mention INCLUDING ALL)"
TAKE_OUT = "COPY (SELECT * FROM listening_mention WHERE source_id = %s AND external_id = ANY(%s)) TO STDOUT"
COPY_IN = "COPY bench_mention FROM STDIN"


def run() -> Iterator[Figure]:
    stage = _Stage()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_mention")
        cursor.execute(MAKE_PEER)
    days = normal_days(4, "Aurora", timezone.now() - timedelta(days=20), 19, PER_DAY)
    with _server() as url, httpx.Client(base_url=url, timeout=60, headers=stage.headers) as client:
        race = _Race(stage, client, days)
        race.round(LARGE)  # warm: the scorer's lexicon, the temporary table, the plans
        yield _figure("ingest_batches_of_5000", race.measure(LARGE, LARGE_ROUNDS), "batches of 5000")
        yield _figure("ingest_batches_of_100", race.measure(SMALL, SMALL_ROUNDS), "batches of 100")
        yield _figure("ingest_single_mentions", race.measure(1, SINGLE_ROUNDS), "one row and one commit each")
        yield _again("ingest_known_again", race)
        race.check()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_mention")


def _figure(name: str, rates: tuple[float, float], how: str) -> Figure:
    ours, theirs = rates
    return Figure(name, ours, "mentions/s", f"raw COPY, {how}: {theirs:,.0f} rows/s", ours / theirs)


def _again(name: str, race: _Race) -> Figure:
    """Mentions that are stored already, delivered again, against the same ones delivered first."""
    first, again = race.redeliver(LARGE, 4)
    return Figure(name, again, "mentions/s", f"the same delivered first: {first:,.0f} mentions/s", again / first)


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
def _server() -> Iterator[str]:
    """A web server of one process on a free port, ready to answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--interface wsgi --host 127.0.0.1 --port {port} --workers 1 --blocking-threads 1 --no-ws"
    words = [sys.executable, "-m", "granian", *options.split(), "--log-level", "warning", "crisisapi.wsgi:application"]
    process = spawn(words, death_signal=Signals.SIGKILL, environment=os.environ, output=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url)
        yield url
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
