"""Run the whole of crisisapi on this machine: servers, web, workers, beat, auditor, and the crisis day as a story.

Ctrl-C stops everything cleanly; a second Ctrl-C stops waiting for work in progress.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import Signals

import psycopg

from crisisapi.embedded import places, programs, runfile
from crisisapi.embedded.fleet import Fleet, tail
from crisisapi.embedded.interrupts import Interrupts
from crisisapi.embedded.processes import Ending, end, how_it_ended, kill_group, spawn
from crisisapi.embedded.refusals import EmbeddedError, InUse
from crisisapi.embedded.servers import EmbeddedServices

ROOT = Path(__file__).resolve().parent.parent.parent
USUAL_PORT = 8000

_READY_WITHIN_S = 180.0
_LAST_PORT = 65_535
_INTERRUPTED = 130
_LARGEST_LOG = 10_000_000
_CHILD_ENDING: Ending = ((Signals.SIGTERM, 10.0), (Signals.SIGKILL, 5.0))


class ToldToStop(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


class Supervisor:
    """One run of the system, from an empty directory to the last child's end."""

    def __init__(self, options: argparse.Namespace, interrupts: Interrupts) -> None:
        self._options = options
        self._interrupts = interrupts
        self._var: Path = options.var.resolve()
        self._logs = self._var / "log"
        self._note = self._var / "run.json"
        self._played = self._var / "story-played"
        self._cleanup = ExitStack()
        self._fleet: Fleet | None = None
        self._next_revival = 0.0
        self._begun = time.monotonic()

    def run(self) -> int:
        """Start, play the story, serve until told to stop, stop. Returns the exit code."""
        story_code: int | None = None
        try:
            with self._cleanup:
                self._prepare()
                self._start()
                story_code = self._tell_story()
                while not self._options.once:
                    self._attend()
        except ToldToStop:
            return _INTERRUPTED if self._options.once else 0
        return story_code or 0

    def _prepare(self) -> None:
        """Take the directory `var` for ourselves and clear away what a killed run has left."""
        try:
            self._cleanup.enter_context(places.take(self._var))
        except InUse:
            note = runfile.read(self._note)
            where = f"at {note.base_url} (pid {note.pid})" if note else f"on {self._var}"
            raise EmbeddedError(f"crisisapi already runs {where}: stop that first.") from None
        runfile.end_leftovers(self._note)
        if self._options.fresh:
            if os.environ.get("DATABASE_URL"):
                raise EmbeddedError(
                    "--fresh removes embedded data only, and DATABASE_URL names a database of your own."
                )
            places.remove(self._var / "embedded")
            self._played.unlink(missing_ok=True)
            for schedule in self._var.glob("celerybeat-schedule*"):
                schedule.unlink()
        self._logs.mkdir(mode=0o700, exist_ok=True)
        for log in self._logs.glob("*.log"):
            if log.stat().st_size > _LARGEST_LOG:
                shutil.move(log, log.with_suffix(".log.1"))

    def _start(self) -> None:
        """Bring up servers, schema and programs, each before what needs it, and wait until all are at work."""
        self._port = choose_port(self._options.port)
        self._cleanup.enter_context(held(self._port))
        self._base_url = f"http://127.0.0.1:{self._port}"
        self._cleanup.callback(self._say, "stopped")
        self._services = self._cleanup.enter_context(
            EmbeddedServices(self._var / "embedded", durable=True, logs=self._logs)
        )
        self._environment = {
            "PUBLIC_URL": self._base_url,
            # Where the story's own mail server will listen, unless mail goes to a real one.
            "EMAIL_PORT": str(free_port(0)),
            **self._services.child_environment(),
            "PYTHONUNBUFFERED": "1",
        }
        self._say(f"servers ready: {', '.join(self._services.pids) or 'your own'}")
        self._stop_if_told()
        self._migrate()
        fleet = self._fleet = Fleet(
            programs.system(port=self._port, var=self._var),
            environment=self._environment,
            directory=ROOT,
            logs=self._logs,
            say=self._say,
            changed=self._write_note,
        )
        self._cleanup.callback(self._note.unlink, missing_ok=True)
        self._cleanup.callback(fleet.stop, self._interrupts)
        self._cleanup.callback(self._say, "stopping")
        fleet.start()
        deadline = time.monotonic() + _READY_WITHIN_S
        while waiting := fleet.waiting_for:
            if time.monotonic() > deadline:
                logs = "\n".join(f"{name}:\n{tail(self._logs / f'{name}.log')}" for name in waiting)
                raise EmbeddedError(f"Not ready after {_READY_WITHIN_S:g} s:\n{logs}")
            self._attend(at_most=0.2)
        self._say(f"all {len(fleet.children)} programs ready, logs in {self._logs}")
        self._say(f"serving at {self._base_url} - Ctrl-C stops everything")

    def _migrate(self) -> None:
        log = self._logs / "migrate.log"
        with log.open("wb") as output:
            process = self._spawn([sys.executable, "manage.py", "migrate", "--noinput"], output=output.fileno())
        if code := self._await_child(process):
            raise EmbeddedError(f"migrate failed ({how_it_ended(code)}):\n{tail(log)}")
        self._say("schema migrated")

    def _tell_story(self) -> int | None:
        """Play the crisis day as a client of the running system; None when it is not to be played."""
        if self._options.no_story:
            return None
        database = fingerprint(self._services.database_url)
        if self._played.exists() and self._played.read_text() == database:
            self._say("the story has been played on this data already; --fresh starts over and plays it again")
            return None
        words = [sys.executable, "-m", "crisisapi.story", "--base-url", self._base_url]
        if self._options.speed is not None:
            words += ["--speed", self._options.speed]
        try:
            code = self._await_child(self._spawn(words, output=None))
        finally:
            # A story that was ended in the middle of a line has not given the terminal its cursor back.
            if sys.stdout.isatty():
                sys.stdout.write("\x1b[?25h\n")
        if code == 0:
            self._played.write_text(database)
        else:
            self._say(f"the story ended early ({how_it_ended(code)}); logs are in {self._logs}")
        return code

    def _spawn(self, words: Sequence[str], *, output: int | None) -> subprocess.Popen[bytes]:
        return spawn(words, death_signal=Signals.SIGTERM, environment=self._environment, output=output, directory=ROOT)

    def _await_child(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for a child that ends by itself, looking after the others meanwhile."""
        try:
            while process.poll() is None:
                self._attend()
        except BaseException:
            end(process, _CHILD_ENDING)
            raise
        finally:
            if process.poll() is not None:
                kill_group(process)
        return process.returncode

    def _attend(self, at_most: float = 1.0) -> None:
        """Look after everything once, then wait for a signal or for `at_most` seconds."""
        pause = at_most
        if self._fleet:
            self._raise_fallen_servers()
            pause = min(pause, self._fleet.tend())
        self._interrupts.wait(pause)
        self._stop_if_told()

    def _raise_fallen_servers(self) -> None:
        if time.monotonic() < self._next_revival:
            return
        for name in self._services.fallen:
            self._next_revival = time.monotonic() + 1.0
            try:
                self._services.raise_again(name)
            except EmbeddedError as error:
                self._say(f"{name} ended and does not come back yet: {error}")
            else:
                self._say(f"{name} ended; it runs again")
                self._write_note()

    def _stop_if_told(self) -> None:
        if self._interrupts.asked:
            raise ToldToStop

    def _write_note(self) -> None:
        runfile.write(
            self._note,
            runfile.RunNote(
                pid=os.getpid(),
                pids=self._services.pids | (self._fleet.pids if self._fleet else {}),
                base_url=self._base_url,
                database_url=self._services.database_url,
                redis_url=self._services.redis_url,
            ),
        )

    def _say(self, words: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - self._begun:6.1f} s] {words}\n")
        sys.stdout.flush()


def choose_port(wanted: int | None) -> int:
    """The wanted port, or an error in one sentence; without a wish the usual one, or any free one."""
    port = free_port(wanted) if wanted else free_port(USUAL_PORT) or free_port(0)
    if port is None:
        raise EmbeddedError(f"Port {wanted} is not free: choose another --port, or none.")
    return port


@contextmanager
def held(port: int) -> Iterator[None]:
    """Keep a free port from other systems until our own program listens on it, however long the schema takes.

    The server shares its port between workers, so a second system would be let in, and each would get some requests.
    """
    with socket.socket() as claim:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        claim.bind(("127.0.0.1", port))
        yield


def port_number(words: str) -> int:
    """A port from the command line."""
    if not words.isdecimal() or not 1 <= int(words) <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{words} is no port between 1 and {_LAST_PORT}")
    return int(words)


def free_port(port: int) -> int | None:
    """`port` when nobody listens on it, else None; for 0 any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def fingerprint(database_url: str) -> str:
    """What tells one database from any other, another server's and an earlier one of the same name included."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), oid, datname)"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    return str(row[0]) if row else ""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bin/run", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="remove the embedded data and start over")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--no-story", action="store_true", help="only serve")
    what.add_argument("--once", action="store_true", help="play the story, then stop with its exit code")
    parser.add_argument(
        "--port", type=port_number, metavar="PORT", help=f"the web server's port (default: {USUAL_PORT}, or a free one)"
    )
    parser.add_argument(
        "--var", type=Path, default=ROOT / "var", help="where data, logs and run.json live (default: %(default)s)"
    )
    parser.add_argument("--speed", help="the story's speed, passed on to it")
    options = parser.parse_args(words)
    with Interrupts() as interrupts:
        try:
            return Supervisor(options, interrupts).run()
        except EmbeddedError as refusal:
            sys.stderr.write(f"{refusal}\n")
            return 1


if __name__ == "__main__":
    sys.exit(main())
