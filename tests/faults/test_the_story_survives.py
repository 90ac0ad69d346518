"""Workers are killed and Redis is emptied during the crisis day: it still ends, nothing twice, nothing lost."""

# ruff: noqa: S603, S608  The commands and the queries are our own.

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
import redis

from crisisapi.embedded import runfile
from crisisapi.service_urls import ROOT

pytestmark = pytest.mark.slow
LONGEST_S = 900


@pytest.fixture
def database_url() -> Iterator[str]:
    """A database of its own on the session's server, so that it can be asked when everything has stopped."""
    given = os.environ["DATABASE_URL"]
    name = f"story_{uuid4().hex[:8]}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class Saboteur(threading.Thread):
    """Reads the story as it is told, and strikes when it comes to certain words."""

    def __init__(self, output: Path, var: Path) -> None:
        super().__init__(daemon=True)
        self._output = output
        self._note = var / "run.json"
        self._over = threading.Event()
        self.struck: list[str] = []

    def run(self) -> None:
        strikes = [
            ("A holding statement, approved", lambda: self._kill("bulk", "alerts")),
            ("Seven ordinary days", lambda: self._kill("listen")),
            ("A week of mentions is imported", self._flush),
            ("Somebody is woken", lambda: self._kill("alerts", "web")),
            ("The decision", self._flush),
            ("The right words", lambda: self._kill("publish", "bulk")),
            ("The statement is released", lambda: self._kill("publish")),
            ("A goodbye", self._flush),
        ]
        for words, strike in strikes:
            while words not in self._output.read_text(errors="replace"):
                if self._over.wait(0.05):
                    return
            strike()
            self.struck.append(words)

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _kill(self, *names: str) -> None:
        note = runfile.read(self._note)
        assert note is not None
        for name in names:
            if pid := note.pids.get(name):
                os.killpg(pid, signal.SIGKILL)

    def _flush(self) -> None:
        note = runfile.read(self._note)
        assert note is not None
        redis.Redis.from_url(note.redis_url).flushall()  # type: ignore[no-untyped-call]


def test_the_story_survives_killed_workers_and_an_emptied_redis(tmp_path: Path, database_url: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in {"REDIS_URL", "DJANGO_SETTINGS_MODULE"}}
    environment["DATABASE_URL"] = database_url
    var, told = tmp_path / "var", tmp_path / "told"
    with told.open("wb") as output:
        words = [sys.executable, "-m", "crisisapi.embedded.supervisor", "--var", str(var), "--once", "--speed", "240"]
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    saboteur = Saboteur(told, var)
    saboteur.start()
    try:
        code = process.wait(timeout=LONGEST_S)
    finally:
        saboteur.stop()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    assert code == 0, told.read_text(errors="replace")[-4000:]
    assert len(saboteur.struck) == 8, saboteur.struck
    verify = subprocess.run(
        [sys.executable, "manage.py", "verify_ledger"], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert verify.returncode == 0, verify.stderr
    with psycopg.connect(database_url) as connection:
        check_nothing_twice_nothing_lost(connection)


def check_nothing_twice_nothing_lost(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """The oracle: what the database says when the dust has settled."""

    def one(query: str) -> object:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]

    agency = one("SELECT id FROM tenants_agency")
    connection.execute("SELECT set_config('app.agency', %s, false)", [str(agency)])
    assert one("SELECT count(*) FROM listening_mention") == one(
        "SELECT count(DISTINCT (source_id, external_id)) FROM listening_mention"
    )
    assert one("SELECT count(*) FROM listening_mention") == one("SELECT sum(volume) FROM listening_bucket")
    twice = "SELECT 1 FROM connectors_sandboxpost GROUP BY account_id, text HAVING count(*) > 1"
    assert one(f"SELECT count(*) FROM ({twice}) AS twice") == 0
    unsettled = "('SENDING', 'UNKNOWN', 'NEEDS_HUMAN', 'FAILED')"
    assert one(f"SELECT count(*) FROM publishing_post WHERE stage IN {unsettled}") == 0
    assert one("SELECT count(*) FROM publishing_post WHERE published_at IS NOT NULL") == one(
        "SELECT count(*) FROM connectors_sandboxpost"
    )
    assert one("SELECT count(*) FROM alerting_page") == one("SELECT count(DISTINCT cause_id) FROM alerting_page")
    assert one("SELECT count(*) FROM incidents_incident") == 1
    assert one("SELECT count(*) FROM jobs_job WHERE state = 'DEAD'") == 0
    forgotten = one(
        "SELECT count(*) FROM jobs_job WHERE state = 'READY' AND due_at < now() - interval '5 minutes' AND attempts = 0"
    )
    assert forgotten == 0
