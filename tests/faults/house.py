"""A house of its own, with servers that may be stopped and workers that may be killed, and somebody who is paged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import Signals
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import redis

from crisisapi.embedded import EmbeddedServices
from crisisapi.embedded.processes import end, spawn, wait_until
from crisisapi.service_urls import ROOT, django_database
from tests.faults.wire import Wire, wire_to_postgres

STARTS_WITHIN_S = 90.0
NO_CONTENT = 204
QUIET = "--without-gossip --without-mingle --without-heartbeat --loglevel INFO"


@dataclass
class Receiver:
    """An HTTP server, as that of a provider: what came, and how it answers the next requests of a path.

    A temper is a status with headers, or "hang": it takes what comes, and never says so.
    """

    url: str = ""
    came: list[tuple[str, str, float]] = field(default_factory=list)  # path, notification, when
    tempers: dict[str, list[tuple[int, dict[str, str]] | str]] = field(default_factory=dict)
    over: Event = field(default_factory=Event)

    def times(self, notification: str) -> list[float]:
        return [at for _, one, at in self.came if one == notification]


@contextmanager
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = self.path.strip("/")
            tempers = received.tempers.get(name, [])
            temper = tempers.pop(0) if tempers else (NO_CONTENT, {})
            # A code is no message about a page; what is refused has not reached anybody.
            if said["kind"] == "page" and (isinstance(temper, str) or temper[0] == NO_CONTENT):
                received.came.append((name, said["notification_id"], time()))
            if isinstance(temper, str):
                received.over.wait(60)
                return
            status, headers = temper
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    received.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield received
    received.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


class House:
    """Workers, beat, and a process that does what a test asks for."""

    def __init__(
        self, directory: Path, services: EmbeddedServices, inbox: Receiver, wire: Wire, database_url: str
    ) -> None:
        self.directory, self.services, self.inbox, self.wire = directory, services, inbox, wire
        self._database_url = database_url
        self.environment = {**services.child_environment(), "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": "1"}
        self.agency = self.holder = ""

    def do(self, by: subprocess.Popen[str] | None = None, **wish: Any) -> Any:
        """Have something done; None when somebody else than the usual one has died of it."""
        doer = by or self._deeds
        assert doer.stdin is not None
        assert doer.stdout is not None
        doer.stdin.write(json.dumps(wish) + "\n")
        doer.stdin.flush()
        line = doer.stdout.readline()
        if by is not None and not line:
            assert by.wait(10) == -Signals.SIGKILL
            return None
        assert line, f"{wish} was not done: {(self.directory / 'deeds.log').read_text()[-2000:]}"
        return json.loads(line)

    def raise_pages(self, brand: str, count: int) -> list[str]:
        pages = [self.do(do="page", agency=self.agency, brand=brand, cause=str(uuid4())) for _ in range(count)]
        return [str(told["page"]) for told in pages]

    def ask(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the agency, asked past the wire."""
        with psycopg.connect(self._database_url) as connection:
            connection.execute("SELECT set_config('app.agency', %s, false)", [self.agency])
            return connection.execute(question.encode(), values).fetchall()

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.services.redis_url)

    @contextmanager
    def deeds(self, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Somebody who does what is asked; another than the usual one when the environment says more."""
        with (self.directory / "deeds.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.deeds"], cwd=ROOT, env={**self.environment, **environment},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextmanager
    def program(self, name: str, words: str, *, says: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process of this Python, entered when its log `says` that it is at work."""
        log = self.directory / f"{name}.log"
        with log.open("wb") as output:
            process = spawn(
                [sys.executable, "-m", *words.split()], death_signal=Signals.SIGKILL, output=output, directory=ROOT,
                environment={**self.environment, **environment},
            )  # fmt: skip
        try:
            works = wait_until(lambda: says in log.read_text(errors="replace"), seconds=STARTS_WITHIN_S, every=0.1)
            assert works, f"{name} does not start: {log.read_text(errors='replace')[-2000:]}"
            yield process
        finally:
            end(process, ((Signals.SIGTERM, 5.0), (Signals.SIGKILL, 5.0)))

    @contextmanager
    def doomed_worker(self, place: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker of pages and messages that is killed where it first comes to a place."""
        name = f"doomed-{uuid4().hex[:6]}"
        words = f"celery -A crisisapi worker -Q alerts,messages -n {name}@%h --pool solo {QUIET}"
        with self.program(name, words, says=" ready.", CRISISAPI_FAILPOINTS=f"{place}=kill@1") as process:
            yield process

    @contextmanager
    def at_work(self, ladders: dict[str, list[tuple[str, float]]]) -> Iterator[None]:
        timers = f"celery -A crisisapi worker -Q alerts -n alerts@%h -c 2 {QUIET}"
        messages = f"celery -A crisisapi worker -Q messages -n messages@%h --pool threads -c 16 {QUIET}"
        beat = f"celery -A crisisapi beat --loglevel INFO --pidfile= --schedule {self.directory}/schedule"
        with ExitStack() as running:
            self._deeds = running.enter_context(self.deeds())
            running.enter_context(self.program("beat", beat, says="beat: Starting"))
            running.enter_context(self.program("alerts", timers, says=" ready."))
            running.enter_context(self.program("messages", messages, says=" ready."))
            built = self.do(do="build", ladders=ladders, url=self.inbox.url)
            self.agency, self.holder = built["agency"], built["holder"]
            yield


@contextmanager
def house(directory: Path, ladders: dict[str, list[tuple[str, float]]], *, template: str) -> Iterator[House]:
    """A house with a Redis-compatible server and a database of its own, and a wire to Postgres that can be cut.

    The database is a copy of `template`, to which nobody may be connected. `ladders` is what `deeds.build` describes.
    """
    given = os.environ["DATABASE_URL"]
    name = f"house_{uuid4().hex[:8]}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    told = django_database(given)
    parts = urlsplit(given)
    direct = urlunsplit(parts._replace(path=f"/{name}"))
    # Sockets have short names: a directory of the tests may be too deep for one.
    with TemporaryDirectory(prefix="wire-") as near, ExitStack() as running:
        wire = running.enter_context(wire_to_postgres(Path(near), host=told["HOST"], port=told["PORT"]))
        query = urlencode({**dict(parse_qsl(parts.query)), "host": near})
        login = parts.netloc.rpartition("@")[0]
        through = urlunsplit(parts._replace(netloc=f"{login}@:{told['PORT']}" if told["PORT"] else f"{login}@",
                                            path=f"/{name}", query=query))  # fmt: skip
        bare = {key: value for key, value in os.environ.items() if key != "REDIS_URL"} | {"DATABASE_URL": through}
        services = running.enter_context(EmbeddedServices(directory / "servers", durable=False, environment=bare))
        inbox = running.enter_context(receiver())
        built = House(directory, services, inbox, wire, direct)
        running.enter_context(built.at_work(ladders))
        yield built
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
