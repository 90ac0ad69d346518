# ruff: noqa: S603  The commands are our own.

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals

import pytest

from crisisapi.embedded import EmbeddedError, places, runfile
from crisisapi.embedded.fleet import answers
from crisisapi.embedded.processes import command_line, wait_until
from crisisapi.embedded.supervisor import choose_port, held

ROOT = Path(__file__).parents[2]
EVERYTHING = {
    "postgres",
    "valkey",
    "web",
    "alerts",
    "messages",
    "publish",
    "listen",
    "fetch",
    "bulk",
    "beat",
    "auditor",
}


class System:
    """A whole running system in a directory of its own."""

    def __init__(self, var: Path, environment: dict[str, str]) -> None:
        self.var = var
        self.environment = environment
        self.output = var.parent / "output"

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "crisisapi.embedded.supervisor", "--var", str(self.var), *words]

    def start(self) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            process = subprocess.Popen(
                self.command("--no-story"),
                env=self.environment,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Whoever runs the tests in the background may have us ignore it, and children inherit that.
                preexec_fn=lambda: signal.signal(Signals.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  one thread forks
            )
        # Making the whole schema takes minutes where two cores are shared with other tests.
        up = wait_until(lambda: process.poll() is not None or "serving at" in self.output.read_text(), seconds=600)
        if not up:
            process.kill()
            process.wait()
        assert up, self.output.read_text()
        assert process.poll() is None, self.output.read_text()
        return process

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Leaving it kills what still runs: a test that fails inside must not wait for a system that nobody stops."""
        process = self.start()
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @property
    def note(self) -> runfile.RunNote:
        note = runfile.read(self.var / "run.json")
        assert note is not None
        return note


@pytest.fixture
def system(tmp_path: Path, bare: dict[str, str]) -> Iterator[System]:
    system = System(tmp_path / "var", bare)
    yield system
    note = runfile.read(system.var / "run.json")
    if note and command_line(note.pid):
        os.kill(note.pid, Signals.SIGKILL)
    if note:
        wait_until(lambda: not any(command_line(pid) for pid in note.pids.values()), seconds=30)
    places.remove(system.var / "embedded")


@pytest.mark.slow
def test_the_system_mends_itself_dies_with_its_supervisor_and_starts_again_on_the_same_data(system: System) -> None:
    with system.running() as supervisor:
        note = system.note
        assert set(note.pids) == EVERYTHING
        assert all(command_line(pid) for pid in note.pids.values())
        assert wait_until(lambda: answers(f"{note.base_url}/healthz"), seconds=60)
        assert (system.var / "run.json").stat().st_mode & 0o077 == 0
        assert_a_second_one_is_refused(system)

        killed = {"listen", "valkey", "web"}
        for name in killed:
            os.kill(note.pids[name], Signals.SIGKILL)
        assert wait_until(
            lambda: (
                set(system.note.pids) == EVERYTHING
                and all(system.note.pids[name] != note.pids[name] for name in killed)
            ),
            seconds=30,
        )
        assert wait_until(lambda: answers(f"{note.base_url}/healthz"), seconds=60)

        note = system.note
        supervisor.kill()
    assert wait_until(lambda: not any(command_line(pid) for pid in note.pids.values()), seconds=30)

    with system.running() as supervisor:
        note = system.note
        supervisor.send_signal(Signals.SIGINT)
        assert supervisor.wait(60) == 0
    assert not any(command_line(pid) for pid in note.pids.values())
    assert not (system.var / "run.json").exists()
    assert system.output.read_text().rstrip().endswith("stopped")


def assert_a_second_one_is_refused(system: System) -> None:
    second = subprocess.run(
        system.command(), env=system.environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (second.returncode, second.stdout) == (1, "")
    note = system.note
    assert second.stderr == f"crisisapi already runs at {note.base_url} (pid {note.pid}): stop that first.\n"


def test_a_taken_port_is_an_error_and_no_wish_gives_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedError, match=f"Port {port} is not free"):
            choose_port(port)
        assert choose_port(None) not in (0, port)


def test_a_port_is_kept_from_others_until_somebody_listens_on_it() -> None:
    port = choose_port(None)
    with held(port):
        with pytest.raises(EmbeddedError, match=f"Port {port} is not free"):
            choose_port(port)
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
    assert choose_port(port) == port


def test_fresh_never_touches_a_database_of_the_users_own(system: System) -> None:
    refused = subprocess.run(
        system.command("--fresh"),
        env=system.environment | {"DATABASE_URL": "postgresql://me@db/mine"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr == ("--fresh removes embedded data only, and DATABASE_URL names a database of your own.\n")
